"""A function in a process of its own, which can be killed: for parsers that hang, crash or eat memory.

Payloads and replies are bytes, framed by their length on the child's pipes: 0.1 ms for a small one. The child
is a fresh interpreter (nothing is forked, so threads and kernels do no harm), started at the first call in
the time that the function's imports take, and replaced when it dies. Time is the child's own processor time,
so that a busy machine does not change an outcome; memory is what the child takes beyond what it has once the
function is loaded. A payload that kills a child that has served others is tried once more in a fresh one, so
that the outcome is that of the payload alone.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import math
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import BinaryIO, Final, Self

_HEADER: Final = struct.Struct("<QB")  # bytes that follow, and what they are
_VALUE, _ERROR = range(2)
_START_SECONDS: Final = 300.0
_WALL: Final = 20  # a child that sleeps, or gets less than a twentieth of a core, is given up too
_SET_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


class Killable:
    """Calls `function` ("module:name", bytes → bytes) in a child process that is bounded in time and memory.

    `timeout_seconds` of processor time are for each payload, `memory_bytes` for all that the child allocates
    (Linux only). For one thread of the process that made it. The child ends with its parent.

    >>> with Killable("zlib:compress", timeout_seconds=5, memory_bytes=1 << 28) as compress:
    ...     len(compress(b"a" * 1000))
    17
    """

    def __init__(self, function: str, *, timeout_seconds: float, memory_bytes: int) -> None:
        self._function = function
        self._timeout_seconds = timeout_seconds
        self._memory_bytes = memory_bytes
        self._child: subprocess.Popen[bytes] | None = None

    def __call__(self, payload: bytes) -> bytes | None:
        """The function's reply, or None when the child died or exceeded its time or memory.

        Raises RuntimeError, with the child's traceback, when the function itself raised something else than
        MemoryError, or cannot be loaded.
        """
        has_served = self._child is not None
        reply, is_late = self._ask(payload)
        if reply is None and has_served and not is_late:
            reply, _ = self._ask(payload)
        return reply

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child, if there is one; a later call starts another."""
        self._end()

    def _ask(self, payload: bytes) -> tuple[bytes | None, bool]:
        """(the reply or None, whether that is for want of time)."""
        child = self._child or self._start()
        deadline = time.monotonic() + self._timeout_seconds * _WALL
        try:
            kind, reply = _exchange(child, payload, deadline)
        except TimeoutError:
            self._end()
            return None, True
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return None, self._end() == -signal.SIGPROF
        except BaseException:  # the reply that is still to come must not become the next payload's
            self._end()
            raise
        if kind == _ERROR:
            raise RuntimeError(f"{self._function} failed in its process:\n{reply.decode('utf-8', 'replace')}")
        return reply, False

    def _start(self) -> subprocess.Popen[bytes]:
        settings = json.dumps(
            {
                "function": self._function,
                "timeout_seconds": self._timeout_seconds,
                "memory_bytes": self._memory_bytes,
                "parent": os.getpid(),
                "path": sys.path,
            }
        )
        # By its path, and without the folder's modules on sys.path (-P): imports no more than it must.
        command = [sys.executable, "-P", str(Path(__file__).resolve()), settings]
        pipe = subprocess.PIPE
        child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0)
        self._child = child
        assert child.stdin is not None
        assert child.stdout is not None
        os.set_blocking(child.stdin.fileno(), False)
        os.set_blocking(child.stdout.fileno(), False)
        try:
            kind, message = _receive(child.stdout.fileno(), time.monotonic() + _START_SECONDS)
        except (EOFError, TimeoutError) as error:
            raise RuntimeError(f"the process for {self._function} ended with code {self._end()}") from error
        except BaseException:
            self._end()
            raise
        if kind == _ERROR:
            self._end()
            raise RuntimeError(f"{self._function} cannot be loaded:\n{message.decode('utf-8', 'replace')}")
        return child

    def _end(self) -> int | None:
        """Kill the child and close its pipes; its exit code is -N for signal N."""
        child, self._child = self._child, None
        if child is None:
            return None
        child.kill()
        code = child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()
        return code


def _exchange(child: subprocess.Popen[bytes], payload: bytes, deadline: float) -> tuple[int, bytes]:
    """(kind, bytes) of the child's reply."""
    assert child.stdin is not None
    assert child.stdout is not None
    _send(child.stdin.fileno(), payload, deadline)
    return _receive(child.stdout.fileno(), deadline)


def _await(descriptor: int, event: int, deadline: float) -> None:
    poller = select.poll()
    poller.register(descriptor, event)
    if not poller.poll(max(0, math.ceil((deadline - time.monotonic()) * 1000))):
        raise TimeoutError


def _send(descriptor: int, payload: bytes, deadline: float) -> None:
    for part in (_HEADER.pack(len(payload), _VALUE), payload):
        left = memoryview(part)
        while left:
            _await(descriptor, select.POLLOUT, deadline)
            left = left[os.write(descriptor, left[: 1 << 20]) :]


def _receive(descriptor: int, deadline: float) -> tuple[int, bytes]:
    """(kind, bytes) of the next frame. Raises EOFError when the child has ended."""
    length, kind = _HEADER.unpack(_read(descriptor, _HEADER.size, deadline))
    return kind, _read(descriptor, length, deadline)


def _read(descriptor: int, length: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < length:
        _await(descriptor, select.POLLIN, deadline)
        part = os.read(descriptor, min(length - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _serve(function: str, timeout_seconds: float, memory_bytes: int, parent: int, path: list[str]) -> None:
    """The child's life: load the function, then answer payloads until stdin ends."""
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, who gets the same Ctrl-C
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # its default is to end the process, even amid C code
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the function prints is no reply
    try:
        sys.path[:] = path
        module, _, name = function.partition(":")
        call = getattr(importlib.import_module(module), name)
    except Exception:
        _reply(sink, _ERROR, traceback.format_exc().encode())
        return
    _limit_memory(memory_bytes)
    _reply(sink, _VALUE, b"")
    while len(header := source.read(_HEADER.size)) == _HEADER.size:
        payload = source.read(_HEADER.unpack(header)[0])
        signal.setitimer(signal.ITIMER_PROF, timeout_seconds)
        try:
            kind, value = _VALUE, call(payload)
        except MemoryError:
            os._exit(1)
        except Exception:
            kind, value = _ERROR, traceback.format_exc().encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        _reply(sink, kind, value)


def _reply(sink: BinaryIO, kind: int, value: bytes) -> None:
    sink.write(_HEADER.pack(len(value), kind))
    sink.write(value)
    sink.flush()


def _die_with(parent: int) -> None:
    """Ask for SIGKILL when the parent dies (Linux); elsewhere the time limit or the end of stdin ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(1)


def _limit_memory(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # others do not enforce it
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    _serve(**json.loads(sys.argv[1]))
