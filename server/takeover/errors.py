"""What an operator of `import-s3` has to mend; the messages say what."""


class ManifestError(Exception):
    """The manifest cannot be read."""


class ReportError(Exception):
    """The report cannot be written."""


class OptionsError(Exception):
    """Options do not go together."""
