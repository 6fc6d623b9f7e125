"""Shell scripts that are files of a package, with the variables that they need."""

from __future__ import annotations

import shlex
from importlib.resources import files


def shell_script(package: str, /, *names: str, **values: object) -> str:
    """Return the text of the files `names` of a package (`__package__`), after an assignment of each value.

    Values are quoted, so that any text arrives as it is.
    """
    head = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())
    folder = files(package)
    return head + "".join(folder.joinpath(name).read_text("utf-8") for name in names)
