"""Stragglers: what a delay is, and that it is the same whenever it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from benchmarks.hardware.delays import Delay, read_trace
from tests.endless import Make, endless

MANY = 4000


def delay(**fields: Any) -> Delay:
    return Delay.model_validate({"device": 1, **fields})


def test_a_constant_delay() -> None:
    assert [delay(kind="constant", steps=2.5).before(n) for n in (0, 1, 99)] == [2.5] * 3
    assert delay(kind="constant").before(7) == 1


@pytest.mark.parametrize("x", [0.1, 1.0, 4.0])
def test_a_heavy_tailed_delay_is_paretos(x: float) -> None:
    """P(delay > x) = (1 + x / scale) ** -alpha, where the scale makes the mean."""
    heavy = delay(kind="heavy_tailed", steps=1.0, alpha=2.0)
    beyond = sum(heavy.before(n) > x for n in range(MANY)) / MANY
    assert beyond == pytest.approx((1 + x) ** -2, abs=0.03)


@pytest.mark.parametrize(("every", "length"), [(20, 5), (7, 7), (3, 1)])
def test_bursts(every: int, length: int) -> None:
    """So many batches in a row, of every so many; where the first begins hangs on the seed."""
    starts = set()
    for seed in range(20):
        bursts = delay(kind="bursts", steps=3.0, every=every, length=length, seed=seed)
        values = [bursts.before(n) for n in range(3 * every)]
        assert values[:every] * 3 == values
        assert sorted(set(values)) in ([0.0, 3.0], [3.0])
        assert sum(values) / len(values) == pytest.approx(bursts.mean)
        changes = sum(a != b for a, b in zip(values, values[1:] + values[:1], strict=True))
        assert changes == (0 if every == length else 2 * 3)
        starts.add(tuple(values))
    assert len(starts) == 1 if every == length else len(starts) > 1


def test_a_trace_begins_again_at_its_end() -> None:
    trace = delay(kind="trace", values=[1, 0, 2.5])
    assert [trace.before(n) for n in range(5)] == [1, 0, 2.5, 1, 0]
    assert trace.mean == pytest.approx(3.5 / 3)


def test_a_half_normal_delay() -> None:
    """The size of a normal number: 68.3 % are below its deviation, and 79.8 % of that is the mean."""
    noise = delay(kind="half_normal", steps=0.05)
    result = [noise.before(n) for n in range(MANY)]
    assert min(result) > 0
    assert sum(value < 0.05 for value in result) / MANY == pytest.approx(0.683, abs=0.02)
    assert sum(result) / MANY == pytest.approx(noise.mean, rel=0.05)
    assert noise.mean == pytest.approx(0.05 * 0.797885, rel=1e-5)


@pytest.mark.parametrize("kind", ["heavy_tailed", "half_normal", "bursts"])
def test_a_delay_hangs_on_its_key_alone(kind: str) -> None:
    """Not on the order of asking; another seed or device has others."""
    original = delay(kind=kind, every=100, length=3)
    assert [original.before(n) for n in range(300)] == [original.before(n) for n in reversed(range(300))][::-1]
    for change in ({"seed": 1}, {"device": 2}):
        changed = original.model_copy(update=change)
        assert [changed.before(n) for n in range(300)] != [original.before(n) for n in range(300)]


def test_random_delays_are_kept_for_good() -> None:
    """Numbers of this version, so that recorded runs stay true."""
    heavy = delay(kind="heavy_tailed", seed=3)
    assert [heavy.before(n) for n in range(3)] == pytest.approx(KEPT, rel=1e-12)


KEPT = [0.3170802772892445, 0.3646535945293963, 0.22300416384189425]


# ---- traces from files


def test_a_trace_is_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the card, or in the working directory; what is kept is the numbers."""
    text = "# steps\n0.5\n\n2   # a pause\n 1e-1 \n"
    (tmp_path / "beside.csv").write_text(text, encoding="utf-8")
    trace = Delay.model_validate({"kind": "trace", "device": 0, "trace": "beside.csv"}, context={"folder": tmp_path})
    assert trace.values == (0.5, 2.0, 0.1)
    assert trace.trace == ""
    assert Delay.model_validate(trace.model_dump()) == trace
    monkeypatch.chdir(tmp_path)
    assert delay(kind="trace", trace="beside.csv").values == trace.values
    assert delay(kind="trace", trace=str(tmp_path / "beside.csv")).values == trace.values


def test_a_bad_trace_says_where(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    with pytest.raises(ValueError, match="cannot be read"):
        read_trace(path)
    for content, message in (
        (b"1\nfast\n", "line 2 .*'fast'"),
        (b"1\n\n-1\n", "line 3 .*'-1'"),
        (b"1e18\n", "line 1 .*'1e18'"),
        (b"nan\n", "line 1 .*'nan'"),
        (b"# nothing\n", "holds no number"),
        (b"\xff\xfe1", "not UTF-8"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValidationError, match=message):
            delay(kind="trace", trace=str(path))


# ---- what is refused


def test_bad_delays_are_refused() -> None:
    for fields, message in (
        ({"kind": "trace"}, "needs values"),
        ({"kind": "constant", "values": [1]}, "needs values"),
        ({"kind": "trace", "values": [1], "trace": "x"}, "either trace or values"),
        ({"kind": "bursts", "every": 2, "length": 3}, "burst of 3"),
        ({"kind": "heavy_tailed", "alpha": 1.0}, "greater than 1"),
        ({"kind": "trace", "values": [1e18]}, "100000"),
        ({"kind": "constant", "steps": float("inf")}, "finite"),
    ):
        with pytest.raises(ValidationError, match=message):
            delay(**fields)


# ---- words


def test_a_delay_in_words() -> None:
    assert delay(kind="constant", steps=2).label == "device 1 waits: 2 steps before every batch"
    for fields, word in (({"kind": "heavy_tailed"}, "alpha 2"), ({"kind": "bursts"}, "5 of every 20 batches")):
        assert word in delay(**fields).label


@endless
def test_a_trace_without_an_end(make: Make, words: str, tmp_path: Path) -> None:
    make(tmp_path / "trace.csv")
    with pytest.raises(ValueError, match=rf"cannot be read \(it .*{words}\); give a text file"):
        read_trace(tmp_path / "trace.csv")
