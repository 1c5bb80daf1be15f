"""Claims of paper B: "Local SGD Meets Asynchrony" (arXiv:2203.06638), quoted from its ICLR 2021 submission."""

from __future__ import annotations

import math
from dataclasses import replace

from benchmarks.papers.claims.rules import (
    Condition,
    Look,
    Outcome,
    Points,
    best_of,
    conditions,
    difference,
    ratio,
    together,
)
from benchmarks.papers.claims.verdicts import Claim

TRAIN, TEST, TIME = "train_accuracy_percent", "test_accuracy_percent", "train_time_seconds"
DEVICES = (2, 4, 8)
MB, PL = "mbsgd@batch={}", "plsgd@batch={}"
SOURCE = "arXiv:2203.06638"
DIFFERENT_SCHEDULES = "The rows differ in the schedule, too (multi-step against cosine): the audit under the table."


def _wrn(method: str, devices: int, batch: int = 128) -> str:
    """Key of a row of Table 6. LAP-SGD and LPP-SGD have a single batch size there, that of the authors' scripts."""
    alone = {"lapsgd": "updaters=4,batch=64", "lppsgd": "updaters=3,batch=64"}
    return f"{method}@devices={devices},{alone.get(method, f'batch={batch}')}"


def _six(method_a: str, method_b: str, low: float, high: float, batch: int = 128) -> list[Condition]:
    """Compares training times in Table 6 on each number of devices, a's over b's."""
    return [
        ratio("lap-table6", "wrn16_8", _wrn(method_a, q, batch), _wrn(method_b, q, batch), TIME, low, high)
        for q in DEVICES
    ]


def _quality_and_speed(table: str, method: str, faster: float) -> Points:
    """Makes two statements: rows of Table 2 or 3 are faster than Table 1's baseline, and as accurate."""
    rows = [f"{method}@updaters={u},batch={b}" for u, b in ((4, 128), (6, 128), (4, 256))]
    base, t1, net = MB.format(128), "lap-table1", "resnet20"
    return together(
        conditions(*(ratio(t1, net, base, row, TIME, faster, group=f"{row}, time", beside=table) for row in rows)),
        conditions(*(difference(table, net, row, base, TEST, -0.5, beside=t1) for row in rows)),
    )


_LOCAL_BATCHES = [
    difference("lap-table1", "resnet20", method.format(1024), method.format(128), TEST, high=0.0) for method in (MB, PL)
]
_LARGE_IS_POOR = together(
    *(
        conditions(
            *(
                difference("lap-table6", "wrn16_8", _wrn(method, q, 512), _wrn(method, q), measure, high=-1.0)
                for q in DEVICES
                for method in ("mbsgd", "plsgd")
            )
        )
        for measure in (TRAIN, TEST)
    )
)
_NO_GAIN = [
    ratio("lap-table6", "wrn16_8", _wrn(method, q), _wrn(method, q, 512), TIME, high=1.05)
    for q in DEVICES
    for method in ("mbsgd", "plsgd")
]
_METHODS = (("lapsgd", 128), ("lppsgd", 128), ("mbsgd", 128), ("mbsgd", 512), ("plsgd", 128), ("plsgd", 512))
_TWICE_THE_DEVICES = together(
    *(
        conditions(
            *(ratio("lap-table6", "wrn16_8", _wrn(m, few, b), _wrn(m, many, b), TIME, low, high) for m, b in _METHODS)
        )
        for few, many, low, high in ((2, 4, 2.0, math.inf), (4, 8, 1.8, 2.2))
    )
)
_IMPROVES = [
    difference("lap-table6", "wrn16_8", _wrn(method, q), _wrn("mbsgd", q), TEST, low=0.0)
    for q in DEVICES
    for method in ("lapsgd", "lppsgd")
]
_CASES = [
    (table, network, row)
    for table, network, rows in (
        ("lap-table7", "resnet20", [f"{m}@updaters={u},batch=128" for m in ("lapsgd", "lppsgd") for u in (6, 4)]),
        ("lap-table8", "wrn16_8", ["lapsgd@updaters=4,batch=64", "lppsgd@updaters=3,batch=64"]),
        ("lap-table9", "squeezenet", ["lapsgd@updaters=4,batch=128", "lppsgd@updaters=3,batch=256"]),
    )
    for row in rows
]
_RECOVERS = together(
    *(
        conditions(*(difference(*case, MB.format(128), measure, low=-0.5) for case in _CASES))
        for measure in (TRAIN, TEST)
    )
)
_PERIODS = [f"lapsgd@updaters=6,period={k},switch=0.5,batch=128" for k in (1, 4, 8)]
_K16 = "lapsgd@updaters=6,period=16,switch=0.5,batch=128"
_PERIOD_STATEMENTS = together(
    conditions(*(difference("lap-table5", "resnet20", row, _K16, TEST, -0.5, 0.5) for row in _PERIODS)),
    conditions(*(ratio("lap-table5", "resnet20", row, _K16, TIME, 0.98, 1.02) for row in _PERIODS)),
)
_SIX, _EIGHT = "lapsgd@updaters=6,batch=128", "lapsgd@updaters=8,batch=128"


