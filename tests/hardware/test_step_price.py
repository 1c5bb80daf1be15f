"""Price of a simulated step: published seconds where there are any, FLOPs elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.hardware import cards
from benchmarks.hardware.step_price import charge
from benchmarks.papers.fitted import kind
from benchmarks.papers.predicted_seconds import training_seconds
from benchmarks.tables.registry import table
from benchmarks.workloads.build import network_of
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.workload import Workload, workload
from results import published


def charged(work: Workload, name: str = "paper-a") -> Any:
    return charge(work, cards.load(name), network_of(work, card(work.dataset)))


def test_a_narrow_network_is_charged_the_published_seconds() -> None:
    for scale in ("smoke", "paper"):
        price = charged(workload("cifar100", "resnet18", scale)).price
        assert price.forward_seconds == pytest.approx(4.9e-3, rel=1e-4)
    assert charged(workload("cifar100", "resnet18", "smoke")).step_flops == pytest.approx(427e9, rel=0.01)


def test_a_network_that_the_card_does_not_know_is_charged_the_papers_flops() -> None:
    """ResNet-50 on ImageNet: 4.1 G multiply-adds forward an image, 300 images, three times less the stem."""
    step = charged(workload("imagenet", "resnet50", "smoke"))
    assert step.step_flops == pytest.approx(3 * 2 * 4.1e9 * 300, rel=0.03)
    assert step.price.forward_seconds == pytest.approx(2 * 4.1e9 * 300 / 2.459e13, rel=0.03)


def test_a_rows_batch_is_charged_as_published() -> None:
    """MB-SGD at 1024 costs less than eight times a batch of 128: a share of a step is fixed."""
    work = workload("cifar10", "resnet20", "smoke")
    prices = [
        charged(workload("cifar10", "resnet20", "smoke", work.at_batch(batch)), "paper-b").price
        for batch in (128, 1024)
    ]
    steps = [price.forward_seconds + price.backward_seconds for price in prices]
    assert steps[0] == pytest.approx(1754 / (300 * 195), rel=1e-3)  # T / (epochs x steps), Table 1
    assert steps[1] == pytest.approx(1201 / (300 * 24), rel=1e-3)


def test_activations_cost_their_bytes_where_they_are_charged() -> None:
    """Those of the network that is charged: a narrow one stands in for it, of other blocks as well."""
    moved = {"activations": "charged"}
    narrow, full = (charged(workload("cifar10", "resnet50", scale, moved)).price for scale in ("smoke", "paper"))
    assert narrow.sizes.batch() == pytest.approx(full.sizes.batch())
    assert full.sizes.batch() > 4e9
    assert narrow.sizes.batch(1) == full.sizes.batch(1) == 4 + 128 * 256 * 32 * 32 * 4, "stage1.0 gives 256 channels"
    assert charged(workload("cifar10", "resnet50", "smoke")).price.sizes.batch() == 4
    own_flops = charged(workload("cifar10", "resnet50", "smoke", {**moved, "price": "flops"})).price
    assert 4 < own_flops.sizes.batch() < narrow.sizes.batch() / 100


@pytest.mark.parametrize("scale", ["smoke", "paper"])
def test_a_transformer_is_charged_its_products(scale: str) -> None:
    """Charges published blocks that a narrow network stands in for, or its own FLOPs: 24 d^2 T + 4 d T^2 a block."""
    for price, charged_scale in (("published", "paper"), ("flops", scale)):
        step = charged(workload("tinyshakespeare", "gpt", scale, {"price": price}))
        whose = workload("tinyshakespeare", "gpt", charged_scale)
        assert whose.tokens is not None
        d, t = whose.width, whose.tokens.context
        block = (24 * d**2 * t + 4 * d * t**2) * whose.batch / 2.459e13
        assert list(step.price.forward[1:-1]) == pytest.approx([block] * 4, rel=1e-3)
        assert step.price.forward[0] == 0.0


# ---- paper-b's predictions


@pytest.mark.parametrize("id", ["lap-table1", "lap-table6"])
def test_paper_b_reproduces_what_it_was_fitted_to(id: str) -> None:
    paper_table, b = table(id), cards.load("paper-b")
    for row in paper_table.rows:
        if kind("paper-b", id, paper_table.networks[0], row.key) == "fitted":
            expected = published.load(id)[paper_table.networks[0], row.key, "train_time_seconds"].mean
            assert training_seconds(b, paper_table, row) == pytest.approx(expected, rel=0.01)
