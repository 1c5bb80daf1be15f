"""The doctor on the data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.commands.doctor.check import Check
from benchmarks.errors import UserError
from benchmarks.runner.environment import package
from benchmarks.workloads.data import cards
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import cache_folder, is_tree
from benchmarks.workloads.data.present import downloaded_by, locate


def checks(data: Path | None) -> Iterator[tuple[str, Callable[[], Check]]]:
    """Returns one check per data card."""
    for name in cards.names():
        yield f"data set {name}", partial(data_set, name, data)


def data_set(name: str, data: Path | None) -> Check:
    """Checks whether the data set is here, as published, or can be downloaded."""
    title, card = f"data set {name}", cards.card(name)
    try:
        description = _found(card, data)
    except UserError as error:
        return Check(title, False, str(error), card.obtain)
    if description:
        return Check(title, True, description)
    if data is not None:
        return Check(title, False, f"not in {data}", card.obtain)
    by = downloaded_by(card)
    if not by:
        return Check(title, True, "not here, and nothing downloads it", card.obtain, absent=True)
    if by == "datasets" and not package("datasets"):
        return Check(
            title, True, "not here, and the package that downloads it is not installed", card.obtain, absent=True
        )
    destination = "by Hugging Face datasets" if by == "datasets" else f"into {cache_folder()}"
    return Check(title, True, f"not here: downloaded {destination} when it is first needed", absent=True)


def _found(card: DataCard, data: Path | None) -> str:
    """Returns where a data set is, after comparing its content with the card's; "" where it is not here."""
    from benchmarks.workloads.data import archives
    from benchmarks.workloads.data.images import cifar, digits, folder_tree
    from benchmarks.workloads.data.text import corpus, generated, imdb

    if card.embedded:
        readers: dict[str, Callable[[DataCard], object]] = {"text": generated.read, "corpus": corpus.read}
        readers.get(card.kind, digits.read)(card)
        return "comes with scikit-learn" if card.kind == "images" else "generated"
    place = locate(card, data)
    if place is None:
        return ""
    if card.kind == "folder":
        return f"{place}: {folder_tree.form(card, place).label} (not opened)"
    if is_tree(card, place):
        cifar.read_place(card, place)
        return f"{place}: {card.as_tree.label}"
    if card.kind == "corpus":
        corpus.read_place(card, place)
    elif card.kind == "text":
        imdb.read_place(card, place)
    else:  # the checksums of what is read; nothing is opened
        archives.verified(card, place, [*card.published.split("train"), *card.published.split("test")])
    return f"{place}, as published"
