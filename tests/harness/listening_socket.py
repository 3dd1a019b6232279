"""Waiting for a port of a program that says nothing when it listens."""

import socket


def is_listening(port: int, address: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0
