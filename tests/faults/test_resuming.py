"""Runs that are killed at any moment and go on from their checkpoints: the same table, to the byte."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.commands import CHECKOUT
from tests.faults.counting import Attempt
from tests.faults.faults import Command, Outcome, training

pytestmark = pytest.mark.faults
EPOCHS, KILLS = 40, 5
EVERY = training("--checkpoint-every=0", epochs=EPOCHS)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Outcome of the run when nobody kills it."""
    with Command(tmp_path_factory.mktemp("undisturbed"), *EVERY) as command:
        outcome = command.wait()
    assert (outcome.code, outcome.statuses) == (0, {0: "finished"})
    return outcome


def check_same(outcome: Outcome, undisturbed: Outcome) -> None:
    assert (outcome.code, outcome.statuses) == (0, {0: "finished"})
    assert outcome.tables == undisturbed.tables


def begun(output: str) -> int:
    """After which epoch a command has resumed; 0: after none."""
    return max(map(int, re.findall(r"resumed after (?:batch \d+ of )?epoch (\d+) of", output)), default=0)


@pytest.mark.fault("killed-resumed")
def test_whoever_is_killed_at_random_ends_with_the_same_table(
    attempt: Attempt, tmp_path: Path, undisturbed: Outcome
) -> None:
    reached = journals = 0
    for kill in range(KILLS + 1):
        with Command(tmp_path, *EVERY) as command:
            if kill < KILLS:
                command.at(seconds=attempt.random.uniform(2, 5)).kill("all")
            last = command.wait()
        attempt.cases += last.code == -signal.SIGKILL
        journal = next((entry for entry in last.journals if entry["file"] == "journal.jsonl"), {})
        if len(last.journals) > journals and journal.get("evaluations"):  # it came to train
            assert journal["resumed"] >= reached - 1  # an epoch's checkpoint comes after its line of the journal
            reached = journal["evaluations"]
        journals = len(last.journals)
    check_same(last, undisturbed)


IN_A_CHECKPOINT = """
import os, signal
from pathlib import Path
from benchmarks.runner.checkpoints import keeper

write = keeper.write

def killed(path, data):
    if "epoch-7." in path.name and not Path("killed").exists():
        Path("killed").touch()
        path.with_name(f".{path.name}.tmp").write_bytes(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, data)

keeper.write = killed
"""


@pytest.mark.fault("child-killed-in-checkpoint")
def test_a_child_that_is_killed_in_a_checkpoint_is_a_failed_run_that_is_resumed(
    attempt: Attempt, tmp_path: Path, undisturbed: Outcome
) -> None:
    with Command(tmp_path, *EVERY, inject=IN_A_CHECKPOINT) as command:
        first = command.wait()
    assert (first.code, first.statuses, first.survivors) == (1, {0: None}, ())
    assert "its process was killed (out of memory?)" in first.said
    with Command(tmp_path, *EVERY) as command:
        rerun = command.wait()
    assert begun(rerun.said) == 6
    check_same(rerun, undisturbed)


WRITER = """
import hashlib, os, random, signal, sys, time
from pathlib import Path
from benchmarks.runner.checkpoints import file, keeper

out, kills, draw = Path(sys.argv[1]), int(sys.argv[2]), random.Random(sys.argv[3])
(out / "runs" / "id").mkdir(parents=True)
size = 3_000_000

def rendered(number):
    data = number.to_bytes(4, "little") * (size // 4)
    return f"epoch-{number}.batch-0.{hashlib.sha256(data).hexdigest()[:32]}.safetensors", data

keeper.render = rendered
checkpoints = keeper.Checkpoints(out, "id", environment={})

def places():
    found = file.existing(out, "id")
    return [file._place(path)[0] for path in found], [file._check_bytes(path) for path in found]

number = 1
checkpoints._write(number)
for kill in range(kills):
    child = os.fork()
    if not child:
        while True:
            number += 1
            checkpoints._write(number)
    time.sleep(draw.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    epochs, contents = places()
    assert epochs[0] >= number, (epochs, number)
    number = epochs[0]
checkpoints._write(number + 1)
assert len(places()[0]) == keeper.KEPT  # what the killed had not cleared away
print(number)
"""


@pytest.mark.fault("killed-in-checkpoint")
def test_a_checkpoint_that_is_killed_is_whole_or_not_there(attempt: Attempt, tmp_path: Path) -> None:
    """Without torch, so that a fork will do: what is written is that which would be."""
    kills = 50
    answer = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path), str(kills), str(attempt.random.random())],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert int(answer.stdout) > 1
    attempt.cases = kills


@pytest.mark.fault("asked-to-end-resumed")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_asked_to_end_writes_a_checkpoint_first(
    attempt: Attempt, tmp_path: Path, undisturbed: Outcome, number: int
) -> None:
    """With none written before: intervals are long. Which drain it is of hangs on what taking one costs."""
    arguments = training("--checkpoint-every=1000", epochs=EPOCHS)
    with Command(tmp_path, *arguments) as command:
        first = command.at(epoch=2, seconds=attempt.random.uniform(0, 0.5)).send(number).wait()
    attempt.took(first.seconds)
    assert (first.code, first.statuses) == (128 + number, {0: "interrupted"})
    with Command(tmp_path, *arguments) as command:
        rerun = command.wait()
    assert begun(rerun.said) >= 1
    check_same(rerun, undisturbed)
