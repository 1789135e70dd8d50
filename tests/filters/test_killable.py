"""Killable: replies while the child lives, None when it does not, and nothing left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from filters.killable import Killable

FUNCTIONS = "tests.filters.killable_functions"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory, and /proc, are Linux's")


def killable(name: str, *, timeout_seconds: float = 30.0, memory_bytes: int = 1 << 30) -> Killable:
    return Killable(f"{FUNCTIONS}:{name}", timeout_seconds=timeout_seconds, memory_bytes=memory_bytes)


@pytest.mark.parametrize("payload", [b"", b"a", bytes(range(256)), bytes(20_000_000)], ids=len)
def test_payloads_come_and_go_whole(payload: bytes) -> None:
    with killable("echo") as echo:
        assert echo(payload) == payload
        assert echo(b"next") == b"next"


def test_one_child_serves_many_payloads() -> None:
    with killable("obey") as obey:
        assert [obey(b"x") for _ in range(100)] == [b"%d" % count for count in range(1, 101)]


@pytest.mark.parametrize("payload", [b"spin", b"spin in C", b"sleep", b"crash", b"exit"])
def test_a_deadly_payload_is_none_and_the_next_one_is_served(payload: bytes) -> None:
    with killable("obey", timeout_seconds=0.05) as obey:
        assert obey(payload) is None
        assert obey(b"x") == b"1"
        assert obey(payload) is None
        assert obey(b"x") == b"1"


@LINUX
def test_memory_is_bounded() -> None:
    with killable("obey", memory_bytes=100_000_000) as obey:
        assert obey(b"hoard") is None
        assert obey(b"x") == b"1"


@LINUX
def test_an_outcome_does_not_depend_on_what_the_child_had_before() -> None:
    with killable("obey", memory_bytes=500_000_000) as obey:
        assert [obey(b"hoard") for _ in range(5)] == [b"1", b"2", b"1", b"2", b"1"]


def test_a_child_killed_from_outside_is_replaced_unseen() -> None:
    with killable("process_id") as process_id:
        first = process_id(b"")
        assert first is not None
        os.kill(int(first), signal.SIGKILL)
        assert process_id(b"") not in (first, None)


def test_an_exception_is_told_and_the_child_goes_on() -> None:
    with killable("obey") as obey:
        with pytest.raises(RuntimeError, match="ValueError: what it was told"):
            obey(b"raise")
        assert obey(b"x") == b"2"


def test_what_the_function_prints_is_no_reply(capfd: pytest.CaptureFixture[str]) -> None:
    with killable("obey") as obey:
        assert [obey(b"print"), obey(b"x")] == [b"1", b"2"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("function", ["no_such_module:f", f"{FUNCTIONS}:no_such_function", "json"])
def test_a_function_that_is_not_there_is_an_error(function: str) -> None:
    with pytest.raises(RuntimeError, match="cannot be loaded"):
        Killable(function, timeout_seconds=1, memory_bytes=1 << 30)(b"")


def test_an_interrupted_call_does_not_leave_its_reply_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int, deadline: float) -> tuple[int, bytes]:
        raise KeyboardInterrupt

    with killable("echo") as echo:
        assert echo(b"a") == b"a"
        with monkeypatch.context() as patch:
            patch.setattr("filters.killable._receive", interrupted)
            with pytest.raises(KeyboardInterrupt):
                echo(b"b")
        assert echo(b"c") == b"c"


@LINUX
def test_nothing_is_left_open() -> None:
    def descriptors() -> list[str]:
        return sorted(os.listdir("/proc/self/fd"))

    before = descriptors()
    for payload in (b"x", b"crash", b"spin"):
        with killable("obey", timeout_seconds=0.05) as obey:
            obey(payload)
            obey(b"x")
        obey.close()
    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # no child, not even a dead one


@LINUX
@pytest.mark.parametrize("then", ["", "child(b'spin')"], ids=["idle", "busy"])
def test_the_child_dies_with_its_parent(then: str) -> None:
    script = f"""
import os
from filters.killable import Killable
child = Killable("{FUNCTIONS}:obey", timeout_seconds=600, memory_bytes=1 << 30)
child(b"x")
print(child._child.pid, flush=True)
{then}
os.read(0, 1)
"""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=Path(__file__).parents[2]) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        assert select.select([child], [], [], 60)[0] == [child]
    finally:
        os.close(child)
