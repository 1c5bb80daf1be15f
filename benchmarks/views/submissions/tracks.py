"""Lists the tracks. Targets: what backpropagation's reference runs reach in some two thirds of their epochs."""

from __future__ import annotations

from benchmarks.errors import UserError
from benchmarks.views.submissions.track import Edition, Track
from methods.errors import unknown

_LM_SMOKE = Edition("smoke", {"gpt": 1.8}, workload={"validation": 500})

TRACKS = {
    track.id: track
    for track in (
        Track(
            "images",
            "Images on three devices",
            family="cifar10",
            card="paper-a-ideal",
            devices=3,
            editions={"smoke": Edition("smoke", {"resnet18": 95.0, "vit": 68.0}, workload={"validation": 800})},
        ),
        Track(
            "lm",
            "A character-level language model on three devices",
            family="tinyshakespeare",
            card="paper-a-ideal",
            devices=3,
            editions={"smoke": _LM_SMOKE},
        ),
        Track(
            "lowcomm",
            "A character-level language model on four devices and slow links",
            family="tinyshakespeare",
            card="lowcomm-4",
            devices=4,
            editions={"smoke": _LM_SMOKE},
        ),
    )
}


def track_of(name: str) -> Track:
    """Returns the track of this name. Raises UserError where there is none."""
    if name not in TRACKS:
        raise UserError(unknown("track", name, list(TRACKS)))
    return TRACKS[name]
