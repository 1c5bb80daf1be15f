"""Tests bundles and the leaderboard on the kept runs of backpropagation, changed where a test says so."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from results.records import JOURNAL, Record, content_of, folder_of
from results.records.identity import identity
from results.records.lines import CHAIN, CHECKSUM, chained
from results.records.usable import usable
from results.statistics.aggregate import interquartile_mean
from tests.pictures import leave_empty

TRACK = TRACKS["lm"]
CODE = b"# a method of two lines\n"
Line = dict[str, Any]
Change = Callable[[list[Line]], None]


@dataclass
class Maker:
    """Makes bundles of the track's kept runs of backpropagation, as if the method `name` had trained like it."""

    folder: Path
    name: str = "my_sgd"
    faster: float = 1.0
    made: int = 0
    changes: dict[str, Change] = field(default_factory=dict)

    def __call__(self, name: str, **changes: Change) -> Path:
        """Writes a bundle -> its path. changes: of "finals", "baseline" or "trials", before their lines are chained."""
        self.made += 1
        out = self.folder / f"out{self.made}"
        kept_runs = references(TRACK, "smoke")
        ids = {
            kind: [self._write(out, kind, content_of(record.path), changes.get(kind)) for record in records]
            for kind, records in {"finals": kept_runs, "baseline": kept_runs, "trials": kept_runs[:1]}.items()
        }
        records = {record.id: record for record in journals.read(out).records}
        path = self.folder / name
        manifest = Manifest(track=TRACK.id, edition="smoke", method=self.name, file="my.py", title=self.name, sha256={})
        runs = [records[id] for id in (*ids["finals"], *ids["baseline"])]
        bundle.write(path, manifest, CODE, runs, [records[id] for id in ids["trials"]])
        return path

    def _write(self, out: Path, kind: str, journal: bytes, change: Change | None) -> str:
        lines = [
            {key: value for key, value in json.loads(line).items() if key not in (CHAIN, CHECKSUM)}
            for line in journal.splitlines()
        ]
        spec, labels = lines[0]["spec"], lines[0]["labels"]
        if kind != "baseline":
            method = {"name": self.name.partition("@")[0], "options": {}}
            spec |= {"method": method, "sources": code_digest("my.py", CODE)}
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
    """Writes a bundle of these files. summed: with new checksums."""
    if summed:
        manifest = json.loads(files["submission.json"])
        manifest["sha256"] = {
            name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name in manifest["sha256"]
        }
        files = {**files, "submission.json": json.dumps(manifest).encode()}
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


def without_counts(lines: list[Line]) -> None:
    lines[-1]["effects"] = None


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


def judged_otherwise(lines: list[Line]) -> None:
    lines[0]["labels"]["judge"]["metric"] = "learning_rate"


def on_other_hardware(lines: list[Line]) -> None:
    lines[0]["spec"]["hardware"]["absent"] = ["device 0"]


def at_a_rate_in_words(lines: list[Line]) -> None:
    lines[0]["spec"]["workload"]["schedule"]["lr"] = "high"


def below_zero(lines: list[Line]) -> None:
    lines[2]["metrics"]["loss"] = -1.0


def without_validation(lines: list[Line]) -> None:
    del lines[1]["metrics"]["validation_loss"]


def diverged_with_finite_losses(lines: list[Line]) -> None:
    skip_gradients(lines)
    lines[-1]["status"] = "diverged"


def without_epochs(lines: list[Line]) -> None:
    del lines[1:-1]
    lines[-1] |= {"status": "diverged", "epochs": 0}


