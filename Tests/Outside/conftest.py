import pytest

from harness import Relay, Sink


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
