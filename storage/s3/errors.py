"""What keeps S3 from being asked at all; what is wrong with one object is told of that object."""


class S3Error(Exception):
    """S3 cannot be asked; the message says what to mend."""


class S3SourceUnavailable(S3Error):
    """The video still stands in S3, where this server cannot reach it at the moment."""


class S3SourceGone(S3Error):
    """The video still stood in S3, and is there no longer."""
