import contextlib

import pytest

from control_group import ControlGroup, NoControlGroup
from harness import Relay, Sink, eventually


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
