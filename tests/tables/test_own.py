"""A user's own tables, in Python and TOML: the same table, the same runs, and one sentence per mistake."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import UserError
from benchmarks.experiments import experiment
from benchmarks.runner.choices import Choices
from benchmarks.runner.resolve import resolve
from benchmarks.tables.definition import Table
from benchmarks.tables.own import is_file
from results.errors import ResultsError

PYTHON = """from benchmarks.hardware.delays import Delay
from benchmarks.tables.definition import Row, Table

TABLE = Table(
    id="my-paper",
    title="Mine beside theirs",
    source="my draft, Table 1",
    family="cifar100",
    networks=("resnet18",),
    measures=("best_accuracy_percent", "relative_speedup"),
    notes=("A note of mine.",),
    workload={"epochs": 2, "schedule.milestones": [1, 2]},
    options={"lapsgd": {"period": 4}, "diloco": {"outer.name": "sgd"}},
    devices=2,
    rows=(
        Row("async_lu", note="theirs"),
        Row("lapsgd", {"updaters": 2}, batch=128),
        Row("bp", workload={"schedule.lr": 0.04, "stem": "imagenet"}),
        Row("ddp", delays=(Delay(kind="constant", device=1, steps=2.0),)),
        Row("diloco", {"outer.lr": 0.5}),
        Row("bp"),
    ),
)
"""
TOML = """# my paper
[table]
id = "my-paper"
title = "Mine beside theirs"
source = "my draft, Table 1"
family = "cifar100"
networks = ["resnet18"]
measures = ["best_accuracy_percent", "relative_speedup"]
notes = ["A note of mine."]
devices = 2
workload = { epochs = 2, schedule = { milestones = [1, 2] } }

[table.options]
lapsgd.period = 4
diloco.outer.name = "sgd"

[[rows]]
method = "async_lu"
note = "theirs"

[[rows]]
method = "lapsgd"
options = { updaters = 2 }
batch = 128

[[rows]]
method = "bp"
workload.schedule.lr = 0.04
workload.stem = "imagenet"

[[rows]]
method = "ddp"
delays = [{ kind = "constant", device = 1, steps = 2.0 }]

[[rows]]
method = "diloco"
options.outer.lr = 0.5

