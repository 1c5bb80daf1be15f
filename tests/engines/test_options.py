"""Options of jobs: the command line takes precedence over the file, and mistakes give a sentence."""

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


def test_times_are_read_as_sbatch_reads_them() -> None:
    minutes_of = {
        "240": 240,
        "30:00": 30,
        "0:30": 0.5,
        "4:00:00": 240,
        "1-12": 2160,
        "1-12:30": 2190,
        "1-0:0:30": 1440.5,
    }
    assert {text: minutes(text) for text in minutes_of} == minutes_of


def test_the_command_line_takes_precedence_over_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(TEAM, encoding="utf-8")
    options = chosen(["--partition=long", "gres=gpu:1"], None, tmp_path)
    assert options.sbatch == {"partition": "long", "time": "240", "mem_per_cpu": "2G", "gres": "gpu:1"}
    assert (options.per_task, options.setup, options.minutes) == (4, ("module load cuda",), 240)
    assert chosen([], 2, tmp_path).per_task == 2


def test_without_a_file_a_job_has_an_hour(tmp_path: Path) -> None:
    options = chosen([], None, tmp_path)
    assert (options.sbatch, options.per_task, options.minutes) == ({}, None, MINUTES)


def test_a_short_job_is_asked_to_leave_in_its_second_half(tmp_path: Path) -> None:
    assert chosen(["time=1"], None, tmp_path).signal_seconds == 30
    assert chosen(["time=60"], None, tmp_path).signal_seconds == 90


def test_an_invalid_option_is_a_sentence(tmp_path: Path) -> None:
    for option in ("partition", "=gpu", "array=0-9", "nodes=2", "time=soon", "time=0", "Gres=gpu:1"):
        with pytest.raises(UserError, match=f"^--slurm {option}"):
            chosen([option], None, tmp_path)


def test_a_file_that_is_wrong_is_a_sentence(tmp_path: Path) -> None:
    for text, word in (
        ("[engine", "TOML"),
        ("[motor.slurm]\n", "motor"),
        ("engine = 3\n", "engine"),
        ("[engine.slurm]\nper_task = 'four'\n", "four"),
        ("[engine.slurm]\nsetup = 'module'\n", "setup"),
        ("[engine.slurm]\nexclusive = true\n", "exclusive"),
    ):
        (tmp_path / FILE).write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=word):
            chosen([], None, tmp_path)
