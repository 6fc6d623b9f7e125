"""The command line: one module per command. Arguments in, exit code out; the work is in `commands/`."""
