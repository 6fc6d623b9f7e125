"""`kbootstrap explain`: a key of the spec, or an error code."""

from __future__ import annotations

import os
import re
import sys

import click

from kbootstrap.cli import names


@click.command("explain", short_help="Explain a key of the spec, or an error code.")
@click.argument("what", metavar="[KEY|CODE]", default="", shell_complete=names.keys_and_codes)
def command(what: str) -> int:
    """Explain a key of the spec (clusters.pools.autoscaling.max), or an error code (KB0203).

    Without an argument, it lists the top-level keys.
    """
    from kbootstrap.core.errors import WrongUsage
    from kbootstrap.views.explain import KeyFacts, show_code, show_key

    if re.fullmatch(r"(?i)kb\d+", what):
        from kbootstrap.core import codes

        entry = codes.explain(what.upper())
        if entry is None:
            raise WrongUsage(f"there is no code {what.upper()}", hint="codes look like KB0203")
        show_code(what.upper(), entry.title, entry.text, sys.stdout, os.environ)
        return 0

    from kbootstrap.spec.explain import explain_key, suggest

    found = explain_key(what)
    if found is None:
        close = suggest(what)
        raise WrongUsage(
            f"the spec has no key '{what}'",
            hint=f"did you mean {close}?" if close else "'kbootstrap explain' lists the top-level keys",
        )
    facts = KeyFacts(
        path=found.path or "spec",
        type=found.type,
        description=found.description,
        required=found.required,
        default=found.default,
        values=found.values,
        examples=found.examples,
        keys=found.keys,
    )
    show_key(facts, sys.stdout, os.environ)
    return 0
