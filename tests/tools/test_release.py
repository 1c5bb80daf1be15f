"""What a release is: one version everywhere, and an archive of the kept runs with the same bytes on every machine."""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
from pathlib import Path

from tools import archive_runs


def test_the_version_is_one(checkout: Path) -> None:
    """pyproject.toml, CITATION.cff and the newest part of the CHANGELOG have it, and the last two its date."""
    changes = re.findall(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", (checkout / "CHANGELOG.md").read_text(), re.MULTILINE)
    cited = dict(re.findall(r"^([a-z-]+): (.+)$", (checkout / "CITATION.cff").read_text(), re.MULTILINE))
    assert changes[0] == (cited["version"], cited["date-released"])
    assert cited["version"] == archive_runs.version(checkout)


def test_two_machines_make_the_same_archive(tmp_path: Path, checkout: Path) -> None:
    """Whatever the times, modes and order of the files, and whatever else lies there."""
    first, second = tmp_path / "one", tmp_path / "other"
    for folder, names in ((first, ("b.csv", "a/runs/x.jsonl")), (second, ("a/runs/x.jsonl", "b.csv"))):
        for name in (*archive_runs.BESIDE, *(f"{archive_runs.KEPT}/{name}" for name in names)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"{Path(name).name}\n")
    changed = second / archive_runs.KEPT / "b.csv"
    os.utime(changed, (1, 1))
    changed.chmod(0o600)
    (second / archive_runs.KEPT / "__init__.pyc").write_bytes(b"x")
    packed = archive_runs.archive(first, "runs")
    assert packed == archive_runs.archive(second, "runs")
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == sorted(tar.getnames())
        assert tar.extractfile("runs/results/reproductions/b.csv").read() == b"b.csv\n"  # type: ignore[union-attr]
    shutil.rmtree(second / archive_runs.KEPT / "a")
    assert packed != archive_runs.archive(second, "runs")
