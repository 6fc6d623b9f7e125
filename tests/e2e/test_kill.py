"""`kill -9` of kbootstrap at random moments of a highly available apply: the next apply converges."""

from __future__ import annotations

import json
import random
import time

import pytest

from tests.e2e.lab import Lab, kill_now, leftovers, voters, wait_for
from tests.e2e.specs import high_availability

pytestmark = [pytest.mark.full]
CLUSTER = "e2ekill"
KILLS = 4


def test_killed_at_random_moments(lab: Lab) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    spec = lab.spec(high_availability(CLUSTER))
    moments: list[str] = [f"seed {seed}"]
    try:
        for number in range(KILLS):
            process = lab.start("apply", "-y", "--events", f"events-{number}.jsonl", spec)
            wait = chance.uniform(2, 30)
            time.sleep(wait)
            ended = process.poll()
            assert ended in {None, 0}, "an apply after a kill failed"
            kill_now(process)
            log = lab.folder / f"events-{number}.jsonl"
            last = log.read_text().splitlines()[-1:] if log.exists() else []
            where = json.loads(last[0]) if last else {}
            moments.append(
                f"{wait:.0f} s: {where.get('phase') or where.get('step') or 'start'} (ended: {ended})"
            )
        lab.run("apply", "-y", spec)
        (lab.folder / "moments").write_text("\n".join(moments))
        nodes = lab.ready_nodes()
        assert nodes == {f"{CLUSTER}-control-plane-{n}" for n in (1, 2, 3)} | {
            f"{CLUSTER}-web-1",
            f"{CLUSTER}-db-1",
        }
        identities = {
            lab.on_node(
                f"{CLUSTER}-control-plane-{n}", "sha256sum < /var/lib/rancher/k3s/server/tls/server-ca.crt"
            )
            for n in (1, 2, 3)
        }
        assert len(identities) == 1, "two clusters were born"
        wait_for("three voters", lambda: voters(lab) == 3)
        # On a machine with too much to do a server of k3s may restart once more by itself.
        wait_for(
            "a plan with nothing to do",
            lambda: lab.run("plan", "--detailed-exitcode", spec, code=None).returncode == 0,
            every=5,
        )
        lab.run("apply", "-y", "--detailed-exitcode", spec)
    finally:
        lab.run("destroy", "-y", spec)
        assert leftovers("e2e", CLUSTER) == []
