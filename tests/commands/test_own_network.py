"""`--network FILE.py` at the command line: a network of one's own on a table's rows, by its name everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.commands import Cli, journals, written
from tests.workloads.own_files import MLP, network

TINY = ("--seeds=1", "--set=workload.epochs=2", "--set=workload.train_samples=256", "--set=workload.test_samples=100")
RUN = ("run", "table3", "--method=bp,async_lu", "--no-tracking", "--jobs=1", *TINY)


def test_a_network_of_ones_own_is_trained_and_shown_by_its_name(cli: Cli, here: None, tmp_path: Path) -> None:
    path = network(tmp_path)
    output = cli.ok(*RUN, "--network", str(path))
    assert "mlp (mynet.py, width 8) on 1x8x16 Pairs of handwritten digits" in " ".join(output.out.split())
    audit = cli("show", "table3", "--method=bp,async_lu", *TINY, "--network", str(path), "--audit").out
    for part in ("mlp is charged by its own FLOPs at", "network: mlp of mynet.py, with ResNet-18's settings"):
        assert part in audit
    assert [journal["status"] for journal in journals(tmp_path / "out")] == ["finished"] * 2
    journal_path = next((tmp_path / "out").glob("runs/*/journal.jsonl"))
    spec = json.loads(journal_path.read_text().splitlines()[0])["spec"]
    assert (spec["workload"]["network"], spec["workload"]["like"], spec["charged"]["network"]) == (
        "mlp",
        "resnet18",
        "mlp",
    )
    rerun = cli(*RUN, "--network", str(path))
    assert "2 of them done before" in rerun.out
    table = json.loads(written(tmp_path / "out", "table3.json").read_text())
    assert {row["network"] for row in table["rows"]} == {"mlp"}
    cli.ok("report", "table3", "--network", str(path), "--scale=smoke", "--seeds=1", *TINY[1:])
    page = written(tmp_path / "out", "table3/report.md", "report").read_text()
    assert "--network mynet.py:mlp" in page


@pytest.mark.slow
def test_beside_the_suites_it_is_trained_in_another_process(cli: Cli, tmp_path: Path) -> None:
    output = cli.ok(*RUN, "--network", f"resnet18,{network(tmp_path)}:mlp")
    assert "mlp (mynet.py" in output.out
    assert "ResNet-18 (width 8" in output.out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "def f(shape, classes):\n    return 1 / 0\n",
            "mynet.py, line 2: f fails: ZeroDivisionError: division by zero.",
        ),
        (MLP.replace("width, classes)", "width, 7)"), "line 7: mlp makes (2, 7) of a batch of 2, not (2, 100)"),
    ],
)
def test_a_bad_one_ends_the_command_before_anything_is_trained(
    cli: Cli, here: None, tmp_path: Path, text: str, complaint: str
) -> None:
    output = cli.refused(*RUN, "--network", str(network(tmp_path, text)))
    assert complaint in output.err
    assert not (tmp_path / "out").exists()


def test_two_of_one_name_are_refused(cli: Cli, tmp_path: Path) -> None:
    files = (network(tmp_path, name="a.py"), network(tmp_path, name="b.py"))
    output = cli.refused("show", "table3", "--network", ",".join(map(str, files)))
    assert "mlp is the name of several networks" in output.err


def test_a_table_of_ones_own_brings_its_network_with_published_values(cli: Cli, here: None, tmp_path: Path) -> None:
    """The path is from where the table's file lies; processes that train are told of it, and so is the page."""
    folder = tmp_path / "paper"
    folder.mkdir()
    network(folder)
    table = folder / "mine.toml"
    table.write_text(
        '[table]\nid = "mine"\ntitle = "Mine"\nfamily = "cifar10"\nnetworks = ["mynet.py", "resnet18"]\n'
        'measures = ["best_accuracy_percent"]\n[[rows]]\nmethod = "bp"\n',
        encoding="utf-8",
    )
    table.with_suffix(".csv").write_text(
        "table,dataset,network,row,measure,mean,std,n,source,note\n"
        'mine,cifar10,mlp,bp,best_accuracy_percent,12.5,,,"my draft",\n',
        encoding="utf-8",
    )
    cli.ok("run", str(table), "--no-tracking", "--jobs=1", *TINY)
    content = json.loads(written(tmp_path / "out", "mine.json").read_text())
    published = {row["network"]: row["cells"][0]["published"] for row in content["rows"]}
    assert published["mlp"] is not None
    assert published["resnet18"] is None
    cli.ok("show", str(table), "--network=mlp")


def test_what_it_raises_in_training_is_told_with_its_line(cli: Cli, here: None, tmp_path: Path) -> None:
    """Nine passes are those of the trial before any training and of the first batches."""
    text = MLP.replace("nn.Linear(width, width)", "Late(width, width)").replace(
        "\n\ndef mlp",
        "\n\nPASSES = []\n\n\nclass Late(nn.Linear):\n    def forward(self, x):\n        PASSES.append(1)\n"
        "        if len(PASSES) > 9:\n            raise RuntimeError('late')\n"
        "        return super().forward(x)\n\n\ndef mlp",
    )
    path = network(tmp_path, text)
    line = 1 + text.splitlines().index("            raise RuntimeError('late')")
    result = cli("run", "table3", "--method=bp", "--no-tracking", "--jobs=1", *TINY, "--network", str(path))
    assert result.code == 1
    assert f"RuntimeError: late ({path}:{line})" in " ".join(result.out.split())
