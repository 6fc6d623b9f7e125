"""Hosts: SSH connections, commands and files on nodes, pinned host keys.

`model` defines the interface; `ssh` implements it, and `pool` connects to many hosts at once. `command`
builds the OpenSSH command line of `kbootstrap ssh`. Nothing is imported here, because importing asyncssh is
slow.
"""
