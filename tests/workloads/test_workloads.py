"""Workloads: three scales, and settings that are checked."""

from __future__ import annotations

import math
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.networks.names import NETWORKS
from benchmarks.workloads.scales import PAIRS
from benchmarks.workloads.workload import SCALES, Workload, workload

ALL = [(family, network, scale) for family, network in PAIRS for scale in SCALES]


@pytest.mark.parametrize(("family", "network", "scale"), ALL)
def test_every_workload_can_be_recorded(family: str, network: str, scale: str) -> None:
    """JSON gives back an equal workload."""
    made = workload(family, network, scale)
    assert Workload.model_validate(made.model_dump(mode="json")) == made
    assert (made.family, made.network, made.scale, made.name) == (family, network, scale, f"{family}-{network}")
    assert (made.train_samples or 1) <= card(made.dataset).train_samples
    assert (made.test_samples or 1) <= card(made.dataset).test_samples
    assert card(made.dataset).family == family
    assert network == "lstm" or f"width {made.width}" in made.label
    assert scale != "paper" or made.width == NETWORKS[network].width


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
    """The batch is the published one at paper scale, in proportion elsewhere, and charged as published."""
    assert workload("cifar10", "resnet20", "paper").at_batch(1024) == {"batch": 1024}
    smoke = workload("cifar10", "resnet20", "smoke")
    assert smoke.at_batch(128) == {"batch": smoke.batch, "price_batch": 128}
    assert smoke.at_batch(1024) == {"batch": 8 * smoke.batch, "price_batch": 1024}


def test_the_paper_scale_of_paper_b() -> None:
    made = workload("cifar10", "wrn16_8", "paper")
    assert (made.epochs, made.batch, made.schedule.milestones, made.schedule.gamma) == (200, 128, (60, 120, 160), 0.2)
    assert (made.optimizer.nesterov, made.optimizer.decay_bn, made.patience) == (True, False, 200)


def test_a_network_that_no_paper_trains_begins_with_anothers_settings() -> None:
    made, theirs = workload("cifar100", "vit", "paper"), workload("cifar100", "resnet18", "paper")
    assert (made.schedule, made.batch, made.like, made.price) == (theirs.schedule, theirs.batch, "resnet18", "flops")
    assert made.width == NETWORKS["vit"].width
    assert made.departures == ["network: ViT, with ResNet-18's settings"]
    assert workload("cifar100", "vit", "smoke").width == workload("cifar100", "resnet18", "smoke").width
    assert workload("cifar100", "vit", "paper", like="resnet20").optimizer.nesterov


def test_the_paper_scale_of_gpt_is_nanogpts_for_a_processor() -> None:
    """2,000 iterations; lr (it + 1) / 101 for a hundred of them, then a cosine to a tenth."""
    made = workload("tinyshakespeare", "gpt", "paper")
    steps = (made.train_samples or 0) // made.batch
    rates = [made.schedule(it / steps) for it in range(made.epochs * steps)]
    assert len(rates) == 2000
    assert rates[:100] == pytest.approx([1e-3 * (it + 1) / 101 for it in range(100)])
    theirs = [1e-4 + 0.5 * (1 + math.cos(math.pi * (it - 100) / 1900)) * 9e-4 for it in range(100, 2000)]
    assert rates[100:] == pytest.approx(theirs)
    assert (made.optimizer.name, made.optimizer.momentum, made.optimizer.beta2) == ("adamw", 0.9, 0.99)
    assert (made.width, made.tokens and made.tokens.context, made.batch, made.task) == (128, 64, 12, "next_token")
    assert made.departures == []


def test_a_network_is_refused_on_data_that_it_does_not_take() -> None:
    with pytest.raises(UserError, match=r"LSTM.* takes words, and cifar10 has none; there are cifar10 resnet18, "):
        workload("cifar10", "lstm", "smoke")
    with pytest.raises(UserError, match="takes images, and imdb has none"):
        workload("imdb", "vit", "smoke")


def test_settings() -> None:
    """Text as it comes from the command line; everything else stays as it was."""
    plain = workload("cifar100", "resnet50", "smoke")
    made = workload(
        "cifar100",
        "resnet50",
        "smoke",
        {"epochs": "4", "augment": "false", "schedule.lr": "0.1", "optimizer.momentum": "0", "blocks": "(1, 2, 1, 2)"},
    )
    schedule, optimizer = replace_in(plain.schedule, lr=0.1), replace_in(plain.optimizer, momentum=0.0)
    parts = {"schedule": schedule, "optimizer": optimizer, "blocks": (1, 2, 1, 2)}
    assert made == replace_in(plain, epochs=4, augment=False, **parts)
    assert workload("cifar100", "resnet50", "smoke", {"blocks": "none"}).blocks is None


def replace_in(part: Any, **values: Any) -> Any:
    return part.model_copy(update=values)


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


def test_bad_settings_say_what_is_wrong() -> None:
    for settings, word in (
        ({"epoch": "3"}, "did you mean epochs"),
        ({"schedule.rate": "3"}, "workload.schedule 'rate'"),
        ({"epochs.first": "3"}, "no parts"),
        ({"epochs": "many"}, "workload.epochs='many'"),
        ({"blocks": "1,2"}, "workload.blocks"),
        ({"train_samples": "99999"}, "only 1437"),
        ({"dataset": "digit"}, "digits"),
    ):
        with pytest.raises(UserError, match=word):
            workload("cifar10", "resnet18", "smoke", settings)
