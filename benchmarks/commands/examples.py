"""Examples at the end of `COMMAND --help`: command lines, and what each is for."""

from __future__ import annotations

EXAMPLES: dict[str, dict[str, str]] = {
    "list": {"list": "all there is", "list --plugin my_method.py": "with methods of your own"},
    "show": {
        "show table3": "what `run table3` would do, and how long it would take",
        "show async_lu": "a method's options: values, default, what each means",
        "show workload": "the same of what --set workload.FIELD=VALUE reaches",
        "show paper-a": "what is in a paper, and what its hardware card predicts",
        "show table1 --scale small --set async_lu.queue=2": "with other settings",
        "show table3 --engine slurm --per-task 4": "what would be submitted to a cluster",
    },
    "run": {
        "run table3": "a table at scale smoke: embedded data, simulated seconds",
        "run table1 --scale small --seeds 5 --data ~/data": "real data in part",
        "run table1 --method async_lu,bp --set async_lu.queue=2": "two rows, one of them set otherwise",
        "run table1 --executor threads --seeds 1": "on real threads, in real seconds",
        "run table3 --evaluate-every 1/4": "times to the target four times as fine",
        "run all --seeds 1 --no-tracking": "everything, without MLflow",
        "run table3 --engine slurm --slurm time=60 --per-task 4": "by jobs of a cluster",
    },
    "cancel": {"cancel": "of ./out", "cancel --out ~/results": "of another folder"},
    "tune": {
        "tune table1 --network resnet18": "five learning rates a row, then the table at each row's best",
        "tune table1 --grid 3 --method async_lu,ddp": "three rates, for two rows",
    },
    "submit": {
        "submit my_sgd.py --track lm": "a plug-in's method, by the smoke edition's rules",
        "submit lapsgd@updaters=2 --track images --edition full": "a row of the suite's methods, on real data",
    },
    "leaderboard": {
        "leaderboard bundles": "the page is out/leaderboard/leaderboard.html",
        "leaderboard bundles --retrain": "then train each again, which executes its code",
    },
    "retrain": {"retrain bundles/my_sgd-lm-smoke.zip": "one bundle, at its seeds and at fresh ones"},
    "new": {
        "new method my_sgd": "a method's file, which runs as it is",
        "new table my_table": "rows of your choice, in TOML",
    },
    "replay": {"replay 3f9a": "the run of `run --record` whose id begins so"},
    "sample": {
        'sample 3f9a --prompt "ROMEO:"': "text of the run of `run --keep-weights` whose id begins so",
        "sample 3f9a --temperature 0 --tokens 100": "the most probable tokens, which need no seed",
    },
    "claims": {"claims": "of every scale that has runs", "claims --scale small --why": "of one, and why"},
    "report": {
        "report": "all that was run, at every scale",
        "report table1 table2 --scale small": "two tables, of one scale",
    },
    "latex": {
        "latex table3": "every column and row, of every condition that was run",
        "latex table1 --rows bp,ddp --columns epochs_to_target": "one measure of two rows",
        "latex table1 --network resnet18 --name main": "main.tex, which is tab:main",
    },
    "compare": {
        "compare out smoke": "yours beside the kept reproduction",
        "compare out@small elsewhere/out --csv changes.csv": "one scale beside another folder, also as a file",
    },
    "export": {"export": "into out/export", "export --to ~/frames": "elsewhere"},
    "ui": {
        "ui table3": "at a chart of its rows, ours beside the paper's",
        "ui mine.toml --plugin my_sgd.py": "a table of your own",
        "ui --no-browser --port 5001": "links alone",
    },
    "calibrate": {
        "calibrate": "then: run table1 --hardware this-machine",
        "calibrate --scale small --device cuda": "the networks of another scale, on a GPU",
    },
    "track": {
        "track": "into MLflow's own store",
        "track --uri http://127.0.0.1:5000": "into a server's",
        "track mine.toml --plugin my_sgd.py": "with what is published beside a table of your own",
    },
    "doctor": {"doctor": "the machine, and the cache of data", "doctor --data ~/data": "with your folder of data"},
}
"""Examples of each command, without the program's name, with what they are for."""


def epilogue(command: str) -> str:
    """Returns the examples of a command, each below its purpose."""
    lines = [f"  # {purpose}\n  python -m benchmarks {line}" for line, purpose in EXAMPLES[command].items()]
    return "\n".join(["Examples:", *lines])