@pytest.mark.parametrize(
    ("kind", "change", "rule"),
    [
        ("finals", skip_batches, "batches"),
        ("trials", skip_gradients, "batches"),
        ("finals", without_counts, "batches"),
        ("finals", too_fast, "clock"),
        ("finals", of_another_row, "method"),
        ("trials", of_other_code, "code"),
        ("finals", at_another_rate, "tuning"),
        ("finals", on_a_smaller_batch, "workload"),
        ("finals", cut_short, "ended"),
        ("finals", diverged_with_finite_losses, "ended"),
        ("finals", without_epochs, "ended"),
        ("finals", judged_otherwise, "workload"),
        ("finals", on_other_hardware, "workload"),
        ("trials", at_a_rate_in_words, "workload"),
        ("finals", below_zero, "curve"),
        ("trials", without_validation, "curve"),
        ("baseline", learnt_more, "band"),
        ("baseline", at_another_rate, "others"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_each_rule_has_its_refusal(make: Maker, kind: str, change: Change, rule: str) -> None:
    assert refusal(make("a.zip", **{kind: change})) == rule


def test_the_journal_of_another_run_is_refused(make: Maker) -> None:
    """Under the id of one of its own it is no run; whole, it has no place."""
    files = members(make("a.zip"))
    make.name = "another"
    other_lines = members(make("b.zip"))["runs.jsonl"].splitlines(keepends=True)
    foreign_lines = [line for line in other_lines if b'"row":"another"' in line]
    first_run = other_lines[
        : next(number for number, line in enumerate(other_lines) if number and line.startswith(b'{"type":"run"'))
    ]
    assert first_run[0] == foreign_lines[0]
    with_another = {**files, "runs.jsonl": files["runs.jsonl"] + b"".join(first_run)}
    assert refusal(pack(make.folder / "c.zip", with_another)) == "others"
    id = json.loads(files["runs.jsonl"].splitlines()[0])["id"]
    posing = {**files, "runs.jsonl": b"".join(first_run).replace(json.loads(first_run[0])["id"].encode(), id.encode())}
    assert refusal(pack(make.folder / "d.zip", posing)) == "journal"


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + 18 * b"\0"])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert refusal(path) == "form"


@pytest.mark.parametrize("file", ["../my.py", "..", "my.txt"])
def test_code_has_a_plain_file_name(make: Maker, file: str) -> None:
    files = members(make("a.zip"))
    manifest = json.loads(files["submission.json"]) | {"file": file}
    assert refusal(pack(make.folder / "b.zip", {**files, "submission.json": json.dumps(manifest).encode()})) == "form"


def test_a_member_outside_a_link_or_a_bomb_is_refused(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make("a.zip")
    files = members(path)
    assert refusal(pack(make.folder / "b.zip", {**files, "../x": b""})) == "form"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK if name == "method.py" else stat.S_IFREG) << 16
            archive.writestr(info, data)
    assert refusal(path) == "form"
    monkeypatch.setattr(bundle, "MOST_BYTES", len(files["runs.jsonl"]))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, "runs.jsonl": bytes(bundle.MOST_BYTES + 1)}.items():
            archive.writestr(name, data)
    assert refusal(path) == "form"


@pytest.mark.parametrize(("method", "title"), [("bp", "Async LU"), ("lapsgd@updaters=2", "LAPSGD, updaters 2")])
def test_a_row_of_the_suite_has_its_own_title_and_options(make: Maker, method: str, title: str) -> None:
    make.name = method
    files = members(make("a.zip"))
    del files["method.py"]
    manifest = json.loads(files["submission.json"]) | {"file": "", "title": title}
    manifest["sha256"].pop("method.py")
    assert refusal(pack(make.folder / "b.zip", {**files, "submission.json": json.dumps(manifest).encode()})) == "method"


# ---- the leaderboard


def boards(folders: Sequence[Path], to: Path) -> list[dict[str, bytes]]:
    written = [pages.write_all(board.leaderboard(folder), to / str(number)) for number, folder in enumerate(folders)]
    return [{path.name: path.read_bytes() for path in paths} for paths in written]


