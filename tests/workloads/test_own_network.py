"""Networks of a user's own: how they are called, what they have to give, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.errors import UserError
from benchmarks.hardware import cards
from benchmarks.hardware.flops import layer_work
from benchmarks.hardware.step_price import charge
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.workloads.build import network_of, try_network
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.networks import own
from benchmarks.workloads.own import NONE, Own, OwnFiles
from benchmarks.workloads.own_files import load
from benchmarks.workloads.tasks import task
from benchmarks.workloads.workload import Workload, workload
from tests.workloads.own_files import MLP, network

pytestmark = pytest.mark.usefixtures("registries")


def given(**changes: Any) -> tuple[tuple[str, Any], ...]:
    defaults = {"shape": (1, 4, 4), "classes": 3, "width": 8, "blocks": None, "stem": "cifar"}
    return tuple({**defaults, "vocabulary": None, "embedding": 128, "heads": None, "patch": 4, **changes}.items())


def tried(path: Path, **changes: Any) -> own.Tried:
    return own.tried(own.load(str(path)), given(**changes), torch.float32, task("classification"), (2, 3))


def parts(path: Path) -> Own:
    return NONE.with_networks([own.load(str(path))])


def test_a_function_is_a_network_by_its_name(tmp_path: Path) -> None:
    path = network(tmp_path)
    assert own.load(str(path)).name == own.load(f"{path}:mlp").name == "mlp"
    assert load(OwnFiles((str(path),))).files == OwnFiles((f"{path}:mlp",))
    assert tried(path) == (3, False)
    work = workload("cifar100", "mlp", "smoke", own=parts(path))
    layers = network_of(work, card("digit-pairs"), seed=3)
    assert list(layers) == ["first", "middle", "head"]
    assert layers["head"].state_dict()["weight"].shape == (100, 8)  # smoke's width
    same_seed = network_of(work, card("digit-pairs"), seed=3)
    other_seed = network_of(work, card("digit-pairs"), seed=4)
    weights = [built["head"].state_dict()["weight"] for built in (layers, same_seed, other_seed)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_annotations_are_those_of_its_file(tmp_path: Path) -> None:
    """A file is compiled without the `from __future__` imports of the suite's."""
    path = network(tmp_path, MLP.replace("def mlp(shape,", "def mlp(shape: tuple,"))
    assert own.load(str(path)).function.__annotations__ == {"shape": tuple}


def test_of_several_functions_one_is_named(tmp_path: Path) -> None:
    path = network(tmp_path, MLP + MLP.replace("def mlp", "def wide"))
    with pytest.raises(UserError, match=r"mynet\.py has several networks \(mlp, wide\): say which, as in --network"):
        own.load(str(path))
    assert own.load(f"{path}:wide").name == "wide"


def test_its_settings_are_those_of_the_tables_first_network(tmp_path: Path) -> None:
    own_parts = parts(network(tmp_path))
    mlp = workload("cifar10", "mlp", "paper", like="resnet20", own=own_parts)
    resnet20 = workload("cifar10", "resnet20", "paper")
    assert (mlp.schedule, mlp.batch, mlp.like, mlp.price) == (resnet20.schedule, resnet20.batch, "resnet20", "flops")
    assert workload("cifar10", "mlp", "paper", own=own_parts).like == "resnet18"
    assert mlp.departures == ["network: mlp of mynet.py, with ResNet-20's settings"]
    assert mlp.label == "mlp (mynet.py, width 16) on 3x32x32 CIFAR-10"
    assert Workload.of(mlp.spec(mlp.card, ""), own_parts) == mlp
    with pytest.raises(UserError, match=r"mlp has no published seconds: its price is that of its own FLOPs, flops"):
        workload("cifar10", "mlp", "paper", {"price": "published"}, own=own_parts)


def test_it_is_charged_its_own_flops(tmp_path: Path) -> None:
    work = workload("cifar100", "mlp", "smoke", own=parts(network(tmp_path)))
    layers, hardware = network_of(work, card("digit-pairs")), cards.load("paper-a")
    charged = charge(work, hardware, layers)
    flops = 2 * work.batch * (128 * 8 + 8 * 8 + 8 * 100)
    assert charged.price.forward_seconds == pytest.approx(flops / hardware.flops_per_second)
    assert charged.step_flops == 3 * flops - 2 * work.batch * 128 * 8


