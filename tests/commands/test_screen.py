"""No text moves the cursor or changes a colour: control characters in names are left out on the screen."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.commands.screen import Screen, note, say
from tests.commands.commands import Cli

HOSTILE = "evil\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp\r\x08 name"


def test_escapes_in_texts_are_left_out_and_our_own_stay() -> None:
    file = io.StringIO()
    # Whatever the surroundings say of colours: NO_COLOR is set where the project is checked.
    screen = Screen(file=file, force_terminal=True, width=200, _environ={"TERM": "xterm"})
    grid = Grid(HOSTILE)
    grid.add_row(Text(HOSTILE), style="bold")
    writes: list[Callable[[], None]] = [
        lambda: say(screen, HOSTILE, "red"),
        lambda: note(screen, [HOSTILE]),
        lambda: screen.print(grid),
    ]
    for write in writes:
        file.seek(0)
        file.truncate()
        write()
        output = file.getvalue()
        assert "evil[2J]0;owned31mgnp name" in output
        assert not {"\x1b[2J", "\x1b]", "\x07", "\x9b", "\u202e", "\r", "\x08"} & {*output}
        assert "\x1b[2J" not in output
    file.seek(0)
    file.truncate()
    say(screen, "fine\ttext\nof two lines", "red")
    assert "\x1b[31m" in file.getvalue()
    assert file.getvalue().count("\n") == 2


@pytest.mark.parametrize(
    "arguments", [("show", HOSTILE), ("show", "table1", f"--hardware={HOSTILE}.toml"), ("report", f"--out={HOSTILE}")]
)
def test_names_in_errors_have_none(cli: Cli, arguments: tuple[str, ...]) -> None:
    output = cli.refused(*arguments)
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\x08"} & {*output.out, *output.err}


def test_names_with_control_characters_are_refused(cli: Cli) -> None:
    card = 'name = "leaves"\nkind = "images"\nfolder = "x"\nshape = [3, 8, 8]\nsource = "s"\nlicence = "l"\n'
    Path("card.toml").write_text(f'{card}title = "a\\u001b[2J"\n', encoding="utf-8")
    table = 'id = "own"\nfamily = "cifar10"\nnetworks = ["resnet18"]\nmeasures = ["best_accuracy_percent"]'
    Path("own.toml").write_text(f'[table]\ntitle = "a\\u001b[2J"\n{table}\n[[rows]]\nmethod="bp"\n', encoding="utf-8")
    for arguments in (("show", "table1", "--data-card=card.toml"), ("show", "own.toml")):
        output = cli.refused(*arguments)
        assert "title" in output.err
        assert "\x1b" not in output.err
