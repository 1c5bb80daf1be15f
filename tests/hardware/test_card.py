"""Hardware cards: read, checked, written, and turned into prices."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.errors import UserError
from benchmarks.hardware import cards
from benchmarks.hardware.card import Card, Costs, LayerWork, NetworkSeconds
from benchmarks.hardware.delays import Delay
from benchmarks.hardware.flops import activations, layer_work
from benchmarks.hardware.price import Price
from benchmarks.workloads.networks.build import build
from benchmarks.workloads.networks.names import NETWORKS
from tests.endless import Make, endless

SMALL = Card(
    name="small",
    title='a card with "quotes", ünicode and a \\ backslash',
    source="made up",
    notes=("one", "two"),
    flops_per_second=2.5e9,
    lanes=2,
    lane_capacity=1.25,
    peak_flops_per_second=5e9,
    delays=(Delay(kind="bursts", device=1, steps=2.5), Delay(kind="trace", device=0, values=(0.0, 1.5))),
    link=Costs(latency_seconds=1e-4, bytes_per_second=1e9),
    update=Costs(latency_seconds=0.00025),
    networks={
        "resnet18": NetworkSeconds(
            what="two layers",
            batch=128,
            layers=("stem", "head"),
            forward_seconds=(1e-05, 2.0),
            backward_input_seconds=(0.0, 0.125),
            backward_weight_seconds=(3.0, 100000.0),
            parameter_bytes=(7424.0, 512.0),
        )
    },
)


PAPER_A = ["paper-a", "paper-a-ideal", "paper-a3"]


def price_of(card: str, network: str) -> Price:
    return cards.load(card).price(cards.load(card).networks[network])


def by_flops(*layers: LayerWork) -> Price:
    return SMALL.price(SMALL.seconds_by_flops(layers, what="two layers", batch=1))


def test_a_card_written_and_read_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "new" / "card.toml"
    cards.write(SMALL, path, "First line.\nSecond line.")
    assert cards.load(str(path)) == SMALL
    assert cards.load(str(path)).sha256 == SMALL.sha256
    assert path.read_text(encoding="utf-8").startswith("# First line.\n# Second line.\n")
    assert [entry.name for entry in path.parent.iterdir()] == ["card.toml"]


def test_every_card_of_ours_is_valid() -> None:
    assert {*PAPER_A, "paper-b", "asyncdiloco-4", "halos-16", "lowcomm-4"} <= set(cards.names())
    for name in cards.names():
        assert cards.load(name).name == name
    assert all(set(cards.load(name).networks) == {"resnet18", "resnet50"} for name in PAPER_A)
    assert set(cards.load("paper-b").networks) == {"resnet20", "wrn16_8", "squeezenet", "resnet18"}


def test_a_card_can_extend_another() -> None:
    base, extended = cards.load("paper-a"), cards.load("paper-a3")
    assert (extended.link, extended.networks) == (base.link, base.networks)
    assert (extended.name, extended.lanes) == ("paper-a3", 3)


def test_a_card_knows_a_network_by_its_images_and_its_stem() -> None:
    a, b = cards.load("paper-a"), cards.load("paper-b")
    assert a.seconds_of("resnet18", family="cifar10", stem="cifar") is not None
    assert a.seconds_of("resnet18", family="cifar10", stem="imagenet") is None
    assert a.seconds_of("resnet50", family="imagenet", stem="imagenet") is None
    assert b.seconds_of("resnet18", family="imagenet", stem="imagenet") is not None
    assert b.seconds_of("resnet18", family="cifar100", stem="cifar") is None
    assert a.seconds_of("lstm", family="imdb", stem="cifar") is None


def test_a_batch_costs_its_fixed_share_and_the_rest_in_proportion() -> None:
    seconds_known = SMALL.networks["resnet18"].model_copy(update={"fixed_share": 0.25})
    single, double = SMALL.price(seconds_known), SMALL.price(seconds_known, batch=256)
    assert double.forward_seconds == pytest.approx(single.forward_seconds * (0.25 + 0.75 * 2))
    assert double.parameter_bytes == single.parameter_bytes


def test_the_content_of_a_card_is_its_identity() -> None:
    assert SMALL.sha256 == SMALL.model_copy().sha256
    assert SMALL.sha256 != SMALL.model_copy(update={"lanes": 3}).sha256
    assert cards.load("paper-a").sha256 != cards.load("paper-a-ideal").sha256


def test_a_note_is_no_part_of_it() -> None:
    assert SMALL.sha256 == SMALL.model_copy(update={"notes": ("It was measured on a Monday.",)}).sha256


def test_paper_as_seconds_are_table_9s() -> None:
    """Forward and backward at batch 128, in milliseconds; the backward pass costs no update there."""
    for name in PAPER_A:
        for network, forward, backward in (("resnet18", 4.9, 10.2), ("resnet50", 16.6, 29.9)):
            price = price_of(name, network)
            assert price.forward_seconds == pytest.approx(forward * 1e-3, rel=1e-4)
            assert price.backward_seconds == pytest.approx(backward * 1e-3, rel=1e-4)


# ---- prices


@pytest.mark.parametrize("blocks", [(1, 1, 1, 1), (2, 1, 4, 3), (3, 4, 6, 3)])
def test_a_stand_in_of_other_blocks_costs_as_much_in_all(blocks: tuple[int, ...]) -> None:
    """Each stage's seconds and bytes are shared by the blocks that stand in for it."""
    card = cards.load("paper-a")
    names = ["stem", *(f"stage{s + 1}.{i}" for s, count in enumerate(blocks) for i in range(count)), "head"]
    published, shared = (card.price(card.networks["resnet50"], layers) for layers in (None, names))
    assert len(shared.forward) == len(names)
    for quantity in ("forward", "backward_inputs", "backward_weights", "parameter_bytes"):
        assert sum(getattr(shared, quantity)) == pytest.approx(sum(getattr(published, quantity)))
    assert sum(shared.forward[1 : 1 + blocks[0]]) == pytest.approx(sum(published.forward[1:4]))
    assert shared.forward[0] == published.forward[0]


