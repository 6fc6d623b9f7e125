from __future__ import annotations

from bench.machine import cpu, memory


def test_cpu() -> None:
    assert (
        cpu("processor\t: 0\nmodel name\t: A Fast One @ 2.00GHz\nmodel name\t: other\n")
        == "A Fast One @ 2.00GHz"
    )
    assert cpu("Features : fp asimd\n") == ""


def test_memory() -> None:
    assert memory("MemTotal:       24684084 kB\nMemFree: 1 kB\n") == 24105
    assert memory("") is None
