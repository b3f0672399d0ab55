import contextlib
import subprocess

import pytest

from control_group import ControlGroup, NoControlGroup
from harness import Relay, Sink, eventually
from ledger import Ledger
from power import Disk, Survivors


@pytest.fixture
def make_sink():
    """Makes destinations that are closed after the test."""
    made = []

    def make(*arguments, **named):
        made.append(Sink(*arguments, **named))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


@pytest.fixture
def make_relay():
    """Makes relays that are killed and removed after the test."""
    made = []

    def make(*arguments, **named):
        made.append(Relay(*arguments, **named))
        return made[-1]

    yield make
    for relay in made:
        relay.close()


@pytest.fixture
def limited():
    """Makes control groups that are gone after the test; to be asked for before `make_relay`."""
    made = contextlib.ExitStack()

    def make(megabytes=None, processor=None):
        try:
            limit = ControlGroup.memory(megabytes) if megabytes else ControlGroup.processor(processor)
        except NoControlGroup as reason:
            pytest.skip(str(reason))
        made.callback(lambda: eventually(limit.remove, what="the end of a control group"))
        return limit

    with made:
        yield make


@pytest.fixture(params=["ext4", "xfs"])
def disk(tmp_path, request):
    disk = Disk(tmp_path, request.param)
    yield disk
    subprocess.run(["umount", "-l", str(disk.mount_point)], capture_output=True, timeout=60)
    disk.image.unlink()


@pytest.fixture
def relay_on(make_relay, make_sink, disk, tmp_path):
    """A world, a ledger and a relay whose state is on the disk; whatever happens it is dead before the unmount."""
    with contextlib.ExitStack() as stack:
        def make(**environment):
            world, ledger = Survivors(make_sink, tmp_path), Ledger(tmp_path / "ledger")
            relay = make_relay(
                world.routes(), state=disk.mount_point / "state", environment=environment,
                arguments=["--log-level", "error"])
            stack.callback(relay.close)
            return relay, world, ledger
        yield make