def test_a_stand_in_of_other_stages_is_refused() -> None:
    card = cards.load("paper-a")
    with pytest.raises(UserError, match=r"other stages \(stage4\): use --set workload.price=flops"):
        card.price(card.networks["resnet18"], ["stem", "stage1.0", "stage2.0", "stage3.0", "head"])


def test_other_networks_are_priced_by_their_flops() -> None:
    """Weights and inputs cost a forward pass each, but for the first layer's inputs."""
    price = by_flops(LayerWork("a", 5e9, 8.0), LayerWork("b", 2.5e9, 4.0))
    assert price.forward == [2.0, 1.0]
    assert price.backward_weights == [2.0, 1.0]
    assert price.backward_inputs == [0.0, 1.0]
    assert price.parameter_bytes == [8.0, 4.0]


def test_the_flops_of_a_layer() -> None:
    """2 x multiply-adds; the network is left as it was."""
    network = build("resnet18", classes=10, shape=(3, 8, 8), width=4)
    before = [tensor.clone() for layer in network.values() for tensor in layer.state_dict().values()]
    work = layer_work(network, (2, 3, 8, 8))
    assert [layer.name for layer in work] == list(network)
    assert work[0].forward_flops == 2 * 2 * (4 * 3 * 9) * 8 * 8
    assert work[-1].forward_flops == 2 * 2 * 32 * 10
    assert work[0].parameter_bytes == 4 * (4 * 3 * 9 + 2 * 4)
    after = [tensor for layer in network.values() for tensor in layer.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_activations_of_a_layer() -> None:
    """Autograd keeps the inputs of a convolution and of BatchNorm and the output of a ReLU, but no parameter."""
    layers = {
        "stem": nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()),
        "head": nn.Sequential(nn.Flatten(), nn.Linear(4 * 8 * 8, 10)),
    }
    result = activations(layers, (2, 3, 8, 8))
    assert result.kept == [2 * (3 + 4) * 8 * 8 * 4, 2 * 4 * 8 * 8 * 4]
    assert result.output == [2 * 4 * 8 * 8 * 4, 2 * 10 * 4]


