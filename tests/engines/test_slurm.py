"""The SLURM engine on a fake cluster: what is submitted, once, and how a grid ends whatever happens."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.errors import Interrupted, UserError
from benchmarks.runner.engines.options import SlurmOptions
from benchmarks.runner.engines.shards import arrays
from benchmarks.runner.engines.slurm import Slurm, cancelled
from benchmarks.runner.pace import Pace
from benchmarks.runner.processes import signals
from benchmarks.runner.processes.messages import Ended
from results.records import JOURNAL, folder_of, read
from tests.engines.fakes import FakeCluster, run_of, setting_of, train

RUNS = [run_of(seed) for seed in range(4)]


class Grid:
    """An engine that trains RUNS into a folder, and the sentences that it printed."""

    def __init__(self, fake: FakeCluster, out: Path, per_task: int = 1) -> None:
        self.fake, self.out, self.said = fake, out, list[str]()
        self.slurm = Slurm(SlurmOptions(per_task=per_task), self.said.append, fake.sleep)

    def train(self, *steps: Callable[[], None], fresh: bool = False) -> dict[str, Ended]:
        self.fake.steps[:] = steps
        return self.slurm.train_all(RUNS, setting_of(self.out, fresh=fresh), jobs=1, listen=lambda event: None)

    def finish(self) -> None:
        self.fake.finish(self.out)

    @property
    def trained(self) -> list[str]:
        """Ids of the runs given to jobs; a run given to two jobs appears twice."""
        return sorted(run.id for key in self.fake.paths for run in self.fake.runs(key))


@pytest.fixture
def grid(fake: FakeCluster, tmp_path: Path) -> Grid:
    return Grid(fake, tmp_path / "out")


ALL = sorted(run.id for run in RUNS)


def test_a_grid_is_an_array_of_shards(fake: FakeCluster, tmp_path: Path) -> None:
    grid = Grid(fake, tmp_path / "out", per_task=3)
    ended = grid.train(grid.finish)
    assert {end.status for end in ended.values()} == {"finished"}
    assert sorted(ended) == ALL
    assert [len(fake.runs(key)) for key in sorted(fake.paths)] == [3, 1]
    assert grid.said == ["Submitted 4 runs in an array of 2 jobs: 10"]


def test_an_array_is_no_longer_than_the_cluster_takes(fake: FakeCluster, grid: Grid) -> None:
    fake.most_index = 4  # so that the highest index is 3
    grid.train(grid.finish)
    by_name: dict[str, list[int]] = {}
    for name, index in fake.paths:
        by_name.setdefault(name, []).append(index)
    assert sorted(by_name.values()) == [[0], [0, 1, 2]]


def test_a_cluster_that_does_not_answer_for_a_while_is_waited_for(fake: FakeCluster, grid: Grid) -> None:
    def silence() -> None:
        fake.silent = True

    def speech() -> None:
        fake.silent = False

    ended = grid.train(silence, lambda: None, lambda: None, speech, grid.finish)
    assert sorted(ended) == ALL
    assert grid.trained == ALL


def interrupt() -> None:
    raise KeyboardInterrupt


def test_ctrl_c_leaves_jobs_alone_and_the_same_command_follows_them(fake: FakeCluster, grid: Grid) -> None:
    with pytest.raises(Interrupted, match="job 10 of SLURM goes on; the same command follows") as raised:
        grid.train(interrupt)
    assert raised.value.code == 130
    assert fake.count("scancel") == 0
    ended = grid.train(grid.finish)
    assert sorted(ended) == ALL
    assert grid.trained == ALL  # none was submitted twice
    assert "4 runs queued or running already; followed." in grid.said


def test_a_command_that_was_killed_as_it_submitted_left_jobs_that_are_found(
    fake: FakeCluster, grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sbatch accepted the array, but its ids were not written down."""
    submit = fake.submit

    def killed(*arguments: object, **options: object) -> tuple[str, ...]:
        submit(*arguments, **options)  # type: ignore[arg-type]
        raise signals.Terminated(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.runner.engines.cluster.submit", killed)
        with pytest.raises(signals.Terminated):
            grid.train()
    assert [array.jobs for array in arrays(grid.out)] == [()]
    grid.train(grid.finish)
    assert grid.trained == ALL


def test_detached_returns_at_once(fake: FakeCluster, grid: Grid) -> None:
    grid.slurm.detached(RUNS, setting_of(grid.out))
    assert grid.said[-1].startswith("Detached: 0 of 4 runs done; job 10 of SLURM goes on")
    grid.slurm.detached(RUNS, setting_of(grid.out))
    assert grid.trained == ALL


def test_lost_runs_are_submitted_again(fake: FakeCluster, grid: Grid) -> None:
    nothing = lambda: None  # noqa: E731
    ended = grid.train(lambda: fake.become("NODE_FAIL"), nothing, grid.finish)
    assert {end.status for end in ended.values()} == {"finished"}
    assert grid.trained == sorted(ALL * 2)
    assert len(grid.said) == 2


def test_cancelled_runs_end_and_the_same_command_trains_them(fake: FakeCluster, grid: Grid) -> None:
    ended = grid.train(lambda: fake.become("CANCELLED"), lambda: None)
    assert {end.status for end in ended.values()} == {"failed"}
    ended = grid.train(grid.finish)
    assert {end.status for end in ended.values()} == {"finished"}


def test_cancel_ends_what_is_queued_or_running_here(fake: FakeCluster, grid: Grid, tmp_path: Path) -> None:
    grid.slurm.detached(RUNS, setting_of(grid.out))
    other_grid = Grid(fake, tmp_path / "elsewhere")
    other_grid.slurm.detached(RUNS, setting_of(other_grid.out))
    fake.become("COMPLETED", next(iter(fake.jobs)))
    assert len(cancelled(grid.out)) == 3
    assert [job.state for job in fake.jobs.values()].count("PENDING") == 4
    assert cancelled(grid.out) == []


def test_runs_that_the_cluster_refuses_are_held(fake: FakeCluster, grid: Grid) -> None:
    fake.most_index, fake.room = 3, 3
    ended = grid.train(grid.finish, grid.finish, grid.finish)
    assert sorted(ended) == ALL
    assert grid.trained == ALL
    assert any("2 runs are held until a job has ended" in line for line in grid.said)


def test_nothing_is_submitted_where_nobody_knows_what_is_queued(fake: FakeCluster, grid: Grid) -> None:
    grid.slurm.detached(RUNS, setting_of(grid.out))
    fake.silent = True
    with pytest.raises(UserError, match="The cluster does not answer"):
        grid.train()


def test_fresh_repeats_a_complete_run_once(fake: FakeCluster, grid: Grid) -> None:
    for run in RUNS:
        train(grid.out, run)
    ended = grid.train(lambda: None, grid.finish, fresh=True)
    assert {end.status for end in ended.values()} == {"finished"}
    for run in RUNS:
        names = sorted(path.name for path in folder_of(grid.out, run.id).iterdir())
        assert names == ["journal.jsonl", "journal.replaced-1.jsonl"]
        assert read(folder_of(grid.out, run.id) / JOURNAL).complete


def test_a_job_has_to_have_time_for_an_epoch() -> None:
    pace = Pace()
    Slurm(SlurmOptions({"time": "60"}), print).check_time(RUNS, pace)
    with pytest.raises(
        UserError, match=r"^--slurm time=0:06: an epoch of .* takes about 3 s .* give it 1 minute or more\.$"
    ):
        Slurm(SlurmOptions({"time": "0:06"}), print).check_time(RUNS, pace)
