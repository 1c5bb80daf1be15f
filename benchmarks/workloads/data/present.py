"""Checks, before a run starts, whether its data is here or can be downloaded; opens and downloads nothing."""

from __future__ import annotations

from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.workloads.data import places
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.images import folder_tree
from benchmarks.workloads.data.places import server_error


def locate(card: DataCard, folder: Path | None) -> Path | None:
    """Returns the first place that holds the data of a card that is not embedded, or None."""
    return folder_tree.locate(card, folder) if card.kind == "folder" else places.locate(card, folder)


def missing(card: DataCard, folder: Path | None) -> UserError:
    """Returns the error for missing data: where it was looked for, and how to get it."""
    return folder_tree.missing(card, folder) if card.kind == "folder" else places.missing(card, folder)


def downloaded_by(card: DataCard) -> str:
    """Returns who downloads missing published data: "datasets" (Hugging Face's package), "us", or "" for nobody."""
    if card.kind == "images":
        return "us"
    return "datasets" if card.kind != "folder" and places.holds_reviews(card) else ""


def card_on_disk(card: DataCard, folder: Path | None) -> DataCard:
    """Returns the card of the data that training will find; as published where nothing is here yet.

    An image folder has the numbers and the label of what is in it. Raises UserError where it has another layout.
    """
    if card.kind == "folder":
        place = folder_tree.locate(card, folder)
        return card if place is None else folder_tree.form(card, place)
    return card if card.tree is None else places.form(card, places.locate(card, folder))


def form_is_open(card: DataCard, folder: Path | None) -> bool:
    """Returns whether the data set has several forms of the same samples, and none of them is here."""
    return card.tree is not None and not is_here(card, folder)


def is_here(card: DataCard, folder: Path | None) -> bool:
    """Returns whether the data is on this machine, as far as that can be told without opening it."""
    return card.embedded or card.own is not None or locate(card, folder) is not None


def check_downloadable(card: DataCard, folder: Path | None) -> None:
    """Raises UserError, within seconds, where data is neither here nor can be downloaded."""
    check_present(card, folder)
    if is_here(card, folder):
        return
    if downloaded_by(card) == "us":
        silence = server_error(card.published.url)
        why = f"{card.published.url} does not answer ({silence})" if silence else ""
    else:
        from benchmarks.workloads.data.text import imdb

        obstacle = imdb.obstacle()
        why = f"there is also Hugging Face's copy, {obstacle}" if obstacle else ""
    if why:
        raise UserError(f"{str(missing(card, folder)).removesuffix('.')}; {why}.")


def check_present(card: DataCard, folder: Path | None) -> None:
    """Raises UserError where data is not in the folder that the user named, or is missing and nobody downloads it."""
    if not is_here(card, folder) and (folder is not None or not downloaded_by(card)):
        raise missing(card, folder)
