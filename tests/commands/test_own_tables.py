"""A table of one's own from its file to the pages, without a word in the checkout."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from methods import registry
from tests.commands.commands import TINY, Cli, Said, written

TABLE = """
[table]
id = "my-paper"
title = "Mine beside BP"
source = "my draft, Table 1"
family = "cifar10"
networks = ["resnet18"]
measures = ["relative_speedup", "best_accuracy_percent"]
workload = { epochs = 2, train_samples = 256, test_samples = 100 }

[[rows]]
method = "mine"

[[rows]]
method = "bp"
workload.schedule.lr = 0.04

[[rows]]
method = "bp"
"""
METHOD = """
from methods import register
from methods.bp import Backpropagation


@register(title="Mine", source="my draft", name="mine")
class Mine(Backpropagation):
    pass
"""
VALUES = """table,dataset,network,row,measure,mean,std,n,source,note
my-paper,cifar10,resnet18,mine,relative_speedup,1.5,0.1,5,"Doe, Table 2",
"""
ONE = ("--seeds=1", "--no-tracking", "--plugin=mine.py")


def once(cli: Cli, *arguments: str) -> Said:
    """A command as in a process of its own, which loads the plug-in once."""
    registry._methods.pop("mine", None)
    return cli(*arguments)


@pytest.fixture
def files(cli: Cli) -> None:
    """In the working folder, which `cli` made."""
    Path("my_table.toml").write_text(TABLE, encoding="utf-8")
    Path("my_table.csv").write_text(VALUES, encoding="utf-8")
    Path("mine.py").write_text(METHOD, encoding="utf-8")


@pytest.mark.usefixtures("files", "here")
def test_ones_own_table_is_run_shown_and_reported(cli: Cli) -> None:
    shown = once(cli, "show", "my_table.toml", "--seeds=1", "--plugin=mine.py")
    assert shown.code == 0, shown.err
    assert "my-paper: Mine beside BP (my draft, Table 1)" in shown.out
    assert "1.5 ± 0.1" in shown.out
    said = once(cli, "run", "my_table.toml", *ONE)
    assert said.code == 0, said.err
    assert "my-paper at scale smoke: 3 runs, 0 of them done before" in said.out
    content = json.loads(written(Path("out"), "my-paper.json").read_text(encoding="utf-8"))
    cells = {row["row"]: row["cells"] for row in content["rows"]}
    assert list(cells) == ["mine", "bp@workload.schedule.lr=0.04", "bp"]
    assert cells["mine"][0]["published"]["mean"] == 1.5
    assert cells["mine"][0]["measured"]["mean"] == 1.0
    assert cells["bp@workload.schedule.lr=0.04"][0]["measured"]["mean"] == 1.0
    ours = once(cli, "run", "table7", "--method=bp", *TINY, *ONE[1:])
    assert "1 run, 1 of them done before" in ours.out, "the same run, whichever table asks for it"
    report = once(cli, "report", "my_table.toml", "--seeds=1", "--plugin=mine.py")
    assert report.code == 0, report.err
    page = written(Path("out"), "my-paper/index.html", "report").read_text(encoding="utf-8")
    assert "run my_table.toml --scale smoke --seeds 1" in page
    assert "Tables of your own" in Path("out/report/index.html").read_text(encoding="utf-8")
    both = once(cli, "report", "all", "my_table.toml", "--seeds=1", "--plugin=mine.py")
    assert both.code == 0, both.err
    index = Path("out/report/index.html").read_text(encoding="utf-8")
    assert "table7" in index
    assert re.search(r'href="smoke-[^"]*/my-paper/index.html"', index)


@pytest.mark.usefixtures("files", "here")
def test_ones_own_table_is_tuned_and_exported(cli: Cli) -> None:
    cli.ok("tune", "my_table.toml", "--method=bp", "--grid=3", "--set=workload.epochs=1", *ONE)
    assert written(Path("out"), "tune-my-paper.json", "tuning").is_file()
    cli.ok("export")
    assert "bp@workload.schedule.lr=0.04" in Path("out/export/runs.csv").read_text(encoding="utf-8")
    cli.ok("compare", "out", "out")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run my_table.toml", "my_table.toml, line 11: Unknown method 'mine'"),
        ("run none.toml", "There is no table none.toml"),
        ("show none.toml", "There is no table none.toml"),
        ("run my_table.toml ./my_table.toml --plugin mine.py", "two tables are called my-paper"),
        ("tune none.py", "There is no table none.py"),
        ("ui none.py", "There is no table none.py"),
        ("report none.py", "There is no table none.py"),
    ],
)
def test_a_mistake_is_one_sentence(line: str, words: str, cli: Cli) -> None:
    said = cli.refused(*line.split())
    assert words in said.err
    assert said.out == ""
