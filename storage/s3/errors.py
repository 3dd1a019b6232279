"""Errors of S3 as a whole; errors of single objects are reported per object."""


class S3Error(Exception):
    """S3 cannot be accessed; the message says what to fix."""


class S3SourceUnavailable(S3Error):
    """The video still stands in S3, where this server cannot reach it at the moment."""


class S3SourceGone(S3Error):
    """The video still stood in S3, and is there no longer."""
