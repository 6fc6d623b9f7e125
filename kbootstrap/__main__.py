"""The program's entry: runs a command, and converts its result into an exit code and a message on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from kbootstrap.cli.main import cli
from kbootstrap.core.errors import Interrupted, KbootstrapError, WrongUsage


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (see docs/exit-codes.md)."""
    try:
        code = cli.main(args=arguments, prog_name="kbootstrap", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as ending:
        code = ending.exit_code
    except click.ClickException as error:
        error.show()
        code = WrongUsage.exit_code if isinstance(error, click.UsageError) else KbootstrapError.exit_code
    except KbootstrapError as error:
        code = _report(error)
    except (click.Abort, KeyboardInterrupt):
        code = _report(Interrupted("interrupted", hint="run the same command again"))
    except BrokenPipeError:
        # The reader of the output closed it (`| head`): no failure, and there is no place for a message.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _bug(error)
    return code if isinstance(code, int) else 0


def _report(error: KbootstrapError) -> int:
    from kbootstrap.views.errors import show_error

    show_error(error, sys.stderr, os.environ)
    return error.exit_code


def _bug(error: Exception) -> int:
    """Report a bug: the traceback goes to a file, the operator gets its name."""
    import traceback
    from datetime import UTC, datetime
    from pathlib import Path

    text = "".join(traceback.format_exception(error))
    place = Path.cwd() / f"kbootstrap-crash-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.txt"
    try:
        place.write_text(text, encoding="utf-8")
        place.chmod(0o600)
        where = f"its traceback is in {place}"
    except OSError:
        where = f"\n{text}"
    print(f"kbootstrap: this is a bug ({type(error).__name__}: {error}); {where}", file=sys.stderr)
    return KbootstrapError.exit_code


if __name__ == "__main__":
    sys.exit(main())
