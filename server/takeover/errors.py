"""What an operator of `import-s3` has to mend; the messages say what."""

from server.errors import OperatorError


class ManifestError(OperatorError):
    """The manifest cannot be read."""


class ReportError(OperatorError):
    """The report cannot be written."""


class OptionsError(OperatorError):
    """Options do not go together."""
