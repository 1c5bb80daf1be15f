"""The runs of a reproduction: their journals, without what names a host or a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from results.files import replace
from results.reading import MOST_BYTES, content
from results.records import JOURNAL, Record
from results.records.lines import FORMAT, Reader, chained
from results.reproductions import without_places


def keep(records: Iterable[Record], journals: Path, to: Path) -> list[Path]:
    """Write the journals of the runs that are complete into the folder of results `to` -> the files.

    journals: the folder of results that they lie in. Each line says what it said, but for environments, of the run's
    start and of where it was resumed. All get new checksums, which are chained whatever the journal's were. A run's
    identity rests on its spec alone.

    Raises:
        OSError: a journal cannot be read.
        ValueError: a journal has been damaged since it was read.
        ResultsError: a file cannot be written.
    """
    written = []
    for record in records:
        if not record.complete:
            continue
        lines, reader = content(journals / "runs" / record.id / JOURNAL, MOST_BYTES).splitlines(), Reader()
        path = to / "runs" / record.id / JOURNAL
        replace(path, chained(_kept(reader.parse(line)) for line in lines)[0])
        written.append(path)
    return written


def _kept(line: Mapping[str, Any]) -> Mapping[str, Any]:
    if line["type"] == "run":
        return {"type": "run", "format": FORMAT, **line, "environment": without_places(line["environment"])}
    if line["type"] == "resumed":
        known = [one | {"environment": without_places(one["environment"])} for one in line["environments"]]
        return {**line, "environments": known}
    return line
