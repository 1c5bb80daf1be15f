"""Errors whose text is a message to the user of the command line."""

from methods.errors import MethodError
from results.errors import ResultsError


class Interrupted(Exception):
    """Training was asked to end: the text says what is kept and how to go on. code: the exit code."""

    def __init__(self, text: str, code: int = 130) -> None:
        super().__init__(text)
        self.code = code


def check_printable(text: str) -> str:
    """Returns the text of a name. Raises ValueError where it has control characters or line breaks."""
    if not text.isprintable():
        raise ValueError("a name has no control characters")
    return text


class UserError(Exception):
    """Bad input: the text is one sentence that says what is wrong and what to do; the exit code is 2."""


USER_ERRORS = (UserError, MethodError, ResultsError)
"""Errors that a command prints as one sentence: three, since `methods` and `results` import no other package."""