def test_two_folders_of_the_same_bundles_make_the_same_bytes(
    make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_empty(monkeypatch)
    paths = [make("a.zip")]
    make.name, make.faster = "another", 1.5
    paths.append(make("b.zip"))
    (make.folder / "refused.zip").write_bytes(b"")
    other_folder = tmp_path / "elsewhere" / "copy"
    other_folder.mkdir(parents=True)
    for name, path in zip(["z.zip", "y.zip", "refused.zip"], [*paths, make.folder / "refused.zip"], strict=True):
        (other_folder / name).write_bytes(path.read_bytes())
    first, second = boards([make.folder, other_folder], tmp_path / "pages")
    assert first == second
    document = json.loads(first["leaderboard.json"])
    assert [entry["method"] for entry in document["rankings"][0]["entries"]] == ["another", "my_sgd"]
    assert [refused["file"] for refused in document["refused"]] == ["refused.zip"]


def miss_the_target(lines: list[Line]) -> None:
    for line in lines[1:-1]:
        line["metrics"]["loss"] += 1


def miss_it_by_less(lines: list[Line]) -> None:
    for line in lines[1:-1]:
        line["metrics"]["loss"] += 0.9


def test_entries_of_equal_scores_share_a_place_and_show_what_they_reached(make: Maker, tmp_path: Path) -> None:
    make("a.zip", finals=miss_the_target)
    make.name = "z_sgd"
    make("z.zip", finals=miss_it_by_less)
    make.name = "fine"
    make("f.zip")
    leaderboard = board.leaderboard(make.folder)
    (ranking,) = leaderboard.rankings
    assert [(entry.name, place) for entry, place in zip(ranking.entries, ranking.places, strict=True)] == [
        ("fine", 1),
        ("z_sgd", 2),
        ("my_sgd", 2),
    ]
    grid = pages.table_of(ranking)
    assert grid.rows[1][4] == f"gpt {ranking.entries[1].bests['gpt']:.3f} nats, target 1.8 nats"
    pages.write_all(leaderboard, tmp_path / "pages")
    assert (tmp_path / "pages" / "leaderboard.html").read_text().count(f">{grid.caption}<") == 2  # link and heading


def test_a_rate_at_the_end_of_those_tried_is_marked(make: Maker) -> None:
    accepted = check(bundle.read(make("a.zip")))
    (trial,) = accepted.bundle.trials
    assert accepted.edge("gpt") == ""  # it is the only one
    for factors, edge in (((0.5,), "highest"), ((2.0,), "lowest"), ((0.5, 2.0), "")):
        others = [at_rate(trial, factor) for factor in factors]
        submission = replace(accepted, bundle=replace(accepted.bundle, trials=(trial, *others)))
        assert submission.edge("gpt") == edge


def at_rate(record: Record, factor: float) -> Record:
    """Returns the run with its learning rate times the factor."""
    document: Any = record.spec.document()
    document["workload"]["schedule"]["lr"] *= factor
    return replace(record, spec=type(record.spec).model_validate(document))


def copied(path: Path, original: Path, label: str) -> None:
    """Writes a bundle's journals under another author and label."""
    files = members(original)
    manifest = json.loads(files["submission.json"]) | {"author": "another", "label": label}
    pack(path, {**files, "submission.json": json.dumps(manifest).encode()})


def test_bundles_of_the_same_runs_are_all_refused_since_nothing_says_whose_they_are(make: Maker) -> None:
    original = make("original.zip")
    make.name, make.faster = "another", 1.5
    make("another.zip")
    copied(make.folder / "copy.zip", original, "mine")
    leaderboard = board.leaderboard(make.folder)
    assert [name for name, _ in leaderboard.refused] == ["copy.zip", "original.zip"]
    assert [entry.name for entry in leaderboard.rankings[0].entries] == ["another"]


def test_every_journal_of_every_bundle_is_checked_once(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    copied(make.folder / "b.zip", make("a.zip"), "equal journals under another label")
    checked: list[Path] = []

    def counting(path: Path, data: bytes) -> Record:
        checked.append(path)
        return usable(path, data)

    monkeypatch.setattr(bundle, "usable", counting)
    board.leaderboard(make.folder)
    assert (len(checked), len(set(checked))) == (22, 11)


def test_a_strange_bundle_leaves_the_others_ranked(make: Maker) -> None:
    files = members(make("a.zip"))
    manifest = json.loads(files["submission.json"])
    for number, change in enumerate(({"track": "none"}, {"edition": "none"}, {"format": 2}, {"label": "\x1b[31m"})):
        files["submission.json"] = json.dumps(manifest | change).encode()
        pack(make.folder / f"{number}.zip", files, summed=False)
    (make.folder / "line\nbreak\udcff.zip").write_bytes(b"")
    (make.folder / "folder.zip").mkdir()
    pages.write_all(board.leaderboard(make.folder), make.folder / "pages")
    document = json.loads((make.folder / "pages" / "leaderboard.json").read_text())
    assert (len(document["rankings"][0]["entries"]), len(document["refused"])) == (1, 6)
