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


def first_seen(ids):
    return list(dict.fromkeys(ids))


def test_ordered_keeps_the_order_of_arrival_through_failures(make_relay, make_sink):
    answers = {}

    def fails_twice_now_and_then(request):
        name = request["headers"]["webhook-id"]
        answers[name] = answers.get(name, 0) + 1
        return 503 if answers[name] <= 2 and int(name[4:6], 16) % 4 == 0 else 200

    sink, free = make_sink(fails_twice_now_and_then), make_sink()
    relay = make_relay(routes_to({"ordered": sink, "free": free}, ordered={"ordered": True, **every(1, 20)})).start()
    bodies = [sample(mark) for mark in range(24)]
    assert sum(int(event_id(body)[4:6], 16) % 4 == 0 for body in bodies) >= 3
    for body in bodies:
        assert relay.post(body)[0] == 200
    eventually(lambda: len(free.requests) == 24, 3, "the other destination has all")
    relay.settled(60, delivered=48, dead=0)
    # Each is repeated until it is taken, and only then the next one comes.
    expected = [event_id(body) for body in bodies for _ in range(answers[event_id(body)])]
    assert sink.ids() == expected


def test_ordered_keeps_the_order_through_kills_and_nothing_older_comes_after_something_younger(make_relay, make_sink):
    down = {"is": True}
    sink = make_sink(lambda request: 503 if down["is"] else time.sleep(0.005) or 200)
    relay = make_relay(routes_to({"ordered": sink}, ordered={"ordered": True, **every(1, 60)})).start()
    bodies = [sample(mark) for mark in range(300)]
    for body in bodies[:100]:
        assert relay.post(body)[0] == 200
    relay.kill()
    relay.start()
    for body in bodies[100:200]:
        assert relay.post(body)[0] == 200
    down["is"] = False
    for part in range(200, 300, 25):
        for body in bodies[part:part + 25]:
            assert relay.post(body)[0] == 200
        relay.kill()
        relay.start()
    relay.settled(60, delivered=300, dead=0)
    order = {event_id(body): number for number, body in enumerate(bodies)}
    numbers = [order[name] for name in sink.ids()]
    assert numbers == sorted(numbers)
    assert first_seen(numbers) == list(range(300))


def test_check_says_which_of_ordered_and_concurrency_to_remove(make_relay, make_sink):
    routes = routes_to({"crm": make_sink()}, crm={"ordered": True, "concurrency": 4})
    done = make_relay(routes).check()
    assert done.returncode == 78
    assert b'destinations.crm.ordered: sends one after the other, "concurrency" is 4: remove "concurrency"' in done.stderr


def test_after_a_429_nothing_is_sent_until_retry_after_and_then_it_starts_slowly(make_relay, make_sink):
    def refuses_the_first(request):
        if request is sink.requests[0]:
            return 429, {"Retry-After": "2"}, b""
        time.sleep(0.4)
        return 200

    sink = make_sink(refuses_the_first)
    relay = make_relay(routes_to({"crm": sink}, crm=every(1, 20))).start()
    for mark in range(30):
        assert relay.post(sample(mark))[0] == 200
    relay.settled(30, delivered=30)
    times = sorted(request["at"] for request in sink.requests)
    refused = times[0]
    assert not [at for at in times if refused + 0.3 < at < refused + 1.9], "all that was not under way before waits"
    resumed = [at for at in times if at >= refused + 1.9]
    rounds = [[resumed[0]]]
    for at in resumed[1:]:
        if at - rounds[-1][0] > 0.3:
            rounds.append([])
        rounds[-1].append(at)
    assert [len(one) for one in rounds[:3]] == [1, 2, 4]
