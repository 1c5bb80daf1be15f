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
    work = workload(family, network, scale)
    assert Workload.model_validate(work.model_dump(mode="json")) == work
    assert (work.family, work.network, work.scale, work.name) == (family, network, scale, f"{family}-{network}")
    assert (work.train_samples or 1) <= card(work.dataset).train_samples
    assert (work.test_samples or 1) <= card(work.dataset).test_samples
    assert card(work.dataset).family == family
    assert network == "lstm" or f"width {work.width}" in work.label
    assert scale != "paper" or work.width == NETWORKS[network].width


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
    work = workload(family, network, "paper")
    assert (work.schedule.t_max, work.schedule.warm_up_epochs) == (t_max, warm_up)
    assert (work.schedule.lr, work.schedule.warm_up_lr) == (0.015, 0.005)
    assert (work.optimizer.momentum, work.optimizer.weight_decay, work.optimizer.nesterov) == (0.9, 0.005, False)
    assert (work.batch, work.width, work.stem, work.blocks, work.augment) == (128, 64, "cifar", None, True)
    assert (work.dataset, work.train_samples, work.test_samples) == (family, 50000, 10000)
    assert work.departures == []


def test_a_rows_batch_shrinks_with_the_scale() -> None:
    """The batch is the published one at paper scale, in proportion elsewhere, and charged as published."""
    assert workload("cifar10", "resnet20", "paper").at_batch(1024) == {"batch": 1024}
    smoke = workload("cifar10", "resnet20", "smoke")
    assert smoke.at_batch(128) == {"batch": smoke.batch, "price_batch": 128}
    assert smoke.at_batch(1024) == {"batch": 8 * smoke.batch, "price_batch": 1024}


def test_the_paper_scale_of_paper_b() -> None:
    work = workload("cifar10", "wrn16_8", "paper")
    assert (work.epochs, work.batch, work.schedule.milestones, work.schedule.gamma) == (200, 128, (60, 120, 160), 0.2)
    assert (work.optimizer.nesterov, work.optimizer.decay_bn, work.patience) == (True, False, 200)


def test_a_network_that_no_paper_trains_begins_with_anothers_settings() -> None:
    vit, resnet18 = workload("cifar100", "vit", "paper"), workload("cifar100", "resnet18", "paper")
    assert (vit.schedule, vit.batch, vit.like, vit.price) == (resnet18.schedule, resnet18.batch, "resnet18", "flops")
    assert vit.width == NETWORKS["vit"].width
    assert vit.departures == ["network: ViT, with ResNet-18's settings"]
    assert workload("cifar100", "vit", "smoke").width == workload("cifar100", "resnet18", "smoke").width
    assert workload("cifar100", "vit", "paper", like="resnet20").optimizer.nesterov


def test_the_paper_scale_of_gpt_is_nanogpts_for_a_processor() -> None:
    """2,000 iterations; lr (it + 1) / 101 for a hundred of them, then a cosine to a tenth."""
    work = workload("tinyshakespeare", "gpt", "paper")
    steps = (work.train_samples or 0) // work.batch
    rates = [work.schedule(update / steps) for update in range(work.epochs * steps)]
    assert len(rates) == 2000
    assert rates[:100] == pytest.approx([1e-3 * (update + 1) / 101 for update in range(100)])
    cosine = [1e-4 + 0.5 * (1 + math.cos(math.pi * (update - 100) / 1900)) * 9e-4 for update in range(100, 2000)]
    assert rates[100:] == pytest.approx(cosine)
    assert (work.optimizer.name, work.optimizer.momentum, work.optimizer.beta2) == ("adamw", 0.9, 0.99)
    assert (work.width, work.tokens and work.tokens.context, work.batch, work.task) == (128, 64, 12, "next_token")
    assert work.departures == []


def test_a_network_is_refused_on_data_that_it_does_not_take() -> None:
    with pytest.raises(UserError, match=r"LSTM.* takes words, and cifar10 has none; there are cifar10 resnet18, "):
        workload("cifar10", "lstm", "smoke")
    with pytest.raises(UserError, match="takes images, and imdb has none"):
        workload("imdb", "vit", "smoke")


def test_settings() -> None:
    """Text as it comes from the command line; everything else stays as it was."""
    default = workload("cifar100", "resnet50", "smoke")
    changed = workload(
        "cifar100",
        "resnet50",
        "smoke",
        {"epochs": "4", "augment": "false", "schedule.lr": "0.1", "optimizer.momentum": "0", "blocks": "(1, 2, 1, 2)"},
    )
    schedule, optimizer = replace_in(default.schedule, lr=0.1), replace_in(default.optimizer, momentum=0.0)
    parts = {"schedule": schedule, "optimizer": optimizer, "blocks": (1, 2, 1, 2)}
    assert changed == replace_in(default, epochs=4, augment=False, **parts)
    assert workload("cifar100", "resnet50", "smoke", {"blocks": "none"}).blocks is None


def replace_in(part: Any, **values: Any) -> Any:
    return part.model_copy(update=values)


def said_aloud(value: Any) -> str:
    return "none" if value is None else str(value)


@pytest.mark.parametrize(("family", "network", "scale"), ALL)
def test_a_default_said_aloud_is_the_same_workload(family: str, network: str, scale: str) -> None:
    """To the type: 5 and 5.0 would be two runs."""
    default = workload(family, network, scale)
    settings = {key: said_aloud(value) for key, value in default.model_dump().items() if not isinstance(value, dict)}
    del settings["family"], settings["network"], settings["scale"]
    for part in ("optimizer", "schedule", *(["text"] if default.text else [])):
        settings |= {f"{part}.{key}": said_aloud(value) for key, value in getattr(default, part).model_dump().items()}
    spelt_out = workload(family, network, scale, settings)
    assert spelt_out.model_dump_json() == default.model_dump_json()


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
