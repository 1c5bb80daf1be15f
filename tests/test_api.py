"""The Python API: frames, comparisons and pictures of small journals; training, in this process."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

import async_sgd_benchmarks as ab
from benchmarks.runner.processes import pool
from benchmarks.runner.processes.starting import apart
from tests.commands.commands import train_here
from tests.results.samples import write

PLUGIN = """
from methods import register
from methods.bp import Backpropagation


@register(title="Mine", source="here", name="mine")
class Mine(Backpropagation):
    {}
"""
TINY = {"workload.epochs": 2, "workload.train_samples": 256, "workload.test_samples": 100}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two seeds of two methods: Async LU is 5 points ahead, give or take one."""
    for seed, top in enumerate((40.0, 42.0)):
        write(tmp_path / "out", [20.0, top], method="bp", seed=seed)
        write(tmp_path / "out", [30.0, top + 4 + 2 * seed], seed=seed)
    return tmp_path / "out"


def test_runs_evaluations_and_staleness_are_tidy(out: Path) -> None:
    runs = ab.load(out)
    assert (len(runs), len(runs.runs), len(runs.evaluations), len(runs.staleness)) == (4, 4, 8, 4)
    assert runs.runs.query("row == 'bp'").best_accuracy_percent.tolist() == [40.0, 42.0]
    assert runs.evaluations.samples.tolist()[:2] == [20 * 64, 40 * 64]
    assert runs.evaluations.sent_megabytes.isna().all()


def test_measures_have_intervals_and_a_target_of_ones_own(out: Path) -> None:
    best = ab.load(out).measures().query("measure == 'best_accuracy_percent' and row == 'bp'").iloc[0]
    assert (best["mean"], best["n"], best["unit"]) == (41.0, 2, "%")
    assert best.low < 41 < best.high
    times = ab.load(out).measures(target=45.0).query("measure == 'time_to_target_seconds'").set_index("row")
    assert (times.loc["bp", "censored"], times.loc["bp", "at_least"]) == (2, 4.0)
    assert times.loc["async_lu", "censored"] == 1


def test_rows_are_held_against_another_seed_by_seed(out: Path) -> None:
    (line,) = ab.load(out).against("bp", measure="best_accuracy_percent").to_dict("records")
    assert (line["row"], line["difference"], line["pairs"]) == ("async_lu", 5.0, 2)
    assert math.isclose(line["high"] - line["low"], 2 * 12.706, rel_tol=1e-3)  # t of 1 degree, a standard error of 1
    assert line["verdict"] == "within noise"


def test_a_measure_that_no_row_of_both_has_is_refused_with_the_reason(out: Path) -> None:
    with pytest.raises(ab.ERRORS, match="best_accuracy_percent"):
        ab.compare(out, out, measure="staleness_updates")
    bp, async_lu = (ab.load(out).where(row=row) for row in ("bp", "async_lu"))
    (why, *_) = ab.compare(bp, async_lu).why
    with pytest.raises(ab.ERRORS) as refused:
        ab.compare(bp, async_lu, measure="best_accuracy_percent")
    assert why in str(refused.value)


def test_two_folders_are_compared(out: Path) -> None:
    runs = ab.load(out)
    frame = ab.compare(runs.where(seed=0), out, measure="best_accuracy_percent")
    assert set(frame.row) == {"bp", "async_lu"}
    assert set(ab.compare(runs, out).verdict) == {"the same"}


def test_what_cannot_be_used_is_a_sentence(out: Path) -> None:
    runs = ab.load(out)
    for call in (
        lambda: ab.load("nowhere"),
        lambda: ab.load("smoke"),
        lambda: runs.where(rows="bp"),
        lambda: runs.where(row="ddp"),
        lambda: runs.against("ddp"),
        lambda: runs.against("bp", measure="speed"),
        lambda: ab.plot.curves(runs, y="los"),
        lambda: ab.plot.curves(runs, x="bytes"),
        lambda: ab.run("figure1"),
        lambda: ab.run("table3", methods="bp"),
        lambda: ab.run("table3", method=["bp"]),
        lambda: ab.run("table3", network=["resnet18"], methods=["bp"]),
        lambda: ab.run("table3", hardwear="paper-a"),
        lambda: ab.table("table3", out=out),
    ):
        with pytest.raises(ab.ERRORS):
            call()


def test_kept_runs_are_read_by_their_name() -> None:
    kept = ab.load("paper")
    assert set(kept.runs.scale) == {"paper"}


def test_pictures_have_a_line_per_run(out: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    runs = ab.load(out)
    axes = ab.plot.curves(runs, x="seconds", y="loss")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("simulated seconds", "loss")
    assert len(axes.lines) == 4 + 1  # seeds, and their mean: the journals call both methods Async LU
    assert ab.plot.staleness(runs, ax=plt.subplots()[1]).get_ylabel() == "others' updates"
    plt.close("all")


def test_a_plugin_is_trained_again_once_its_text_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registries: None, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pool, "train_all", train_here)
    chosen = {"methods": ["mine"], "networks": ["resnet18"], "seeds": [1], "plugins": ["mine.py"], "settings": TINY}
    ids = []
    for body in ("pass", "devices = 1", "devices = 1"):
        Path("mine.py").write_text(PLUGIN.format(body), encoding="utf-8")
        ids.append(ab.run("table1", **chosen, progress=False).runs.id.tolist())  # type: ignore[arg-type]
    assert ids[0] != ids[1] == ids[2]
    assert capsys.readouterr() == ("", "")
    frame = ab.table("table1", **chosen)  # type: ignore[arg-type]
    first = frame.columns[0][0]
    assert frame.loc[("resnet18", "Mine"), (first, "n")] == 1
    assert math.isnan(frame.loc[("resnet18", "Mine"), (first, "published")])
    assert frame.loc[("resnet18", "Mine"), ("time_to_target_seconds", "target")] > 0
    with pytest.raises(ab.ERRORS, match="was not recorded"):
        ab.replay(ids[1][0])


def test_a_users_modules_do_not_hide_ours(tmp_path: Path, checkout: Path) -> None:
    for name in ("methods", "results"):
        (tmp_path / f"{name}.py").write_text('raise RuntimeError("taken for a module")\n', encoding="utf-8")
    program = f"import sys; sys.path.append({str(checkout)!r}); import async_sgd_benchmarks as ab; print(ab.__all__)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_processes_know_nothing_of_the_callers_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    before = sys.modules["__main__"], list(sys.path)
    with apart():
        assert not hasattr(sys.modules["__main__"], "__file__")
        assert str(tmp_path) not in sys.path
    assert (sys.modules["__main__"], sys.path) == before


def test_a_class_of_a_cell_is_refused(registries: None) -> None:
    scope = {"__name__": "nowhere"}
    with pytest.raises(ab.ERRORS, match="writefile"):
        exec(PLUGIN.format("pass"), scope)
