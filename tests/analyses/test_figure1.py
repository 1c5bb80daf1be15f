"""Figure 1: timelines of every method, and what the paper says about the first batches of Async LU."""

from __future__ import annotations

from pathlib import Path

import pytest

import methods
from benchmarks.analyses.definition import Finding, Request
from benchmarks.analyses.figure1 import Timeline, arrows, timeline
from benchmarks.analyses.registry import analysis
from benchmarks.errors import UserError
from benchmarks.hardware import cards
from benchmarks.hardware.price import Price

LAYERS = [("L1", 1), ("L2", 1), ("L3", 1)]
FORWARD, FIRST, SECOND = "forward 0 on device 0", "backward 0 on device 1", "backward 1 on device 2"


def watched(method: str = "async_lu", batches: int = 4, **options: object) -> Timeline:
    return timeline(methods.create(method, options), Price.uniform(3, 1.0, 2.0), LAYERS, batches)


def found(tmp_path: Path, chosen: tuple[str, ...] = (), **settings: str) -> Finding:
    figure1 = analysis("figure1")
    return figure1.run(Request("smoke", (0,), cards.load("paper-a"), chosen, (), figure1.options(settings), tmp_path))


def test_the_first_batches_are_the_papers() -> None:
    """B_0 starts with F_1 once F_0 has ended, on one backward worker; B_1 with F_2, on the other (section 3.1)."""
    trace = watched()

    def start(worker: str, effect: str, step: int) -> float:
        return min(span.start for span in trace.of(worker, effect) if span.step == step)

    assert start(FIRST, "Backward", 0) == pytest.approx(start(FORWARD, "Forward", 1)) == pytest.approx(1)
    assert start(SECOND, "Backward", 1) == pytest.approx(start(FORWARD, "Forward", 2)) == pytest.approx(2)
    assert trace.makespan_seconds == pytest.approx(4 + 2)
    assert [trace.batches(worker) for worker in trace.workers] == [4, 2, 2]
    assert [trace.busy_share(worker) for worker in trace.workers] == [pytest.approx(2 / 3)] * 3


def test_layerwise_updates_come_layer_by_layer_and_block_updates_at_the_end() -> None:
    layerwise = [span.layers for span in watched().of(FIRST, "Update")]
    block = [span.layers for span in watched("async_bu").of(FIRST, "Update")]
    assert layerwise == [(2,), (1,), (0,)] * 2
    assert block == [(2, 1, 0)] * 2


def test_every_loss_has_an_arrow_to_its_backward_pass() -> None:
    losses = [arrow for arrow in arrows(watched()) if arrow.layer is None]
    assert [arrow.to_row for arrow in losses] == [FIRST, SECOND, FIRST, SECOND]
    assert [arrow.start for arrow in losses] == pytest.approx([1, 2, 3, 4])
    assert all(arrow.from_row == FORWARD and arrow.end == pytest.approx(arrow.start) for arrow in losses)


@pytest.mark.parametrize("method", methods.names())
def test_every_method_has_a_timeline(method: str) -> None:
    algorithm = methods.create(method)
    trace = timeline(algorithm, Price.uniform(3, 1.0, 2.0), LAYERS, 3 * algorithm.replicas)
    computed = {span.step for span in trace.spans if span.effect == "Backward"}
    assert computed == set(range(3 * algorithm.replicas))
    assert all(0 <= span.start <= span.end <= trace.makespan_seconds for span in trace.spans)
    assert all(0 <= trace.busy_share(worker) <= 1 + 1e-9 for worker in trace.workers)


def test_the_finding_is_a_table_and_a_picture(tmp_path: Path) -> None:
    finding = found(tmp_path)
    (table,) = finding.tables
    values = [[cell.measured.mean if cell.measured else None for cell in row.cells] for row in table.rows]
    assert values[0] == [pytest.approx(200 / 3), 4, pytest.approx(6)]
    assert [path.name for path in finding.pictures] == [f"figure1.{ending}" for ending in ("png", "svg", "pdf")]


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="resnet18"):
        found(tmp_path, network="resnet81")
    with pytest.raises(UserError, match="3 replicas"):
        found(tmp_path, ("ddp",), batches="2")
