"""Output that nobody reads, or that cannot be written: no run ends by it, and no file is lost."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import Output
from tests.commands.commands import CHECKOUT, TINY, Cli, journals, written


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("error", "code"), [(BrokenPipeError(32, "gone"), 0), (OSError(28, "No space left"), 2)])
def test_output_that_nobody_can_read_ends_no_run_and_loses_no_file(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, code: int
) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise error

    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(sys, "__stdout__", None)
    result = cli("run", "table1", "--method=bp", "--no-tracking", *TINY)
    assert result.code == code
    assert ("No space left" in result.err) == (code == 2)
    assert written(tmp_path / "out", "table1.csv").is_file()
    assert [journal["status"] for journal in journals(tmp_path / "out")] == ["finished"]


def test_no_file_takes_the_number_of_an_output_that_is_closed(tmp_path: Path) -> None:
    program = f"""
import os
from benchmarks.__main__ import _occupy_standard_descriptors
os.close(0)
os.close(1)
_occupy_standard_descriptors()
print(os.open({str(tmp_path / "file")!r}, os.O_CREAT) > 2, file=__import__("sys").stderr)
"""
    completed = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, stderr=subprocess.PIPE, text=True, check=True
    )
    assert completed.stderr == "True\n"


def test_characters_that_an_output_lacks_are_question_marks() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    output = Output(file)
    assert output.write("1 ± 2") == 5
    output.flush()
    assert output.error is None
    assert file.buffer.getvalue() == b"1 ? 2"
