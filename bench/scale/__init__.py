"""Measurements with many hosts, see docs/performance.md.

| module      | part                                                                                      |
|-------------|-------------------------------------------------------------------------------------------|
| `hosts`     | applies with the real program over real sshd processes, behind which nodes are simulated   |
| `simulated` | the real planner and scheduler over simulated nodes on a simulated clock                   |
| `seed`      | the cluster that is there before a measurement                                            |
| `floor`     | the same logins with OpenSSH's client                                                     |
| `layout`    | the addresses, keys and the spec of the hosts                                              |
| `network`   | a network namespace, and the delay of its network                                          |
| `servers`   | the sshd processes                                                                         |
| `nodes`     | answers the commands that arrive at the sshd processes, from a simulated fleet             |
| `wire`      | reads what kbootstrap sends to a host                                                      |
| `api`       | the Kubernetes API of the simulated fleet over TLS                                         |
| `program`   | runs kbootstrap and measures its process                                                   |
"""
