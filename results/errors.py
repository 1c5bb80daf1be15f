"""What a user of records and published values may have got wrong."""


class ResultsError(Exception):
    """A record, a store or a published file cannot be used; the text says what to do."""


class JournalLost(ResultsError):
    """The journal of one run cannot be had or was taken away: that run fails, and no other."""
