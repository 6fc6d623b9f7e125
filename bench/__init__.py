"""Measurements, see docs/performance.md: each program prints JSON, and keeps it in build/bench/.

| module          | what it measures                                                            |
|-----------------|-----------------------------------------------------------------------------|
| `help`          | the processor time of `kbootstrap --help`                                   |
| `large_plan`    | reading, rendering and showing plans of many nodes                          |
| `local_apply`   | applies on the local provider beside a bare script (`floor.sh`)             |
| `interruptions` | what clients notice while a cluster changes; takes half an hour             |
| `scale`         | applies to many nodes: simulated ones, and real SSH servers                 |
| `compare`       | compares what was measured with the committed baseline                      |

`results` keeps results, `machine` describes the machine.
"""
