"""What a user of records and published values may have got wrong."""


class ResultsError(Exception):
    """A record, a store or a published file cannot be used; the text says what to do."""
