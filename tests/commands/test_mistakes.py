"""Bad input: one plain sentence, the nearest names, exit code 2, and nothing heavy imported on the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.workloads.data import cards, present
from tests.commands.commands import CHECKOUT, Cli, program

HEAVY = {"torch", "torchvision", "mlflow", "pandas", "sklearn", "scipy", "matplotlib", "seaborn", "numpy", "jinja2"}

MISTAKES = {
    "run": "Name at least one table: table1, table2",
    "run tabl3": "Unknown table 'tabl3': did you mean table3",
    "rum table3": "Unknown command 'rum': did you mean run?",
    "--out=x run table3": "--out=x stands before the command: options come after it",
    "run table3 --method async_lv": "Unknown method 'async_lv': did you mean async_lu",
    "run table3 --method my_sgd": "One of your own is loaded by --plugin FILE.py.",
    "run table3 --set my_sgd.period=4": "One of your own is loaded by --plugin FILE.py.",
    "run table3 --method bp,lapsdg": "Unknown method 'lapsdg': did you mean lapsgd",
    "run table3 --network resnet19": "Unknown network 'resnet19': did you mean resnet18",
    "run table3 --executor thread": "Unknown executor 'thread': did you mean threads?",
    "run table3 --scale smok": "Unknown scale 'smok': did you mean smoke",
    "run table3 --scale small --budget 2": "--budget 2: there are 1, 4, 20 times the samples",
    "run table3 --budget 4": "--budget 4: scale smoke has no budgets",
    "run spread --scale small --budget 4": "spread is an analysis, which has no budget",
    "run table6 --scale small --budget 20": "imdb has 25,000; possible here: 1, 4.",
    "run table1 --scale small --budget 4 --set workload.epochs=1": "--budget 4 decides workload.epochs",
    "run table3 --device gpu": "Unknown device 'gpu': did you mean cpu",
    "run table3 --hardware papera": "Unknown hardware card 'papera': did you mean paper-a",
    "run table3 --hardware this-machine": "run `python -m benchmarks calibrate` first",
    "run table3 --executor threads --hardware paper-a": "--hardware is for the virtual executor",
    "show paper-c": "Unknown table, hardware card or method 'paper-c': did you mean paper-",
    "show fedasync": "--plugin",
    "run table3 --set async_lu.backward_worker=3": "Unknown option of async_lu 'backward_worker': did you mean",
    "run table3 --set lppsgd.updaters=11": "6 layers make no 11 parts: set lppsgd.updaters to at most 6.",
    "run table3 --set async_lv.queue=1": "'async_lv': did you mean async_lu",
    "run table3 --set async_lu": "--set async_lu: write method.option=value or workload.field=value.",
    "run table3 --set workload.epoch=3": "Unknown field of workload 'epoch': did you mean epochs",
    "run table3 --set workload.lr=0.1": "Unknown field of workload 'lr': did you mean workload.schedule.lr?",
    "run table3 --set workload.optim.momentum=0": "did you mean workload.optimizer.momentum?",
    "run table3 --set workload.scale=paper": "choose it with --scale",
    "run table3 --set lapsgd.period=1,x": "lapsgd.period='x'",
    "run table3 --set lapsgd.period=1,4 --method bp": "--method leaves lapsgd out; add --method lapsgd.",
    "run table3 table9 --set lapsgd.period=1,4": "table9 is an analysis and takes one value; name tables alone.",
    "run speedup --set speedup.betas=1 --set speedup.betas=2": "speedup.betas is given twice: give it once",
    "run table3 --method lapsgd@updater=4": "Unknown option of lapsgd 'updater': did you mean updaters",
    "run table3 --method lapsgd@updaters": "lapsgd@updaters: write a row as method@option=value",
    "run table3 --seed 3": "Unknown option '--seed': did you mean --seeds",
    "doctor --dat x": "Unknown option '--dat': did you mean --data or",
    "run table3 --seeds": "--seeds needs a value",
    "run table3 --seeds x": "--seeds x: give how many seeds or which, as in --seeds 5 (0 to 4) or --seeds 0-4,7",
    "run table3 --seeds 4-0": "--seeds 4-0: 4-0 goes backwards; write 0-4.",
    "run table3 --seeds 7,1000": "seeds of tables go from 0 to 999; later ones are `tune`'s.",
    "run table3 --seeds 0": "--seeds 0: give the number of seeds, from 1 to",
    "run table3 --seeds 1 --seeds 2": "--seeds is given twice",
    "run table3 --jobs 0": "--jobs 0: give the number of runs side by side, 1 or more.",
    "run table3 --jobs two": "--jobs two: give a whole number.",
    "run table3 --target x": "--target x: give a number.",
    "run table3 --stall-after 0": "--stall-after 0: must be > 0.",
    "run table3 --target 120": "--target 120: give a value to reach, above 0 and up to 100, of table3's accuracy (%).",
    "run lm --target 0": "--target 0: give a value to reach, above 0, of lm's loss (nats).",
    "tune lm --target nan": "--target nan: give a value to reach",
    "report table3 --target 120": "--target 120: give a value to reach",
    "run table3 --fresh=maybe": "--fresh maybe: give nothing after it",
    "track out": "out is no file of a table of your own, in TOML or Python; runs are found by --out",
    "track --out nowhere": "There are no runs in nowhere: run a table first",
    "run table8 --method bp --network resnet50 --plugin none.py": "There is no plug-in file",
    "run table3 --scale small --data nowhere": "--data nowhere: there is no such folder.",
    "run table3 --out /dev/null/out": "--out /dev/null/out cannot be written (Not a directory): name another folder.",
    f"run table3 --plugin {'x' * 300}": "File name too long",
}


@pytest.mark.parametrize("line", MISTAKES, ids=lambda line: line[:60])
def test_a_mistake_is_one_sentence(line: str, cli: Cli, tmp_path: Path) -> None:
    output = cli.refused(*line.split(" "))
    assert MISTAKES[line] in output.err
    assert output.out == ""
    assert [path.name for path in tmp_path.iterdir() if path.name != "out"] == []


def test_a_command_line_imports_nothing_heavy() -> None:
    """Help, lists and mistakes take less than half a second, since none of them loads torch or its kind."""
    lines = ["--help", "run --help", "list", "show table3", "run tabl3", "rum", "run table3 --sed 1", "track --out no"]
    lines += ["run table3 --method x", "run table3 --set async_lu.x=1", "run table3 --hardware x", "show paper-c"]
    lines += ["calibrate --scale x", "calibrate --device x"]
    source = f"""
