"""The output formats. Text for people goes to stderr, results to stdout; every view has a JSON form.

| module          | shows                                                                  |
|-----------------|------------------------------------------------------------------------|
| terminal        | what a stream can do: terminal, width, colour, letters beyond ASCII    |
| symbols         | the signs we use, and their ASCII forms                                |
| amounts         | durations, sizes, counted nouns as text                                |
| screen          | the one way to rich: a console that never fails on a letter            |
| view            | what watches events (`View`), and which one a command gets (`choose`)  |
| state           | the event stream folded into phases, rows and tasks (pure)             |
| lines           | events as plain lines: pipes, CI, dumb terminals                       |
| live            | events as a live region of a terminal                                  |
| jsonl           | events as JSON Lines                                                   |
| snippet         | a line of a file with markers under it                                 |
| diagnostics     | problems in the user's input                                           |
| errors          | failures of the world                                                  |
| plan            | infrastructure and nodes as one plan                                   |
| status          | clusters and nodes as they are                                         |
| doctor          | what this machine has and lacks                                        |
| explain         | a key of the spec, or a code                                           |
| tables          | columns of text                                                        |
| critical_path   | what determined the duration of a run, as one line                     |
| timeline_svg    | a run as a picture; `timeline_layout` has its measures                 |
| trace           | a run as a file for Perfetto                                           |

Only `screen`, and what draws through it, imports rich; `view` imports those when they are needed.
"""
