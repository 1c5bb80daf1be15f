"""Turns errors of the command line's parser into one plain sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    Token,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

from methods.errors import unknown

VALUES = {int: "a whole number", float: "a number", bool: "nothing after it, it is a switch"}


def whole(kind: type[int], tokens: Sequence[Token]) -> int:
    """Parses a whole number, and refuses 1.5, which the parser would round to 2."""
    try:
        return int(tokens[0].value)
    except ValueError as error:
        raise CoercionError(token=tokens[0], target_type=kind) from error


def sentence(error: CycloptsError, commands: Iterable[str]) -> str:
    """Returns one sentence about the parser's error. commands: all there are, to offer the nearest one."""
    if isinstance(error, UnknownCommandError):
        return _unknown_command(error, list(commands))
    if isinstance(error, UnknownOptionError):
        option = (error.token.keyword or error.token.value).partition("=")[0]
        options = [name for argument in error.argument_collection for name in argument.names if name.startswith("--")]
        return unknown("option", option, options)
    if isinstance(error, UnusedCliTokensError):
        return f"'{(error.unused_tokens or [''])[0]}' has no place here; {_help(error)} lists what has."
    if isinstance(error, CoercionError) and error.token is not None:
        expected = VALUES.get(error.target_type or str, "another value")
        return f"{_name(error)} {error.token.value}: give {expected}."
    if isinstance(error, ValidationError) and error.argument is not None:
        token = error.argument.tokens[0]
        return f"{token.keyword} {token.value}: {error.exception_message[:1].lower()}{error.exception_message[1:]}"
    if isinstance(error, MissingArgumentError):
        return f"{error.keyword or _name(error)} needs a value; {_help(error)} says which."
    if isinstance(error, RepeatArgumentError):
        return f"{error.token.keyword} is given twice: give it once."
    return str(error).strip()


def _unknown_command(error: UnknownCommandError, commands: list[str]) -> str:
    word = (error.unused_tokens or [""])[0]
    if word.startswith("-"):
        return f"{word} stands before the command: options come after it, as in `python -m benchmarks run table3`."
    return unknown("command", word, commands)


def _name(error: CoercionError | MissingArgumentError) -> str:
    token = getattr(error, "token", None)
    return str((token and token.keyword) or (error.argument and error.argument.name) or "The argument")


def _help(error: CycloptsError) -> str:
    return f"`{' '.join(('python -m benchmarks', *(error.command_chain or ()), '--help'))}`"
