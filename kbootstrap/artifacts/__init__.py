"""Verified files on the operator's machine: k3s by version and architecture, and OpenTofu itself.

| module       | part                                                                    |
|--------------|-------------------------------------------------------------------------|
| obtain.py    | the order of sources: cache, mirror, vendor's release, build from source|
| opentofu.py  | the same for the `tofu` program                                         |
| providers.py | the same for OpenTofu's providers, as a mirror in the file system       |
| pinned.py    | checksums that a lock file pins for a version, and their verification   |
| releases.py  | what vendors publish, under which names, with which checksums           |
| fetch.py     | one download: timeouts, progress, no partial files                      |
| cache.py     | where files are stored; every use verifies the hashes                   |
| clean.py     | lists and removes the content of the cache                              |
| progress.py  | reports steps, progress and the remaining time as events                |
| bundle/      | one file with everything that a spec needs                              |

Builds from source are in `source/`:

| module          | part                                                                 |
|-----------------|----------------------------------------------------------------------|
| build.py        | the build as a list of steps                                         |
| built_images.py | images for nodes that cannot reach a registry                        |
| recipe.py       | `recipes/recipes.toml` as data                                       |
| workshop.py     | runs each step once and keeps its result                             |
| programs.py     | one Go program as a step: sources, edits, build                      |
| golang.py       | the Go toolchain: flags, module sources, explanations of its errors  |
| machine.py      | the requirements of a build on this machine                          |
| images.py       | the air-gap tarball of container images                              |
| bundle.py       | the self-extracting `k3s`                                            |
| pack.py         | reproducible archives: the same input gives the same bytes           |
"""
