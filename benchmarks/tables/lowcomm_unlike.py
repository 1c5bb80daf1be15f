from dataclasses import replace

from benchmarks.tables import lowcomm

PLACE = ("ours", 7)
TABLE = replace(
    lowcomm.TABLE,
    id="lowcomm-unlike",
    title="The same on four devices of 0.58, 0.75, 1.51 and 3.33 s a step: methods that communicate little",
    notes=(*lowcomm.NOTES, "The rates are those of four devices that are alike: nothing was tuned on these."),
    card="lowcomm-4-unlike",
)
