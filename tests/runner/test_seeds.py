"""Seeds parsed from and written as text."""

from __future__ import annotations

import pytest

from benchmarks.errors import UserError
from benchmarks.runner import seeds
from benchmarks.runner.choices import Choices

CHOSEN = Choices(methods=("bp",), networks=("resnet18",))


def test_seeds_are_read_and_written() -> None:
    for text, meant, argument, words in (
        ("1", (0,), "1", "seed 0"),
        (" 3 ", (0, 1, 2), "3", "seeds 0 to 2"),
        ("7, 0 - 1,1", (0, 1, 7), "0-1,7", "seeds 0 to 1 and 7"),
        ("2,4,6", (2, 4, 6), "2,4,6", "seeds 2, 4 and 6"),
        ("7-7", (7,), "7-7", "seed 7"),
        ("999,0", (0, 999), "0,999", "seeds 0 and 999"),
    ):
        assert seeds.parsed(text) == seeds.parsed(argument) == meant
        assert (seeds.argument(meant), seeds.words(meant)) == (argument, words)


def test_invalid_seeds_are_refused() -> None:
    for text in ("", "0", "-1", "1001", "x", "1.5", "3-1", "0-1000", "1,,2", "1-2-3", "9" * 40):
        with pytest.raises(UserError, match="--seeds"):
            seeds.parsed(text)
