from dataclasses import replace

from benchmarks.tables import lowcomm
from benchmarks.tables.shared import ONE_OPTIMIZER

PLACE = ("ours", 8)
TABLE = replace(
    lowcomm.TABLE,
    id="lowcomm-images",
    title="CIFAR-10, ResNet-20 on four devices and slow links: methods that communicate little",
    family="cifar10",
    networks=("resnet20",),
    measures=("best_accuracy_percent", *lowcomm.MEASURES[1:]),
    workload={
        "optimizer.name": "adamw",
        "optimizer.weight_decay": 0.1,
        "optimizer.nesterov": False,
        "schedule.base_batch": None,
        "schedule.warm_up_epochs": 1,
        "schedule.warm_up_lr": 0.001,
    },
    notes=(
        "AdamW, and each row at the rate that it has for GPT in table lowcomm: nothing was tuned on ResNet-20, whose "
        "batches are 32 a device.",
        "A step takes a second on each device, an all-reduce of all weights a third of it. Megabytes are those of "
        "ResNet-20 at its full width, by which simulated seconds are charged as well. All rows have as many samples; "
        "at equal seconds or bytes is what each had reached when the first of them had used up its own.",
        "LAP-SGD averages after every update in the first half of its epochs, and every 21 updates in the second.",
        ONE_OPTIMIZER,
    ),
)
