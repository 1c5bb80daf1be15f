"""Executes a notebook in a fresh folder, within a time: `python tools/execute_notebook.py NOTEBOOK [--to FOLDER]`.

FOLDER: where the executed notebook and its pictures are kept, to be looked at; the notebook stays without outputs.
"""

from __future__ import annotations

import argparse
import base64
import importlib
import tempfile
import time
from pathlib import Path
from typing import Any

SECONDS = 90.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--to", type=Path)
    arguments = parser.parse_args()
    nbformat: Any = importlib.import_module("nbformat")
    nbclient: Any = importlib.import_module("nbclient")
    notebook = nbformat.read(arguments.notebook, as_version=4)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}})
        client.execute()
    seconds = time.monotonic() - began
    if arguments.to is not None:
        arguments.to.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, arguments.to / arguments.notebook.name)
        for number, picture in enumerate(_pictures(notebook)):
            (arguments.to / f"{arguments.notebook.stem}-{number}.png").write_bytes(picture)
    print(f"{arguments.notebook} executed in {seconds:.0f} s (goal: under {SECONDS:.0f} s)")
    return 0 if seconds < SECONDS else 1


def _pictures(notebook: Any) -> list[bytes]:
    outputs = (output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    pictures = (output.get("data", {}).get("image/png") for output in outputs)
    return [base64.b64decode(picture) for picture in pictures if picture]


if __name__ == "__main__":
    raise SystemExit(main())
