"""The set checker itself: it objects to what is faked, and to nothing else."""

import dataclasses

import pytest

from harness import KEY, event_id, eventually, routes_to, sample
from ledger import End, Evidence, Ledger, Record, Recorder, collect, faults, judge


def taken(name, id, attempt=1, at=0.0, status=200, seconds=0.0, is_replay=False):
    return Record(name, id, attempt, is_replay, status, at, at + seconds)


def sound():
    """Three events at two destinations: delivered, retried, dead and queued; the third was never acknowledged."""
    return Evidence(
        sent={"a", "b", "c"}, forged={"f"}, acknowledged={"a", "b"}, places=[("one",), ("two",)],
        records=[taken("one", "a"), taken("one", "b", status=503), taken("one", "b", 2, at=1), taken("two", "a"),
                 taken("one", "c")],
        dead={"two": {"b"}}, queued={"two": {"c"}},
        counts={"matched": 3, "unmatched": 0, "quarantined": 0, "duplicates": 0, "routed": 6, "replayed": 0,
                "delivered": 4, "dead": 1, "pending": 1, "discarded": 0})


def changed(**fields):
    return dataclasses.replace(sound(), **fields)


def with_record(*records, **fields):
    return changed(records=[*sound().records, *records], **fields)


def test_what_is_sound_passes():
    assert list(faults(sound())) == []


def test_what_may_happen_passes():
    again = taken("one", "a", 2, at=20)
    assert list(faults(with_record(again, ends=[End(0.5, 0.5, True)]))) == [], "a crash just after the answer"
    slow = [dataclasses.replace(record, ended=15.0) if record.id == "a" else record for record in sound().records]
    assert list(faults(changed(records=[*slow, again]))) == [], "an answer after the timeout"
    assert list(faults(with_record(taken("one", "a", at=30, is_replay=True)))) == [], "sent again on purpose"
    assert list(faults(changed(places=[("one", "uno"), ("two",)]))) == [], "a destination with another name"


FAKED = {
    "a lost delivery": (lambda: changed(records=sound().records[1:]), "1 of 2 acknowledged events are lost for one"),
    "a lost dead letter": (lambda: changed(dead={}), "1 of 2 acknowledged events are lost for two"),
    "a lost queue": (lambda: changed(acknowledged={"a", "b", "c"}, queued={}), "lost for two"),
    "a foreign event": (lambda: with_record(taken("two", "x")), "two got 1 events that nobody sent"),
    "a forged event": (lambda: with_record(taken("two", "f")), "valid signature (1 forged)"),
    "a foreign dead letter": (lambda: changed(dead={"two": {"b", "x"}}), "two got 1 events that nobody sent"),
    "a foreign event in the queue": (lambda: changed(queued={"two": {"c", "x"}}), "two got 1 events that nobody sent"),
    "a duplicate": (lambda: with_record(taken("one", "a", 2, at=1)), "one got a again (attempt 2) 1.00 s after"),
    "a duplicate long before a crash": (
        lambda: with_record(taken("one", "a", 2, at=40), ends=[End(30, 30, True)]), "one got a again"),
    "a duplicate before a crash": (
        lambda: with_record(taken("one", "a", 2, at=1), ends=[End(2, 2, True)]), "one got a again"),
    "a duplicate after a stop that had time": (
        lambda: with_record(taken("one", "a", 2, at=40), ends=[End(1, 1, False)]), "one got a again"),
    "an attempt's number that falls": (
        lambda: with_record(taken("one", "b", 3, at=0.5, status=503)), "got attempt 2 of b after attempt 3"),
    "a damaged database": (lambda: changed(quick_check="row 7 missing"), "quick_check says: row 7 missing"),
    "a counter too high": (lambda: changed(counts={**sound().counts, "delivered": 5}), "counts 5 delivered"),
    "a counter too low": (lambda: changed(counts={**sound().counts, "dead": 0}), "counts 0 dead"),
    "an event stored twice": (lambda: changed(counts={**sound().counts, "matched": 4}), "counts 4 matched"),
    "a false answer": (lambda: changed(surprises=["an event with a wrong signature got 200"]), "got 200"),
}


@pytest.mark.parametrize("make, words", FAKED.values(), ids=FAKED.keys())
def test_what_is_faked_is_seen(make, words):
    assert any(words in line for line in faults(make())), list(faults(make()))
    with pytest.raises(AssertionError):
        judge(make())


def test_evidence_of_a_relay_is_read_with_its_queue_its_letters_and_its_books(make_relay, make_sink, tmp_path):
    ledger, recorder = Ledger(tmp_path / "ledger"), Recorder(tmp_path / "recorded")
    answers = {"good": 200, "refusing": 422, "stuck": 404}
    sinks = {name: make_sink(recorder.answering(name, lambda request, status=status: status))
             for name, status in answers.items()}
    relay = make_relay(routes_to(sinks)).start()
    for is_forged in (False, True, False):
        body = ledger.next(is_forged)
        key = "a-wrong-key-0123456789" if is_forged else KEY
        ledger.answered(relay.post(body, key=key)[0], body, is_forged)
    eventually(lambda: relay.counts()["dead"] == relay.counts()["delivered"] == 2, what="two delivered, two dead")
    assert relay.stop() == 0
    places = [(name,) for name in answers]
    evidence = collect(relay, ledger, recorder, places)
    judge(evidence)
    assert {name: len(ids) for name, ids in {**evidence.dead, **evidence.queued}.items()} == {"refusing": 2, "stuck": 2}
    assert len((tmp_path / "ledger").read_text().splitlines()) == 5 and ledger.statuses == {200: 2, 401: 1}
    ledger.acknowledge(event_id(sample("never sent")))
    assert sum("lost" in line for line in faults(collect(relay, ledger, recorder, places))) == 3
