"""What keeps S3 from being asked at all; what is wrong with one object is told of that object."""


class S3Error(Exception):
    """S3 cannot be asked; the message says what to mend."""
