"""A table of one's own from its file to the pages, without a word in the checkout."""

from __future__ import annotations

import html
import json
import re
import shlex
from pathlib import Path

import pytest

from methods import registry
from tests.commands.commands import TINY, Cli, Said, written
from tests.workloads.own_files import card, images

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
    plan = once(cli, "show", "my_table.toml", "--seeds=1", "--plugin=mine.py")
    assert plan.code == 0, plan.err
    assert "my-paper: Mine beside BP (my draft, Table 1)" in plan.out
    assert "1.5 ± 0.1" in plan.out
    result = once(cli, "run", "my_table.toml", *ONE)
    assert result.code == 0, result.err
    assert "my-paper at scale smoke: 3 runs, 0 of them done before" in result.out
    content = json.loads(written(Path("out"), "my-paper.json").read_text(encoding="utf-8"))
    cells = {row["row"]: row["cells"] for row in content["rows"]}
    assert list(cells) == ["mine", "bp@workload.schedule.lr=0.04", "bp"]
    assert cells["mine"][0]["published"]["mean"] == 1.5
    assert cells["mine"][0]["measured"]["mean"] == 1.0
    assert cells["bp@workload.schedule.lr=0.04"][0]["measured"]["mean"] == 1.0
    table7_run = once(cli, "run", "table7", "--method=bp", *TINY, *ONE[1:])
    assert "1 run, 1 of them done before" in table7_run.out, "the same run, whichever table asks for it"
    report = once(cli, "report", "my_table.toml", "--seeds=1", "--plugin=mine.py")
    assert report.code == 0, report.err
    page = written(Path("out"), "my-paper/index.html", "report").read_text(encoding="utf-8")
    assert "run my_table.toml --scale smoke --seeds 1" in page
    assert "Tables of your own" in Path("out/report/index.html").read_text(encoding="utf-8")
    joint_report = once(cli, "report", "all", "my_table.toml", "--seeds=1", "--plugin=mine.py")
    assert joint_report.code == 0, joint_report.err
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


OWN = """
[table]
id = "mine-alone"
title = "Mine beside BP"
family = "cifar10"
networks = ["resnet18"]
measures = ["best_accuracy_percent"]
workload = { epochs = 1, batch = 8 }
"""
ROWS = """
[[rows]]
method = "bp"

[[rows]]
method = "lsgd"

[[rows]]
method = "mine"
"""
NAMED = """plugins = ["mine.py"]
data_card = "leaves.toml"
set = ["lsgd.period=1,2"]
"""
FLAGS = ("--plugin=own/mine.py", "--data-card=own/leaves.toml", "--set=lsgd.period=1,2")


@pytest.fixture
def beside(cli: Cli) -> None:
    """In a folder beside the working folder's files."""
    folder = Path("own")
    images(folder / "leaves", {"train": 16, "test": 8})
    card(folder)
    (folder / "mine.py").write_text(METHOD, encoding="utf-8")
    (folder / "named.toml").write_text(OWN + NAMED + ROWS, encoding="utf-8")
    (folder / "plain.toml").write_text(OWN + ROWS, encoding="utf-8")


@pytest.mark.usefixtures("beside", "here")
def test_a_table_names_its_plugins_data_and_settings(cli: Cli) -> None:
    """Its runs are those of the options that say the same."""
    assert once(cli, "run", "own/named.toml", *ONE[:2]).code == 0
    ids = {path.parent.name for path in Path("out/runs").glob("*/journal.jsonl")}
    assert len(ids) == 4, "bp, lsgd twice, mine"
    given_twice = once(cli, "run", "own/named.toml", "--plugin=own/mine.py", *ONE[:2])
    assert given_twice.code == 0, given_twice.err
    content = json.loads(written(Path("out"), "mine-alone.json").read_text(encoding="utf-8"))
    assert {row["row"] for row in content["rows"]} == {"bp", "lsgd@period=1", "lsgd@period=2", "mine"}
    by_options = once(cli, "run", "own/plain.toml", *FLAGS, *ONE[:2])
    assert by_options.code == 0, by_options.err
    assert {path.parent.name for path in Path("out/runs").glob("*/journal.jsonl")} == ids
    for command in (("show", "own/named.toml"), ("report", "own/named.toml"), ("latex", "own/named.toml")):
        result = once(cli, *command)
        assert result.code == 0, result.err
    page = written(Path("out"), "mine-alone/index.html", "report").read_text(encoding="utf-8")
    rerun_command = re.search(r"python -m benchmarks (run \S*named.toml.*?)</code>", page)
    assert rerun_command is not None
    repeated = once(cli, *shlex.split(html.unescape(rerun_command[1])), "--no-tracking")
    assert "4 runs, 4 of them done before" in " ".join(repeated.out.split())


@pytest.mark.usefixtures("beside", "here")
def test_options_go_before_what_a_table_names(cli: Cli) -> None:
    assert once(cli, "run", "own/named.toml", "--set=lsgd.period=4", "--method=lsgd", *ONE[:2]).code == 0
    specs = [json.loads(path.read_text().splitlines()[0])["spec"] for path in Path("out/runs").glob("*/journal.jsonl")]
    assert {spec["method"]["name"]: spec["method"]["options"].get("period") for spec in specs} == {"lsgd": 4}
    assert once(cli, "run", "own/named.toml", "--method=mine", *ONE[:2]).code == 0, "a sweep of a row that is left out"


@pytest.mark.usefixtures("beside")
def test_data_of_one_table_are_not_put_in_place_of_anothers(cli: Cli) -> None:
    cli.refused("show", "own/named.toml", "table1")
    assert once(cli, "show", "own/named.toml", "own/plain.toml", *FLAGS).code == 2, "two tables of one id"


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
    output = cli.refused(*line.split())
    assert words in output.err
    assert output.out == ""
