"""Serve a WSGI application: `python -m kbootstrap_cloud.serve MODULE:NAME PORT`.

A NAME that makes the application instead of being one starts with `init`. One process, some threads. The
arguments are taken away before the application is loaded: Keystone and Placement would read them.
"""

import importlib
import sys


def main() -> None:
    """Serve until killed."""
    target, port = sys.argv[1:]
    module, name = target.split(":")
    sys.argv = [module]
    application = getattr(importlib.import_module(module), name)
    if name.startswith("init"):
        application = application()
    import waitress

    waitress.serve(application, listen=f"0.0.0.0:{port}", threads=6, ident=None, channel_timeout=120)


if __name__ == "__main__":
    main()
