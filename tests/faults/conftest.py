"""The command line in process, as the tests of commands have it."""

from tests.commands.conftest import cli, here, trained

__all__ = ["cli", "here", "trained"]
