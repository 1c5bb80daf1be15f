"""Tasks of one's own: found in their file, tried before any training, and a part of their runs' identity."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.errors import UserError
from benchmarks.runner import plan
from benchmarks.runner.identity import sources
from benchmarks.workloads.build import network_of
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.networks import own as own_network
from benchmarks.workloads.own import Own
from benchmarks.workloads.tasks import own
from benchmarks.workloads.workload import workload
from methods import create
from tests.workloads.own_files import MLP, TASK, network, task

pytestmark = pytest.mark.usefixtures("registries")


def planned(file: Path, network: Path | None = None, **settings: object) -> plan.Run:
    """A run for the task of a file, maybe of the network of another."""
    networks = () if network is None else (own_network.load(str(network)),)
    parts = Own(networks, own.load(file))
    name = networks[0].name if networks else "resnet18"
    work = workload("cifar10", name, "smoke", {**parts.settings, **settings}, own=parts)
    return plan.alone(work, create("bp"), executor="threads")


def test_a_network_of_the_suite_gives_what_the_task_wants(tmp_path: Path) -> None:
    run = planned(task(tmp_path))
    assert run.spec.workload.task == "guess"
    assert (run.labels.judge.title, run.labels.judge.chance) == ("squared error", None)
    *_, last = network_of(run.work, card("digits"))["head"].parameters()
    assert last.shape == (1,)


def test_its_file_is_a_part_of_its_runs_identity_alone(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    files = (task(tmp_path), task(tmp_path / "other", TASK + "\n# a word more\n"))
    first, other = map(planned, files)
    usual, other_usual = (planned(file, task="classification") for file in files)
    assert first.id != other.id
    assert usual.id == other_usual.id
    assert sources(type(create("bp"))) == usual.spec.sources


def test_tasks_of_one_name_do_not_meddle(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = planned(task(tmp_path))
    other = planned(task(tmp_path / "other", TASK.replace("squared error", "other error")))
    assert [run.work.trained_for.judge.title for run in (first, other)] == ["squared error", "other error"]


BAD = {
    "x = 1\n": r"^mytask\.py: .* has none",
    "\nTASK = 3\n": r"TASK is a int",
    TASK.replace('"guess"', '"classification"'): "name classification is taken",
    TASK.replace('"guess"', "7"): "name is 7, not a line of text",
    TASK.replace("loss, sums, None", "loss, 3, None"): "sums is a int",
    TASK.replace("JUDGE, loss", "None, loss"): "judge is a NoneType",
    TASK.replace('metric="loss"', 'metric="f1"'): "'f1'.* tables need",
    TASK.replace('better="less"', 'better="lots"'): "line 18: it cannot be loaded: ValidationError",
    TASK.replace("return (inputs[0], 1)", "return inputs / 2"): "line 15: output_shape fails: TypeError",
    TASK.replace("return (inputs[0], 1)", "return [2, 1]"): r"line 14: output_shape of inputs .* is \[2, 1\]",
    TASK.replace(".mean()", ""): r"line 6: loss is a tensor of shape \(2,\)",
    TASK.replace(".mean()", ".mean().item()"): "line 6: loss is a float",
    TASK.replace(".mean()", ".mean() / 0"): "line 6: loss is inf",
    TASK.replace(".mean()", ".mean().detach()"): "line 6: loss has no gradient",
    TASK.replace(
        "outputs.squeeze(1) - targets).square().mean", "outputs.squeeze(7) - targets).mean"
    ): "line 7: loss fails",
    TASK.replace('{"loss": (', '{"losses": ('): "line 10: sums gives losses, not a dict with 'loss'",
    TASK.replace(
        '{"loss": (', '{"train_seconds": targets.sum(), "loss": ('
    ): r"line 10: sums gives 'train_seconds', a name",
    TASK.replace('{"loss": (', '{3: targets.sum(), "loss": ('): "line 10: sums gives 3, a name",
    TASK.replace('"guess"', '"a=1, b"'): "name is 'a=1, b', not of letters",
    TASK.replace(".sum()}", "}"): r"line 10: sums\['loss'\] is a tensor of shape",
    TASK.replace('metric="loss"', 'metric="accuracy_percent"').replace('"less"', '"more"'): "'accuracy_percent'",
    TASK.replace("sums, None", "sums, lambda o, t: 3"): "right is a int",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_one_is_told_in_one_sentence_with_file_and_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=BAD[text]) as caught:
        planned(task(tmp_path, text))
    assert str(caught.value).startswith("mytask.py")
    assert "\n" not in str(caught.value)


def test_a_network_that_does_not_fit_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"resnet18 makes \(2, 10\) of a batch of 2, not \(2, 1, 8, 8, 10\)"):
        planned(task(tmp_path), task="next_token")
    seven_outputs = network(tmp_path, MLP.replace("width, classes)", "width, 7)"))
    with pytest.raises(UserError, match=r"mynet\.py, line 7: mlp makes \(2, 7\) .* not \(2, 1\), a number"):
        planned(task(tmp_path), seven_outputs)


def test_a_loss_that_fails_on_a_label_is_told(tmp_path: Path) -> None:
    text = TASK.replace("return (inputs[0], 1)", "return (inputs[0], 3)").replace(
        "(outputs.squeeze(1) - targets).square().mean()", "torch.nn.functional.cross_entropy(outputs, targets)"
    )
    with pytest.raises(UserError, match=r"mytask\.py, line \d+: loss fails: IndexError"):
        planned(task(tmp_path, "import torch\n" + text))


def test_chance_of_a_task_is_its_own_or_that_of_equal_tokens(tmp_path: Path) -> None:
    text = TASK.replace("inputs[0], 1)", "*inputs, classes)").replace("squeeze(1)", "amax(2)")
    parts = Own(task=own.load(task(tmp_path, text)))
    work = workload("tinyshakespeare", "gpt", "smoke", parts.settings, own=parts)
    assert plan.alone(work, create("bp"), executor="threads").labels.judge.chance is None
    usual = plan.alone(work.at("smoke"), create("bp"), executor="threads").labels.judge.chance
    assert usual == pytest.approx(math.log(43))


def test_outputs_beyond_the_machines_memory_are_refused() -> None:
    with pytest.raises(UserError, match=r"workload\.batch=100000000000: .* outputs of 100,000,000,000 x 10 .* half"):
        plan.alone(workload("cifar10", "resnet18", "smoke", {"batch": 10**11, "train_samples": None}), create("bp"))
