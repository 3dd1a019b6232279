"""Protection of the process that starts sandboxed children, before the first of them."""

from storage.confinement import landlock
from storage.confinement.kernel import hide_memory


def protect_parent() -> None:
    """Keep children from this process's memory, also where namespaces are refused.

    Landlock does so by itself. Without it this process hides from all others of its user, so that
    no profiler can be attached either.
    """
    if not landlock.version():
        hide_memory()
