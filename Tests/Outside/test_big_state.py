"""A long queue: the relay is there at once after a crash, and its memory does not grow with what waits (P15)."""

import os
import pathlib
import time

import pytest

import big_state
from harness import eventually, sample


def forget(path):
    """Takes a file out of the page cache: the next reads come from the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident(pid):
    """Resident memory in MB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


@pytest.mark.parametrize("count, seconds, megabytes", [
    (20_000, 5, 120), pytest.param(1_000_000, 5, 120, marks=pytest.mark.soak)])
@pytest.mark.parametrize("is_cold", [False, True])
def test_ready_at_once_after_a_crash_with_a_long_queue(make_relay, count, seconds, megabytes, is_cold):
    relay = make_relay(big_state.routes())
    big_state.make(relay, count)
    if is_cold:
        forget(relay.state / "queue.sqlite")
    begin = time.monotonic()
    relay.start(wait=False)
    eventually(lambda: relay_is_up(relay), 60, "start")
    took = time.monotonic() - begin
    assert relay.post(sample("after"))[0] == 200
    used = resident(relay.pid())
    print(f"{count} events, {'cold' if is_cold else 'warm'}: ready after {took:.2f} s, {used:.0f} MB")
    assert took < seconds and used < megabytes
    eventually(lambda: "checked after an unclean stop: it is sound" in relay.log(), 120, "the check")
    assert resident(relay.pid()) < megabytes
    assert relay.stop() == 0
    begin = time.monotonic()
    relay.start()
    print(f"after a clean stop: ready after {time.monotonic() - begin:.2f} s")
    assert relay.counts()["matched"] == count + 1


def relay_is_up(relay):
    try:
        return relay.is_up()
    except OSError:
        return False
