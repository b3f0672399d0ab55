"""The set checker: what was sent and acknowledged, what arrived, and whether the relay's promises hold between them.

A driver writes each event into its own ledger, synced, before it is sent and again when it is acknowledged. Recording
destinations write down what they get before they answer. `judge` compares both with the relay's books, its queue and
its dead letters. It knows nothing of the relay but its files, its admin socket and its promises (docs/reliability.md).
"""

import contextlib
import dataclasses
import http.client
import json
import os
import random
import sqlite3
import threading
import time
import urllib.parse

from harness import KEY, event_id, every, routes_to, sample, signature

# An answer is on its way to the disk for this long at most: what was answered within it before a crash may come twice.
UNSETTLED_SECONDS = 5


@dataclasses.dataclass
class Record:
    """One request that a destination got, and how it was answered."""
    destination: str
    id: str
    attempt: int
    is_replay: bool
    status: int
    at: float
    ended: float

    @property
    def is_taken(self):
        return 200 <= self.status < 300

    @property
    def delivery(self):
        return self.destination, self.id


@dataclasses.dataclass
class End:
    """The relay's end: a crash at one moment, or a stop that was asked for and took its time."""
    begun: float
    ended: float
    is_crash: bool

    def may_repeat(self, record):
        """Whether this end may have kept the relay from noting how that request was answered.

        A stop waits for what is under way, but not for the file of a dead letter.
        """
        margin = UNSETTLED_SECONDS if self.is_crash or not record.is_taken else 0
        return record.at <= self.ended + margin and record.ended >= self.begun - margin


@dataclasses.dataclass
class Evidence:
    """All that `faults` looks at. A place is a destination, or several names of which one has to get the event."""
    sent: set
    acknowledged: set
    places: list
    records: list
    dead: dict
    queued: dict
    counts: dict
    quick_check: str = "ok"
    forged: set = dataclasses.field(default_factory=set)
    surprises: list = dataclasses.field(default_factory=list)
    ends: list = dataclasses.field(default_factory=list)
    timeouts: dict = dataclasses.field(default_factory=dict)
    ordinary_books: bool = True

    def all_of(self, kept, names):
        return set().union(*(kept.get(name, ()) for name in names))


class Journal:
    """Lines of JSON in a file; each is with the kernel, or on the disk, when `add` returns."""

    def __init__(self, path, synced):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.synced = synced

    def add(self, **line):
        os.write(self.file, json.dumps(line).encode() + b"\n")
        if self.synced:
            os.fdatasync(self.file)

    def close(self):
        os.close(self.file)


class Ledger:
    """The driver's own account. With a path it is on disk before anything is sent, and before an answer counts."""

    def __init__(self, path=None):
        self.sent, self.forged, self.acknowledged = set(), set(), set()
        self.surprises, self.ends, self.statuses = [], [], {}
        self.lock = threading.Lock()
        self.number = 0
        self.journal = Journal(path, synced=True) if path else None

    def next(self, is_forged=False):
        """A body that was never sent before, written down as sent."""
        with self.lock:
            self.number += 1
            body = sample(f"mark-{self.number:06}")
            (self.forged if is_forged else self.sent).add(event_id(body))
        self.note(sent=event_id(body), forged=is_forged)
        return body

    def acknowledge(self, identifier):
        self.note(acknowledged=identifier)
        with self.lock:
            self.acknowledged.add(identifier)

    def answered(self, status, body, is_forged):
        """Writes an answer down; one that fits neither a good nor a forged event is a surprise."""
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status not in ((401, 503) if is_forged else (200, 503)):
                self.surprises.append(f"an event with a {'wrong' if is_forged else 'right'} signature got {status}")
        if status == 200:
            self.acknowledge(event_id(body))

    def ended(self, begun, is_crash):
        with self.lock:
            self.ends.append(End(begun, time.time(), is_crash))

    def note(self, **line):
        if self.journal:
            self.journal.add(**line)


class Recorder:
    """What arrived at all destinations of a test, in order."""

    def __init__(self, path=None):
        self.records = []
        self.lock = threading.Lock()
        self.journal = Journal(path, synced=False) if path else None

    def answering(self, name, answer):
        """An `answer` for harness.Sink that writes down what it gets and what it says."""
        def recorded(request):
            given = answer(request)
            status = given[0] if isinstance(given, tuple) else given
            headers = request["headers"]
            record = Record(name, headers["webhook-id"], int(headers["Relay-Attempt"]), "Relay-Replay" in headers,
                            status, request["at"], time.time())
            with self.lock:
                self.records.append(record)
            if self.journal:
                self.journal.add(**dataclasses.asdict(record))
            return given
        return recorded


