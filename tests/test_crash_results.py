"""The crash matrix chooses another sample each time, and resumes one that is not complete."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.crash import Boundary
from tests.e2e.crash_results import Outcome, complete, key, next_seed, outcomes, sample, table, write

FOUND = [Boundary(f"step {number}", "done") for number in range(40)]


def test_a_sample_is_spread_over_the_run_and_repeats_with_its_seed() -> None:
    first = list(sample(FOUND, 10, 1, "upgrade"))
    assert first == list(sample(FOUND, 10, 1, "upgrade"))
    assert [FOUND.index(at) // 4 for _, at in first] == list(range(10))
    assert [how for how, _ in first].count("kbootstrap") in {4, 5, 6}
    others = [list(sample(FOUND, 10, seed, "upgrade")) for seed in range(2, 6)]
    assert all(other != first for other in others)
    assert list(sample(FOUND, 10, 1, "restore")) != first


def test_a_short_run_is_used_completely() -> None:
    assert [at for _, at in sample(FOUND[:3], 10, 1, "upgrade")] == FOUND[:3]
    assert list(sample([], 10, 1, "upgrade")) == []


def test_a_sample_is_resumed_until_it_is_complete(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    assert next_seed(results) == 1
    write(results, Outcome("upgrade", "machine", "x: done", survived=False, seconds=3.0, note="lost", seed=1))
    assert next_seed(results) == 1
    complete(results, 1)
    assert next_seed(results) == 2
    write(results, Outcome("upgrade", "machine", "x: done", survived=True, seconds=3.0, seed=2))
    assert next_seed(results) == 2
    assert [one.seed for one in outcomes(results)] == [1, 2]
    assert "| upgrade | 1 of 2 |" in table(outcomes(results))


def test_results_from_before_there_were_samples_are_read(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text('{"part": "a", "how": "machine", "at": "b", "survived": true, "seconds": 1.0}\n')
    assert [one.seed for one in outcomes(results)] == [0]


def test_the_time_in_a_snapshots_name_does_not_make_another_point() -> None:
    assert key("restore", "machine", "restore on-demand-1795725876: done") == key(
        "restore", "machine", "restore on-demand-1795730000: done"
    )
