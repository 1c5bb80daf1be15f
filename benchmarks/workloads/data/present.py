"""Checks, before a run starts, whether its data is there or can be had; opens and downloads nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.places import server_error


class Finder(Protocol):
    """Interface of the modules that find data on a disk."""

    def locate(self, card: DataCard, folder: Path | None = None) -> Path | None:
        """Returns the first place that holds the data, or None; opens nothing."""

    def missing(self, card: DataCard, folder: Path | None = None) -> UserError:
        """Returns the error for missing data: where they were looked for, and how to get them."""


def finder(card: DataCard) -> Finder:
    """Returns the module that finds the data of a card that is not embedded."""
    if card.kind == "folder":
        from benchmarks.workloads.data.images import folder_tree

        return folder_tree
    if card.kind == "corpus":
        from benchmarks.workloads.data.text import corpus_places

        return corpus_places
    if card.kind == "text":
        from benchmarks.workloads.data.text import imdb_places

        return imdb_places
    from benchmarks.workloads.data.images import cifar_places

    return cifar_places


def downloaded_by(card: DataCard) -> str:
    """Returns who downloads missing published data: "datasets" (Hugging Face's package), "us", or "" for nobody."""
    if card.kind == "corpus":
        from benchmarks.workloads.data.text import corpus_places

        return "datasets" if corpus_places.of_reviews(card) else ""
    return {"folder": "", "text": "datasets", "images": "us"}[card.kind]


def card_on_disk(card: DataCard, folder: Path | None) -> DataCard:
    """Returns the card of the form of the data that training will find: the published one where nothing is there yet.

    A folder of images has the numbers of what is there, and their label. Raises UserError where it has another layout.
    """
    if card.kind == "folder":
        from benchmarks.workloads.data.images import folder_tree

        place = folder_tree.locate(card, folder)
        return card if place is None else folder_tree.form(card, place)
    if card.tree is None:
        return card
    from benchmarks.workloads.data.images import cifar_places

    return cifar_places.form(card, cifar_places.locate(card, folder))


def form_is_open(card: DataCard, folder: Path | None) -> bool:
    """Returns whether the data set has several forms, of the same samples, and none of them is here."""
    return card.tree is not None and not is_here(card, folder)


def is_here(card: DataCard, folder: Path | None) -> bool:
    """Returns whether the data are on this machine, as far as that can be told without opening them."""
    return card.embedded or card.own is not None or finder(card).locate(card, folder) is not None


def check_downloadable(card: DataCard, folder: Path | None) -> None:
    """Raises UserError, within seconds, where data is not here and cannot be downloaded either.

    Whatever a server answers, it is there. Raises as `check_present`, too.
    """
    check_present(card, folder)
    if is_here(card, folder):
        return
    if downloaded_by(card) == "us":
        silence = server_error(card.published.url)
        why = f"{card.published.url} does not answer ({silence})" if silence else ""
    else:
        from benchmarks.workloads.data.text import huggingface

        obstacle = huggingface.obstacle()
        why = f"there is also Hugging Face's copy, {obstacle}" if obstacle else ""
    if why:
        raise UserError(f"{str(finder(card).missing(card, folder)).removesuffix('.')}; {why}.")


def check_present(card: DataCard, folder: Path | None) -> None:
    """Raises UserError where data is not in the folder that was named for it, or can be had from nowhere else."""
    if card.own is not None:
        return  # they were read when the card was
    if not card.embedded and (folder is not None or not downloaded_by(card)) and not is_here(card, folder):
        raise finder(card).missing(card, folder)
