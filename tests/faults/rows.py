"""The rows of docs/reliability.md: every fault that is injected, and what is promised."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """attempts: as many as are made for the page; within_seconds: of the time that a test notes as `took`.

    also: tests outside tests/faults that inject the same fault, as file::function; they count as attempts.
    """

    id: str
    fault: str
    promise: str
    attempts: int = 1
    within_seconds: float = math.inf
    also: tuple[str, ...] = ()


JOURNAL, DAMAGE = "tests/results/test_journal.py", "tests/results/test_damage.py"
CHAINED, PLAUSIBLE = "tests/results/test_chained.py", "tests/results/test_plausible.py"
CHECKPOINTS = "tests/runner/test_checkpoints.py"
CIFAR, IMDB = "tests/workloads/data/test_cifar.py", "tests/workloads/data/test_imdb.py"
BOUNDS = "tests/workloads/data/test_bounds.py"
FAILING = "tests/conformance/test_failing.py"

SIGNALS, QUEUE = "tests/runner/test_signals.py", "tests/reports/test_queue.py"

_ROWS = (
    Row(
        "child-killed",
        "a training process SIGKILLed while it computes",
        "its run failed by name, found within 1 s; the others go on",
        attempts=20,
        within_seconds=1.0,
    ),
    Row(
        "child-killed-writing",
        "a training process SIGKILLed with half a line of its journal written",
        "its run failed by name, the half line ignored; a rerun finishes it",
        attempts=20,
    ),
    Row(
        "journal-cut",
        "a finished run's journal cut after each of its bytes",
        "the run is repeated, its sound lines are used; never a wrong value, never a traceback",
        also=(f"{JOURNAL}::test_a_cut_last_line_is_ignored",),
    ),
    Row(
        "journal-bytes",
        "each byte of a journal changed, and each left out with some that follow; bits flipped at random",
        "the run is left out with a sentence that names file and line, or nothing of what is read has changed",
    ),
    Row(
        "journal-lines",
        "lines of a journal doubled, left out, exchanged; another run's journal in its place",
        "as above",
        also=(
            f"{DAMAGE}::test_the_epochs_of_an_end_are_all_there_in_their_order",
            f"{DAMAGE}::test_the_journal_of_another_run_is_left_out_with_a_sentence",
        ),
    ),
    Row(
        "journal-spliced",
        "lines of another run, with their own checksums, in a journal; a checksum's field or the format left out",
        "as above",
        also=(
            f"{CHAINED}::test_no_field_makes_it_a_journal_of_an_earlier_version",
            f"{CHAINED}::test_the_first_line_is_covered_whole_by_each_that_follows",
        ),
    ),
    Row(
        "journal-nonsense",
        "falling steps or seconds, 250 %, NaN where none can be, a finish too early, under true checksums",
        "the run does not count, with a sentence that names the file and what is implausible",
        also=(f"{PLAUSIBLE}::test_nonsense_under_true_checksums_does_not_count",),
    ),
    Row(
        "journal-types",
        "each value of a journal of another type, NaN, too large or too deep, under true checksums",
        "the journal is read or left out with a sentence; never a traceback",
        attempts=20,
        also=(f"{DAMAGE}::test_what_is_no_number_is_named_by_file_and_line",),
    ),
    Row(
        "killed-resumed",
        "a command and all its processes SIGKILLed at random, five times, then left to finish",
        "the same table as undisturbed, to the byte; at most one epoch trained twice for each kill",
        attempts=10,
    ),
    Row(
        "killed-in-checkpoint",
        "SIGKILL at random while one checkpoint after the other is written",
        "the old one or the new one is whole, and nothing that is not is taken for one",
        attempts=20,
    ),
    Row(
        "child-killed-in-checkpoint",
        "a training process SIGKILLed with half a checkpoint written",
        "its run failed by name; the same command resumes it and ends with the same table, to the byte",
        attempts=10,
    ),
    Row(
        "asked-to-end-resumed",
        "SIGINT, SIGTERM or SIGHUP between two checkpoints",
        "a checkpoint first, within 10 s; the same command resumes there and ends with the same table, to the byte",
        attempts=7,
        within_seconds=10.0,
    ),
    Row(
        "checkpoint-damaged",
        "checkpoints changed, cut, of another run or kind; links in their place; a full disk, a failing write",
        "set aside with a sentence, the one before is used; what cannot be written ends no run and harms no older one",
        also=tuple(
            f"{CHECKPOINTS}::test_{name}"
            for name in (
                "a_damaged_one_is_set_aside_and_the_one_before_is_used",
                "a_checkpoint_with_invalid_content_is_refused",
                "another_runs_checkpoint_is_refused",
                "what_is_no_regular_file_is_not_opened",
                "a_disk_that_is_full_is_said_once_and_ends_no_run",
                "a_failed_write_leaves_the_older_ones",
                "a_folder_that_was_deleted_is_not_made_again",
            )
        ),
    ),
    Row(
        "disk-full",
        "a file system (tmpfs) that fills up in the midst of a run, at sizes from 4 to 44 KiB; a limit on files",
        "one sentence, exit code 2; with room the same command finishes",
        attempts=20,
        also=(
            f"{JOURNAL}::test_a_disk_that_fills_up_leaves_no_half_line",
            "tests/commands/test_trouble.py::test_a_full_disk_is_a_sentence_and_a_rerun_carries_on",
        ),
    ),
    Row(
        "disk-read-only",
        "a read-only file system, before the first command or the second",
        "one sentence, exit code 2; writable again, the same command finishes",
        attempts=5,
    ),
    Row(
        "folder-deleted",
        "--out, its runs or a journal deleted while a run goes on",
        "the run failed by name, exit code 1",
        attempts=5,
        also=("tests/results/test_locked.py::test_a_run_whose_journal_was_moved_is_not_finished",),
    ),
    Row(
        "write-fails",
        "each write of a run in turn fails",
        "one sentence, exit code 2; a rerun ends with the same table, to the byte",
    ),
    Row(
        "not-a-number",
        "NaN or infinity from a batch drawn at random, for all methods",
        "diverged in the epoch of that batch, which is a result: exit code 0",
        attempts=3,
    ),
    Row(
        "surroundings",
        "64 files, 0.7 to 6 GB of addresses, no HOME, no TMPDIR, no PATH, ASCII output, /dev/shm full",
        "it runs, or a sentence says what is missing",
        attempts=2,
    ),
    Row(
        "parent-killed",
        "a command SIGKILLed, with SIGINT at its default or ignored (`nohup ... &`)",
        "no process of it after 5 s",
        attempts=25,
    ),
    Row(
        "parent-killed-child-stuck",
        "a command SIGKILLed whose training process swallows every exception, or keeps Python's lock",
        "no process of it after 5 s",
        attempts=5,
    ),
    Row("server-orphaned", "`ui` SIGKILLed", "MLflow's server and its processes have ended after 5 s", attempts=20),
    Row(
        "asked-to-end",
        "SIGINT, SIGTERM or SIGHUP while it trains",
        "interrupted, a sentence, exit code 130, 143, 129, within 10 s",
        attempts=20,
        within_seconds=10.0,
    ),
    Row(
        "asked-to-end-at-once",
        "one of these in a command's first three seconds",
        "it ends within 10 s, without a traceback",
        attempts=30,
        within_seconds=10.0,
    ),
    Row(
        "signal-ignored",
        "SIGINT, ignored from the start, then SIGTERM",
        "the first changes nothing, the second is a sentence and exit code 143 within 10 s",
        attempts=20,
        within_seconds=10.0,
    ),
    Row(
        "request-lost",
        "a signal in a weakref's callback, `__del__`, C code or a plug-in, where what its handler raises is dropped",
        "as if it had come elsewhere: the command's in a sentence and exit code 143, within 10 s; its run interrupted",
        attempts=10,
        within_seconds=10.0,
        also=(
            f"{SIGNALS}::test_a_request_that_is_lost_is_raised_again",
            f"{SIGNALS}::test_a_training_process_loses_no_request_at_any_stage",
        ),
    ),
    Row(
        "report-killed",
        "`report` SIGKILLed while it draws",
        "no process of it after 5 s",
        attempts=5,
        also=(f"{QUEUE}::test_drawing_processes_end_with_a_command_that_is_killed",),
    ),
    Row(
        "report-asked-to-end",
        "SIGINT, SIGTERM or SIGHUP while a report draws, or one of its processes SIGKILLed",
        "a sentence within 3 s, no process left and no file half-written",
        attempts=3,
        within_seconds=3.0,
        also=(
            f"{QUEUE}::test_an_interrupted_command_finishes_only_the_pictures_that_were_begun",
            f"{QUEUE}::test_a_killed_drawing_process_is_one_sentence",
        ),
    ),
    Row(
        "git-silent",
        "a `git status` that hangs, fails or is refused; no git at all",
        "whether the checkout was modified is recorded as unknown",
        also=tuple(
            f"tests/runner/test_environment.py::test_{name}"
            for name in (
                "modified_is_unknown_if_git_does_not_tell",
                "without_git_nothing_is_said_of_the_sources",
            )
        ),
    ),
    Row(
        "child-stopped",
        "a training process SIGSTOPped, with --stall-after",
        "its run failed by name within 2 s after the deadline; the others go on",
        attempts=20,
        within_seconds=2.0,
    ),
    Row(
        "plug-in-raises",
        "a plug-in that raises, exits, raises what has no text, yields nonsense, forgets Close; on both executors",
        "its run failed, with the worker, and with file and line in the journal; the others go on",
        attempts=3,
        also=(
            f"{FAILING}::test_a_worker_that_raises_is_named",
            f"{FAILING}::test_a_worker_that_waits_for_nobody_is_named",
            f"{FAILING}::test_what_is_no_effect_fails_its_worker",
        ),
    ),
    Row(
        "plug-in-hangs",
        "a plug-in that sleeps, spins, deadlocks or swallows what should end it, with --stall-after; on both executors",
        "its run failed within 2 s after the deadline, with the worker, and with file and line in the journal",
        attempts=3,
        within_seconds=2.0,
    ),
    Row(
        "one-out",
        "two or four commands on one --out, started within seconds of each other",
        "each run is trained once; all show the same table, exit code 0",
        attempts=10,
    ),
    Row(
        "one-out-killed",
        "of two commands on one --out the one that trains is SIGKILLed",
        "the other takes its run over and finishes it",
        attempts=10,
    ),
    Row(
        "fresh-store",
        "eight commands that feed one MLflow store which is not there yet",
        "each run fed once",
        attempts=20,
    ),
    Row(
        "mlflow-killed",
        "MLflow's server SIGKILLed at random while it is fed",
        "a sentence; fed again later, each run once",
        attempts=10,
        also=("tests/results/test_tracking.py::test_a_feed_that_was_stopped_is_made_good",),
    ),
    Row(
        "mlflow-stopped",
        "MLflow's server SIGSTOPped while it is fed, and going on when nobody waits any more; one that never answers",
        "a sentence; fed again later, each run once",
        attempts=10,
        also=(
            "tests/results/test_tracking.py::test_a_server_that_is_not_there_fails_fast",
            "tests/results/test_tracking.py::test_a_server_that_never_answers_fails_within_seconds",
        ),
    ),
    Row(
        "output-gone",
        "stdout gone, full, closed or in ASCII",
        "no run is ended and no file lost; exit code 2 where something could not be written",
        also=tuple(
            f"tests/commands/test_output.py::test_{name}"
            for name in (
                "output_that_nobody_can_read_ends_no_run_and_loses_no_file",
                "no_file_takes_the_number_of_an_output_that_is_closed",
                "characters_that_an_output_lacks_are_question_marks",
            )
        ),
    ),
    Row(
        "clock-set-back",
        "the clock set back by an hour again and again while a run is trained",
        "the same table, no negative duration",
        attempts=3,
        also=("tests/results/test_entries.py::test_a_clock_that_was_set_back_gives_no_negative_duration",),
    ),
    Row(
        "server-fed-at-once",
        "two or eight commands that feed the same runs to one MLflow server at once",
        "each run is there once",
        attempts=5,
    ),
    Row(
        "archives",
        "data cut, of another checksum, with paths and links that lead out, with pickles that call",
        "refused before it is opened, nothing written outside, nothing unpickled",
        also=(
            f"{CIFAR}::test_a_damaged_file_is_named_and_never_unpickled",
            f"{CIFAR}::test_the_unpickler_calls_nothing_even_if_checksums_match",
            f"{CIFAR}::test_an_archive_with_another_checksum_is_not_opened",
            f"{IMDB}::test_an_archive_with_the_published_name_must_have_its_checksum",
            f"{IMDB}::test_a_damaged_archive_is_named",
            f"{BOUNDS}::test_links_devices_and_pipes_in_an_archive_are_no_reviews",
        ),
    ),
    Row(
        "bombs",
        "archives, members, pickles, images and reviews without an end; links, devices and pipes among them",
        "refused in a sentence, within bounds of bytes and memory; nothing but regular files is read",
        also=(
            f"{IMDB}::test_a_huge_member_is_not_read",
            *(
                f"{BOUNDS}::test_{name}"
                for name in (
                    "an_archive_that_claims_too_much_is_refused",
                    "what_unpacking_takes_is_bounded",
                    "links_devices_and_pipes_in_an_archive_are_no_reviews",
                    "an_archive_without_an_end",
                    "a_review_without_an_end",
                    "a_pickle_without_an_end",
                    "an_image_without_an_end",
                    "kept_tokens_without_an_end_are_made_anew",
                )
            ),
        ),
    ),
    Row(
        "links-lead-out",
        "links below --out in the place of a folder or a file; notes and names that lead out of it",
        "nothing that a link leads to is changed or removed, nor anything that was not noted as written; a sentence "
        "where something would have to be written there",
    ),
    Row(
        "no-end",
        "a pipe, a link to /dev/zero, a file of a terabyte, a folder in the place of a file of --out",
        "read up to a bound, or not at all: left out, set aside, or a sentence that says what is in the way",
        also=(f"{CHECKPOINTS}::test_a_checkpoint_without_an_end_is_set_aside",),
    ),
    Row(
        "no-bottom",
        "TOML, JSON and settings of 200,000 brackets, or of a key of as many parts",
        "one sentence that names the file, exit code 2; what a report only adds to is left out",
    ),
    Row(
        "names-that-act",
        "terminal escapes in names, in files' names and in errors; labels that begin as a formula does",
        "no character of them moves the cursor or changes a colour; in a CSV they are text, read back as they were",
        also=(
            "tests/commands/test_screen.py::test_escapes_in_texts_are_left_out_and_our_own_stay",
            "tests/commands/test_screen.py::test_names_in_errors_have_none",
            "tests/commands/test_screen.py::test_names_with_control_characters_are_refused",
            "tests/results/test_spreadsheets.py::test_a_formula_is_a_text_and_comes_back",
        ),
    ),
    Row(
        "servers-listen",
        "requests to `ui`'s server under its own and under other hosts' names",
        "it listens on 127.0.0.1 alone (its sockets are listed), and answers to its own name alone",
    ),
)
ROWS = {row.id: row for row in _ROWS}
