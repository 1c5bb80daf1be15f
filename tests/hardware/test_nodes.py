"""Devices in nodes: what a link between two nodes costs, and an all-reduce over many."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from benchmarks.errors import UserError
from benchmarks.hardware import cards
from benchmarks.hardware.card import NodeLinks
from benchmarks.hardware.price import Link, Nodes, Price

SIZE = 1200.0
ONE = Price([1.0], [1.0], [1.0], [SIZE], latency_seconds=0.5, bytes_per_second=100.0)
MANY = replace(ONE, nodes=Nodes(8, latency_seconds=2.0, bytes_per_second=10.0))
KEPT = {"cluster": "19395e3a", "paper-a": "93fde30d5fc9", "paper-a3": "266ba2affd04", "paper-b": "58f359dfa5dd"}


@pytest.mark.parametrize(("name", "sha256"), KEPT.items())
def test_cards_of_runs_that_are_kept_have_their_fingerprint_still(name: str, sha256: str) -> None:
    assert cards.load(name).sha256.startswith(sha256)


def test_what_a_card_says_of_nodes_is_part_of_its_fingerprint() -> None:
    plain = cards.load("paper-a")
    others = [
        plain.model_copy(update={"nodes": NodeLinks(devices=8)}),
        plain.model_copy(update={"collective": "tree"}),
        plain.model_copy(update={"queues": True}),
    ]
    assert len({card.sha256 for card in (plain, *others)}) == 4


def test_a_message_to_another_node_takes_the_nodes_link() -> None:
    assert [MANY.link(0, device).seconds(SIZE) for device in (1, 7, 8, 15)] == [0.5 + 12] * 2 + [2 + 120] * 2
    assert MANY.update([0], SIZE, MANY.link(0, 1), MANY.link(0, 8)) == 2 + 120
    assert ONE.link(0, 1000) == ONE.link(0, 1)


def test_a_ring_goes_at_the_pace_of_its_slowest_link() -> None:
    """16 devices of 2 nodes: 30 hops, 2 of them between nodes; 30 / 16 of the bytes through each link."""
    assert MANY.all_reduce([0], range(8)) == ONE.all_reduce([0], range(8)) == 14 * (0.5 + SIZE / 8 / 100)
    assert MANY.all_reduce([0], range(16)) == pytest.approx(28 * 0.5 + 2 * 2 + 30 / 16 * SIZE / 10)


def test_a_tree_has_a_hop_per_level_and_sends_its_bytes_up_and_down() -> None:
    """4 nodes: two levels between them, and a chain of 8 in each. Without nodes: five levels of 32 devices."""
    tree = replace(MANY, collective="tree")
    assert tree.all_reduce([0], range(32)) == pytest.approx(2 * (2 * 2 + 7 * 0.5) + 2 * SIZE / 10)
    assert replace(ONE, collective="tree").all_reduce([0], range(32)) == pytest.approx(2 * 5 * 0.5 + 2 * SIZE / 100)
    assert tree.all_reduce([0], [3]) == 0 == MANY.all_reduce([0], [3])


# ---- a link for each pair of nodes

PAIRS = NodeLinks(devices=2, bytes_per_second=((100, 10), (20, 50)), latency_seconds=((0, 3), (5, 1)), servers=1)
UNLIKE = replace(ONE, nodes=Nodes(2, pairs=PAIRS.pairs, servers=PAIRS.servers))


def test_each_pair_of_nodes_has_its_link() -> None:
    links = [UNLIKE.link(*pair) for pair in ((0, 1), (0, 2), (2, 0), (2, 3), (0, 4), (4, 3))]
    assert links == [Link(0, 100), Link(3, 10), Link(5, 20), Link(1, 50), Link(3, 10), Link(1, 50)]
    assert UNLIKE.update([0], SIZE, *links[:2]) == 3 + SIZE / 10  # gradients from both: the slower link's
    assert [UNLIKE.port(*pair) for pair in ((0, 2), (1, 3), (2, 0))] == [("node", 0, 1)] * 2 + [("node", 1, 0)]


def test_a_ring_over_pairs_goes_by_numbers_at_the_pace_of_its_slowest_link() -> None:
    assert UNLIKE.all_reduce([0], [3, 0, 2, 1]) == 6 * (3 + SIZE / 4 / 10)
    assert UNLIKE.all_reduce([0], [0, 1]) == 2 * (SIZE / 2 / 100)
    assert UNLIKE.all_reduce([0], [1]) == 0
    assert UNLIKE.all_gather(40, [3, 0]) == max(3 + 4, 5 + 2)


def test_halos_has_the_rates_of_its_repository() -> None:
    """A model of 1 MB from the first region to each, in Gbit/s: 100, 0.537, 0.935, 0.202; 238.391 ms a step."""
    card = cards.load("halos-16")
    price = card.price(card.networks["resnet18"])
    ways = [price.link(16, device).seconds(1e6) for device in (0, 4, 8, 12)]
    assert ways == pytest.approx([8e6 / (rate * 1e9) for rate in (100, 0.537, 0.935, 0.202)])
    assert [price.link(a, b) for a, b in ((5, 14), (14, 5))] == [Link(0, 0.117e9 / 8)] * 2
    assert price.forward_seconds + price.backward_seconds == pytest.approx(0.238391)
    assert [price.factor(1), price.factor(0)] == pytest.approx([1, 0.907 / 0.232])
    with pytest.raises(UserError, match="has the speeds of 16"):
        card.check_devices(17, "ddp")
    with pytest.raises(UserError, match="has the links of 16"):
        card.model_copy(update={"devices": None}).check_devices(17, "ddp")


@pytest.mark.parametrize(
    "fields",
    [
        {"bytes_per_second": [[1, 2]]},
        {"bytes_per_second": [[1, 2], [3]]},
        {"bytes_per_second": [[1, 0], [3, 1]]},
        {"bytes_per_second": [[1]], "latency_seconds": [[-1]]},
        {"bytes_per_second": [[1]], "latency_seconds": [[1, 2], [1, 2]]},
        {"bytes_per_second": [[1]], "servers": 1},
        {"bytes_per_second": [[1]], "link": {"latency_seconds": 1}},
        {"latency_seconds": [[1]]},
    ],
)
def test_links_that_are_none_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NodeLinks.model_validate({"devices": 2, **fields})


def test_links_of_pairs_are_part_of_the_fingerprint() -> None:
    plain = cards.load("halos-16")
    assert plain.sha256 != plain.model_copy(update={"nodes": PAIRS}).sha256
    with pytest.raises(ValidationError):
        type(plain).model_validate({**plain.model_dump(), "collective": "tree"})
