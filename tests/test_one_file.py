"""A table, an analysis, a method and a network of the suite are one file each: nothing else has to know of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FILES = {
    "tables/audit_dropped_in.py": """
from benchmarks.tables.definition import Row, Table

PLACE = ("audits", 2.5)
TABLE = Table(
    id="audit-dropped-in",
    title="A table of a test",
    source="this file",
    family="cifar10",
    networks=("resnet18", "dropped_net"),
    rows=(Row("bp"), Row("dropped_in")),
    measures=("best_accuracy_percent",),
)
""",
    "analyses/count_up.py": """
from benchmarks.analyses.definition import Analysis, AnalysisOptions


class CountOptions(AnalysisOptions):
    most: int = 3


def run(request):
    raise NotImplementedError


ANALYSIS = Analysis("count-up", "Counting up", "this file", run, CountOptions, paper="paper-b")
""",
    "methods/dropped_in.py": """
from methods import register
from methods.bp import Backpropagation


@register(title="Dropped in", source="this file", name="dropped_in", place=2)
class DroppedIn(Backpropagation):
    pass
""",
    "networks/dropped.py": """
from torch import nn

from benchmarks.workloads.networks.parts import Layers, Plan

NETWORKS = {"dropped_net": {"title": "A net of a test", "width": 16, "blocks": (1,), "batchnorm": False}}


def dropped_net(plan: Plan) -> Layers:
    return {
        "stem": nn.Sequential(nn.Conv2d(plan.channels, plan.width, 3, padding=1), nn.ReLU()),
        "stage1.0": nn.Sequential(nn.Conv2d(plan.width, plan.width, 3), nn.ReLU()),
        "head": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(plan.width, plan.classes)),
    }
""",
}
PROGRAM = """
import sys
import methods
from benchmarks import analyses, tables
from benchmarks.workloads import networks
for package in (analyses, methods, tables, networks):
    package.__path__.append(sys.argv[1] + package.__name__.rpartition(".")[2])
from benchmarks.__main__ import main
from benchmarks.experiments import members
ids = members("all")
assert "count-up" in members("paper-b") and "count-up" not in members("paper-a")
assert ids[ids.index("audit-updaters") + 1] == "audit-dropped-in", ids
assert methods.names()[:3] == ["bp", "async_lu", "dropped_in"]
sys.exit(main(["show", "audit-dropped-in", "count-up", "--set", "count-up.most=2"]))
"""


def test_each_is_found_by_its_file(tmp_path: Path, checkout: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM, f"{tmp_path}/"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "dropped_in" in done.stdout
    assert "count-up" in done.stdout
    assert "A net of a test (width 8" in done.stdout
