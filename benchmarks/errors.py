"""What a user of the command line may have got wrong."""

from methods.errors import MethodError
from results.errors import ResultsError


class Interrupted(Exception):
    """Training was asked to end: the text says what is kept and how to go on. code: the exit code."""

    def __init__(self, text: str, code: int = 130) -> None:
        super().__init__(text)
        self.code = code


def check_printable(text: str) -> str:
    """The text of a name. Raises ValueError where it has control characters, or several lines."""
    if not text.isprintable():
        raise ValueError("a name has no control characters")
    return text


class UserError(Exception):
    """Bad input: the text is one sentence that says what is wrong and what to do; the exit code is 2."""


USER_ERRORS = (UserError, MethodError, ResultsError)
"""All that ends in a sentence. Three classes, since `methods` and `results` import nothing of each other or of us."""
