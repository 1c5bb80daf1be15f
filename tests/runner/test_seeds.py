"""Seeds by their number or by name, there and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.errors import UserError
from benchmarks.runner import seeds
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import resolve
from benchmarks.runner.rerun import command
from benchmarks.tables.registry import table

CHOSEN = Choices(methods=("bp",), networks=("resnet18",))


@pytest.mark.parametrize(
    ("text", "meant", "argument", "words"),
    [
        ("1", (0,), "1", "seed 0"),
        ("5", (0, 1, 2, 3, 4), "5", "seeds 0 to 4"),
        (" 3 ", (0, 1, 2), "3", "seeds 0 to 2"),
        ("0-4,7", (0, 1, 2, 3, 4, 7), "0-4,7", "seeds 0 to 4 and 7"),
        ("7, 0 - 1,1", (0, 1, 7), "0-1,7", "seeds 0 to 1 and 7"),
        ("2,4,6", (2, 4, 6), "2,4,6", "seeds 2, 4 and 6"),
        ("7-7", (7,), "7-7", "seed 7"),
        ("0,1,2", (0, 1, 2), "3", "seeds 0 to 2"),
        ("999,0", (0, 999), "0,999", "seeds 0 and 999"),
    ],
)
def test_seeds_are_read_and_written(text: str, meant: tuple[int, ...], argument: str, words: str) -> None:
    assert seeds.parsed(text) == meant
    assert seeds.argument(meant) == argument
    assert seeds.parsed(argument) == meant
    assert seeds.words(meant) == words


@pytest.mark.parametrize("text", ["", "0", "-1", "1001", "x", "1.5", "1e3", "3-1", "0-1000", "1,,2", "1-2-3", "9" * 40])
def test_what_are_no_seeds_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^--seeds .*"):
        seeds.parsed(text)


def test_a_run_is_the_same_however_its_seed_was_named() -> None:
    few = resolve(table("table3"), replace(CHOSEN, seeds=seeds.parsed("0,2,7"))).runs
    many = resolve(table("table3"), replace(CHOSEN, seeds=seeds.parsed("8"))).runs
    assert [run.spec.seed for run in few] == [0, 2, 7]
    assert [run.id for run in few] == [run.id for run in many if run.spec.seed in (0, 2, 7)]


def test_the_command_that_repeats_runs_names_their_seeds() -> None:
    assert "--seeds 0,2,7 --method bp" in command(["table3"], replace(CHOSEN, seeds=(0, 2, 7))).text()
