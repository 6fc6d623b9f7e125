from __future__ import annotations

from collections.abc import Callable

from kbootstrap.views.explain import show_code, show_key

from .conftest import Show

TEXT = """
A machine proves with its host key that it is the one that was reached before. This one shows another key, so
kbootstrap stopped before sending anything:
- the machine was recreated with new host keys outside of kbootstrap, for instance by hand in the console,
  ssh-keygen -R node  # an example: it begins with two spaces and is not wrapped, however long it is
- short item
Short line.
Next short line.

Last paragraph.
"""


def test_key(in_all_widths: Callable[[str, Show], None]) -> None:
    from .samples import KEY

    in_all_widths("key", lambda stream, env: show_key(KEY, stream, env))


def test_code(in_all_widths: Callable[[str, Show], None]) -> None:
    in_all_widths(
        "code",
        lambda stream, env: show_code("KB0702", "Host key differs from the pinned one", TEXT, stream, env),
    )
