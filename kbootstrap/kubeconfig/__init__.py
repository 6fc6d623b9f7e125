"""kubeconfig: the admin kubeconfig of a cluster, in a file of its own and in the operator's files.

| module   | what                                                         |
|----------|--------------------------------------------------------------|
| paths    | which files, and the names of our entries (kubectl's rules)  |
| tree     | YAML text as nodes with their places in it                   |
| read     | one file: its text, and where its entries stand              |
| emit     | our entries as text that every reader understands alike      |
| edit     | changes of the text by position                              |
| verify   | after a change: what is not ours says what it said           |
| lock     | kubectl's lock file                                          |
| write    | atomic, 0600                                                 |
| admin    | what a server gives us, renamed; the cluster's own copy      |
| merge    | into the operator's files                                    |
| remove   | out of them again                                            |
"""
