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

    journals: the folder of results that they lie in. Each line stands as it was, but for environments, of the run's
    start and of where it was resumed: those lines get a new checksum. A run's identity rests on its spec alone.

    Raises:
        OSError: a journal cannot be read.
        ResultsError: a file cannot be written.
    """
    written = []
    for record in records:
        if not record.complete:
            continue
        lines = (journals / "runs" / record.id / JOURNAL).read_bytes().splitlines()
        path = to / "runs" / record.id / JOURNAL
        replace(path, b"".join(_kept(line) + b"\n" for line in lines))
        written.append(path)
    return written


def _kept(line: bytes) -> bytes:
    content = parse(line)
    if content["type"] == "run":
        return render(content | {"environment": without_places(content["environment"])})
    if content["type"] == "resumed":
        known = [one | {"environment": without_places(one["environment"])} for one in content["environments"]]
        return render(content | {"environments": known})
    return line
