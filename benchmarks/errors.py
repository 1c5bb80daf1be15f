"""What a user of the command line may have got wrong."""


class Interrupted(Exception):
    """Ctrl-C during training: the text says what is kept and how to go on; the exit code is 130."""


class UserError(Exception):
    """Bad input: the text is one sentence that says what is wrong and what to do; the exit code is 2."""
