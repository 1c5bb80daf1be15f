"""Workloads: three scales, and settings that are checked."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.networks.names import DEFAULT_WIDTH
from benchmarks.workloads.scales import PAIRS
from benchmarks.workloads.workload import SCALES, Workload, workload

ALL = [(family, network, scale) for family, network in PAIRS for scale in SCALES]


@pytest.mark.parametrize(("family", "network", "scale"), ALL)
def test_every_workload_can_be_recorded(family: str, network: str, scale: str) -> None:
    """As JSON from which the same workload comes back."""
    made = workload(family, network, scale)
    assert Workload.model_validate(made.model_dump(mode="json")) == made
    assert (made.family, made.network, made.scale, made.name) == (family, network, scale, f"{family}-{network}")
    assert (made.train_samples or 1) <= card(made.dataset).train_samples
    assert (made.test_samples or 1) <= card(made.dataset).test_samples
    assert card(made.dataset).family == family
    assert network == "lstm" or f"width {made.width}" in made.label
    assert scale != "paper" or made.width == DEFAULT_WIDTH[network]


@pytest.mark.parametrize(
    ("family", "network", "t_max", "warm_up"),
    [
        ("cifar100", "resnet18", 100, 5),
        ("cifar100", "resnet50", 120, 5),
        ("cifar10", "resnet18", 105, 3),
        ("cifar10", "resnet50", 120, 5),
    ],
)
def test_the_paper_scale_is_table_10(family: str, network: str, t_max: float, warm_up: float) -> None:
    made = workload(family, network, "paper")
    assert (made.schedule.t_max, made.schedule.warm_up_epochs) == (t_max, warm_up)
    assert (made.schedule.lr, made.schedule.warm_up_lr) == (0.015, 0.005)
    assert (made.optimizer.momentum, made.optimizer.weight_decay, made.optimizer.nesterov) == (0.9, 0.005, False)
    assert (made.batch, made.width, made.stem, made.blocks, made.augment) == (128, 64, "cifar", None, True)
    assert (made.dataset, made.train_samples, made.test_samples) == (family, 50000, 10000)
    assert made.departures == []


def test_a_rows_batch_shrinks_with_the_scale() -> None:
    """As published at paper scale; elsewhere in proportion, and charged as published."""
    assert workload("cifar10", "resnet20", "paper").at_batch(1024) == {"batch": 1024}
    smoke = workload("cifar10", "resnet20", "smoke")
    assert smoke.at_batch(128) == {"batch": smoke.batch, "price_batch": 128}
    assert smoke.at_batch(1024) == {"batch": 8 * smoke.batch, "price_batch": 1024}


def test_the_paper_scale_of_paper_b() -> None:
    made = workload("cifar10", "wrn16_8", "paper")
    assert (made.epochs, made.batch, made.schedule.milestones, made.schedule.gamma) == (200, 128, (60, 120, 160), 0.2)
    assert (made.optimizer.nesterov, made.optimizer.decay_bn, made.patience) == (True, False, 200)


def test_what_no_paper_trains_is_refused() -> None:
    with pytest.raises(UserError, match="No paper trains lstm on cifar10; there are cifar10 resnet18, "):
        workload("cifar10", "lstm", "smoke")


@pytest.mark.parametrize(
    ("settings", "path", "value"),
    [
        ({"epochs": "4"}, ("epochs",), 4),
        ({"augment": "false"}, ("augment",), False),
        ({"schedule.lr": "0.1"}, ("schedule", "lr"), 0.1),
        ({"schedule.after_t_max": "hold"}, ("schedule", "after_t_max"), "hold"),
        ({"optimizer.momentum": "0"}, ("optimizer", "momentum"), 0.0),
        ({"blocks": "1,2,1,2"}, ("blocks",), (1, 2, 1, 2)),
        ({"blocks": "(1, 2, 1, 2)"}, ("blocks",), (1, 2, 1, 2)),
        ({"blocks": "none"}, ("blocks",), None),
        ({"stem": "imagenet"}, ("stem",), "imagenet"),
    ],
)
def test_settings(settings: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Text as it comes from the command line; everything else stays as it was."""
    made = workload("cifar100", "resnet50", "smoke", settings)
    found: Any = made
    for part in path:
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)
    plain, changed = workload("cifar100", "resnet50", "smoke").model_dump(), made.model_dump()
    assert {key for key in plain if plain[key] != changed[key]} <= {path[0]}


def said_aloud(value: Any) -> str:
    return "none" if value is None else str(value)


@pytest.mark.parametrize(("family", "network", "scale"), ALL)
def test_a_default_said_aloud_is_the_same_workload(family: str, network: str, scale: str) -> None:
    """To the type: 5 and 5.0 would be two runs."""
    plain = workload(family, network, scale)
    settings = {key: said_aloud(value) for key, value in plain.model_dump().items() if not isinstance(value, dict)}
    del settings["family"], settings["network"], settings["scale"]
    for part in ("optimizer", "schedule", *(["text"] if plain.text else [])):
        settings |= {f"{part}.{key}": said_aloud(value) for key, value in getattr(plain, part).model_dump().items()}
    said = workload(family, network, scale, settings)
    assert said.model_dump_json() == plain.model_dump_json()


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"epoch": "3"}, "Unknown field of workload 'epoch': did you mean epochs"),
        ({"schedule.rate": "3"}, "Unknown field of workload.schedule 'rate': "),
        ({"epochs.first": "3"}, "workload.epochs has no parts: set workload.epochs itself"),
        ({"epochs": "many"}, "Bad value: workload.epochs='many': Input should be a valid integer"),
        ({"epochs": "0"}, "Bad value: workload.epochs='0': Input should be greater than or equal to 1"),
        ({"schedule.lr": "-1"}, "Bad value: workload.schedule.lr='-1': Input should be greater than 0"),
        (
            {"blocks": "1,1,1,1000000"},
            "Bad value: workload.blocks.3='1000000': Input should be less than or equal to 1000",
        ),
        ({"blocks": "1,2"}, "Bad value: workload.blocks"),
        (
            {"epochs": "99999999999999999999"},
            "workload.epochs='99999999999999999999': Input should be less than or equal",
        ),
        ({"width": "1000000000"}, "workload.width='1000000000': Input should be less than or equal to 10000"),
        ({"threads": "100000000"}, "workload.threads='100000000': Input should be less than or equal to 1024"),
        ({"resolution": "100000000"}, "workload.resolution='100000000': Input should be less than or equal to 4096"),
        ({"stem": "alexnet"}, "Bad value: workload.stem='alexnet': Input should be 'cifar' or 'imagenet'"),
        ({"train_samples": "99999"}, "workload.train_samples=99999: digits has only 1437"),
        ({"test_samples": "99999"}, "workload.test_samples=99999: digits has only 360"),
        ({"dataset": "digit"}, "digits"),
    ],
)
def test_bad_settings_say_what_is_wrong(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        workload("cifar10", "resnet18", "smoke", settings)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("cifar1000", "resnet18", "smoke"), "Unknown family 'cifar1000': did you mean cifar100"),
        (("cifar10", "resnet19", "smoke"), "Unknown network 'resnet19': did you mean resnet18"),
        (("cifar10", "resnet18", "smoked"), "Unknown scale 'smoked': did you mean smoke"),
    ],
)
def test_unknown_names_offer_the_nearest(names: tuple[str, str, str], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        workload(*names)
