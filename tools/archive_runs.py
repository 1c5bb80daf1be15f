"""Packs the kept runs into one archive whose bytes, and so its SHA-256, are the same on every machine.

    python tools/archive_runs.py                # dist/async-sgd-benchmarks-runs-0.1.0.tar, and its checksum

It has the values and journals of results/reproductions, the license and how to cite, sorted by name, each of the same
time, owner and mode. It is not compressed: two releases of zlib do not compress alike.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
KEPT = "results/reproductions"
ENDINGS = (".csv", ".json", ".jsonl")
BESIDE = ("CITATION.cff", "LICENSE")


def files(checkout: Path) -> Iterator[str]:
    """Yields the paths of the archive's files, relative to the checkout, sorted."""
    kept = (path for path in (checkout / KEPT).rglob("*") if path.suffix in ENDINGS and path.is_file())
    yield from sorted([*BESIDE, *(path.relative_to(checkout).as_posix() for path in kept)])


def archive(checkout: Path, folder: str) -> bytes:
    """Returns the archive, all of whose files lie below `folder`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in files(checkout):
            content = (checkout / name).read_bytes()
            entry = tarfile.TarInfo(f"{folder}/{name}")  # time and owner 0, mode 0644
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def version(checkout: Path) -> str:
    """Returns the version in pyproject.toml."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, default=CHECKOUT / "dist", help="folder to write into")
    to = parser.parse_args().to
    name = f"async-sgd-benchmarks-runs-{version(CHECKOUT)}"
    content = archive(CHECKOUT, name)
    to.mkdir(parents=True, exist_ok=True)
    (to / f"{name}.tar").write_bytes(content)
    print(f"{hashlib.sha256(content).hexdigest()}  {to / name}.tar")


if __name__ == "__main__":
    main()
