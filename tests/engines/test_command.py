"""`run --engine slurm`, `show` and `cancel`: mistakes give one sentence before anything is queued."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.runner.engines import cluster, probe
from benchmarks.runner.engines.cluster import Call, submit
from benchmarks.runner.engines.options import SlurmOptions
from benchmarks.runner.engines.probe import Answer, answer
from benchmarks.runner.gpus import Gpus, Node
from tests.commands.commands import TINY, Cli
from tests.engines.fakes import FakeCluster

pytest.importorskip("submitit")
SLURM = ("--engine=slurm", "--method=bp,async_lu", "--no-tracking", *TINY)


def script(folder: Path, name: str, body: str) -> None:
    """Writes a command of this name."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder that alone is searched for commands."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sbatch", "squeue", "srun"):
        script(folder, name, "")
    monkeypatch.setenv("PATH", str(folder))
    return folder


# ---- bad input


@pytest.mark.parametrize("command", [("run", "table1", *SLURM), ("cancel",)])
def test_without_slurm_there_is_a_sentence(command: tuple[str, ...], cli: Cli, bin: Path) -> None:
    (bin / "sbatch").unlink()
    output = cli.refused(*command)
    assert output.err.startswith(
        "--engine slurm: there is no sbatch here; give the command on a machine from which jobs"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--engine=slurn",), "Unknown engine 'slurn': did you mean slurm?"),
        (("--slurm=time=5",), "--slurm is for --engine slurm"),
        (("--per-task=2",), "--per-task is for --engine slurm"),
        (("--detach",), "--detach is for --engine slurm"),
        (("--engine=slurm", "--jobs=2"), "--jobs and --per-device are for this machine"),
        (("--engine=slurm", "--per-device=2"), "--jobs and --per-device are for this machine"),
        (("--engine=slurm", "--per-task=0"), "--per-task 0: give the number of runs"),
        (("--engine=slurm", "--slurm=array=1"), "--slurm array=1: the engine says"),
        (
            ("--engine=slurm", "--slurm=partition=gpus"),
            "--slurm partition=gpus: Unknown partition 'gpus': did",
        ),
    ],
)
def test_bad_options_are_a_sentence(
    options: tuple[str, ...], words: str, cli: Cli, bin: Path, fake: FakeCluster
) -> None:
    output = cli.refused("run", "table1", "--no-tracking", *TINY, *options)
    assert output.err.startswith(words)
    assert fake.jobs == {}


# ---- what is asked of the cluster


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch, fake: FakeCluster, bin: Path) -> FakeCluster:
    """A cluster whose probe jobs answer at once."""

    def submit_and_answer(call: Call, paths: list[Path], **options: Any) -> tuple[str, ...]:
        if call.function != "answer":
            return fake.submit(call, paths, **options)
        answer(str(paths[0]))
        return ("9",)

    monkeypatch.setattr(cluster, "submit", submit_and_answer)
    return fake


def test_run_submits_and_show_says_so_before(cli: Cli, answered: FakeCluster) -> None:
    plan = cli("show", "table1", *SLURM[:2], *TINY, "--per-task=4").out
    assert "2 runs, 0 of them done in out. To SLURM: one job of at most 2 runs each, time=60: " in plan
    assert "No node has been seen yet" in plan
    assert answered.jobs == {}
    output = cli.ok("run", "table1", *SLURM, "--per-task=4", "--detach")
    assert "Detached: 0 of 2 runs done; job 10 of SLURM goes on" in output.out
    assert len(answered.jobs) == 1
    assert "No node has been seen yet" not in cli("show", "table1", *SLURM[:2], *TINY).out
    assert cli("cancel").out == "1 job of out cancelled, 0 of them running; the same `run` carries on.\n"
    assert cli("cancel").out == "No job of out is queued or running.\n"