def read_store(state):
    """The queue, the books and SQLite's own check, read beside the relay or after it."""
    path = urllib.parse.quote(str(state / "queue.sqlite"))
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        database.execute("BEGIN")
        queued = {}
        for name, high, low in database.execute(
                "SELECT destinations.name, high, low FROM deliveries JOIN events ON events.id = deliveries.id >> 16 "
                "JOIN destinations ON destinations.id = deliveries.id & 65535 WHERE deliveries.state < 2"):
            queued.setdefault(name, set()).add(f"evt_{high & (1 << 64) - 1:016x}{low & (1 << 64) - 1:016x}")
        cursor = database.execute("SELECT * FROM totals")
        names = [column[0] for column in cursor.description]
        counts = dict(zip(names, cursor.fetchone()))
        check = "; ".join(row[0] for row in database.execute("PRAGMA quick_check"))
        return queued, counts, check


def collect(relay, ledger, recorder, places, timeouts=None, ordinary_books=True):
    """The evidence as it stands; nothing may be under way."""
    queued, counts, check = read_store(relay.state)
    dead = {}
    for path in relay.dead_letters():
        dead.setdefault(path.parent.name, set()).add(path.stem.split("-", 1)[1])
    return Evidence(
        sent=set(ledger.sent), forged=set(ledger.forged), acknowledged=set(ledger.acknowledged),
        surprises=list(ledger.surprises), ends=list(ledger.ends), places=places, records=list(recorder.records),
        dead=dead, queued=queued, counts=counts, quick_check=check, timeouts=timeouts or {},
        ordinary_books=ordinary_books)


# The judgement

def faults(evidence):
    """One line for each promise that does not hold. Pure."""
    yield from evidence.surprises
    if evidence.quick_check != "ok":
        yield f"quick_check says: {evidence.quick_check}"
    yield from lost(evidence)
    yield from invented(evidence)
    yield from repeated(evidence)
    if evidence.ordinary_books:
        yield from wrong_books(evidence)


def taken_by(evidence):
    taken = {}
    for record in evidence.records:
        if record.is_taken:
            taken.setdefault(record.destination, set()).add(record.id)
    return taken


def lost(evidence):
    """P1, P6, P8: acknowledged, but neither delivered nor dead nor queued."""
    taken = taken_by(evidence)
    for names in evidence.places:
        kept = set().union(*(evidence.all_of(kept, names) for kept in (taken, evidence.dead, evidence.queued)))
        if missing := evidence.acknowledged - kept:
            yield (f"{len(missing)} of {len(evidence.acknowledged)} acknowledged events are lost for "
                   f"{' or '.join(names)}, as {sorted(missing)[:3]}")


def invented(evidence):
    """P3: delivered, dead or queued without having been sent with a valid signature."""
    seen = {}
    for record in evidence.records:
        seen.setdefault(record.destination, set()).add(record.id)
    for name in sorted({*seen, *evidence.dead, *evidence.queued}):
        ids = set().union(*(kept.get(name, ()) for kept in (seen, evidence.dead, evidence.queued)))
        if foreign := ids - evidence.sent:
            forged = len(foreign & evidence.forged)
            yield (f"{name} got {len(foreign)} events that nobody sent with a valid signature ({forged} forged), "
                   f"as {sorted(foreign)[:3]}")


def repeated(evidence):
    """P7: twice only after a crash, a timeout or a lost answer; and the number of an attempt never falls.

    It stays where a try is not charged: a probe, or one whose dead letter could not be written.
    """
    before = {}
    for record in sorted(evidence.records, key=lambda record: record.at):
        earlier = before.get(record.delivery)
        before[record.delivery] = record
        if earlier is None or record.is_replay:
            continue
        timeout = evidence.timeouts.get(record.destination, 15)
        excused = earlier.ended - earlier.at >= timeout - 0.5 or any(
            end.may_repeat(earlier) and record.at >= end.begun for end in evidence.ends)
        if earlier.is_taken and not excused:
            yield (f"{record.destination} got {record.id} again (attempt {record.attempt}) "
                   f"{record.at - earlier.at:.2f} s after it had taken attempt {earlier.attempt}")
        elif record.attempt < earlier.attempt and not excused:
            yield f"{record.destination} got attempt {record.attempt} of {record.id} after attempt {earlier.attempt}"


