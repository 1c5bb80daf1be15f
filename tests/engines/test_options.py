"""What jobs are asked for: the command line before the file, and a sentence for what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.errors import UserError
from benchmarks.runner.engines.options import FILE, MINUTES, chosen, minutes

TEAM = """
[engine.slurm]
partition = "gpu"
time = 240
per_task = 4
mem-per-cpu = "2G"
setup = ["module load cuda"]
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("240", 240),
        ("30:00", 30),
        ("0:30", 0.5),
        ("4:00:00", 240),
        ("1-12", 2160),
        ("1-12:30", 2190),
        ("1-0:0:30", 1440.5),
    ],
)
def test_times_are_read_as_sbatch_reads_them(text: str, expected: float) -> None:
    assert minutes(text) == expected


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(TEAM, encoding="utf-8")
    found = chosen(["--partition=long", "gres=gpu:1"], None, tmp_path)
    assert found.asked == {"partition": "long", "time": "240", "mem_per_cpu": "2G", "gres": "gpu:1"}
    assert (found.per_task, found.setup, found.minutes) == (4, ("module load cuda",), 240)
    assert chosen([], 2, tmp_path).per_task == 2


def test_without_a_file_a_job_has_an_hour(tmp_path: Path) -> None:
    found = chosen([], None, tmp_path)
    assert (found.asked, found.per_task, found.minutes) == ({}, None, MINUTES)


def test_a_short_job_is_asked_to_leave_in_its_second_half(tmp_path: Path) -> None:
    assert chosen(["time=1"], None, tmp_path).signal_seconds == 30
    assert chosen(["time=60"], None, tmp_path).signal_seconds == 90


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("partition", "--slurm partition: write KEY=VALUE"),
        ("=gpu", "write KEY=VALUE"),
        ("array=0-9", "--slurm array=0-9: the engine says what array is"),
        ("nodes=2", "a run is one process"),
        ("time=soon", "--slurm time=soon: give minutes"),
        ("time=0", "more time than none"),
        ("Gres=gpu:1", "give an option of sbatch"),
    ],
)
def test_what_is_no_option_is_a_sentence(given: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--slurm") as raised:
        chosen([given], None, tmp_path)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[engine", "cannot be read as TOML"),
        ("[motor.slurm]\n", "Unknown entry 'motor'"),
        ("[engine.slurmm]\n", "did you mean slurm"),
        ("engine = 3\n", "engine is to be a table"),
        ("[engine.slurm]\nper_task = 'four'\n", "per_task = 'four'"),
        ("[engine.slurm]\nsetup = 'module'\n", "give lines of shell"),
        ("[engine.slurm]\nexclusive = true\n", "exclusive = True"),
        ("[engine.slurm]\nper_task = 0\n", "--per-task 0"),
    ],
)
def test_a_file_that_is_wrong_is_a_sentence(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as raised:
        chosen([], None, tmp_path)
    assert words in str(raised.value)