def test_a_search_is_submitted_stage_by_stage(cli: Cli, answered: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    submit_array = cluster.submit

    def trained_at_once(call: Call, paths: list[Path], **options: Any) -> tuple[str, ...]:
        ids = submit_array(call, paths, **options)
        answered.finish(Path("out"))
        return ids

    monkeypatch.setattr(cluster, "submit", trained_at_once)
    output = cli.ok("tune", "table1", *SLURM, "--grid=3", "--per-task=2")
    stages = [line for line in output.out.splitlines() if line.startswith("Submitted")]
    assert [line.partition(":")[0] for line in stages] == [
        "Submitted 6 runs in an array of 3 jobs",  # three rates of two rows
        "Submitted 2 runs in one job",  # and both rows as published, which is as good as any
    ]
    assert all(path.is_file() for path in answered.paths.values())


def test_a_time_that_is_too_short_is_said_before_anything_is_queued(cli: Cli, answered: FakeCluster) -> None:
    output = cli.refused("run", "table1", *SLURM, "--slurm=time=0:06")
    assert output.err.startswith("--slurm time=0:06: an epoch of cifar10-resnet18")
    assert answered.jobs == {}


def test_the_nodes_hardware_is_part_of_the_identity(
    cli: Cli, answered: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On real threads the node's processor is part of the identity, on CUDA its GPU."""
    node = Node("EPYC of the node", 96, Gpus("H200", 1))
    monkeypatch.setattr(probe, "_by_job", lambda *arguments: Answer("node1", node, probe._versions(), []))
    cli("run", "table1", *SLURM, "--executor=threads", "--device=cpu", "--detach", "--per-task=1")
    cli("run", "table1", *SLURM, "--executor=threads", "--detach", "--per-task=1")
    on_cpu, on_gpu = (run for key in answered.jobs for run in answered.runs(key)[:1] if run.spec.method.name == "bp")
    assert (on_cpu.spec.hardware.name, on_cpu.spec.hardware.cores, on_cpu.spec.device) == (
        "EPYC of the node",
        96,
        "cpu",
    )
    assert (on_gpu.spec.hardware.name, on_gpu.spec.gpu, on_gpu.spec.device) == ("H200", "H200", "cuda")


# ---- through submitit


def test_sbatch_gets_an_array_from_0_on(bin: Path, tmp_path: Path) -> None:
    body = (
        f"import shutil, sys\nshutil.copy(sys.argv[1], {str(tmp_path / 'script')!r})\nprint('Submitted batch job 77')\n"
    )
    script(bin, "sbatch", body)
    options = SlurmOptions({"partition": "gpu", "gres": "gpu:1", "time": "4:00:00"}, setup=("module load cuda",))
    paths = [tmp_path / f"{index}.json" for index in range(3)]
    ids = submit(
        Call("benchmarks.runner.engines.job", "serve"), paths, name="grid", logs=tmp_path / "logs", options=options
    )
    assert ids == ("77_0", "77_1", "77_2")
    text = (tmp_path / "script").read_text()
    for line in (
        "--array=0-2%3",
        "--job-name=grid",
        "--partition=gpu",
        "--gres=gpu:1",
        "--time=240",
        "--signal=USR2@90",
    ):
        assert f"#SBATCH {line}\n" in text
    assert "#SBATCH --requeue\n#SBATCH --signal=USR2@90\n" in text
    assert "\nmodule load cuda\n" in text
    pickled = (tmp_path / "logs" / "77_1_submitted.pkl").read_bytes()
    assert b"benchmarks.runner.engines.cluster" in pickled  # by name, with a path: no object of a run is in it
    assert b"1.json" in pickled
    assert len(pickled) < 1000


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("sbatch: error: Batch job submission failed: Invalid account specified", "Batch job .* specified"),
        ("sbatch: unrecognized option '--acount=x'\nTry \"sbatch --help\" for more information", "unrecognized .*=x'"),
    ],
)
def test_what_sbatch_refuses_is_a_sentence(
    error: str, words: str, bin: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script(bin, "sbatch", f"import sys\nsys.exit({error!r})\n")
    with pytest.raises(UserError, match=rf"^SLURM takes no job with account=x, time=60: {words}\.$"):
        submit(Call("a", "b"), [tmp_path / "0.json"], name="g", logs=tmp_path, options=SlurmOptions({"account": "x"}))
    assert capfd.readouterr() == ("", "")  # the sentence is all


def test_a_command_of_slurms_that_fails_says_what_it_said(bin: Path) -> None:
    script(bin, "squeue", "import sys\nprint('noise', file=sys.stderr)\nsys.exit('squeue: error: no controller')\n")
    with pytest.raises(cluster.ClusterSilent, match=r"^squeue: error: no controller$"):
        cluster.queue(["grid"])
    with pytest.raises(cluster.ClusterSilent, match="No such file"):
        cluster.ask("scontrol", "requeue", "12")


def test_the_queue_is_read_whatever_a_reason_holds(bin: Path) -> None:
    lines = ["g|3|12_3|PENDING||(a|b)", "g|N/A|13|RUNNING|node1|None", "other|0|1|RUNNING|n|None"]
    script(bin, "squeue", f"print({chr(10).join(lines)!r})\n")
    jobs = cluster.queue(["g"])
    assert jobs["g", 3] == cluster.Job("12_3", "PENDING", "", "(a|b)")
    assert jobs["g", 0] == cluster.Job("13", "RUNNING", "node1", "None")
    assert len(jobs) == 2
