"""What a user of the methods may have got wrong."""


class MethodError(Exception):
    """A method's name, option or plug-in is wrong; the text says what to do."""
