from dataclasses import replace

from benchmarks.tables import lowcomm
from benchmarks.tables.lowcomm import DELAYED, PERIOD, tuned_row

PLACE = ("ours", 7)
TABLE = replace(
    lowcomm.TABLE,
    id="lowcomm-unlike",
    title="The same on four devices of 0.58, 0.75, 1.51 and 3.33 s a step: methods that communicate little",
    rows=(
        *lowcomm.ROWS,
        tuned_row(
            0.004,
            "async_localsgd",
            "its authors' method: delayed momentum, and tasks as long as the device is fast",
            period=PERIOD,
            dylu=True,
            **DELAYED | {"outer.lr": 0.35},
        ),
        tuned_row(0.008, "async_localsgd", "without its authors' remedies", period=PERIOD),
    ),
    notes=(
        *lowcomm.NOTES,
        "The rates are those of four devices that are alike. On these, only the last two rows were tuned: each has the "
        "best of three rates and five outer ones, on one seed that no table uses.",
    ),
    card="lowcomm-4-unlike",
)
