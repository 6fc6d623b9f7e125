"""Hosts: SSH connections, commands and files on nodes, pinned host keys.

`model` says what other rooms may ask for; `ssh` does it, `fake` pretends to, `pool` does it for many at once.
`command` is the OpenSSH command line for people. Nothing is imported here: asyncssh is heavy.
"""
