"""The fixtures of a server that delivers one file, and both event loops that it may run on."""

from tests.handlers.support.delivering import *  # noqa: F403
