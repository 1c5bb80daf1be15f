"""A choice in the words of `results.tables.condition`: what an output made of it is named by."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from benchmarks.hardware import cards
from benchmarks.hardware.card import Card
from benchmarks.runner import seeds
from benchmarks.runner.choices import Choices
from benchmarks.runner.identity import hardware_of
from results.tables import RunCondition

OF_A_CARD = ("workload.train_samples", "workload.test_samples", "workload.resolution")


def condition(chosen: Choices, card: Card | None, selection: Iterator[str]) -> RunCondition:
    """The condition of what was chosen, marked with how much real hardware there is, or a foreign card's digest.

    card: of the virtual clock, None in real time. selection: as `words` gives it."""
    hardware = hardware_of(card, chosen.gpus if card is None else None, chosen.node)
    if card is None:
        mark = f"x{hardware.gpus or hardware.cores}"
    else:
        ours = card.name in cards.names() and cards.load(card.name).sha256 == card.sha256
        mark = "" if ours else hardware.sha256[:6]
    return RunCondition(chosen.scale, chosen.executor, hardware.name, chosen.device, mark, tuple(selection))


def words(
    chosen: Choices, owners: Collection[str] | None = None, *, rows: bool = True, networks: bool = True, card: str = ""
) -> Iterator[str]:
    """A word for each choice that is not the default.

    owners: whose settings are meant; None: all. rows, networks: whether --method and --network change which there are.
    card: the name of one that was chosen, where no field of the condition has it.
    """
    if chosen.budget != 1:
        yield f"{chosen.budget}-times-the-samples"
    if chosen.methods and rows:
        yield "+".join(sorted(chosen.methods))
    if chosen.plugin_methods:
        yield f"with-{'+'.join(sorted(chosen.plugin_methods))}"
    if chosen.networks and networks:
        yield "+".join(sorted(chosen.networks))
    yield from [card] if card else []
    if not chosen.any_seed and chosen.seeds != Choices.seeds:
        yield seeds.slug(chosen.seeds)
    yield from ["recorded"] if chosen.record else []
    yield from [] if chosen.alias else ["no-alias"]
    yield from [f"target-{chosen.target:g}"] if chosen.target is not None else []
    yield from (f"{name}={value}" for name, value in sorted(settings(chosen, owners).items()))


def settings(chosen: Choices, owners: Collection[str] | None = None) -> dict[str, str]:
    """Settings by name, "workload.stem" -> value; of a sweep all values. owners: whose settings; None: all."""
    known = [owner for owner in chosen.settings if owners is None or owner in owners]
    said = {f"{owner}.{key}": value for owner in known for key, value in chosen.settings[owner].items()}
    if chosen.own.data is not None:  # its card says all of it, unless a part was asked for
        said = {name: value for name, value in said.items() if name not in OF_A_CARD or value != "none"}
    return {**said, **{one.name: one.text for one in chosen.sweeps if owners is None or one.owner in owners}}