@pytest.mark.parametrize("network", NETWORKS)
def test_flops_are_those_that_torch_counts(network: str) -> None:
    images = NETWORKS[network].inputs == "images"
    vocabulary, dtype = (None, torch.float32) if images else (50, torch.int64)
    shape = (3, 32, 32) if images else (7,)
    x = torch.zeros((2, *shape), dtype=dtype, device="meta")
    with torch.device("meta"):
        layers = build(network, classes=10, shape=shape, width=4, vocabulary=vocabulary)
    expected = []
    for module in layers.values():
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            x = module(x)
        expected.append(counter.get_total_flops())
    result = layer_work(build(network, classes=10, shape=shape, width=4, vocabulary=vocabulary), (2, *shape), dtype)
    assert [layer.forward_flops for layer in result] == expected


def test_what_a_price_charges() -> None:
    price = Price([1.0] * 2, [2.0] * 2, [4.0] * 2, [10.0, 30.0], 0.5, 20.0, 0.25, 80.0)
    assert (price.forward_seconds, price.backward_seconds) == (2.0, 12.0)
    assert price.link(0, 1).seconds(0) == 0.5
    assert price.update([0, 1]) == 0.25 + 40 / 80
    assert price.update([0, 1], 40, price.link(0, 1)) == 0.25 + 40 / 80 + 0.5 + 40 / 20
    assert price.all_reduce([0, 1], range(1)) == 0
    assert price.all_reduce([0, 1], range(4)) == pytest.approx(2 * 3 * 0.5 + 2 * 3 / 4 * 40 / 20)


# ---- bad input
ONE_OF_TWO = (
    "forward_seconds = [1]\nbackward_input_seconds = [1, 2]\nbackward_weight_seconds = [1, 2]\nparameter_bytes = [1, 2]"
)

VALID = {
    "name": "name = 'x'",
    "title": "title = 'x'",
    "source": "source = 'x'",
    "flops_per_second": "flops_per_second = 1e9",
}


def test_an_invalid_card_says_where(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    for change, word in (
        ({"name": "name = "}, "Invalid"),
        ({"title": ""}, "title"),
        ({"flops_per_second": "flops_per_second = 0"}, "flops_per_second"),
        ({"title": 'title = "a\\u001b[31m"'}, "control characters"),
        ({"more": "lane = 2"}, "lane"),
        ({"more": "[link]\nlatency_seconds = -1"}, "link.latency_seconds"),
        ({"more": "[networks.resnet18]\nwhat = 'x'\nbatch = 1\nlayers = ['a', 'b']\n" + ONE_OF_TWO}, "one value per"),
    ):
        path.write_text("\n".join({**VALID, **change}.values()), encoding="utf-8")
        with pytest.raises(UserError, match=f"hardware card {path} is not valid: .*{word}"):
            cards.load(str(path))


def test_unknown_cards_offer_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Unknown hardware card 'paper-c': did you mean paper-"):
        cards.load("paper-c")
    with pytest.raises(UserError, match=r"There is no hardware card nowhere\.toml"):
        cards.load("nowhere.toml")
    with pytest.raises(UserError, match="run `python -m benchmarks calibrate` first"):
        cards.load("this-machine", out=tmp_path)


def test_what_calibrate_wrote_is_found_by_name(tmp_path: Path) -> None:
    cards.write(SMALL, tmp_path / "hardware" / "this-machine.toml", "")
    assert cards.load("this-machine", out=tmp_path).title == SMALL.title


@endless
def test_a_card_without_an_end(make: Make, words: str, tmp_path: Path) -> None:
    make(tmp_path / "card.toml")
    with pytest.raises(UserError, match=rf"is not valid: .*{words}|There is no hardware card"):
        cards.load(str(tmp_path / "card.toml"))


def test_a_card_that_goes_in_circles_or_too_deep(tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(f"extends = '{tmp_path}/card'", encoding="utf-8")
    (tmp_path / "deep.toml").write_text("title = " + "[" * 100_000, encoding="utf-8")
    (tmp_path / "long.toml").write_text("notes = ['" + "x" * 2**20 + "']", encoding="utf-8")
    for name, words in (
        ("card", "recursion|nested"),
        ("deep", "nested too deep"),
        ("long", "more than 1,048,576 bytes"),
    ):
        with pytest.raises(UserError, match=f"is not valid: .*{words}"):
            cards.load(str(tmp_path / f"{name}.toml"))