def wrong_books(evidence):
    """The relay's own counters against what was recorded, where every event goes to some destination once."""
    counts = evidence.counts
    taken = {(name, id) for name, ids in taken_by(evidence).items() for id in ids}
    dead = {(name, id) for name, ids in evidence.dead.items() for id in ids}
    queued = {(name, id) for name, ids in evidence.queued.items() for id in ids}
    expected = {"delivered": len(taken - dead - queued), "dead": len(dead), "pending": len(queued),
                "matched": len({id for _, id in taken | dead | queued}), "unmatched": 0, "quarantined": 0,
                "duplicates": 0}
    for name, number in expected.items():
        if counts[name] != number:
            yield f"the relay counts {counts[name]} {name}, recorded are {number}"
    created = counts["routed"] + counts["replayed"]
    if created != sum(counts[name] for name in ("delivered", "pending", "dead", "discarded")):
        yield f"the relay's books do not add up: {counts}"
    if not len(evidence.acknowledged) <= counts["matched"] <= len(evidence.sent):
        yield (f"the relay counts {counts['matched']} matched; {len(evidence.acknowledged)} were acknowledged "
               f"and {len(evidence.sent)} sent")


def judge(evidence):
    """Raises with all that is wrong."""
    found = list(faults(evidence))
    assert not found, "\n".join(found[:20]) + (f"\nand {len(found) - 20} more" if len(found) > 20 else "")


# A world to put a relay into

def load(relay, ledger, stop, pause=0.0):
    """Posts unique events until told to stop or the relay is gone; each seventh is signed with a wrong key."""
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=10)
    number = 0
    while not stop.is_set():
        number += 1
        is_forged = number % 7 == 0
        body = ledger.next(is_forged)
        signed = signature(body, "a-wrong-key-0123456789" if is_forged else KEY)
        try:
            connection.request("POST", "/webhooks/gruveo", body, {"X-Gruveo-SHA256-HMAC": signed})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return
        ledger.answered(answer.status, body, is_forged)
        time.sleep(pause)


@contextlib.contextmanager
def under_load(relay, ledger, threads=4, pause=0.0):
    """Keeps the relay under load within the block."""
    stop = threading.Event()
    workers = [threading.Thread(target=load, args=(relay, ledger, stop, pause)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join(30)
            assert not worker.is_alive()


def loaded(relay, ledger, seconds, threads=4, pause=0.0, then=None):
    """Puts the relay under load for so long, then does `then` (by default: kills it) while the load goes on."""
    with under_load(relay, ledger, threads, pause):
        time.sleep(seconds)
        begun = time.time()
        (then or relay.kill)()
        if relay.process.poll() is not None:
            ledger.ended(begun, is_crash=relay.process.returncode != 0)


class World:
    """Three destinations that outlive the relay: one takes all, one fails at first, one refuses all."""

    def __init__(self, make_sink, directory=None, names=("good", "moody", "refusing")):
        self.names = names
        chance = random.Random(1)
        self.recorder = Recorder(directory and directory / "recorded")
        self.answers = {"good": lambda: 200, "moody": lambda: chance.choice([200, 200, 503]), "refusing": lambda: 422}
        self.sinks = {
            name: make_sink(self.recorder.answering(name, lambda request, name=name: self.answers[name]()))
            for name in self.names}

    def routes(self, **more):
        """The file, in which all events go to all three; `more` adds to a destination by name."""
        return routes_to(self.sinks, **{"moody": every(1, 60), **more})

    def check(self, relay, ledger, seconds=120):
        """The invariant, when the relay runs and nothing is pending any more."""
        books = relay.settled(seconds)
        evidence = collect(relay, ledger, self.recorder, [(name,) for name in self.names])
        judge(evidence)
        told = {name: books[name] for name in evidence.counts.keys() & books.keys()}
        assert told.items() <= evidence.counts.items(), (told, evidence.counts)
        assert evidence.dead.keys() <= {"refusing"}
        return evidence
