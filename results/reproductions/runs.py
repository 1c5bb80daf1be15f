"""The runs of a reproduction: their journals, without what names a host or a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from results.files import replace
from results.records import JOURNAL, Record
from results.records.lines import parse, render
from results.reproductions import without_places


def keep(records: Iterable[Record], journals: Path, to: Path) -> list[Path]:
    """Write the journals of the runs that are complete into the folder of results `to` -> the files.

    journals: the folder of results that they lie in. Each line stands as it was, but for the environment of the first,
    whose checksum is made anew; a run's identity rests on its spec alone.

    Raises:
        OSError: a journal cannot be read.
        ResultsError: a file cannot be written.
    """
    written = []
    for record in records:
        if not record.complete:
            continue
        first, *others = (journals / "runs" / record.id / JOURNAL).read_bytes().splitlines()
        head = parse(first)
        head["environment"] = without_places(head["environment"])
        path = to / "runs" / record.id / JOURNAL
        replace(path, b"".join(line + b"\n" for line in (render(head), *others)))
        written.append(path)
    return written
