"""What tests/filters/test_killable.py runs in processes of its own: good, bad and deadly functions."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

served: list[bytes] = []
hoard: list[bytes] = []


def echo(payload: bytes) -> bytes:
    return payload


def process_id(_: bytes) -> bytes:
    return b"%d" % os.getpid()


def obey(payload: bytes) -> bytes:
    """Do what the payload says; else tell how many payloads this process has had."""
    served.append(payload)
    if payload == b"spin":
        while True:
            pass
    if payload == b"spin in C":
        return b"%d" % sum(range(1 << 60))
    if payload == b"sleep":
        signal.pause()
    if payload == b"crash":
        ctypes.string_at(0)
    if payload == b"exit":
        os._exit(0)
    if payload == b"hoard":
        hoard.append(bytes(200_000_000))
    if payload == b"raise":
        raise ValueError("what it was told")
    if payload == b"print":
        print("to stdout", flush=True)  # noqa: T201
        os.write(1, b"to stdout")
        sys.stderr.write("to stderr")
    return b"%d" % len(served)
