from __future__ import annotations

import sys
import time

import pytest

from results.usage import VARIABLE, Usage, wanted


def test_a_busy_process_uses_about_a_core() -> None:
    usage = Usage()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    first = usage.since_last()
    time.sleep(0.1)
    assert 10 < first["system/process_cpu_percent"] < 150
    assert usage.since_last()["system/process_cpu_percent"] < first["system/process_cpu_percent"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells it")
def test_memory_is_what_is_resident_now() -> None:
    before = Usage().since_last()["system/process_memory_megabytes"]
    held = bytearray(b"x") * 50_000_000
    more = Usage().since_last()["system/process_memory_megabytes"] - before
    assert 40 < more < 80
    del held


@pytest.mark.parametrize(("value", "expected"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_it_is_an_option(value: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    assert wanted() is expected
