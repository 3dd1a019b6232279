"""Errors of `import-s3` that the operator can fix; the messages say how."""

from server.errors import OperatorError


class ManifestError(OperatorError):
    """The manifest cannot be read."""


class ReportError(OperatorError):
    """The report cannot be written."""


class OptionsError(OperatorError):
    """Options do not go together."""
