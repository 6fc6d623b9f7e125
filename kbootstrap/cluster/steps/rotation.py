"""Steps that rotate tokens and certificates."""

from __future__ import annotations

from dataclasses import dataclass

from kbootstrap.cluster.steps.base import ConvergeStep, Stage
from kbootstrap.cluster.steps.run import ConvergeRun


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStep(ConvergeStep):
    """A step of a token rotation: nodes get the staged tokens, not the current ones."""

    rolling = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateTokens(TokenStep):
    """Make a running server use the staged tokens, for the whole cluster.

    From then on a server needs them to start. `again`: an earlier run had begun this, when the tokens were
    staged on every server already. Some servers may have finished since, and have retired the old tokens.
    """

    again: bool = False
    title = "activate the new tokens"
    stage = Stage.CHANGE

    async def carry_out(self, run: ConvergeRun) -> None:
        """Activate the tokens at once; on a server that failed since an earlier run, once it serves again.

        Without a majority a server ends, and one that starts with the old token fails.
        """
        if not self.again:
            await run.stage_tokens()
        elif not await run.active(run.unit):
            await run.age_password_file(run.unit)
            await run.activate_tokens_later()
            return
        await run.activate_tokens()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetTokens(TokenStep):
    """Keep the old tokens for the snapshots of their time, and remove the staged file."""

    title = "retire the old tokens"
    stage = Stage.FINISH

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.retire_tokens()


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewCertificates(ConvergeStep):
    """Stop the unit and move its certificates away, so that it creates new ones when it starts."""

    unit: str
    title = "renew its certificates"
    stage = Stage.CHANGE
    rolling = True

    async def carry_out(self, run: ConvergeRun) -> None:
        await run.remove_certificates(self.unit)
