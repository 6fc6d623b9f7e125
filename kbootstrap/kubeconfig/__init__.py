"""kubeconfig: the admin kubeconfig of a cluster, in a separate file and merged into the operator's files.

| module   | what                                                         |
|----------|--------------------------------------------------------------|
| paths    | file locations and names of entries (kubectl's rules)        |
| tree     | YAML text as nodes with their positions                      |
| read     | one file: its text, and the positions of its entries         |
| emit     | entries as text that every YAML parser reads alike           |
| edit     | changes of the text by position                              |
| verify   | verifies that a change left all other entries unchanged      |
| lock     | kubectl's lock file                                          |
| write    | atomic writes, mode 0600                                     |
| admin    | the server's admin kubeconfig, renamed; the cluster's copy   |
| merge    | merges a cluster into the operator's files                   |
| remove   | removes a cluster from the operator's files                  |
"""
