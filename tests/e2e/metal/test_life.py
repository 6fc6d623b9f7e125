"""A cluster on machines that exist: lost files, pods that cannot talk, its end, and a new cluster.

The tests run in the order of the file. The last one leaves a cluster with one more agent.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from tests.e2e.lab import Lab, wait_for
from tests.e2e.machines import Metal
from tests.e2e.metal.names import AGENT, CONTEXT, FIRST, no_pods, nodes, spec_of, traces

pytestmark = [pytest.mark.ordered]


def test_a_second_apply_and_one_from_an_empty_folder(site: tuple[Lab, Path]) -> None:
    lab, spec = site
    lab.run("apply", "-y", spec)  # nothing to do after `test_first_apply.py`
    assert nodes(lab) == {*FIRST}
    assert "othing to do" in lab.run("apply", "-y", "--detailed-exitcode", spec).stderr
    assert "cp-1" in lab.run("status", spec).stdout
    assert lab.run("ssh", spec, "w-1", "--", "hostname").stdout.strip() == AGENT
    assert "*** welcome ***" in lab.run("ssh", spec, "cp-1", "--", "true").stdout, "apply has read past it"
    assert "certificate-authority-data" in lab.run("kubeconfig", spec).stdout
    lab.kubectl("create", "configmap", "of-the-first", "--from-literal=a=b")

    # Nothing that is kept here is precious: there is no state, and host keys are the operator's.
    shutil.rmtree(lab.folder / ".kbootstrap")
    (lab.folder / "kubeconfig").unlink()
    assert "so it has no state" in lab.run("adopt", "-y", spec).stderr
    lab.run("apply", "-y", spec)
    lab.run("apply", "-y", "--detailed-exitcode", spec)
    assert nodes(lab) == {*FIRST}
    assert "of-the-first" in lab.kubectl("get", "configmap", "-o", "name")


@pytest.mark.full
def test_status_and_doctor_notice_pods_that_cannot_talk(site: tuple[Lab, Path], metal: Metal) -> None:
    lab, spec = site
    metal.on(AGENT, no_pods(metal).close)

    def noticed() -> bool:
        said = " ".join(lab.run("status", spec, code=1).stdout.split())
        assert "w-1 does not answer cp-1 through the network of the pods" in said
        return True

    try:
        wait_for("the services have run for a while", noticed)
        assert "w-1 does not answer cp-1" in " ".join(lab.run("doctor", spec, code=None).stdout.split())
    finally:
        metal.on(AGENT, no_pods(metal).reopen)
    wait_for("it answers again", lambda: "does not answer" not in lab.run("status", spec, code=None).stdout)
    lab.run("status", spec)


def test_destroy_and_apply_again(site: tuple[Lab, Path], metal: Metal) -> None:
    lab, spec = site
    first = lab.get("namespace", "kube-system")["metadata"]["uid"]
    # A machine with another cluster's claim is none of ours, whatever the spec says.
    metal.on(AGENT, "sed -i 's/^cluster metal$/cluster other/' /var/lib/kbootstrap/stamp")
    begun = time.monotonic()
    lab.run("destroy", "-y", spec)
    took = {"destroy": time.monotonic() - begun}
    server, agent = traces(metal, *FIRST)
    assert server == ""
    assert "process" in agent
    metal.on(AGENT, "sed -i 's/^cluster other$/cluster metal/' /var/lib/kbootstrap/stamp")
    lab.run("destroy", "-y", spec)
    assert traces(metal, "w-1") == [""]
    assert CONTEXT not in lab.kubectl("config", "get-contexts", "-o", "name")

    begun = time.monotonic()
    lab.run("apply", "-y", lab.spec(spec_of(metal, *FIRST, "w-2")))
    took["apply"] = time.monotonic() - begun
    assert nodes(lab) == {*FIRST, "w-2"}
    assert lab.get("namespace", "kube-system")["metadata"]["uid"] != first
    assert "of-the-first" not in lab.kubectl("get", "configmap", "-o", "name")
    (lab.folder / "figures.json").write_text(json.dumps(took))
