"""The reference pages of `docs/reference/`, generated from the program's own texts."""
