"""Bundles and the leaderboard. Runs are the kept ones of backpropagation, changed where a test says so."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.views import journals
from benchmarks.views.submissions import board, bundle, pages
from benchmarks.views.submissions.bundle import Manifest, Refused
from benchmarks.views.submissions.rules import check, code_digest
from benchmarks.views.submissions.track import references
from benchmarks.views.submissions.tracks import TRACKS
from results.groups import FIRST_TRIAL_SEED
from results.records import JOURNAL, content_of, folder_of
from results.records.identity import identity
from results.records.lines import CHAIN, CHECKSUM, chained
from results.statistics.aggregate import interquartile_mean
from tests.pictures import leave_empty

TRACK = TRACKS["lm"]
CODE = b"# a method of two lines\n"
Line = dict[str, Any]
Change = Callable[[list[Line]], None]


@dataclass
class Maker:
    """Makes bundles of the track's kept runs of backpropagation, as if `name` had trained its own just so."""

    folder: Path
    name: str = "my_sgd"
    faster: float = 1.0
    made: int = 0
    changes: dict[str, Change] = field(default_factory=dict)

    def __call__(self, name: str, **changes: Change) -> Path:
        """Writes it -> its path. changes: of the "finals", the "baseline" or the "trials", before they are chained."""
        self.made += 1
        out = self.folder / f"out{self.made}"
        every = references(TRACK, "smoke")
        theirs = {"finals": every, "baseline": every, "trials": every[:1]}
        ids = {
            kind: [self._write(out, kind, content_of(one.path), changes.get(kind)) for one in its]
            for kind, its in theirs.items()
        }
        found = {record.id: record for record in journals.read(out).records}
        path = self.folder / name
        about = Manifest(track=TRACK.id, edition="smoke", method=self.name, file="my.py", title=self.name, sha256={})
        runs = [found[id] for id in (*ids["finals"], *ids["baseline"])]
        bundle.write(path, about, CODE, runs, [found[id] for id in ids["trials"]])
        return path

    def _write(self, out: Path, kind: str, journal: bytes, change: Change | None) -> str:
        lines = [
            {key: value for key, value in json.loads(line).items() if key not in (CHAIN, CHECKSUM)}
            for line in journal.splitlines()
        ]
        spec, labels = lines[0]["spec"], lines[0]["labels"]
        if kind != "baseline":
            spec |= {"method": {"name": self.name, "options": {}}, "sources": code_digest("my.py", CODE)}
            labels |= {"row": self.name}
            for line in lines[1:-1]:
                line["metrics"]["virtual_seconds"] /= self.faster
        if kind == "trials":
            spec["seed"] = FIRST_TRIAL_SEED
        if change is not None:
            change(lines)
        lines[0]["id"] = identity(spec)
        folder = folder_of(out, lines[0]["id"])
        folder.mkdir(parents=True)
        (folder / JOURNAL).write_bytes(chained(lines)[0])
        return str(lines[0]["id"])


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "bundles")


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, files: Mapping[str, bytes], *, summed: bool = True) -> Path:
    """Write a bundle of these files, with new checksums unless they are to stay."""
    if summed:
        about = json.loads(files["submission.json"])
        about["sha256"] = {
            name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name in about["sha256"]
        }
        files = {**files, "submission.json": json.dumps(about).encode()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as refused:
        check(bundle.read(path))
    return refused.value.rule


# ---- rules


def test_a_bundle_that_keeps_the_rules_is_ranked_by_its_time_to_the_target(make: Maker) -> None:
    make.faster = 2.0
    (ranking,) = board.rank([check(bundle.read(make("a.zip")))])
    (entry,) = ranking.entries
    assert entry.mean == pytest.approx(2 * interquartile_mean(ranking.baseline), rel=1e-3)
    assert (entry.improvement[0], entry.reached) == (1.0, (5, 5))


def test_a_changed_number_is_found_by_the_checksum_and_by_the_chain(make: Maker) -> None:
    files = members(make("a.zip"))
    changed = {**files, "runs.jsonl": files["runs.jsonl"].replace(b'"loss":2.', b'"loss":1.', 1)}
    assert changed != files
    assert refusal(pack(make.folder / "b.zip", changed, summed=False)) == "checksum"
    assert refusal(pack(make.folder / "c.zip", changed)) == "journal"


def skip_batches(lines: list[Line]) -> None:
    for line in lines[1:-1]:
        line["step"] -= 4 * line["epoch"]


def skip_gradients(lines: list[Line]) -> None:
    lines[-1]["effects"]["gradients"] -= 6
    lines[-1]["effects"]["applied"] -= 6


def too_fast(lines: list[Line]) -> None:
    for line in lines[1:-1]:
        line["metrics"]["virtual_seconds"] /= 20


def of_another_row(lines: list[Line]) -> None:
    lines[0]["spec"]["method"]["name"] = "another"


def of_other_code(lines: list[Line]) -> None:
    lines[0]["spec"]["sources"] = "0" * 64


def at_another_rate(lines: list[Line]) -> None:
    lines[0]["spec"]["workload"]["schedule"]["lr"] *= 2


def on_a_smaller_batch(lines: list[Line]) -> None:
    lines[0]["spec"]["workload"]["batch"] //= 2


def cut_short(lines: list[Line]) -> None:
    lines[-1]["status"] = "failed"


def learnt_more(lines: list[Line]) -> None:
    for line in lines[1:-1]:
        line["metrics"]["loss"] /= 2


@pytest.mark.parametrize(
    ("kind", "change", "rule"),
    [
        ("finals", skip_batches, "batches"),
        ("trials", skip_gradients, "batches"),
        ("finals", too_fast, "clock"),
        ("finals", of_another_row, "method"),
        ("trials", of_other_code, "code"),
        ("finals", at_another_rate, "tuning"),
        ("finals", on_a_smaller_batch, "workload"),
        ("finals", cut_short, "ended"),
        ("baseline", learnt_more, "band"),
        ("baseline", at_another_rate, "seeds"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_each_rule_has_its_refusal(make: Maker, kind: str, change: Change, rule: str) -> None:
    assert refusal(make("a.zip", **{kind: change})) == rule


def test_the_journal_of_another_run_is_refused(make: Maker) -> None:
    """Under the id of one of its own it is no run; whole, it has no place."""
    files = members(make("a.zip"))
    make.name = "another"
    others = members(make("b.zip"))["runs.jsonl"].splitlines(keepends=True)
    foreign = [line for line in others if b'"row":"another"' in line]
    first = others[: next(number for number, line in enumerate(others) if number and line.startswith(b'{"type":"run"'))]
    assert first[0] == foreign[0]
    with_another = {**files, "runs.jsonl": files["runs.jsonl"] + b"".join(first)}
    assert refusal(pack(make.folder / "c.zip", with_another)) == "others"
    id = json.loads(files["runs.jsonl"].splitlines()[0])["id"]
    posing = {**files, "runs.jsonl": b"".join(first).replace(json.loads(first[0])["id"].encode(), id.encode())}
    assert refusal(pack(make.folder / "d.zip", posing)) == "journal"


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + 18 * b"\0"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert refusal(path) == "form"


# ---- the leaderboard


def boards(folders: Sequence[Path], to: Path) -> list[dict[str, bytes]]:
    found = []
    for number, folder in enumerate(folders):
        written = pages.write_all(board.leaderboard(folder), to / str(number))
        found.append({path.name: path.read_bytes() for path in written})
    return found


def test_two_folders_of_the_same_bundles_make_the_same_bytes(
    make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_empty(monkeypatch)
    make("a.zip")
    make.name, make.faster = "another", 1.5
    make("b.zip")
    (make.folder / "refused.zip").write_bytes(b"")
    other = tmp_path / "elsewhere" / "copy"
    other.mkdir(parents=True)
    for path in sorted(make.folder.glob("*.zip"), reverse=True):
        (other / path.name).write_bytes(path.read_bytes())
    first, second = boards([make.folder, other], tmp_path / "pages")
    assert first == second
    said = json.loads(first["leaderboard.json"])
    assert [entry["method"] for entry in said["rankings"][0]["entries"]] == ["another", "my_sgd"]
    assert [one["file"] for one in said["refused"]] == ["refused.zip"]
