"""Fork server of sandboxed children: loads FFmpeg and Pillow once, forks a child for each order.

`forked_child` starts it and gives it orders; this is the process itself. It has one thread, touches
no user's file, and knows no user's secret: a child is what a freshly started one would be, without
the 0.15 s of processor time that loading takes.

An order arrives on the control socket with three descriptors: its link, the child's standard input
and its standard output. On the link the server tells the child's process id, later its end; its
other side sends signals, and shuts it down to have the whole process group killed; so does its
death. The server ends with its last child once the control socket is closed, or idle for a minute.
"""

import gc
import importlib
import os
import resource
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from storage.confinement.kernel import die_with_parent, hide_memory, show_memory

MAX_ORDER_BYTES = 160 * 1024
_IDLE_S = 60.0
NUMBER = struct.Struct("<i")
"""A process id on the link, then an end: an exit status, or a signal's number below 0."""
_CONTROL = 0
_DESCRIPTORS_PER_ORDER = 3
# One for each of the 64 children that a server is asked for, and some.
_MOST_DESCRIPTORS = 128

_MOST_WAKEUPS = 4096
_LOOK = os.WEXITED | os.WNOHANG | os.WNOWAIT

Main = Callable[[str, int], None]
"""Carries out an order in a child, given the process id of its parent."""


def main(module_name: str, parent_pid: str) -> None:
    """Serve orders for `module_name`'s `main` until the control socket is closed or idle."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_DESCRIPTORS, _MOST_DESCRIPTORS))
    # A child that broke out of all other walls must not write into this one.
    hide_memory()
    die_with_parent()
    if os.getppid() != int(parent_pid):
        return
    # numpy's threads alone need 320 MB of address space, and no child uses it.
    sys.modules["numpy"] = None  # type: ignore[assignment]
    module = importlib.import_module(module_name)
    if preload := getattr(module, "preload", None):
        preload()
    # What is loaded stays: no child has to look at it, and pages stay shared.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=_CONTROL) as control:
        _Server(control, module.main).serve()


@dataclass(frozen=True, slots=True)
class _Forked:
    """A child that has not been waited for, so that its process id is its own."""

    pid: int
    link: socket.socket


class _Server:
    def __init__(self, control: socket.socket, child_main: Main) -> None:
        self._control = control
        self._main = child_main
        self._children: dict[int, _Forked] = {}
        self._selector = selectors.DefaultSelector()
        self._ended, self._wakeup = socket.socketpair()
        self._wakeup.setblocking(False)

    def serve(self) -> None:
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(self._ended, selectors.EVENT_READ)
        while self._children or self._control in self._selector.get_map():
            ready = self._selector.select(None if self._children else _IDLE_S)
            if not ready and not self._children:
                return
            for key, _ in ready:
                if key.fileobj is self._control:
                    self._take_order()
                elif key.fileobj is self._ended:
                    self._ended.recv(_MOST_WAKEUPS)
                    self._bury_all()
                else:
                    self._obey(key.data)

    def _take_order(self) -> None:
        order, descriptors, _, _ = socket.recv_fds(
            self._control, MAX_ORDER_BYTES, _DESCRIPTORS_PER_ORDER
        )
        if not order:
            self._selector.unregister(self._control)
            return
        link_descriptor, standard_input, standard_output = descriptors
        link = socket.socket(fileno=link_descriptor)
        try:
            pid = _fork(self._main, order.decode(), standard_input, standard_output)
        except OSError:  # too many processes, or no memory: told by a link that is closed
            link.close()
            return
        finally:
            os.close(standard_input)
            os.close(standard_output)
        self._children[pid] = _Forked(pid, link)
        self._selector.register(link, selectors.EVENT_READ, self._children[pid])
        _tell(link, pid)

    def _obey(self, child: _Forked) -> None:
        if child.pid not in self._children:  # buried in this turn
            return
        number = child.link.recv(1)
        if number:
            os.kill(child.pid, number[0])
        else:
            self._selector.unregister(child.link)
            _kill_group(child.pid)

    def _bury_all(self) -> None:
        while self._children and (ended := os.waitid(os.P_ALL, 0, _LOOK)):
            self._bury(self._children.pop(ended.si_pid))

    def _bury(self, child: _Forked) -> None:
        # Its descendants hold the answer's pipe open.
        _kill_group(child.pid)
        _, status = os.waitpid(child.pid, 0)
        with suppress(KeyError):
            self._selector.unregister(child.link)
        _tell(child.link, os.waitstatus_to_exitcode(status))
        child.link.close()


def _fork(child_main: Main, order: str, standard_input: int, standard_output: int) -> int:
    """Fork; returns in the server only."""
    parent_pid = os.getpid()
    pid = os.fork()
    if not pid:
        _become_child(child_main, order, standard_input, standard_output, parent_pid)
    return pid


def _become_child(
    child_main: Main, order: str, standard_input: int, standard_output: int, parent_pid: int
) -> NoReturn:
    """Carry out the order with the descriptors and the session of a fresh process; ends it."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        show_memory()
        os.setsid()
        os.dup2(standard_input, 0)
        os.dup2(standard_output, 1)
        os.closerange(3, _MOST_DESCRIPTORS)
        child_main(order, parent_pid)
    finally:
        # As the interpreter does for an exception that nobody caught.
        os._exit(1)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _tell(link: socket.socket, number: int) -> None:
    with suppress(OSError):  # nobody listens any more
        link.send(NUMBER.pack(number))
