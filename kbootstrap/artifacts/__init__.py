"""Verified files on the operator's machine: k3s by version and architecture, and OpenTofu itself.

| module       | part                                                                    |
|--------------|-------------------------------------------------------------------------|
| obtain.py    | the order of sources: cache, mirror, vendor's release, build from source|
| opentofu.py  | the same for the `tofu` program                                         |
| providers.py | the same for OpenTofu's providers, as a mirror in the file system       |
| built.py     | images for nodes that reach no registry, built from source              |
| pinned.py    | what a lock file pins of a version, and whether what came is that        |
| releases.py  | what vendors publish, under which names, with which checksums           |
| fetch.py     | one download: timeouts, progress, no half files                         |
| cache.py     | where files are kept; nothing is used without its hash checked          |
| clean.py     | what is in the cache, and how to get rid of it                          |
| narrator.py  | what is reported: steps, progress, time left                            |
| source.py    | the build from source as a list of steps                                |
| recipe.py    | `recipes/recipes.toml` as data                                          |
| workshop.py  | runs a step once and keeps what it made                                 |
| programs.py  | one Go program as a step: sources, edits, build                         |
| golang.py    | the Go toolchain: flags, module sources, what its failures mean         |
| machine.py   | what a build needs of this machine                                      |
| bundle.py    | the self-extracting `k3s`                                               |
| images.py    | the air-gap tarball of container images                                 |
| pack.py      | archives with the same bytes for the same input                         |
"""