[[rows]]
method = "bp"
"""
COLUMNS = "table,dataset,network,row,measure,mean,std,n,source,note\n"
VALUE = 'my-paper,cifar100,resnet18,async_lu,best_accuracy_percent,61.5,0.4,5,"Doe, Table 2",\n'


def written(folder: Path, text: str, name: str = "my_table.toml", values: str = "") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    if values:
        path.with_suffix(".csv").write_text(values, encoding="utf-8")
    return path


def loaded(path: Path) -> Table:
    table = experiment(str(path))
    assert isinstance(table, Table)
    return table


@pytest.fixture(params=["python", "toml"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    text, name = (PYTHON, "my_table.py") if request.param == "python" else (TOML, "my_table.toml")
    return loaded(written(tmp_path, text, name, COLUMNS + VALUE))


def test_a_table_of_ones_own_is_a_table(own: Table) -> None:
    assert [row.key for row in own.rows] == [
        "async_lu",
        "lapsgd@updaters=2,batch=128",
        "bp@stem=imagenet,workload.schedule.lr=0.04",
        "ddp@delay=constant",
        "diloco@outer.lr=0.5",
        "bp",
    ]
    assert own.published[("resnet18", "async_lu", "best_accuracy_percent")].mean == 61.5
    assert (own.id, own.source, own.notes, own.devices) == ("my-paper", "my draft, Table 1", ("A note of mine.",), 2)
    runs = {run.labels.row: run for run in resolve(own, Choices(seeds=(0,), own_tables=(own,))).runs}
    assert {run.work.epochs for run in runs.values()} == {2}
    assert {run.work.schedule.milestones for run in runs.values()} == {(1.0, 2.0)}
    assert runs["lapsgd@updaters=2,batch=128"].method.options["period"] == 4
    assert runs["ddp@delay=constant"].method.options["devices"] == 2
    assert runs["diloco@outer.lr=0.5"].method.options["outer.name"] == "sgd"
    row = runs["bp@stem=imagenet,workload.schedule.lr=0.04"]
    assert (row.work.schedule.lr, row.work.stem, runs["bp"].work.stem) == (0.04, "imagenet", "cifar")
    assert row.spec.hardware.name == "paper-a"


def test_either_form_has_the_same_runs(tmp_path: Path) -> None:
    from_python, from_toml = (
        loaded(written(tmp_path, text, name)) for text, name in ((PYTHON, "a.py"), (TOML, "b.toml"))
    )
    assert replace(from_python, file=None) == replace(from_toml, file=None)
    ids = [[run.id for run in resolve(table, Choices(seeds=(0,))).runs] for table in (from_python, from_toml)]
    assert ids[0] == ids[1]


def test_what_is_set_goes_before_the_whole_tables_workload_and_renames(own: Table) -> None:
    rows = resolve(own, Choices(settings={"workload": {"epochs": "3"}})).rows
    assert rows[0].key == "async_lu@workload.epochs=3"
    assert resolve(own, Choices(settings={"workload": {"epochs": "2"}})).rows == own.rows
    assert resolve(own, Choices()).works["resnet18"].epochs == 2


def test_a_card_beside_the_table_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "fast.toml").write_text('extends = "paper-a"\nname = "fast"\n', encoding="utf-8")
    own = loaded(written(tmp_path, TOML.replace("devices = 2", 'devices = 2\ncard = "fast.toml"')))
    assert {run.spec.hardware.name for run in resolve(own, Choices(seeds=(0,))).runs} == {"fast"}
    assert is_file(str(tmp_path / "my_table.toml"))
    assert not is_file(str(tmp_path / "fast.toml")), "a hardware card is no table"


def test_a_csv_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, TOML)
    path.with_suffix(".csv").write_bytes(("\ufeff" + COLUMNS + VALUE).replace("\n", "\r\n").encode())
    assert len(loaded(path).published) == 1


WRONG = {
    ("id = ", "ident = "): "line 3: Unknown key of [table] 'ident'",
    ('family = "cifar100"', 'family = "cifar"'): "Unknown family 'cifar': did you mean cifar10",
    ('"resnet18"]', '"resnet19"]'): "Unknown network 'resnet19': did you mean resnet18",
    ('"relative_speedup"]', '"relative_speed"]'): "line 8: Unknown measure 'relative_speed': did you mean relative_spe",
    ('"async_lu"', '"async_lv"'): "line 17: Unknown method 'async_lv': did you mean async_lu",
    ("updaters = 2", "updater = 2"): "line 21: Unknown option of lapsgd 'updater': did you mean updaters",
    ("updaters = 2", 'updaters = "x"'): "line 21: Bad option: lapsgd.updaters='x'",
    ("batch = 128", "batsch = 128"): "line 21: Unknown key of [[rows]] 'batsch': did you mean batch",
    ("batch = 128", 'batch = "128"'): "line 21: [[rows]] batch = '128': Input should be a valid integer",
    ("workload.stem", "workload.stam"): "line 26: Unknown field of workload 'stam': did you mean stem",
    ("workload.stem", "workload.scale"): "workload.scale: choose it with --scale.",
    ("epochs = 2", "epoch = 2"): "Unknown field of workload 'epoch': did you mean epochs",
    ("[[rows]]", "[[row]]"): "line 17: Unknown key 'row': did you mean rows",
    ('"constant"', '"constantly"'): "line 31: [[rows]] delays.0.kind = 'constantly': Input should be 'constant'",
    ("devices = 2", 'card = "papera"'): "Unknown hardware card 'papera': did you mean paper-a",
    ("devices = 2", 'plugins = ["none.py"]'): "line 10: There is no plug-in file",
    ("devices = 2", 'data_card = "none.toml"'): "line 10: there is no data card",
    ("devices = 2", 'picture = "pie"'): "Unknown picture 'pie': there are curves, budgets, dots.",
    ('id = "my-paper"', 'id = "table3"'): "the id 'table3'",
    ('id = "my-paper"', 'id = "speedup-mine"'): "the id 'speedup-mine'",
    ('id = "my-paper"', 'id = "../x"'): "line 3: '../x' is no id",
    ('id = "my-paper"\n', ""): "[table] id is missing.",
    ("[table]", "[table"): "(at line 2",
    (
        'method = "bp"\nworkload.schedule.lr = 0.04\nworkload.stem = "imagenet"',
        'method = "bp"',
    ): "the row bp is there twi",
}


@pytest.mark.parametrize(("old", "new"), WRONG, ids=[new[:30] or old[:30] for old, new in WRONG])
def test_a_mistake_names_the_file_and_the_nearest(old: str, new: str, tmp_path: Path) -> None:
    assert old in TOML
    path = written(tmp_path, TOML.replace(old, new))
    with pytest.raises(UserError) as error:
        experiment(str(path))
    message = str(error.value)
    assert message.startswith(str(path))
    assert WRONG[old, new] in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('Row("bp")', 'Row("bq")', "line 4: Unknown method 'bq': did you mean bp"),
        ('Row("bp")', "Row(bp)", "line 21: NameError: name 'bp' is not defined."),
        ('Row("bp"),', 'Row("bp"', "SyntaxError"),
        ("TABLE", "TABEL", "there is no TABLE = Table(...) in it"),
        ("relative_speedup", "relative_speed", "line 10: Unknown measure 'relative_speed'"),
        ("family=", "familie=", "line 4: TypeError: "),
        ('title="', 'title="\\x1b[31m', "title: "),
    ],
)
def test_a_mistake_in_python_names_the_line(old: str, new: str, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, PYTHON.replace(old, new), "my_table.py")
    with pytest.raises(UserError) as error:
        experiment(str(path))
    assert str(error.value).startswith(str(path))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (COLUMNS + VALUE.replace("resnet18", "resnet19"), "line 2: my-paper has no cell for resnet19 async_lu"),
        (COLUMNS + VALUE.replace("async_lu", "async_lv"), "Unknown row 'async_lv': did you mean async_lu"),
        (COLUMNS + VALUE.replace("best_acc", "bost_acc"), "Unknown measure 'bost_accuracy_percent': did you mean best"),
        (
            COLUMNS + VALUE.replace("my-paper", "table3"),
            "line 2: it is of the table 'table3', and this one is my-paper",
        ),
        (COLUMNS + VALUE + VALUE, "line 3: resnet18 async_lu best_accuracy_percent is there twice"),
        (COLUMNS + VALUE.replace("61.5", "x"), "line 2: not a published value"),
        (COLUMNS + VALUE.replace("61.5", "nan"), "line 2: not a published value (nan is no finite number)"),
        (COLUMNS.replace("mean", "men") + VALUE, "line 1: there is no column mean; the first line is table,dataset,"),
    ],
)
def test_a_mistake_in_the_csv_names_the_line(values: str, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, TOML, values=values)
    with pytest.raises((UserError, ResultsError)) as error:
        experiment(str(path))
    assert str(error.value).startswith(str(path.with_suffix(".csv")))
    assert words in str(error.value)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    for name in ("none.toml", "none.py"):
        with pytest.raises(UserError, match="There is no table"):
            experiment(str(tmp_path / name))


@pytest.mark.usefixtures("registries")
def test_methods_of_a_table_that_is_no_plug_in_are_refused(tmp_path: Path) -> None:
    registration = "from methods import register\nfrom methods.bp import Backpropagation\n\n\n"
    registration += '@register(title="Mine", source="here", name="mine")\nclass Mine(Backpropagation):\n    pass\n\n\n'
    path = written(tmp_path, registration + PYTHON, "my_table.py")
    with pytest.raises(UserError, match="it registers mine; add --plugin"):
        experiment(str(path))


def test_the_page_for_ones_own_paper_has_one_table_in_two_forms(checkout: Path, tmp_path: Path) -> None:
    page = (checkout / "docs" / "your-paper.md").read_text(encoding="utf-8")
    values = "".join(f"{line.strip()}\n" for line in page.splitlines() if re.match(r" *(table,|my-paper,)", line))
    tables = []
    for language, name in (("toml", "my_table.toml"), ("python", "my_table.py")):
        blocks = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
        (text,) = (block for block in blocks if "my-paper" in block)
        tables.append(loaded(written(tmp_path, text, name, values)))
    assert replace(tables[0], file=None) == replace(tables[1], file=None)
    assert len(tables[0].published) == 1
