"""Reads and writes bundles: a submission's journals, code and their checksums in one zip.

    submission.json   method, track, author and label, and the sha256 of each other member
    method.py         code of a method that is not the suite's
    runs.jsonl        journals of the ranked runs, and of backpropagation's beside them
    trials.jsonl      journals of the runs that chose the learning rates

Reading one executes nothing, unpacks nothing onto the disk and takes at most `MOST_BYTES` a member. Checksums detect
damage and careless changes; they are no signature.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from benchmarks.errors import UserError, check_printable
from results.errors import UnusableJournal
from results.files import replace
from results.reading import content
from results.records import JOURNAL, Record, separated
from results.records.usable import usable
from results.reproductions import packed

MOST_BYTES = 2**24
"""Limit of a bundle's size, and of each member's once unpacked; those of the smoke editions have 0.2 MB."""
MANIFEST, CODE, RUNS, TRIALS = "submission.json", "method.py", "runs.jsonl", "trials.jsonl"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can have: equal contents make equal bundles
Text = Annotated[str, Field(max_length=200), AfterValidator(check_printable)]
FileName = Annotated[Text, Field(pattern=r"^([^/\\]+\.py)?$")]


class Refused(UserError):
    """A bundle is not ranked; the text says why.

    rule: "form", "checksum" or "journal" of its files; "method", "code", "workload", "seeds", "ended", "batches",
    "clock", "curve", "tuning", "band" or "others" of its track.
    """

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule


class Manifest(BaseModel):
    """A bundle's description of itself.

    method: key of the row, such as "my_sgd@period=4". file: name of the file with its code, "" for the suite's methods.
    author, label: declared, and shown as such. sha256: digests of the other members, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    track: Text
    edition: Text
    method: Text
    file: FileName = ""
    title: Text
    label: Text = ""
    author: Text = ""
    sha256: Mapping[str, str]


@dataclass(frozen=True)
class Bundle:
    """A bundle whose checksums and journals are intact; `rules.check` holds it to its track.

    sha256: digest of the whole file. code: None for a method of the suite.
    """

    path: Path
    sha256: str
    manifest: Manifest
    code: bytes | None
    runs: tuple[Record, ...]
    trials: tuple[Record, ...]


def described(**fields: str) -> Manifest:
    """Returns a manifest of these fields, without checksums. Raises UserError where one is too long or unprintable."""
    try:
        return Manifest.model_validate({**fields, "sha256": {}})
    except ValidationError as error:
        raise UserError(f"No bundle can have this {_first(error)}.") from error


def write(path: Path, manifest: Manifest, code: bytes | None, runs: Iterable[Record], trials: Iterable[Record]) -> None:
    """Writes a bundle, fills in the manifest's checksums, and removes folders' names from environments.

    Raises ResultsError where a journal cannot be read again, or the file cannot be written.
    """
    members = {RUNS: packed(runs), TRIALS: packed(trials), **({CODE: code} if code is not None else {})}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(members.items())}
    document = manifest.model_copy(update={"sha256": digests}).model_dump_json(indent=2).encode() + b"\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted({MANIFEST: document, **members}.items()):
            archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
    replace(path, file.getvalue())


def read(path: Path) -> Bundle:
    """Reads a bundle and checks its checksums; executes nothing of it.

    Raises Refused where it is no bundle, a member has another checksum, or a journal cannot be used.
    """
    try:
        data = content(path, MOST_BYTES)
    except OSError as error:
        raise Refused("form", f"it cannot be read ({error.strerror}).") from error
    members = _members(data)
    manifest = _manifest(members)
    runs, trials = (tuple(_records(name, members[name])) for name in (RUNS, TRIALS))
    return Bundle(path, hashlib.sha256(data).hexdigest(), manifest, members.get(CODE), runs, trials)


def _members(data: bytes) -> dict[str, bytes]:
    """Returns the contents of the members by name."""
    required = {MANIFEST, RUNS, TRIALS}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            names = {info.filename for info in infos}
            if len(names) < len(infos) or not required <= names <= required | {CODE}:
                raise _no_bundle(f"it holds {', '.join(sorted(names)[:5]) or 'nothing'}")
            members = {}
            for info in infos:
                if stat.S_ISLNK(info.external_attr >> 16):
                    raise _no_bundle(f"{info.filename} is a link")
                with archive.open(info) as member:
                    members[info.filename] = member.read(MOST_BYTES + 1)
                if len(members[info.filename]) > MOST_BYTES:
                    raise _no_bundle(f"{info.filename} has more than {MOST_BYTES:,} bytes")
            return members
    except Refused:
        raise
    except Exception as error:  # zipfile and each decompressor have errors of their own
        raise _no_bundle(str(error)) from error


def _manifest(members: Mapping[str, bytes]) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(members[MANIFEST])
    except ValidationError as error:
        raise _no_bundle(f"{MANIFEST}, {_first(error)}") from error
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items() if name != MANIFEST}
    if changed := [name for name in digests if manifest.sha256.get(name) != digests[name]]:
        raise Refused("checksum", f"{changed[0]} was changed after the bundle was made: its checksum is another.")
    return manifest


def _first(error: ValidationError) -> str:
    """Returns the field and message of the first fault."""
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".removeprefix(": ")


def _records(name: str, data: bytes) -> Iterator[Record]:
    """Yields the runs of a member."""
    for id, journal in separated(data).items():
        run = f"{name}, run {id[:12] or 'without an id'}"
        try:
            record = usable(Path(name, id, JOURNAL), journal)
        except UnusableJournal as error:
            raise Refused("journal", f"{run}{error.fault}.") from error
        if not record.chained:
            raise Refused("journal", f"{run}: its lines are not chained.")
        yield record


def _no_bundle(why: str) -> Refused:
    return Refused("form", f"it is no bundle of `submit`: {why}.")
