"""Bundles: one file with everything that a spec needs, for places without internet.

    BUNDLE.json                             contents: versions, hashes (`contents.py`)
    SBOM.spdx.json                          the same for people and scanners, with licences (`spdx.py`)
    SHA256SUMS                              for `sha256sum --check`
    artifacts/<name>/<version>/<arch>/…     the files, in the layout of the cache

A bundle is a plain tar archive. The same files give the same bytes.
"""
