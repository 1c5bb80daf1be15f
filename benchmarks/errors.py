"""What a user of the command line may have got wrong."""


class UserError(Exception):
    """Bad input: the text is one sentence that says what is wrong and what to do; the exit code is 2."""
