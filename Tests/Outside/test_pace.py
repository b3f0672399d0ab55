"""How fast and in which order a destination is sent to: `rate` and `ordered`."""

import pathlib
import time

from harness import event_id, eventually, every, routes_to, sample


def most_in_a_second(times):
    """The highest number of requests in any window of one second."""
    times = sorted(times)
    return max(sum(start <= other < start + 1 for other in times) for start in times)


def test_a_rate_holds_in_any_second_retries_included_and_nothing_is_lost(make_relay, make_sink):
    seen = set()

    def every_third_fails_once(request):
        name = request["headers"]["webhook-id"]
        fails = len(seen) % 3 == 0 and name not in seen
        seen.add(name)
        return 503 if fails else 200

    limited, free = make_sink(every_third_fails_once), make_sink()
    relay = make_relay(routes_to({"limited": limited, "free": free}, limited={"rate": "5/s", **every(1, 20)})).start()
    for mark in range(24):
        assert relay.post(sample(mark))[0] == 200
    eventually(lambda: len(free.requests) == 24, 3, "the other destination has all")
    relay.settled(30, delivered=48, dead=0)
    times = [request["at"] for request in limited.requests]
    assert len(times) > 24
    assert most_in_a_second(times) <= 5, [round(at - times[0], 3) for at in times]
    # As fast as the rate allows: a period of one second for each five, and the tick of a tenth.
    assert times[-1] - times[0] < len(times) / 5 + 3


def test_a_lane_that_waits_for_its_rate_costs_no_time_of_the_processor(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(routes_to({"limited": sink}, limited={"rate": "2/h"})).start()
    for mark in range(50):
        assert relay.post(sample(mark))[0] == 200
    eventually(lambda: relay.counts()["delivered"] == 2, what="the first two")

    def cpu_seconds():
        fields = pathlib.Path(f"/proc/{relay.pid()}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    before = cpu_seconds()
    time.sleep(3)
    assert cpu_seconds() - before < 0.3 and len(sink.requests) == 2
    # Without the rate the rest goes out at once.
    assert relay.reload(routes_to({"limited": sink})).returncode == 0
    relay.settled(10, delivered=50)
    assert sorted(sink.ids()) == sorted(event_id(sample(mark)) for mark in range(50))
