"""`latex`: chosen columns and rows of tables that were run, one file each, with the pictures that belong to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from results.tables import Conditions, files
from tests.commands.commands import Cli
from tests.reports.test_paper import TABLE

SMOKE, THREADS = Conditions("smoke", "virtual", "paper-a"), Conditions("smoke", "threads", "EPYC")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Table 3 as `run` leaves it, under two conditions, with a picture under one."""
    out = tmp_path / "out"
    picture = out / "figures" / SMOKE.slug / "table3.pdf"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"%PDF /MediaBox [ 0 0 486 100 ]")
    with_picture = replace(TABLE, conditions=SMOKE).with_pictures([picture], out, "LPP lies on LAP.")
    for table in (with_picture, replace(TABLE, conditions=THREADS)):
        files.write(table, table.conditions.folder(out / "tables"))
    return out


def test_every_condition_is_a_file_with_a_label_and_a_picture_is_a_float(cli: Cli, out: Path) -> None:
    cli.ok("latex", "table3")
    names = ["table3-smoke-threads-epyc.tex", "table3-smoke-virtual-paper-a-figure.pdf"]
    names += ["table3-smoke-virtual-paper-a-figure.tex", "table3-smoke-virtual-paper-a.tex"]
    assert sorted(path.name for path in (out / "latex").iterdir()) == names
    text = (out / "latex" / names[2]).read_text(encoding="utf-8")
    assert r"\begin{figure*}[tbp]" in text
    assert r"\includegraphics{table3-smoke-virtual-paper-a-figure.pdf}" in text
    assert r"\label{fig:table3-smoke-virtual-paper-a}" in text
    assert "LPP lies on LAP." in text


def test_columns_and_rows_are_shown_in_the_order_that_they_are_named(cli: Cli, out: Path) -> None:
    flags = ["--columns", "time_to_target_seconds.interval,best_accuracy_percent", "--rows", "lu,bp", "--name", "main"]
    cli.ok("latex", "table3", *flags, "--condition", SMOKE.slug, "--to", "paper")
    lines = (out.parent / "paper" / "main.tex").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith(("LU", "BP", "BU"))]
    assert rows == [
        r"LU & {[}10.0, 10.0{]} & 60.3 $\pm$ 0.5 \\",
        r"BP & {[}20.0, 20.0{]} & 60.0 $\pm$ 0.5 \\",
    ]
    assert r"\label{tab:main}" in lines


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tabel3"], "Unknown table 'tabel3': did you mean table3?"),
        (["table1"], "There is no table1 under out/tables: `python -m benchmarks run table1` makes it."),
        (["table3", "--condition=smoke"], "Unknown condition 'smoke'"),
        (["table3", "--columns=best_acuracy"], "Unknown column of table3 'best_acuracy'"),
        (
            ["table3", "--columns=best_accuracy_percent.mean"],
            "part of best_accuracy_percent 'mean': did you mean",
        ),
        (["table3", "--rows=async"], "Unknown row of table3 'async': there are bp, lu, bu."),
        (["table3", "--network=vgg"], "Unknown network 'vgg'"),
        (["table3", "--name=main"], "--name main is of one table, and these are 2"),
        (["table3", "--name=a b"], "--name a b: letters, digits and hyphens"),
        ([], "Name at least one table that was run"),
    ],
)
def test_what_is_not_there_is_said(cli: Cli, out: Path, arguments: list[str], words: str) -> None:
    output = cli.refused("latex", *arguments)
    assert words in output.err
    assert not (out / "latex").exists()


def test_a_table_of_ones_own_may_have_a_method_of_ones_own(cli: Cli, out: Path) -> None:
    cli("new", "method", "my_sgd")
    header = 'id = "mine"\ntitle = "Mine"\nsource = "here"\nfamily = "cifar10"\nnetworks = ["resnet18"]\n'
    rows = '[[rows]]\nmethod = "my_sgd"\n'
    text = f'[table]\n{header}measures = ["best_accuracy_percent"]\n\n{rows}'
    (out.parent / "mine.toml").write_text(text, encoding="utf-8")
    for folder in (out / "tables").iterdir():
        (folder / "mine.json").write_bytes((folder / "table3.json").read_bytes())
    refused = cli("latex", "mine.toml")
    assert (refused.code, "mine.toml, line 9: Unknown method 'my_sgd'" in refused.err) == (2, True)
    cli.ok("latex", "mine.toml", "--plugin=my_sgd.py", f"--condition={SMOKE.slug}", "--name=main")
    assert (out / "latex" / "main.tex").is_file()
