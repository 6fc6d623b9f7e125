"""kubeconfig: the admin kubeconfig of a cluster, in a file of its own and in the operator's files.

| module   | what                                                         |
|----------|--------------------------------------------------------------|
| paths    | which files, and the names of our entries (kubectl's rules)  |
| read     | one file as data that can be written again without losses    |
| lock     | kubectl's lock file                                          |
| write    | atomic, 0600                                                 |
| admin    | what a server gives us, renamed; the cluster's own copy      |
| merge    | into the operator's files                                    |
| remove   | out of them again                                            |
"""
