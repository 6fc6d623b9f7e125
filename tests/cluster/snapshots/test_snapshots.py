"""Snapshots: keys and tokens, what is where, and how far a restore is."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kbootstrap.cluster.decide.decide import decide
from kbootstrap.cluster.snapshots import rehearsal, remote, restore
from kbootstrap.cluster.snapshots.bucket import BucketObject, signed
from kbootstrap.cluster.snapshots.select import (
    in_bucket,
    kept_with,
    likeliest,
    newest,
    newest_tokens,
    pick,
    tokens_in,
)
from kbootstrap.cluster.snapshots.settings import Keys, private_files, read_keys
from kbootstrap.cluster.snapshots.vault import Bundle, lock, unlock
from kbootstrap.cluster.state.restore_mark import Mark, leader_of, quoted
from kbootstrap.cluster.state.snapshots import Snapshot, ordered, parse
from kbootstrap.cluster.steps.files import WriteSecret
from kbootstrap.core.errors import CredentialsRefused, InstallFailed, WrongUsage
from kbootstrap.core.redact import Redactor
from kbootstrap.distros import find
from kbootstrap.hosts.model import Output
from kbootstrap.spec.model import S3, FromEnvironment, FromFile, Snapshots
from kbootstrap.spec.references import Reader
from tests.cluster.world import desired_cluster, facts
from tests.hosts.fake import Answer, FakeHost, Run, output

K3S, RKE2 = find("k3s"), find("rke2")
BUCKET = S3("etcd", "s3.example.org", "us-east-1", "prod", FromEnvironment("KB_S3"))
BUNDLE = Bundle("prod", f"K10{'a' * 64}::server:word", "agents")


def reader(folder: Path, **env: str) -> Reader:
    return Reader(folder, env, "snapshots", "KB0871")


def test_a_token_opens_with_its_passphrase_only() -> None:
    sealed = lock(BUNDLE, "right")
    assert b"word" not in sealed
    assert unlock(sealed, "right", where="x") == BUNDLE
    with pytest.raises(CredentialsRefused, match="passphrase does not decrypt the token in x"):
        unlock(sealed, "wrong", where="x")


def test_a_token_of_another_cluster_or_a_damaged_one_is_refused() -> None:
    found = json.loads(lock(BUNDLE, "right"))
    with pytest.raises(CredentialsRefused):
        unlock(json.dumps({**found, "cluster": "other"}).encode(), "right", where="x")
    for damaged in (b"", b"[]", b"{}", json.dumps({**found, "scrypt_n": 2**30}).encode()):
        with pytest.raises(CredentialsRefused, match="damaged"):
            unlock(damaged, "right", where="x")


def test_rotated_tokens_get_another_file() -> None:
    assert BUNDLE.name != replace(BUNDLE, agent="others").name


def test_tokens_that_come_back_are_the_newest_file_again() -> None:
    """A rotation, then the snapshot of a time before it: every snapshot has the file of its time."""
    others, files = replace(BUNDLE, server="K10b::server:others"), list[BucketObject]()
    then = ((10, BUNDLE), (20, BUNDLE), (30, others), (50, BUNDLE), (60, BUNDLE), (70, others))
    for written, bundle in then:
        if name := bundle.name_beside(newest_tokens(files)):
            files.append(BucketObject(f"prod/.metadata/{name}", 1, written))
    assert [item.written for item in files] == [10, 30, 50, 70]
    assert len({item.key for item in files}) == 4
    for made, bundle in ((25, BUNDLE), (35, others), (55, BUNDLE), (75, others)):
        likeliest = tokens_in(files, made)[0].rpartition("/")[2]
        assert [one.is_in(likeliest) for one in (bundle, *({BUNDLE, others} - {bundle}))] == [True, False]


def test_the_token_file_that_was_kept_with_a_snapshot() -> None:
    """One was written last at 5000, with the tokens of before a rotation; the other at 9000."""
    for made, file in ((1000, 5000), (4900, 5000), (5200, 5000), (8900, 9000), (9200, 9000)):
        assert min((9000, 5000), key=lambda written: kept_with(f"{written}", written, "x", made)) == file


def test_a_token_file_of_the_snapshot_comes_first() -> None:
    own, other = BUNDLE.name_for("daily-a-1000"), BUNDLE.name_for("daily-a-10000")
    for written in (1000, 10000):
        likeliest = sorted((other, own), key=lambda name: kept_with(name, written, "daily-a-1000", 1000))
        assert likeliest[0] == own
    assert BUNDLE.is_in(own)


def test_keys_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    redactor = Redactor()
    env = {"KB_S3_ACCESS_KEY": "anna", "KB_S3_SECRET_KEY": "very-secret-key"}
    assert read_keys(BUCKET, reader(tmp_path, **env), redactor) == Keys("anna", "very-secret-key")
    assert "very-secret-key" not in redactor.clean("very-secret-key")
    (tmp_path / "keys").write_text(
        "[default]\naws_access_key_id = anna\naws_secret_access_key = hidden-key\n"
    )
    from_file = replace(BUCKET, credentials=FromFile("keys"))
    assert read_keys(from_file, reader(tmp_path), redactor) == Keys("anna", "hidden-key")
    (tmp_path / "keys").write_text("nothing")
    with pytest.raises(CredentialsRefused, match="does not have the keys"):
        read_keys(from_file, reader(tmp_path), redactor)
    with pytest.raises(CredentialsRefused, match="KB_S3_ACCESS_KEY is not set"):
        read_keys(BUCKET, reader(tmp_path), redactor)


def test_files_with_keys_are_not_read_as_facts(tmp_path: Path) -> None:
    """Facts read the text of files that begin with our header; this one has secrets."""
    env = {"KB_S3_ACCESS_KEY": "anna", "KB_S3_SECRET_KEY": "very-secret-key"}
    snapshots = Snapshots("0 * * * *", 3, BUCKET)
    files = private_files(snapshots, K3S.paths, reader(tmp_path, **env), Redactor())
    assert files[K3S.paths.s3].startswith("# Keys of the bucket")
    assert "etcd-s3-secret-key: very-secret-key\n" in files[K3S.paths.s3]
    assert private_files(None, K3S.paths, reader(tmp_path), Redactor()) == {}


def test_signature_of_a_request() -> None:
    """Whether a server accepts it is tried against a real one (`tests/e2e/test_snapshots.py`)."""
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    first = signed("GET", BUCKET, "/etcd", "list-type=2", b"", Keys("a", "b"), now)
    assert first["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=a/20260102/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="
    )
    other = signed("GET", BUCKET, "/etcd", "list-type=2", b"", Keys("a", "c"), now)
    assert first["authorization"] != other["authorization"]
    assert "authorization" not in signed("GET", BUCKET, "/etcd", "", b"", None, now)


def test_what_is_in_a_bucket() -> None:
    items = (
        BucketObject("prod/daily-a-1795698232", 10, 5),
        BucketObject("prod/.metadata/daily-a-1795698232", 10, 5),
        BucketObject("prod/.metadata/kbootstrap-token-1.json", 10, 5),
        BucketObject("prod/.metadata/kbootstrap-token-2.json", 10, 6),
        BucketObject("prod/", 0, 5),
    )
    assert in_bucket(items, "prod/") == (Snapshot("daily-a-1795698232", "s3", 1795698232, 10),)
    assert [key[-6:] for key in tokens_in(items, 9)] == ["2.json", "1.json"]
    assert [key[-6:] for key in tokens_in(items, 5)] == ["1.json", "2.json"]


def test_listing_and_choosing() -> None:
    here = parse("a", "10 1795698000.5 x-a-1795698232\n20 17.5 by hand\nnoise\n")
    assert here == (Snapshot("x-a-1795698232", "a", 1795698232, 10), Snapshot("by hand", "a", 17, 20))
    there = Snapshot("x-a-1795698232", "s3", 1795698232, 10)
    assert [one.place for one in ordered([there, *here])] == ["a", "s3", "a"]
    assert pick([there, *here], "x-a-1795698232").place == "a"
    assert pick([there, *here], "s3") == there
    for name in ("nope", "s3"):
        with pytest.raises(WrongUsage):
            pick(here, name)


def test_marks_are_read_as_they_are_written() -> None:
    mark = Mark(quoted("my file"), "reset", new=True)
    assert Mark.read(str(mark)) == mark
    assert Mark.read("nonsense").stage == "begun"


def test_the_leader_of_a_restore() -> None:
    servers = ["a", "b", "c"]
    chosen = Snapshot("x", "b", 1, 1)
    assert leader_of(servers, {}, chosen) == "b"
    assert leader_of(servers, {}, replace(chosen, place="s3")) == "a"
    begun = {"b": Mark("x", "begun", new=False), "c": Mark("x", "serving", new=False)}
    assert leader_of(servers, begun, chosen) == "c"


def test_a_half_done_restore_forbids_everything_else() -> None:
    plan = desired_cluster()
    have = dict(facts(plan, {}))
    name = plan.servers[0].name
    have[name] = replace(have[name], restoring="x begun own")
    decided = decide(plan, have)
    assert decided.refused
    assert "KB0870" in {one.code for one in decided.diagnostics}


def test_changed_keys_are_written_and_the_server_restarts() -> None:
    plan = replace(desired_cluster(), private={K3S.paths.s3: "secret text"})
    steps = [step for steps in decide(plan, facts(plan, {})).steps.values() for step in steps]
    written = [step for step in steps if isinstance(step, WriteSecret) and step.path == K3S.paths.s3]
    assert {step.node for step in written} == {node.name for node in plan.servers}
    assert "secret text" not in repr(steps)


async def test_saving_fails_with_the_servers_words() -> None:
    def answer(call: Run) -> object:
        return output() if call.command.startswith("find") else output("no bucket", status=1)

    with pytest.raises(InstallFailed) as caught:
        await remote.save(FakeHost("a", answer), K3S, "now")  # type: ignore[arg-type]
    assert caught.value.detail == "no bucket"


async def test_a_snapshot_of_another_cluster_brings_its_tokens() -> None:
    host = FakeHost("a")
    await restore.reset(host, K3S, "/x", from_bucket=False, new=BUNDLE)
    assert host.files[K3S.paths.token] == host.files[K3S.paths.server_token] == BUNDLE.server.encode()
    assert host.files[K3S.paths.agent_token] == b"agents"
    assert b"cluster-init: true" in host.files[K3S.paths.join]
    assert host.commands[-1].endswith("--cluster-reset-restore-path=/x --etcd-s3=false")
    assert BUNDLE.server not in " ".join(host.commands)


async def test_a_snapshot_of_the_same_cluster_touches_no_token() -> None:
    host = FakeHost("a")
    await restore.reset(host, K3S, "name", from_bucket=True, new=None)
    assert K3S.paths.token not in host.files
    assert "--etcd-s3=false" not in host.commands[-1]
    await restore.wipe(host, K3S, "server", everything=False)
    assert host.commands[-1] == f"rm -rf {K3S.paths.etcd}"


async def test_a_rehearsal_is_cut_off_before_anything_is_restored() -> None:
    host = FakeHost("a")
    await rehearsal.fence(host, K3S, "daily")
    fences = [place for place in host.files if "rehearsal" in place]
    assert fences == [
        "/etc/rancher/k3s/config.yaml.d/90-kbootstrap-rehearsal.yaml",
        "/etc/systemd/system/k3s.service.d/10-kbootstrap-rehearsal.conf",
    ]
    assert b"disable-agent: true" in host.files[fences[0]]
    assert f"ExecStartPre={rehearsal.FENCE}\n".encode() in host.files[fences[1]], "no dash: it must succeed"
    assert host.commands[-1] == rehearsal.FENCE
    with pytest.raises(InstallFailed) as caught:
        await rehearsal.fence(FakeHost("a", lambda _: output("no iptables", status=1)), K3S, "daily")
    assert caught.value.code == "KB0891"


def test_apply_makes_nothing_of_a_rehearsal() -> None:
    plan = desired_cluster()
    found = facts(plan, {})
    name = plan.servers[0].name
    found[name] = replace(found[name], restoring=str(Mark("daily", "rehearsal", new=True)))
    assert [problem.code for problem in decide(plan, found).diagnostics] == ["KB0893"]
    assert not decide(plan, found).steps


async def test_an_older_snapshot_gets_the_token_of_its_time() -> None:
    said = "100 /v/kbootstrap-token-old.json\n300 /v/kbootstrap-token-new.json\n"
    found = await remote.token_files(FakeHost("a", lambda _: output(said)))
    assert likeliest(found, 200) == ("/v/kbootstrap-token-old.json", "/v/kbootstrap-token-new.json")
    assert likeliest(found, 400)[0] == "/v/kbootstrap-token-new.json"


async def test_token_files_of_a_server_are_listed_the_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real command; of two from the same second too."""
    monkeypatch.setattr(remote, "FOLDER", str(tmp_path))

    def here(call: Run) -> Answer:
        done = subprocess.run(["sh", "-c", call.command], capture_output=True, text=True, check=False)
        return Output(done.returncode, done.stdout, done.stderr)

    host = FakeHost("a", here)
    assert await remote.token_files(host) == ()
    for name, moment in (("1", 100_000_000_000), ("2", 300_200_000_000), ("3", 300_700_000_000)):
        path = tmp_path / f"kbootstrap-token-{name}.json"
        path.touch()
        os.utime(path, ns=(moment, moment))
    (tmp_path / "stamp").touch()
    found = await remote.token_files(host)
    assert [one.written for one in found] == [300, 300, 100]
    assert newest(found) == tuple(f"kbootstrap-token-{name}.json" for name in "321")


async def test_a_control_plane_that_outlives_its_service_is_ended() -> None:
    """RKE2's static pods would serve the state of before, and etcd would keep its quorum."""
    host = FakeHost("a")
    await restore.stop(host, RKE2, "server")
    assert "systemctl stop rke2-server.service" in host.commands[0]
    assert host.commands[1:] == [RKE2.halt]
    for distro, role in ((RKE2, "agent"), (K3S, "server")):
        other = FakeHost("b")
        await restore.stop(other, distro, role)  # type: ignore[arg-type]  # a role
        assert len(other.commands) == 1


def test_rke2_rehearses_with_a_kubelet_and_without_a_scheduler() -> None:
    text = rehearsal.settings(RKE2)
    for line in ("disable-scheduler: true", "disable-controller-manager: true", "cni: none"):
        assert f"\n{line}\n" in text
    assert "disable-agent" not in text
    needed = [one.name for one in RKE2.artifacts("v1.32.1+rke2r1", "amd64") if RKE2.rehearses(one)]
    assert needed == ["rke2.linux-amd64.tar.gz", "rke2-images-core.linux-amd64.tar.zst"]
    assert [K3S.rehearses(one) for one in K3S.artifacts("v1.32.0+k3s1", "amd64")] == [True, False]