import contextlib, io, sys
from benchmarks.__main__ import main
for line in {lines!r}:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        main(line.split())
    found = {HEAVY!r} & set(sys.modules)
    assert not found, (line, found)
"""
    subprocess.run([sys.executable, "-c", source], cwd=CHECKOUT, check=True)


def test_without_arguments_it_helps(cli: Cli) -> None:
    output = cli.ok()
    assert all(f" {command} " in output.out for command in ("list", "show", "run", "calibrate", "track", "doctor"))


def test_a_broken_plug_in_is_one_sentence(cli: Cli, tmp_path: Path) -> None:
    for name, text, words in (
        ("syntax.py", "def", "SyntaxError"),
        ("raises.py", "1 / 0", "ZeroDivisionError"),
        ("empty.py", "", "registers no method"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        output = cli.refused("run", "table3", f"--plugin={name}")
        assert name in output.err
        assert words in output.err


def test_a_reader_that_leaves_is_no_error() -> None:
    process = program("list")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=300) in (0, 1)


def test_data_that_cannot_be_had_are_said_before_an_estimate(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BENCHMARKS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "out"))
    urls: list[str] = []

    def silent(url: str) -> str:
        urls.append(url)
        return "no route"

    monkeypatch.setattr(present, "server_error", silent)
    plan = cli.ok("show", "table3", "--scale=small", "--out=out").out
    assert urls == []  # a plan asks nobody
    assert plan.index("CIFAR-100 is not on this machine") < plan.index("Expected")
    result = cli("run", "table3", "--scale=small", "--out=out")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "(no route)" in result.err
    assert urls == [cards.card("cifar100").published.url]
    assert "Expected" not in result.out
