"""Stored events go out again when an administrator asks for it, and the books agree afterwards."""

import concurrent.futures
import http.client
import json
import sqlite3
import subprocess
import threading
import time

import pytest

from harness import BINARY, SAMPLE, event_id, eventually, free_port, routes_to, sample, signature

MISSED = '{"resolution": ["missed"]}'


def replay(relay, *arguments, check=0):
    return relay.command("replay", "--state", str(relay.state), *arguments, check=check)


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def without_routes(sinks):
    return {**routes_to(sinks), "routes": []}


def replayed(sink):
    return [request for request in sink.requests if request["headers"].get("Relay-Replay") == "1"]


def test_an_unmatched_event_goes_out_after_a_route_is_added(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(without_routes({"crm": sink})).start()
    assert relay.post(SAMPLE)[0] == 200
    assert b"not sent, 1 event: no route wants it" in replay(relay, "--since", "1h").stderr
    assert sink.requests == []
    routes = routes_to({"crm": sink}, crm={"body": {"by": {"$eval": "routes"}}})
    assert relay.reload(routes).returncode == 0
    assert b"queued 1 delivery of 1 event:\n  crm: 1\n" in replay(relay, "--since", "1h").stderr
    counts = relay.settled(delivered=1)
    assert (counts["unmatched"], counts["routed"], counts["replayed"]) == (1, 0, 1)
    [request] = sink.requests
    assert (request["headers"]["webhook-id"], request["headers"]["Relay-Replay"], request["headers"]["Relay-Attempt"]
            ) == (event_id(SAMPLE), "1", "1")
    assert json.loads(request["body"]) == {"by": ["all"]}, "the template names the route that wants it now"


def test_an_event_that_was_too_old_goes_out_after_the_fix(make_relay, make_sink):
    sink = make_sink()
    routes = routes_to({"crm": sink})
    routes["sources"]["gruveo"]["maxAge"] = "1h"
    relay = make_relay(routes).start()
    relay.post(SAMPLE)
    assert relay.counts()["quarantined"] == 1
    words = replay(relay, "--since", "1h").stderr
    assert b"not sent, 1 event: quarantined: its timestamp is older than maxAge" in words
    assert relay.reload(routes_to({"crm": sink})).returncode == 0
    replay(relay, "--since", "1h")
    relay.settled(delivered=1)
    assert (sink.bodies(), sink.ids()) == ([SAMPLE], [event_id(SAMPLE)])


def test_a_body_that_cannot_be_read_goes_only_where_no_template_needs_it(make_relay, make_sink):
    plain, made = make_sink(), make_sink()
    body = b'{"link": 1, "link": 2}'
    relay = make_relay(routes_to({"plain": plain, "made": made}, made={"body": {"a": "b"}})).start()
    relay.post(body)
    assert relay.counts()["quarantined"] == 1
    [shown] = objects(replay(relay, "--since", "1h", "--dry-run", "--json"))
    assert shown["destinations"] == [] and shown["skipped"][0]["reason"].startswith("quarantined: duplicate key")
    done = replay(relay, "--since", "1h", "--to", "plain", "--to", "made")
    assert b"not sent, 1 event: made: its template needs an event that can be read: duplicate key" in done.stderr
    relay.settled(delivered=1, dead=0)
    assert plain.bodies() == [body] and made.requests == []


def test_a_new_destination_is_fed_with_the_past(make_relay, make_sink):
    old, new = make_sink(), make_sink()
    relay = make_relay(routes_to({"old": old})).start()
    for mark in range(30):
        relay.post(sample(mark))
    relay.settled(delivered=30)
    relay.reload(routes_to({"old": old, "new": new}))
    replay(relay, "--since", "1h", "--to", "new")
    counts = relay.settled(delivered=60)
    assert (counts["routed"], counts["replayed"]) == (30, 30)
    assert sorted(new.ids()) == sorted(old.ids()) and len(replayed(new)) == 30 and not replayed(old)


def test_match_route_and_to_choose(make_relay, make_sink):
    sinks = {"crm": make_sink(), "chat": make_sink(), "log": make_sink()}
    routes = routes_to(sinks)
    routes["routes"] = [
        {"name": "missed", "match": {"resolution": ["missed"]}, "to": ["chat"]},
        {"name": "all", "match": {}, "to": ["crm", "chat"]}]
    relay = make_relay(routes).start()
    missed, answered = sample(1, resolution="missed"), sample(2)
    relay.post(missed), relay.post(answered)
    relay.settled(delivered=4)

    def planned(*arguments):
        return {(shown["id"], *shown["destinations"])
                for shown in objects(replay(relay, "--since", "1h", "--dry-run", "--json", *arguments))}

    assert planned() == {(event_id(missed), "chat", "crm"), (event_id(answered), "crm", "chat")}
    assert planned("--match", MISSED) == {(event_id(missed), "chat", "crm")}
    assert planned("--route", "missed") == {(event_id(missed), "chat")}
    assert planned("--route", "missed", "--to", "log") == {(event_id(missed), "log")}
    assert planned("--to", "log", "--to", "crm", "--to", "log", "--match", MISSED) == {(event_id(missed), "log", "crm")}
    assert relay.counts()["replayed"] == 0
    replay(relay, "--since", "1h", "--to", "log", "--to", "crm", "--match", MISSED)
    relay.settled(delivered=6, replayed=2)
    assert [len(replayed(sinks[name])) for name in ("log", "crm", "chat")] == [1, 1, 0]


def test_a_dry_run_sends_nothing_and_says_what_would_be_sent(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(routes_to({"crm": sink})).start()
    for mark in range(25):
        relay.post(sample(mark))
    before = relay.settled(delivered=25)
    done = replay(relay, "--since", "1h", "--dry-run")
    assert len(done.stdout.splitlines()) == 20
    assert done.stdout.splitlines()[0].startswith(event_id(sample(0)).encode() + b"  received 20")
    assert done.stdout.splitlines()[0].endswith(b"Z  to crm")
    assert done.stderr.decode() == ("… and 5 more: --json lists all\nwould queue 25 deliveries of 25 events:\n"
                                    "  crm: 25, 25 of them had been delivered there\n")
    [first, *_] = shown = objects(replay(relay, "--since", "1h", "--dry-run", "--json"))
    assert len(shown) == 25
    assert list(first) == ["id", "receivedAt", "source", "routes", "destinations", "again", "skipped"]
    assert (first["routes"], first["again"], first["skipped"]) == (["all"], ["crm"], [])
    time.sleep(0.3)
    assert relay.counts() == before and len(sink.requests) == 25


def test_event_ids_are_all_found_or_none_is_sent(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(routes_to({"crm": sink})).start()
    bodies = [sample(mark) for mark in range(5)]
    for body in bodies:
        relay.post(body)
    relay.settled(delivered=5)
    ids = [event_id(body) for body in bodies]
    done = replay(relay, ids[0], "evt_" + "0" * 32, ids[1], check=66)
    assert b"gruveo-relay: not stored: evt_" + b"0" * 32 in done.stderr and done.stdout == b""
    assert relay.counts()["replayed"] == 0
    replay(relay, ids[3], ids[1], ids[3])
    relay.settled(replayed=2, delivered=7)
    assert sorted(sink.ids()[5:]) == sorted([ids[3], ids[1]])


def test_an_event_whose_bytes_have_changed_is_called_damaged_and_not_unknown(make_relay, make_sink):
    relay = make_relay(routes_to({"crm": make_sink()})).start()
    for mark in ("good", "bad"):
        relay.post(sample(mark))
    relay.settled(delivered=2)
    relay.stop()
    with sqlite3.connect(relay.state / "queue.sqlite") as database:
        database.execute("UPDATE events SET body = replace(body, 'bad', 'worse') WHERE id = 2")
    relay.start()
    good, bad, none = event_id(sample("good")), event_id(sample("bad")), "evt_" + "0" * 32
    said = replay(relay, good, bad, check=65).stderr.decode()
    assert f"stored, but the bytes have changed: {bad}\n" in said and "not stored" not in said, said
    said = replay(relay, bad, none, check=66).stderr.decode()
    assert f"not stored: {none}; stored, but the bytes have changed: {bad}\n" in said, said
    assert b"stored, but" in replay(relay, "--since", "1h", "--after", bad, check=65).stderr
    assert relay.counts()["replayed"] == 0
    replay(relay, good)
    relay.settled(replayed=1, delivered=3)


def test_what_is_on_its_way_is_left_alone_and_what_died_is_revived(make_relay, make_sink):
    sink = make_sink(lambda request: 422)
    relay = make_relay(routes_to({"crm": sink}, crm={"retry": {"schedule": ["1h"], "for": "2h"}})).start()
    relay.post(sample(1))
    relay.settled(dead=1)
    sink.answer = lambda request: 503
    relay.post(sample(2))
    eventually(lambda: len(sink.requests) == 2, what="the second event")
    eventually(lambda: "outcome=retry" in relay.log(), what="the retry")
    sink.answer = lambda request: 200
    done = replay(relay, "--since", "1h")
    assert b"queued 1 delivery of 1 event:\n  crm: 1\nnot sent, 1 event: crm: is still on its way\n" in done.stderr
    counts = eventually(lambda: (found := relay.counts())["delivered"] == 1 and found, what="the revived one")
    assert (counts["routed"], counts["replayed"], counts["pending"], counts["dead"]) == (2, 0, 1, 0)
    # The letter stays; to discard it afterwards changes no book.
    relay.command("dead", "discard", "--state", str(relay.state), event_id(sample(1)), check=0)
    assert relay.counts()["discarded"] == 0 and relay.dead_letters() == []


def test_a_letter_that_is_sent_again_just_now_is_not_discarded(make_relay, make_sink):
    sink = make_sink(lambda request: 422)
    relay = make_relay(routes_to({"crm": sink})).start()
    relay.post(SAMPLE)
    relay.settled(dead=1)
    relay.command("destination", "pause", "crm", "--state", str(relay.state), check=0)
    replay(relay, "--since", "1h")

    def discard(check):
        return relay.command("dead", "discard", "--state", str(relay.state), event_id(SAMPLE), check=check).stderr
    refused = b"gruveo-relay: not discarded: its delivery is under way, try again when that has ended\n"
    assert discard(75) == refused and len(relay.dead_letters()) == 1
    assert relay.stop() == 0
    assert discard(75) == refused and len(relay.dead_letters()) == 1
    relay.start()
    relay.command("destination", "resume", "crm", "--state", str(relay.state), check=0)
    relay.settled(dead=1)
    assert discard(0).startswith(b"discarded evt_") and relay.dead_letters() == []
    relay.settled(dead=0, discarded=1)


def test_the_same_replay_twice_sends_twice_and_a_second_death_keeps_the_attempts(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(routes_to({"crm": sink})).start()
    relay.post(SAMPLE)
    relay.settled(delivered=1)
    for again in (1, 2):
        replay(relay, "--since", "1h")
        relay.settled(delivered=1 + again, replayed=again)
    sink.answer = lambda request: 422
    replay(relay, event_id(SAMPLE))
    relay.settled(delivered=3, replayed=3, dead=1)
    assert sink.ids() == [event_id(SAMPLE)] * 4
    letter = json.loads(relay.dead_letters()[0].read_text())
    assert [attempt["outcome"] for attempt in letter["attempts"]] == ["delivered"] * 3 + ["dead"]


def test_more_than_a_thousand_deliveries_want_yes(make_relay, make_sink):
    sinks = {"a": make_sink(), "b": make_sink()}
    relay = make_relay(without_routes(sinks), arguments=["--log-level", "error"]).start()
    flood(relay, 501)
    relay.reload(routes_to(sinks))
    done = replay(relay, "--since", "1h", check=64)
    assert b"would queue 1002 deliveries of 501 events" in done.stderr and b"--yes" in done.stderr
    assert relay.counts()["replayed"] == 0
    replay(relay, "--since", "1h", "--to", "a")
    replay(relay, "--since", "1h", "--to", "b", "--yes")
    relay.settled(30, replayed=1002, delivered=1002)


@pytest.mark.release
@pytest.mark.parametrize("arguments, words", [
    ([], b"say which events"),
    (["--since", "yesterday"], b'--since "yesterday" is no time: write how long ago, such as "2h" or "3d"'),
    (["--since", "2099-01-01T00:00:00Z"], b"is in the future: it is 20"),
    (["--since=-2h"], b'"-2h" is negative'),
    (["--since", "2"], b'"2" has no unit'),
    (["--since", "2h", "--until", "3h"], b"--until is before --since"),
    (["--since", "2026-01-02"], b"is no time with its zone"),
    (["--since", "2026-01-02T03:04:05"], b"has no zone: end it with Z for UTC"),
    (["--since", "2025-02-29T00:00:00Z"], b"is no date and time that there is"),
    (["--since", "2h", "evt_" + "0" * 32], b"exclude each other"),
    (["evt_95dec"], b'"evt_95dec" is no event id'),
    (["--since", "2h", "--match", '{"link": "@a"}'],
     b'--match:1:10: error: link: values stand in a list: write ["@a"] instead of "@a"'),
    (["--since", "2h", "--match", "{"], b"--match:1:2: error: the text ends too early"),
])
def test_a_wrong_command_line_is_64_before_any_relay_is_asked(arguments, words, tmp_path):
    done = subprocess.run([BINARY, "replay", "--state", str(tmp_path), *arguments], capture_output=True, timeout=30)
    assert (done.returncode, done.stdout) == (64, b"") and words in done.stderr, done


@pytest.mark.release
def test_no_relay_is_69(tmp_path):
    command = [BINARY, "replay", "--state", str(tmp_path), "--since", "2h"]
    done = subprocess.run(command, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout) == (69, b"")
    assert done.stderr.startswith(b"gruveo-relay: no relay answers at ") and done.stderr.count(b"\n") == 1


def test_unknown_names_are_64_with_what_was_probably_meant(make_relay, make_sink):
    relay = make_relay(routes_to({"crm": make_sink()})).start()
    for arguments, words in ((["--to", "cmr"], b'unknown destination "cmr", did you mean "crm"?'),
                             (["--route", "ALL"], b'unknown route "ALL", did you mean "all"?'),
                             (["--route", "missed"], b'unknown route "missed": the routes file has "all"')):
        assert words in replay(relay, "--since", "1h", *arguments, check=64).stderr


def test_a_full_queue_takes_no_replay_and_says_how_to_go_on(make_relay, make_sink):
    port = free_port()
    sink = make_sink()
    routes = routes_to({"down": sink})
    routes["destinations"]["down"]["url"] = f"http://127.0.0.1:{port}/"
    routes["routes"] = []
    routes["limits"] = {"backlog": 250}
    relay = make_relay(routes, arguments=["--log-level", "error"]).start()
    flood(relay, 500)
    done = replay(relay, "--since", "1h", "--to", "down", check=75)
    assert relay.counts()["pending"] == 200
    assert b"200 deliveries wait, the limit is 250" in done.stderr
    assert b"queued by then: 200 deliveries of 200 events, and no more" in done.stderr
    advice = done.stderr.decode().split("the same command with ")[1].split()
    routes["limits"] = {}
    relay.reload(routes)
    replay(relay, *advice, "--to", "down")
    assert relay.counts()["pending"] == 500, "not one twice, not one forgotten"


def test_an_ordered_destination_gets_the_past_in_its_order(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(without_routes({"crm": sink})).start()
    bodies = [sample(mark) for mark in range(60)]
    for body in bodies:
        relay.post(body)
    relay.reload(routes_to({"crm": sink}, crm={"ordered": True}))
    replay(relay, "--since", "1h")
    relay.settled(delivered=60)
    assert sink.ids() == [event_id(body) for body in bodies]


# Under load

def flood(relay, count, first=0, threads=8):
    """Posts so many events and returns the time that each 200 took."""
    def post(share):
        connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=30)
        times = []
        for mark in share:
            body = sample(f"mark-{mark:06}")
            start = time.monotonic()
            connection.request("POST", "/webhooks/gruveo", body, {"X-Gruveo-SHA256-HMAC": signature(body)})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
            times.append(time.monotonic() - start)
        connection.close()
        return times

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        shares = pool.map(post, [range(first + start, first + count, threads) for start in range(threads)])
        return [seconds for share in shares for seconds in share]


def percentile(times, share):
    return sorted(times)[int(len(times) * share)]


@pytest.mark.release
@pytest.mark.alone
def test_five_thousand_events_go_out_again_while_new_ones_are_accepted(make_relay, make_sink):
    sink, new = make_sink(), make_sink()
    relay = make_relay(routes_to({"log": sink}), arguments=["--log-level", "error"]).start()
    quiet = flood(relay, 5000)
    relay.settled(120, delivered=5000)
    relay.reload(routes_to({"log": sink, "new": new}))
    alone = flood(relay, 1000, 100_000, threads=2)
    arguments = ["replay", "--state", str(relay.state), "--since", "1h", "--to", "new", "--yes"]
    start = time.monotonic()
    running = subprocess.Popen([BINARY, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    busy = flood(relay, 1000, 200_000, threads=2)
    _, words = running.communicate(timeout=120)
    took = time.monotonic() - start
    assert running.returncode == 0, words
    counts = relay.settled(120)
    assert counts["replayed"] >= 5000
    assert set(new.ids()) >= {event_id(sample(f"mark-{mark:06}")) for mark in range(5000)}
    print(f"\np99 of the 200: {percentile(quiet, .99) * 1000:.1f} ms (8 connections), "
          f"{percentile(alone, .99) * 1000:.1f} ms (2, no replay), {percentile(busy, .99) * 1000:.1f} ms "
          f"(2, during the replay, which took {took:.1f} s)")
    assert percentile(busy, .99) < max(0.5, 5 * percentile(alone, .99))


def test_a_kill_in_the_middle_loses_nothing(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(without_routes({"crm": sink}), arguments=["--log-level", "error"]).start()
    flood(relay, 3000)
    relay.reload(routes_to({"crm": sink}))
    running = subprocess.Popen(
        [BINARY, "replay", "--state", str(relay.state), "--since", "1h", "--yes"], stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE)
    end = time.monotonic() + 30
    while relay.counts()["replayed"] < 400 and time.monotonic() < end:
        """Without a pause: what is left of the replay takes no longer than one."""
    relay.kill()
    _, words = running.communicate(timeout=60)
    relay.start()
    counts = relay.settled(60)
    assert counts["unmatched"] == 3000 and counts["delivered"] == counts["replayed"] < 3000
    assert running.returncode == 69, words
    done = int(words.decode().split(" deliveries of ")[0].split()[-1])
    assert done <= counts["replayed"] <= done + 200, "what it counted is queued, and at most one page more"
    advice = words.decode().split("the same command with ")[1].split()
    replay(relay, *advice, "--yes")
    relay.settled(60)
    ids = sink.ids()
    assert set(ids) == {event_id(sample(f"mark-{mark:06}")) for mark in range(3000)}
    assert len(ids) < 3000 + 400, "only what was in flight, or in the page at the break, comes twice"


def test_two_at_once_send_each_event_once_as_long_as_it_is_on_its_way(make_relay, make_sink):
    let_go = threading.Event()
    sink = make_sink(lambda request: let_go.wait(60) and 200)
    relay = make_relay(without_routes({"crm": sink}), arguments=["--log-level", "error"]).start()
    flood(relay, 900)
    relay.reload(routes_to({"crm": sink}))
    command = [BINARY, "replay", "--state", str(relay.state), "--since", "1h"]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    words = [one.communicate(timeout=60)[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], words
    assert relay.counts()["replayed"] == 900
    let_go.set()
    relay.settled(60, replayed=900, delivered=900)
    assert sorted(sink.ids()) == sorted({event_id(sample(f"mark-{mark:06}")) for mark in range(900)})