def _saturation(look: Look) -> list[Outcome]:
    """Judges whether eight updaters are no faster than six and lose accuracy.

    Not decided if six do not saturate a device.
    """
    points = together(
        conditions(ratio("lap-table4", "resnet20", _SIX, _EIGHT, TIME, high=1.02)),
        conditions(difference("lap-table4", "resnet20", _EIGHT, _SIX, TEST, high=0.0)),
    )(look)
    if points[0].status != "does not hold":
        return points
    why = "six updaters do not saturate a device"
    return [p if p.status == "missing" else replace(p, status="not decided", why=why, quantity=None) for p in points]


_LAP_32 = "lapsgd@updaters=4,batch=32"
_IMAGENET = together(
    conditions(difference("lap-table10", "resnet18", _LAP_32, MB.format(32), TEST, low=0.0)),
    conditions(ratio("lap-table10", "resnet18", MB.format(32), _LAP_32, TIME, low=1.0)),
)
_LARS = together(
    *(
        conditions(
            *(
                difference(
                    "lap-table11",
                    "resnet20",
                    f"{m.format(1024)},optimizer=lars",
                    m.format(batch),
                    TEST,
                    high=high,
                    beside="lap-table1",
                )
                for m in (MB, PL)
            )
        )
        for batch, high in ((128, -1.0), (1024, 1.0))
    )
)
"""Two statements: with LARS large batches generalise worse than small ones, and no better than without LARS."""

