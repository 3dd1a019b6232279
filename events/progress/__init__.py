"""Progress reports: merged, stored, and the sessions they belong to."""
