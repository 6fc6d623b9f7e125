"""Octavia's API as a WSGI application with our configuration files."""

from octavia.api.app import setup_app

_ETC = "/run/source/etc"

application = setup_app(
    argv=["octavia-api", "--config-file", f"{_ETC}/common.conf", "--config-file", f"{_ETC}/octavia.conf"]
)
