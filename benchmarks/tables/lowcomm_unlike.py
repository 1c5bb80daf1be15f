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
            0.008,
            "async_localsgd",
            "tasks as long as the device is fast: its authors' method",
            period=PERIOD,
            dylu=True,
            **DELAYED,
        ),
        tuned_row(0.008, "async_localsgd", "without its authors' remedies", period=PERIOD),
    ),
    notes=(*lowcomm.NOTES, "The rates are those of four devices that are alike: nothing was tuned on these."),
    card="lowcomm-4-unlike",
)