CLAIMS = (
    Claim(
        "b-local-batch",
        "their generalization accuracy decreases for larger local batch sizes",
        f"{SOURCE}, section 1.1, Table 1",
        ("lap-table1",),
        conditions(*_LOCAL_BATCHES),
    ),
    Claim(
        "b-throughput",
        "as the local batch size B_loc grows, the throughput improves significantly",
        f"{SOURCE}, section 1.1, Table 1",
        ("lap-table1",),
        conditions(*(ratio("lap-table1", "resnet20", m.format(128), m.format(1024), TIME, low=1.1) for m in (MB, PL))),
        rule="significantly: training time falls by more than a tenth",
    ),
    Claim(
        "b-lap-quality",
        "LAP-SGD provides speed-up without losing the quality of optimization in comparison to the baseline",
        f"{SOURCE}, section 1.2, Table 2 against Table 1",
        ("lap-table1", "lap-table2"),
        _quality_and_speed("lap-table2", "lapsgd", 1.0),
        rule="quality kept: test accuracy at most half a point below MB-SGD's at batch 128",
        remark=DIFFERENT_SCHEDULES,
    ),
    Claim(
        "b-lpp-quality",
        "LPP-SGD handsomely speeds up the computation and provides equally competitive optimization results",
        f"{SOURCE}, section 1.2, Table 3 against Table 1",
        ("lap-table1", "lap-table3"),
        _quality_and_speed("lap-table3", "lppsgd", 1.25),
        rule="handsomely: at least 1.25x; competitive: test accuracy at most half a point below MB-SGD's at batch 128",
        remark=DIFFERENT_SCHEDULES,
    ),
    Claim(
        "b-saturation",
        "once the data-parallel compute resources get saturated, allocating more processes degrades the performance",
        f"{SOURCE}, section 3.2, Table 4",
        ("lap-table4",),
        _saturation,
        rule="from U = 6 to 8 training time gains at most 2 %, which is saturation, and test accuracy falls",
    ),
    Claim(
        "b-period",
        "the overall latency and the final optimization result may remain robust under small changes in K",
        f"{SOURCE}, section 3.2, Table 5",
        ("lap-table5",),
        _PERIOD_STATEMENTS,
        rule="K = 1, 4 and 8 within half a point of test accuracy and 2 % of training time of K = 16",
    ),
    Claim(
        "b-pl-over-mb",
        "reduced communication cost helps PL-SGD marginally outperform MB-SGD",
        f"{SOURCE}, section 3.2 (a), Table 6",
        ("lap-table6",),
        conditions(*_six("mbsgd", "plsgd", 1.0, math.inf), *_six("mbsgd", "plsgd", 1.0, math.inf, batch=512)),
        rule="shorter training time in each setting and at both batch sizes",
    ),
    Claim(
        "b-no-gain-from-512",
        "increasing B_loc from 128 to 512 does not improve the latency by more than ~4 %",
        f"{SOURCE}, section 3.2 (b), Table 6",
        ("lap-table6",),
        conditions(*_NO_GAIN),
        rule="training time at 128 is less than 1.05 of that at 512",
    ),
    Claim(
        "b-scaling",
        "each of the methods scale by more than 2x as the implementation is moved to S2 ... approximately 2x ... on S3",
        f"{SOURCE}, section 3.2 (c), Table 6",
        ("lap-table6",),
        _TWICE_THE_DEVICES,
        rule="approximately: within 10 %",
        remark="S2 has 40 CPU cores where S1 has 12; the simulated devices of every setting are fed alike.",
    ),
    Claim(
        "b-lap-over-mb",
        "in each setting LAP-SGD achieves ~30 % better throughput compared to MB-SGD standard batch",
        f"{SOURCE}, section 3.2 (d), Table 6",
        ("lap-table6",),
        conditions(*_six("mbsgd", "lapsgd", 1.2, 1.4)),
        rule="between 20 and 40 %",
    ),
    Claim(
        "b-lpp-over-lap",
        "in each setting LPP-SGD outperforms LAP-SGD by ~12 %",
        f"{SOURCE}, section 3.2 (e), Table 6",
        ("lap-table6",),
        conditions(*_six("lapsgd", "lppsgd", 1 / 0.91, 1 / 0.85)),
        rule="9 to 15 % less training time",
        remark="LAP-SGD runs U = 4 updaters per device there, LPP-SGD U = 3.",
    ),
    Claim(
        "b-lpp-fastest",
        "... making it the fastest method",
        f"{SOURCE}, section 3.2 (e), Table 6",
        ("lap-table6",),
        lambda look: [
            point
            for q in DEVICES
            for point in best_of(
                [("lap-table6", "wrn16_8")],
                _wrn("lppsgd", q),
                [_wrn(m, q, b) for m, b in _METHODS if m != "lppsgd"],
                TIME,
                lowest=True,
            )(look)
        ],
    ),
    Claim(
        "b-large-is-poor",
        "the training and test accuracy of local large minibatch is poor",
        f"{SOURCE}, section 3.2 (f), Table 6",
        ("lap-table6",),
        _LARGE_IS_POOR,
        rule="training and test accuracy at 512 more than a point below those at 128",
    ),
    Claim(
        "b-generalisation",
        "LAP-SGD and LPP-SGD consistently improve on the baseline generalization accuracy",
        f"{SOURCE}, section 3.2 (g), Table 6",
        ("lap-table6",),
        conditions(*_IMPROVES),
        rule="test accuracy above MB-SGD's at batch 128 in each setting",
        remark=DIFFERENT_SCHEDULES,
    ),
    Claim(
        "b-recovers",
        "in each case LAP-SGD and LPP-SGD recovers or improves the baseline training results",
        f"{SOURCE}, section 3.2, Tables 7 to 9",
        ("lap-table7", "lap-table8", "lap-table9"),
        _RECOVERS,
        rule="training and test accuracy at most half a point below MB-SGD's at batch 128",
        remark=f"{DIFFERENT_SCHEDULES} In Table 8 LAP-SGD and LPP-SGD have half the batch, in Table 9 LPP-SGD twice.",
    ),
    Claim(
        "b-imagenet",
        "LAP-SGD improves on generalization accuracy of the baseline with speed-up",
        f"{SOURCE}, section 3.2, Table 10",
        ("lap-table10",),
        _IMAGENET,
        rule="against MB-SGD at the same local batch, 32",
    ),
    Claim(
        "b-lars",
        "LARS did not help MB-SGD and PL-SGD in checking the poor generalization due to larger B",
        f"{SOURCE}, section 3.2, Table 11 against Table 1",
        ("lap-table1", "lap-table11"),
        _LARS,
        rule="with LARS, test accuracy at 1,024 more than a point below that at 128, and at most a point above that at "
        "1,024 without it",
    ),
)
