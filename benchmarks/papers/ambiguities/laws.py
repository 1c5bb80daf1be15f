"""Paper A's errata in its laws (sections 3.3, 3.4 and 5), for the analyses that measure them."""

from __future__ import annotations

from benchmarks.papers.ambiguities.ambiguity import A, Ambiguity

LAWS = (
    Ambiguity(
        "Time of backpropagation",
        "section 3.3 prints T1 = (b + beta) T",
        "its own speed-up b (1 + beta) / (b + beta) needs b (1 + beta) T",
        "the corrected law",
        ("speedup",),
        f"{A}, section 3.3",
        "speedup.law",
        "printed",
    ),
    Ambiguity(
        "Relative staleness",
        "section 3.4 calls beta T (M - 1) / 2 the average over the layers",
        "it is the sum; the average is beta T (M - 1) / (2 M), and tau_m = beta T m / M is off by one",
        "both the sum and the average are shown; there is nothing to choose",
        ("staleness",),
        f"{A}, section 3.4",
    ),
    Ambiguity(
        "Diffusion",
        "equation 6 prints sigma_STALE^2 times the second derivative",
        "equation 4 implies its square",
        "as printed",
        ("stationary",),
        f"{A}, equations 4 and 6",
        "stationary.diffusion",
        "squared",
    ),
)
