"""Waiting for a port of a program that says nothing when it listens."""

import socket


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
