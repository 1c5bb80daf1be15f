"""Where the files of a tuned table lie, and what they are called."""

FOLDER = "tuning"
"""Below --out: these tables are of no paper, so that no reproduction keeps them and no claim reads them."""


def name_of(id: str) -> str:
    """Of the rows of a table that was tuned, and of its picture."""
    return f"tune-{id}"


def order_name(id: str) -> str:
    """Of its pairs of rows."""
    return f"{name_of(id)}-order"


def runs_name(id: str) -> str:
    """Of its runs; the keys of the rows are their ids."""
    return f"{name_of(id)}-runs"