def test_all_that_multiplies_is_counted() -> None:
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.conv = nn.LSTM(8, 16, batch_first=True), nn.Conv1d(16, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = self.conv(self.lstm(x)[0].transpose(1, 2))
            return output

    (layer,) = layer_work({"only": Pooled()}, (2, 7, 8))
    lstm = 2 * (4 * 16 * 8 + 4 * 16 * 16) * 2 * 7
    assert layer.forward_flops == lstm + 2 * (16 * 3) * 4 * 5 * 2
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        Pooled()(torch.zeros(2, 7, 8))
    assert counter.get_total_flops() == layer.forward_flops

    class Quadratic(nn.Bilinear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return super().forward(x, x)

    with pytest.raises(UserError, match=r"The FLOPs of layer 'only' \(Quadratic\), .*torch knows of no product in it"):
        layer_work({"only": Quadratic(8, 8, 3)}, (2, 8))


def runs(*networks: str, **changes: Any) -> list[plan.Run]:
    return resolve(table("table3"), Choices(seeds=(0,), methods=("bp", "ddp"), networks=networks, **changes)).runs


def test_its_file_is_part_of_its_runs_identity_alone(tmp_path: Path) -> None:
    own_parts = parts(network(tmp_path))
    mlp_runs, both_runs = runs("mlp", own=own_parts), runs("resnet18", "mlp", own=own_parts)
    assert [run.spec.workload.network for run in mlp_runs] == ["mlp"] * 2
    assert [run.spec.workload.network for run in both_runs] == ["resnet18"] * 2 + ["mlp"] * 2
    assert both_runs[0].id == runs("resnet18")[0].id
    assert both_runs[0].spec.sources != both_runs[2].spec.sources
    assert mlp_runs[0].id == both_runs[2].id
    assert mlp_runs[0].labels.network_label == "mlp (mynet.py, width 8) on 1x8x16 Pairs of handwritten digits"
    (tmp_path / "other").mkdir()
    changed_parts = parts(network(tmp_path / "other", MLP + "\n# a word more\n"))
    assert runs("mlp", own=changed_parts)[0].id != mlp_runs[0].id


def test_networks_of_one_name_do_not_meddle(tmp_path: Path) -> None:
    """A network that was resolved first stays as it was, whatever another file gives under its name."""
    (tmp_path / "other").mkdir()
    (first, *_) = runs("mlp", own=parts(network(tmp_path)))
    wider = MLP.replace("width, width)", "width, 2 * width)").replace("width, classes", "2 * width, classes")
    (other, *_) = runs("mlp", own=parts(network(tmp_path / "other", wider)))
    shapes = [network_of(run.work, run.data)["head"].state_dict()["weight"].shape for run in (first, other)]
    assert shapes == [(100, 8), (100, 16)]
    assert first.at(seed=1).work.own_network != other.at(seed=1).work.own_network


# ---- bad ones

HEAD = "import torch\nfrom torch import nn\n\n\n"


BAD = {
    "def broken(:\n": "line 1: .*SyntaxError",
    "x = 1\n": "has no network",
    "def f(shape, classes, depth): ...\n": "line 1: .*'depth'",
    "def resnet18(shape, classes): ...\n": "resnet18 is taken",
    HEAD + "def f(shape, classes):\n    return 1 / 0\n": "line 6: .*ZeroDivisionError",
    HEAD + "def f(shape, classes):\n    return nn.Linear(1, 1)\n": "line 5: f gives Linear",
    HEAD + "def f(shape, classes):\n    return {'a\\x1b[31m': nn.Linear(1, 1)}\n": "line 5: .*x1b",
    HEAD + "def f(shape, classes):\n    return {'a': 3}\n": "line 5: .*int",
    HEAD + "def f(shape, classes):\n    return {'a': nn.Flatten()}\n": "'a' has no weights",
    HEAD + "def f(shape, classes):\n    a = nn.Linear(4, 4)\n    return {'a': a, 'b': a}\n": "line 5: .*share",
    HEAD + "A = nn.Linear(4, 3)\n\n\ndef f(shape, classes):\n    return {'a': A}\n": "line 8: .*same module",
    HEAD + "def f(shape, classes):\n    return {'a': nn.Linear(7, 3)}\n": "'a' fails on a batch",
    HEAD + "def f(shape, classes):\n    return {'a': nn.LSTM(4, 3)}\n": "'a' gives a tuple|fails",
    HEAD + "def f(shape, classes):\n    return {'a': nn.Sequential(nn.Flatten(), nn.Linear(16, 5))}\n": "not .2, 3.",
    HEAD
    + "def f(shape, classes):\n    return {'a': nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.Dropout())}\n": "two",
    HEAD + "class A(nn.Linear):\n    def forward(self, x):\n        return super().forward(x.flatten(1)) / 0\n\n\n"
    "def f(shape, classes):\n    return {'a': A(16, 3)}\n": "line 10: .*not finite",
    HEAD + "class A(nn.Linear):\n    def forward(self, x):\n        return x[:, 0, 0, :3] * self.weight[0, 0]\n\n\n"
    "def f(shape, classes):\n    return {'a': A(16, 3)}\n": "line 10: .*bias",
    HEAD + "class A(nn.Linear):\n    def forward(self, x):\n        raise ValueError('no\\nway')\n\n\n"
    "def f(shape, classes):\n    return {'a': A(16, 3)}\n": "line 7: .*no way",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_one_is_told_in_one_sentence_with_file_and_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=BAD[text]) as caught:
        tried(network(tmp_path, text))
    assert "mynet.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_that_lacks_a_token_is_told(tmp_path: Path) -> None:
    text = HEAD + "def f(shape, classes):\n    return {'a': nn.Embedding(5, 8), 'b': nn.Linear(8, classes)}\n"
    work = workload("tinyshakespeare", "f", "smoke", own=parts(network(tmp_path, text)))
    with pytest.raises(UserError, match=r"mynet\.py: layer 'a' fails on a batch of \(2, 32\): IndexError"):
        try_network(work, work.card)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no file .*none\.py: --network takes the path of a Python file"):
        own.load(str(tmp_path / "none.py"))
    with pytest.raises(UserError, match=r"mynet\.py has no function other; it has mlp"):
        own.load(f"{network(tmp_path)}:other")
