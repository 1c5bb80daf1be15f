"""The hour's order, its budget and its records, with steps that are made up."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import gpu_hour
from tools.gpu import plan
from tools.gpu.paper_runs import MARGIN, SIZED_EPOCHS, epochs_for
from tools.gpu.plan import Outcome, Step, StepRecord
from tools.gpu.summary import summary

FAKES = (Step("tests", "", 10), Step("bits", "", 20), Step("methods", "", 30))


def record(step: str, status: plan.Status = "finished", **values: float) -> StepRecord:
    settings = {"device": "cpu", "small": True}
    outcome = Outcome(rows=[{"what": "a|b", "ms": 1.23456}], notes=["a note"], failures=[], values=values)
    return StepRecord(
        step,
        status,
        "",
        1.0,
        settings,
        ["python"],
        "abc",
        {"gpu": {"name": "G", "driver": "1"}, "packages": {"torch": "2"}},
        outcome,
    )


class Call:
    """A call whose clock goes on by what each step takes."""

    def __init__(self, seconds: float, takes: float = 1.0) -> None:
        self.left, self.takes, self.limits = seconds, takes, dict[str, float]()

    def seconds_left(self) -> float:
        return self.left

    def run(self, step: Step, limit: float) -> None:
        self.limits[step.name] = limit
        self.left -= step.seconds * self.takes

    def __call__(self, steps: tuple[Step, ...]) -> str:
        return plan.carry_out(steps, seconds_of=lambda s: s.seconds, seconds_left=self.seconds_left, run=self.run)


def test_a_call_stops_before_what_does_not_fit() -> None:
    """The third would fit in what the second leaves over, and waits nevertheless: the order is what is worth most."""
    call = Call(29)
    said = call((*FAKES[:2], Step("short", "", 1)))
    assert list(call.limits) == ["tests"]
    assert said.startswith("bits takes about 20 s, 19 s are left")


def test_a_step_is_ended_at_twice_its_estimate_or_with_the_call() -> None:
    call = Call(150, takes=1.5)
    call((Step("a", "", 40), Step("b", "", 50)))
    assert call.limits == {"a": 80, "b": 90}


def test_a_later_call_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    done: list[str] = []
    for _ in range(3):
        call = Call(35)

        def run(step: Step, limit: float, call: Call = call) -> None:
            call.run(step, limit)
            done.append(step.name)
            plan.write(tmp_path, record(step.name))

        steps = list(plan.pending(FAKES, plan.read(tmp_path)))
        plan.carry_out(steps, seconds_of=lambda s: s.seconds, seconds_left=call.seconds_left, run=run)
    assert done == ["tests", "bits", "methods"]


def test_what_failed_is_repeated_on_request_alone_and_what_was_left_out_always() -> None:
    records = {"tests": record("tests", "failed"), "bits": record("bits", "left out"), "methods": record("methods")}
    assert [step.name for step in plan.pending(FAKES, records)] == ["bits"]
    assert [step.name for step in plan.pending(FAKES, records, retry=True)] == ["tests", "bits"]


def test_the_runs_take_what_was_sized() -> None:
    (run,) = plan.chosen(["table1-seed2"])
    assert plan.estimate(run, {"size": record("size", seconds=123.0)}, small=False) == 123.0
    assert plan.estimate(run, {}, small=True) == plan.SMALL_SECONDS


@pytest.mark.parametrize(
    ("seconds", "epochs"), [(MARGIN * 61, 5), (MARGIN * 60, 5), (MARGIN * 59, 4), (0, SIZED_EPOCHS), (10000, 150)]
)
def test_as_many_epochs_are_trained_as_there_is_time_for(seconds: float, epochs: int) -> None:
    """Ten seconds to start, ten an epoch."""
    assert epochs_for(seconds, 10, 10, 150) == epochs


def test_a_process_is_gone_when_its_limit_has_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            begun.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    assert not gpu_hour.wait(["sleep", "600"], tmp_path / "log", 0.1)
    assert gpu_hour.wait(["echo", "done"], tmp_path / "log", 60.0)
    assert [process.returncode for process in begun] == [-signal.SIGTERM, 0]
    assert (tmp_path / "log").read_text() == "done\n"


def test_a_group_of_steps_has_one_name() -> None:
    assert [step.name for step in plan.chosen(["speed"])] == ["speed-float32", "speed-tf32", "speed-bf16"]
    with pytest.raises(ValueError, match="there is no step 'sped'"):
        plan.chosen(["sped"])


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    plan.write(tmp_path, record("graphs", seconds=2.0))
    assert plan.read(tmp_path) == {"graphs": record("graphs", seconds=2.0)}
    plan.file_of(tmp_path, "graphs").write_text("{}")
    with pytest.raises(ValueError, match=r"07-graphs\.json is no record of a step"):
        plan.read(tmp_path)


def test_the_summary_has_every_step_and_says_what_was_not_reached() -> None:
    text = summary({"tests": record("tests")})
    assert text.startswith("# An hour on a GPU\n\nG, driver 1, torch 2; device cpu; commit abc; **small")
    assert "| tests | finished | 1 |" in text
    assert r"| a\|b | 1.235 |" in text
    assert "Not reached: bits, methods," in text
    assert "no number here counts" in text


def tool(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/gpu_hour.py", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
