"""A submission's bundle: one zip of its journals, its code, and the checksums of both.

    submission.json   what was submitted, to which track, what is only declared, and the sha256 of each other member
    method.py         the method's file; none of a method of the suite's
    runs.jsonl        journals of the runs that are ranked, and of backpropagation's beside them
    trials.jsonl      journals of the runs that chose the learning rates

Whoever reads one executes nothing of it, unpacks nothing onto the disk, and reads no more than `MOST_BYTES`. Checksums
find damage and careless changes; they are no signature.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from benchmarks.errors import UserError, check_printable
from results.errors import ResultsError
from results.files import replace
from results.reading import content
from results.records import JOURNAL, Record, separated
from results.records.usable import usable
from results.reproductions import packed

MOST_BYTES = 2**26
"""Most bytes of a bundle, and of each of its members once unpacked."""
MANIFEST, CODE, RUNS, TRIALS = "submission.json", "method.py", "runs.jsonl", "trials.jsonl"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can have: equal contents make equal bundles
Text = Annotated[str, Field(max_length=200), AfterValidator(check_printable)]


class Refused(UserError):
    """A bundle that is not ranked; the text says why.

    rule: "form", "checksum" or "journal" of its files; "method", "code", "workload", "seeds", "ended", "batches",
    "clock", "tuning", "band" or "others" of its track.
    """

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule


class Manifest(BaseModel):
    """A bundle's own description.

    method: name of the row, such as "my_sgd@period=4". file: that its code was in, "" of a method of the suite.
    author, label: declared, and shown as such. sha256: of the other members, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    track: Text
    edition: Text
    method: Text
    file: Text = ""
    title: Text
    label: Text = ""
    author: Text = ""
    sha256: Mapping[str, str]


@dataclass(frozen=True)
class Bundle:
    """A bundle as read: nothing but its checksums and the form of its journals is checked yet.

    sha256: of the whole file. code: of the method, if it is no method of the suite's.
    """

    path: Path
    sha256: str
    manifest: Manifest
    code: bytes | None
    runs: tuple[Record, ...]
    trials: tuple[Record, ...]


def write(path: Path, about: Manifest, code: bytes | None, runs: Iterable[Record], trials: Iterable[Record]) -> None:
    """Write a bundle; of `about` the checksums are filled in. Environments lose the names of folders.

    Raises ResultsError where a journal cannot be read again, or the file cannot be written.
    """
    members = {RUNS: packed(runs), TRIALS: packed(trials), **({CODE: code} if code is not None else {})}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(members.items())}
    manifest = about.model_copy(update={"sha256": sums}).model_dump_json(indent=2).encode() + b"\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted({MANIFEST: manifest, **members}.items()):
            archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
    replace(path, file.getvalue())


def read(path: Path) -> Bundle:
    """Read a bundle and check its checksums; nothing of it is executed.

    Raises Refused where it is no bundle, a member is not as its checksum says, or a journal cannot be used.
    """
    try:
        data = content(path, MOST_BYTES)
    except OSError as error:
        raise Refused("form", f"it cannot be read ({error.strerror}).") from error
    members = _members(data)
    manifest = _manifest(members)
    runs, trials = (tuple(_records(Path(name), members[name])) for name in (RUNS, TRIALS))
    return Bundle(path, hashlib.sha256(data).hexdigest(), manifest, members.get(CODE), runs, trials)


def _members(data: bytes) -> dict[str, bytes]:
    known = {MANIFEST, CODE, RUNS, TRIALS}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            if len(set(names)) < len(names) or not known - {CODE} <= set(names) <= known:
                raise _none(f"it holds {', '.join(names[:5]) or 'nothing'}")
            found = {}
            for info in infos:
                with archive.open(info) as member:
                    found[info.filename] = member.read(MOST_BYTES + 1)
                if len(found[info.filename]) > MOST_BYTES:
                    raise _none(f"{info.filename} has more than {MOST_BYTES:,} bytes")
            return found
    except Refused:
        raise
    except Exception as error:  # of zip's and of each decompressor's own kinds
        raise _none(str(error)) from error


def _manifest(members: Mapping[str, bytes]) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(members[MANIFEST])
    except ValidationError as error:
        wrong = error.errors()[0]
        raise _none(f"{MANIFEST}, {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from error
    others = {name: hashlib.sha256(data).hexdigest() for name, data in members.items() if name != MANIFEST}
    if changed := [name for name in others if manifest.sha256.get(name) != others[name]]:
        raise Refused(
            "checksum", f"{', '.join(changed)} was changed after the bundle was made: its checksum is another."
        )
    return manifest


def _records(name: Path, data: bytes) -> Iterable[Record]:
    for id, journal in separated(data).items():
        try:
            record = usable(name / id / JOURNAL, journal)
        except ResultsError as error:
            raise Refused("journal", str(error)) from error
        if not record.chained:
            raise Refused("journal", f"the lines of run {id[:12]} in {name} are not chained.")
        yield record


def _none(why: str) -> Refused:
    return Refused("form", f"it is no bundle of `submit`: {why}.")
