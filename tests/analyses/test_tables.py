"""Tables 9 and 10: seconds on this machine, and hyperparameters, beside the paper's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.analyses.definition import Finding, Request
from benchmarks.analyses.registry import analysis
from benchmarks.errors import UserError
from benchmarks.hardware import cards


def found(id: str, tmp_path: Path, networks: tuple[str, ...] = (), scale: str = "smoke", **settings: str) -> Finding:
    experiment = analysis(id)
    return experiment.run(
        Request(scale, (0,), cards.load("paper-a"), (), networks, experiment.options(settings), tmp_path)
    )


def test_table9_times_both_passes_beside_the_papers(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    (table,) = found("table9", tmp_path, batches="3", warm_up="1").tables
    assert [row.network for row in table.rows] == ["resnet18", "resnet50"]
    for row in table.rows:
        for cell in row.cells:
            assert cell.measured is not None
            assert (cell.measured.n, cell.measured.censored) == (3, 0)
            assert (cell.measured.mean or 0) > 0
            assert cell.published is not None
    assert "real seconds" in table.captions[0]
    assert torch.get_num_threads() == threads


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_table9_tells_that_there_is_no_cuda_device(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"table9\.device"):
        found("table9", tmp_path, device="cuda")


def test_at_paper_scale_our_hyperparameters_are_the_papers(tmp_path: Path) -> None:
    (table,) = found("table10", tmp_path, scale="paper").tables
    assert len(table.rows) == 6
    cells = [cell for row in table.rows for cell in row.cells if cell.published is not None]
    assert len(cells) == 6 * 7 - 1  # IMDb has no warm-up rate
    for cell in cells:
        assert cell.published is not None
        assert cell.measured is not None
        assert cell.measured.mean == cell.published.mean
