"""The machine fails: no space, errors of the disk, no descriptors, a storm of reloads, another time.

strace injects what the machine does not do by itself; the binary is the one that is shipped.
"""

import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

import storm
from harness import Relay, every, eventually, injecting, preloading, routes_to, sample
from ledger import Ledger, World, collect, judge, loaded, read_store, under_load
from power import Disk
from test_durability import EATMYDATA
from test_lanes import destinations, order
from test_zoo import resident


def post(relay, ledger):
    """One event; its status, or None where there is no answer."""
    body = ledger.next()
    try:
        status = relay.post(body)[0]
    except (OSError, http.client.HTTPException):
        return None
    ledger.answered(status, body, is_forged=False)
    return status


# No space, and errors of the disk (F6, F7)

@contextlib.contextmanager
def failing(relay, log, calls, error, when):
    """Makes calls of the running relay fail from outside, until the block ends."""
    pid = relay.pid()
    tracer = subprocess.Popen(["strace", "-f", "-p", str(pid), "-o", str(log), "-e", "signal=none", "-e",
                               f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}"],
                              stderr=subprocess.DEVNULL)
    tasks = pathlib.Path(f"/proc/{pid}/task")

    def is_attached():
        return all("TracerPid:\t0\n" not in path.read_text() for path in tasks.glob("*/status"))

    try:
        eventually(is_attached, what="strace")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)


def failed_at(make_sink, directory, calls, error, when, **environment):
    """Calls fail for a while, then none: no false 200, and no restart is needed. Returns the answers."""
    directory.mkdir()
    world, ledger = World(make_sink, names=("good", "refusing")), Ledger()
    relay = Relay(
        world.routes(), directory=directory, environment=environment, arguments=["--log-level", "error"])
    try:
        relay.start()
        assert post(relay, ledger) == 200
        with failing(relay, directory / "strace", calls, error, when):
            answers = [post(relay, ledger) for _ in range(8)]
        assert None not in answers, relay.log()[-2000:]
        eventually(lambda: post(relay, ledger) == 200, 20, "a 200 once the disk is well again")
        # What was answered 200 is on disk: a kill now takes nothing away.
        begun = time.time()
        relay.kill()
        ledger.ended(begun, is_crash=True)
        relay.start()
        world.check(relay, ledger)
        return answers
    except AssertionError as fault:
        raise AssertionError(f"{calls} failed with {error} at {when}: {fault}") from None
    finally:
        relay.close()


@pytest.mark.parametrize("is_long", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["some", "all"])
@pytest.mark.parametrize(
    "calls, error", [("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("fdatasync", "EIO"), ("pread64", "EIO")])
def test_a_disk_that_fails_for_a_while_gives_503_and_no_false_200(make_sink, tmp_path, calls, error, is_long):
    # From the Nth call of each thread on, or only there.
    whens = [f"{first}{more}" for first in (range(1, 30) if is_long else (1, 2, 4, 7)) for more in ("", "+")]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = dict(zip(whens, pool.map(
            lambda when: failed_at(make_sink, tmp_path / f"at-{when}", calls, error, when), whens)))
    print(f"\n{calls} {error}: {found}")
    # What is read is mostly in memory.
    assert set(found["1+"]) == {503} or calls == "pread64", "nothing could be stored"


def test_a_relay_that_does_not_sync_answers_200_whatever_the_disk_says(make_sink, tmp_path):
    """The proof that the 503s above come from the syncs."""
    assert set(failed_at(make_sink, tmp_path / "lying", "fdatasync", "EIO", "1+", LD_PRELOAD=EATMYDATA)) == {200}


@pytest.mark.soak
def test_a_dead_letter_that_cannot_be_written_stays_queued_and_is_written_later(make_relay, make_sink, tmp_path):
    world, ledger = World(make_sink, names=("good", "refusing")), Ledger()
    relay = make_relay(world.routes()).start()
    with failing(relay, tmp_path / "strace", "renameat,renameat2,rename", "ENOSPC", "1+"):
        assert post(relay, ledger) == 200
        eventually(lambda: "dead letter not written" in relay.log(), what="the line in the log")
        assert relay.dead_letters() == [] and relay.counts()["dead"] == 0
    evidence = world.check(relay, ledger)
    assert evidence.dead["refusing"] == ledger.acknowledged
    assert len(world.sinks["refusing"].requests) == 2, "asked again a minute later"


@contextlib.contextmanager
def tmpfs(directory, size):
    """A small disk; what a relay has open on it when the block ends stays until it ends."""
    disk = directory / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_gives_503_and_goes_on_when_there_is_room_again(make_relay, make_sink, tmp_path):
    with tmpfs(tmp_path, "6m") as disk:
        world, ledger = World(make_sink, names=("good",)), Ledger()
        routes = world.routes()
        routes["limits"] = {"freeSpace": 0}
        relay = make_relay(routes, state=disk / "state").start()
        assert [post(relay, ledger) for _ in range(5)] == [200] * 5
        with contextlib.suppress(OSError), open(disk / "ballast", "wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))
        # What the database holds already has room; what is new runs against the wall.
        eventually(lambda: post(relay, ledger) == 503, 20, "a 503")
        full = [post(relay, ledger) for _ in range(20)]
        assert full.count(503) > 0 and None not in full
        (disk / "ballast").unlink()
        eventually(lambda: post(relay, ledger) == 200, 20, "a 200")
        assert [post(relay, ledger) for _ in range(5)] == [200] * 5
        world.check(relay, ledger)
        assert relay.stop() == 0


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_becomes_read_only_gives_503_and_loses_nothing(make_relay, make_sink, tmp_path):
    disk = Disk(tmp_path, "ext4")
    try:
        world, ledger = World(make_sink, names=("good", "refusing")), Ledger()
        relay = make_relay(world.routes(), state=disk.mount_point / "state").start()
        assert [post(relay, ledger) for _ in range(5)] == [200] * 5
        # As ext4 does by itself after an error, and as no file system does while somebody writes.
        subprocess.run(["mount", "-o", "remount,abort", str(disk.mount_point)], check=True)
        begun = time.time()
        assert {post(relay, ledger) for _ in range(20)} == {503}
        assert "event not stored" in relay.log() and relay.process.poll() is None
        relay.kill()
        ledger.ended(begun, is_crash=True)
        relay.start(wait=False)
        assert relay.process.wait(20) in (73, 74), relay.log()[-500:]
        said = relay.log().splitlines()[-1]
        assert said.startswith("gruveo-relay: ") and "read-only" in said.lower(), said
        disk.unmount()
        disk.mount()
        relay.start()
        world.check(relay, ledger)
        assert relay.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(disk.mount_point)], capture_output=True)


def test_below_the_floor_of_free_space_events_are_answered_503_and_the_queue_goes_on(make_relay, make_sink):
    sink = make_sink(lambda request: 503)
    relay = make_relay(routes_to({"one": sink}, one=every(1, 60))).start()
    assert relay.post(sample("before"))[0] == 200
    routes = routes_to({"one": sink}, one=every(1, 60))
    routes["limits"] = {"freeSpace": 1 << 50}
    assert relay.reload(routes).returncode == 0
    status, _, headers = relay.post(sample("below"))
    assert status == 503 and int({name.lower(): value for name, value in headers.items()}["retry-after"]) > 0
    sink.answer = lambda request: 200
    relay.settled(delivered=1, matched=1)
    routes["limits"] = {"freeSpace": 0}
    assert relay.reload(routes).returncode == 0
    assert relay.post(sample("above"))[0] == 200
    relay.settled(delivered=2)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("megabytes, floor, size", [(64, 16, 200_000), (100, 64, 60_000)])
def test_the_floor_counts_what_the_wal_still_has_to_move(make_relay, make_sink, tmp_path, megabytes, floor, size):
    """Events are refused while so much is free that the queue is settled and dead letters are written."""
    with tmpfs(tmp_path, f"{megabytes}m") as disk:
        answer = [503]
        sink = make_sink(lambda request: answer[0])
        routes = routes_to({"one": sink}, one=every(1, 100))
        routes["limits"] = {"freeSpace": floor << 20}
        relay = make_relay(routes, state=disk / "state").start()
        bodies = (sample(number, filler="x" * size) for number in range(2_000))
        count = next(number for number, body in enumerate(bodies) if relay.post(body)[0] != 200)
        time.sleep(2)
        status = os.statvfs(disk)
        assert status.f_bavail * status.f_frsize > (floor << 20) * 0.9, "a checkpoint has had its room"
        assert "database or disk is full" not in relay.log() and count > 20
        answer[0] = 200
        relay.settled(60, delivered=count)
        assert relay.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_dead_letters_leave_half_of_the_floor_to_what_else_is_delivered(make_relay, make_sink, tmp_path):
    floor = 4 << 20
    with tmpfs(tmp_path, "40m") as disk:
        def free():
            status = os.statvfs(disk)
            return status.f_bavail * status.f_frsize

        answers = {"refusing": 503, "well": 503}
        sinks = {name: make_sink(lambda request, name=name: answers[name]) for name in answers}
        routes = routes_to(sinks, refusing=every(1, 100), well=every(1, 100))
        routes["limits"] = {"freeSpace": floor}
        relay = make_relay(routes, state=disk / "state", arguments=["--log-level", "warning"]).start()
        for number in range(600):
            assert relay.post(sample(number))[0] == 200
        (disk / "ballast").write_bytes(bytes(free() - floor))
        answers["refusing"] = 422
        relay.command("destination", "resume", "refusing", "--state", str(relay.state), check=0)
        eventually(lambda: "less than 2097152 bytes free" in relay.log(), 30, "the end of the room for letters")
        answers["well"] = 200
        relay.command("destination", "resume", "well", "--state", str(relay.state), check=0)
        counts = eventually(lambda: (found := relay.counts())["delivered"] == 600 and found, 60, "what is well")
        assert free() > floor / 2 * 0.8, "what is delivered is noted in the other half"
        assert counts["pending"] + counts["dead"] == 600 and 50 < counts["dead"] == len(relay.dead_letters()) < 560
        assert "database or disk is full" not in relay.log()
        (disk / "ballast").unlink()
        relay.kill()
        relay.start()
        relay.command("destination", "resume", "refusing", "--state", str(relay.state), check=0)
        assert relay.counts()["delivered"] == 600 and len(sinks["well"].requests) - 600 < 100


def test_what_is_known_already_is_answered_200_whatever_the_limits_say(make_relay, make_sink):
    routes = routes_to({"one": make_sink(lambda request: 503)}, one=every(1, 60))
    routes["limits"] = {"backlog": 1}
    relay = make_relay(routes).start()
    assert [relay.post(sample(mark))[0] for mark in ("one", "two", "one")] == [200, 503, 200]
    routes["limits"] = {"freeSpace": 1 << 50}
    assert relay.reload(routes).returncode == 0
    assert [relay.post(sample(mark))[0] for mark in ("two", "one")] == [503, 200]
    assert relay.counts()["duplicates"] == 2


# No descriptors (F9)

def cpu_seconds(relay):
    fields = pathlib.Path(f"/proc/{relay.pid()}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limited_to(relay, descriptors):
    relay.prefix = ["prlimit", f"--nofile={descriptors}:{descriptors}"]
    relay.pid = lambda: relay.process.pid
    return relay


@pytest.mark.release
@pytest.mark.alone
def test_more_idle_clients_than_descriptors_leave_some_for_the_rest(make_relay, make_sink):
    world, ledger = World(make_sink, names=("good", "refusing")), Ledger()
    relay = limited_to(make_relay(world.routes()), 256).start()
    assert post(relay, ledger) == 200
    with contextlib.ExitStack() as idle:
        for _ in range(400):
            connection = idle.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", relay.port))
        before, most = cpu_seconds(relay), 0
        for _ in range(40):
            assert post(relay, ledger) == 200
            most = max(most, open_files(relay))
            time.sleep(0.05)
        assert cpu_seconds(relay) - before < 1, "it does not spin"
        assert 32 < most < 192 and relay.counts()["matched"] == 41
    world.check(relay, ledger)
    assert "Too many open files" not in relay.log()


def test_a_limit_of_descriptors_that_is_too_low_is_refused(make_relay, make_sink):
    relay = limited_to(make_relay(routes_to({"one": make_sink()})), 255).start(wait=False)
    assert relay.process.wait(10) == 71
    assert relay.log().splitlines()[-1] == (
        "gruveo-relay: it may have 255 files open at once, and needs 256: "
        "raise LimitNOFILE= in its unit, or the hard limit of the shell (ulimit -Hn)")


def test_while_nothing_can_be_accepted_it_does_not_spin_and_goes_on_afterwards(make_relay, make_sink, tmp_path):
    world, ledger = World(make_sink, names=("good",)), Ledger()
    failing = injecting(tmp_path / "strace", "accept4", "error=EMFILE:when=2..81")
    begun = time.monotonic()
    relay = make_relay(world.routes(), prefix=failing).start()
    assert post(relay, ledger) == 200
    took = time.monotonic() - begun
    assert took > 7, "each of the eighty failures is followed by a pause"
    assert cpu_seconds(relay) < 0.2 * took, "less than 20 % of a processor"
    assert relay.log().count("no connection can be accepted, trying again: accept") == 1
    world.check(relay, ledger)


# Reload storm (F17)

def open_files(relay):
    return len(os.listdir(f"/proc/{relay.pid()}/fd"))


def waiting(relay, name):
    """The ids of the events that `queue list` shows for a destination, in their order."""
    done = relay.command("queue", "list", "--destination", name, "--limit", "1000000", "--json",
                         "--state", str(relay.state), check=0)
    return [json.loads(line)["id"] for line in done.stdout.splitlines()]


class Weather:
    """A relay whose routes file is changed all the time, and the destinations of all its files.

    `good` has another URL with another secret in one of them, `moody` has the name `renamed` in one, and `leaving`,
    which refuses to take anything yet, is missing in one.
    """

    def __init__(self, make_relay, make_sink, directory):
        self.world = World(make_sink, directory, names=("moody", "renamed", "refusing", "leaving"))
        self.world.answers |= {"renamed": lambda: 200, "leaving": lambda: 503}
        self.keys = {"here": set(), "there": set()}
        places = {place: make_sink(self.world.recorder.answering("good", self.taking(place))) for place in self.keys}
        self.sinks = {"good": places["here"], **self.world.sinks}
        self.all = self.routes()
        # Root reads what it may not, unless it gives that up.
        gives_up = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
        self.relay = make_relay(self.all, prefix=gives_up, arguments=["--log-level", "notice"])
        self.relay.pid = lambda: self.relay.process.pid
        self.make_kinds(places["there"])
        self.put("secret-1")
        self.relay.start()

    def taking(self, place):
        """Takes its time, so that something is always in flight, and notes the secret that came."""
        def take(request):
            self.keys[place].add(request["headers"]["X-Key"])
            time.sleep(0.03)
            return 200
        return take

    def routes(self, without=("renamed",), secret="secret", **other_sinks):
        sinks = {name: sink for name, sink in {**self.sinks, **other_sinks}.items() if name not in without}
        often = every(1, 60)
        return routes_to(sinks, good={"headers": {"X-Key": {"file": secret}}}, moody=often, leaving=often)

    def make_kinds(self, there):
        kinds = self.relay.directory / "kinds"
        kinds.mkdir()
        good = json.dumps(self.all)
        secretless = self.routes()
        secretless["destinations"]["good"]["headers"]["X-Key"] = {"env": "A_KEY_THAT_IS_NOT_SET"}
        for name, text in {
                "good": good, "bad": good.replace('"url"', '"ulr"', 1), "huge": good + " " * (17 << 20), "empty": "",
                "moved": json.dumps(self.routes(secret="other-secret", good=there)),
                "renamed": json.dumps(self.routes(without=("moody",))),
                "removed": json.dumps(self.routes(without=("renamed", "leaving"))), "locked": good,
                "secretless": json.dumps(secretless), "secret-1": "one", "secret-2": "two"}.items():
            (kinds / name).write_text(text)
        (self.relay.directory / "other-secret").write_text("three")
        (kinds / "locked").chmod(0)
        (kinds / "directory").mkdir()
        (kinds / "loop").symlink_to("loop")
        os.mkfifo(kinds / "fifo")
        with open(kinds / "sparse", "wb") as file:
            file.truncate(4 << 30)

    def put(self, name):
        storm.put(self.relay.directory, name)

    def signal(self):
        self.relay.process.send_signal(signal.SIGHUP)

    def reload(self, name):
        self.put(name)
        return self.relay.command("reload", "--state", str(self.relay.state))

    def blow(self, seconds):
        """The storm, and who asks for a reload meanwhile: what both had as answers, and what the machine can do."""
        command = [sys.executable, storm.__file__, str(seconds)]
        answers = []
        with subprocess.Popen(command, stdout=subprocess.PIPE) as control, subprocess.Popen(
                [*command, str(self.relay.pid()), str(self.relay.directory)], stdout=subprocess.PIPE) as stormy:
            while stormy.poll() is None:
                answers.append(self.relay.command("reload", "--state", str(self.relay.state)).returncode)
                time.sleep(0.2)
            told = json.load(stormy.stdout)
            return told["signals"], told["changes"], answers, json.load(control.stdout)["signals"]


def least(look):
    """The least of what is looked at in a second: what is only there for a moment does not count."""
    found = []
    for _ in range(20):
        found.append(look())
        time.sleep(0.05)
    return min(found)


# Each file comes by 3 times in the short form, in which a busy machine may pass over some, and 34 times in the long one.
@pytest.mark.parametrize("seconds, fewest", [
    (3, 3), pytest.param(30, len(storm.REFUSED), marks=pytest.mark.soak)], ids=["3", "30"])
@pytest.mark.alone
def test_a_storm_of_reloads_loses_nothing_and_leaves_nothing_open(make_relay, make_sink, tmp_path, seconds, fewest):
    weather, ledger = Weather(make_relay, make_sink, tmp_path), Ledger(tmp_path / "ledger")
    relay, world = weather.relay, weather.world
    assert [post(relay, ledger) for _ in range(50)] == [200] * 50
    early = set(ledger.acknowledged)
    with under_load(relay, ledger, threads=2, pause=0.01):
        weather.blow(1)
        open_before, size_before = least(lambda: open_files(relay)), least(lambda: resident(relay))
        begun, taken_before = len(relay.log()), len(ledger.acknowledged)
        signals, changes, answers, possible = weather.blow(seconds)
        open_after, size_after = least(lambda: open_files(relay)), least(lambda: resident(relay))
    log = relay.log()[begun:]
    reloads = {"refused": log.count("reload refused"), "reloaded": log.count("notice reloaded")}
    print(f"\n{signals} signals in {seconds} s, {possible} without a storm; {reloads}; {len(answers)} asked for one; "
          f"{open_before} descriptors before and {open_after} after; VmRSS {size_before} kB before and {size_after} kB "
          f"after, {resident(relay, 'VmHWM')} kB at most; {len(ledger.acknowledged)} events")
    assert signals >= 0.9 * min(storm.PER_SECOND * seconds, possible)
    assert len(ledger.acknowledged) - taken_before > 10 * seconds
    reported = {name for name, words in storm.REFUSED.items() if words in log}
    assert len(reported) >= fewest, storm.REFUSED.keys() - reported
    # Who asks is always answered; signals may be taken together, and nothing is told twice.
    assert set(answers) == {0, 78} and sum(reloads.values()) <= signals + len(answers) + 1
    # Connections to six destinations may be kept, eight to each.
    assert open_after <= open_before + 6 * 8
    assert size_after < size_before * 1.1 + 8 * 1024

    # What waits for a name that is gone is shown, and goes out when the name is back.
    assert weather.reload("removed").returncode == 0
    eventually(lambda: not {"good", "moody", "refusing"} & read_store(relay.state)[0].keys(), 60, "the others' end")
    shown = destinations(relay)
    assert {name for name in shown if shown[name]["state"] == "orphaned"} == read_store(relay.state)[0].keys()
    left = waiting(relay, "leaving")
    assert early < set(left) == read_store(relay.state)[0]["leaving"] and len(left) == len(set(left))
    world.answers["leaving"] = lambda: 200
    relay.routes_path.unlink()
    assert relay.reload(weather.routes(without=())).returncode == 0
    order(relay, "probe", "leaving")
    relay.settled(120)
    judge(collect(relay, ledger, world.recorder, [("good",), ("moody", "renamed"), ("refusing",)]))
    assert {record.id for record in world.recorder.records if record.is_taken and record.destination == "leaving"} == set(left)

    # URL and secret were changed while something was in flight, and each place has only seen its own secrets.
    assert weather.keys == {"here": {"one", "two"}, "there": {"three"}}
    for name in ("moved", "secret-1", "secret-2"):
        assert any(record.at < at < record.ended for record in world.recorder.records if record.destination == "good"
                   for at, put in changes if put == name), name
    assert relay.stop() == 0


@pytest.mark.parametrize("way", ["SIGHUP", "reload"])
def test_each_bad_file_is_reported_once_for_each_reload(make_relay, make_sink, tmp_path, way):
    weather = Weather(make_relay, make_sink, tmp_path)
    relay, size = weather.relay, resident(weather.relay)

    def refusals(name):
        begun = len(relay.log())
        weather.put(name)
        if way == "SIGHUP":
            weather.signal()
        else:
            done = weather.reload(name)
            said = done.stderr.decode()
            assert (done.returncode, said.count(storm.REFUSED[name])) == (78, 1), said
        eventually(lambda: "reload refused" in relay.log()[begun:], what=f"the refusal of {name}")
        time.sleep(0.1)
        return relay.log()[begun:]

    for name, words in storm.REFUSED.items():
        for _ in range(2):
            log = refusals(name)
            assert (log.count("reload refused"), log.count(words)) == (1, 1) and len(log.splitlines()) <= 2, log
    assert resident(relay) < size + 8 * 1024, "what is too large is not read"
    assert weather.reload("good").returncode == 0


def test_signals_that_come_while_a_reload_runs_are_taken_together(make_relay, make_sink):
    """And what is in the file when the last of them comes is in force afterwards."""
    old, new = make_sink(), make_sink()
    relay = make_relay(routes_to({"old": old})).start()
    # To find its fault takes a twentieth of a second, in a debug build two.
    relay.write_routes(json.dumps(routes_to({"old": old}))[:-1] + " " * (8 << 20))
    for _ in range(50):
        relay.process.send_signal(signal.SIGHUP)
        time.sleep(0.002)
    relay.write_routes(routes_to({"new": new}))
    relay.process.send_signal(signal.SIGHUP)
    eventually(lambda: "notice reloaded" in relay.log(), 30, "the reload")
    time.sleep(1)
    assert len(re.findall("reload refused|notice reloaded", relay.log())) <= 25, "a line for each reload, not for each signal"
    assert relay.post(sample(1))[0] == 200
    relay.settled(delivered=1)
    assert new.bodies() == [sample(1)]


def test_a_sighup_during_the_start_is_a_reload_after_it(make_relay, make_sink):
    relay = make_relay(routes_to({"crm": make_sink()}))
    relay.start(wait=False)
    eventually((relay.state / "lock").exists, what="the opening of the store")
    relay.process.send_signal(signal.SIGHUP)
    eventually(relay.is_up, what="the start")
    eventually(lambda: "notice reloaded" in relay.log(), what="the reload")
    assert relay.stop() == 0


# Stops (F18)

@pytest.mark.parametrize("rounds", [5, pytest.param(50, marks=pytest.mark.soak)])
@pytest.mark.alone
def test_a_stop_under_load_ends_in_time_with_0_also_when_a_destination_hangs(make_relay, make_sink, tmp_path, rounds):
    world, ledger = World(make_sink, tmp_path), Ledger(tmp_path / "ledger")
    released = threading.Event()
    hung = make_sink(lambda request: released.wait(60) or 503)
    routes = world.routes()
    routes["destinations"]["hung"] = {**routes["destinations"]["good"], "url": hung.url, **every(1, 99)}
    routes["routes"][0]["to"].append("hung")
    routes["limits"] = {"drain": "1s"}
    relay = make_relay(routes, arguments=["--log-level", "error"])
    descriptors, sizes, files = [], [], []

    def stop(number):
        descriptors.append(open_files(relay))
        sizes.append(resident(relay))
        way = signal.SIGINT if number % 5 == 0 else signal.SIGTERM
        begun = time.monotonic()
        relay.process.send_signal(way)
        if number % 2:
            time.sleep(0.05)
            relay.process.send_signal(way)
        assert relay.process.wait(20) == 0
        assert time.monotonic() - begun < 6, "the drain of a second, and what a busy machine needs"
        files.append(sorted(os.listdir(relay.state)))

    for number in range(rounds):
        relay.start()
        loaded(relay, ledger, 0.2, then=lambda: stop(number))
    print(f"\n{rounds} stops: {descriptors[0]} descriptors in the first life, {max(descriptors)} at most; "
          f"VmRSS {sizes[0]} kB, {max(sizes)} kB at most; {len(ledger.acknowledged)} events")
    # A life may have eight connections to each of four destinations, and four clients; its window holds 4,096 events.
    assert max(descriptors) <= descriptors[0] + 4 * 8 + 4
    assert max(sizes) < sizes[0] * 1.1 + 8 * 1024
    # The directory of dead letters comes with the first of them.
    assert files[-1] == files[1], "each stop leaves the same files behind, and no WAL"
    assert not any("-wal" in name for name in files[-1])
    released.set()
    hung.answer = lambda request: 200
    relay.start()
    relay.settled(120)
    judge(collect(relay, ledger, world.recorder, [(name,) for name in world.names], ordinary_books=False))
    assert set(hung.ids()) >= ledger.acknowledged


def test_a_stop_while_the_disk_fails_repeats_nothing(make_relay, make_sink, tmp_path):
    """What the store could not note is noted before the relay ends, where the disk is well again by then."""
    may_answer = threading.Event()
    sink = make_sink(lambda request: may_answer.wait(10) and 200)
    relay = make_relay(routes_to({"one": sink})).start()
    assert relay.post()[0] == 200
    eventually(lambda: sink.requests, what="the request")
    with failing(relay, tmp_path / "strace", "pwrite64", "EIO", "1+"):
        may_answer.set()
        eventually(lambda: "outcome not stored yet" in relay.log(), what="a settlement that fails")
        relay.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    assert relay.process.wait(20) == 0
    relay.start()
    relay.settled(delivered=1)
    assert len(sink.requests) == 1


def test_a_relay_that_was_frozen_goes_on(make_relay, make_sink, tmp_path):
    world, ledger = World(make_sink, tmp_path), Ledger(tmp_path / "ledger")
    relay = make_relay(world.routes(), arguments=["--log-level", "error"]).start()
    with under_load(relay, ledger, threads=2):
        time.sleep(0.3)
        os.kill(relay.pid(), signal.SIGSTOP)
        time.sleep(3)
        os.kill(relay.pid(), signal.SIGCONT)
        eventually(lambda: post(relay, ledger) == 200, 10, "a 200")
    world.check(relay, ledger)


# Another time (F11)

SETS_THE_CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long long *seconds;

__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("CLOCK_FILE"), O_RDONLY);
    void *found = mmap(0, sizeof *seconds, PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) seconds = found;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (result == 0 && is_wall && seconds) now->tv_sec += *seconds;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    int result = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return result;
}

time_t time(time_t *now) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now) *now = precise.tv_sec;
    return precise.tv_sec;
}
"""


class Clock:
    """A wall clock that can be set while the relay runs; the steady clock goes on.

    Not libfaketime: it moves `environ`, by which Swift finds the arguments.
    """

    def __init__(self, directory):
        self.file = directory / "clock"
        self.set(0)
        self.environment = preloading(directory, SETS_THE_CLOCK) | {"CLOCK_FILE": str(self.file)}

    def set(self, seconds):
        with open(self.file, "r+b" if self.file.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("q", seconds))


DAY = 86_400


def relay_with_refused_events(make_relay, world, clock):
    """A relay under a clock that can be set; what `moody` gets is tried again every two seconds, for longer than days."""
    # Neither 5xx, which would take the lane down, nor one that holds it.
    world.answers["moody"] = lambda: 418
    patient = {"concurrency": 2, "retry": {"schedule": ["2s"] * 90, "for": "60d"}}
    return make_relay(
        world.routes(moody=patient), environment=clock.environment, arguments=["--log-level", "error"]).start()


@pytest.mark.parametrize("offset", [30 * DAY, -365 * DAY, -3600], ids=["ahead", "back", "an-hour-back"])
def test_a_clock_that_is_set_parks_nothing_and_bursts_nothing(make_relay, make_sink, tmp_path, offset):
    clock = Clock(tmp_path)
    world, ledger = World(make_sink, names=("good", "moody")), Ledger()
    relay = relay_with_refused_events(make_relay, world, clock)
    for _ in range(20):
        assert post(relay, ledger) == 200
    eventually(lambda: len(world.sinks["moody"].requests) >= 10, what="attempts that fail")
    clock.set(offset)
    time.sleep(1)
    for _ in range(5):
        assert post(relay, ledger) == 200
    before = len(world.sinks["moody"].requests)
    time.sleep(4)
    burst = len(world.sinks["moody"].requests) - before
    counts = relay.counts()
    world.answers["moody"] = lambda: 200
    print(f"\n{offset}: {burst} requests in 4 s, {counts}")
    counts = relay.settled(30)
    assert counts["matched"] == 25 and counts["delivered"] == 50 and counts["dead"] == 0, counts
    judge(collect(relay, ledger, world.recorder, [("good",), ("moody",)]))
    assert burst <= 25 * 3 + 2, "no delivery was tried more often than its schedule says"


def test_a_clock_that_is_set_every_second_parks_nothing(make_relay, make_sink, tmp_path):
    clock = Clock(tmp_path)
    world, ledger = World(make_sink, names=("good", "moody")), Ledger()
    relay = relay_with_refused_events(make_relay, world, clock)
    for offset in (3600, -3600, 60, -1, 20 * DAY, -20 * DAY, 1, 0, -7, 300):
        clock.set(offset)
        assert post(relay, ledger) == 200
        time.sleep(1)
    attempts = len(world.sinks["moody"].requests)
    world.answers["moody"] = lambda: 200
    counts = relay.settled(30)
    assert counts["delivered"] == 20 and counts["dead"] == 0, counts
    judge(collect(relay, ledger, world.recorder, [("good",), ("moody",)]))
    # A second for each, and one for each time that the clock was set back by a minute or more.
    print(f"\n{attempts} attempts of 10 deliveries in 10 s")
    assert attempts <= 10 * (10 / 2 + 1 + 4), "no delivery was tried more often than its schedule says"


@pytest.mark.alone
def test_the_end_of_32_bit_time_is_a_second_like_another(make_relay, make_sink, tmp_path):
    """2^31 s after 1970 is 2038-01-19T03:14:08Z."""
    clock = Clock(tmp_path)
    clock.set((1 << 31) - 2 - int(time.time()))
    world, ledger = World(make_sink, names=("good", "refusing")), Ledger()
    signed = {"sign": {"scheme": "standard-webhooks", "keys": [{"env": "SIGNING_KEY"}]}}
    key = {"SIGNING_KEY": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    relay = make_relay(world.routes(good=signed), environment=clock.environment | key).start()
    for _ in range(12):
        assert post(relay, ledger) == 200
        time.sleep(0.5)
    world.check(relay, ledger)
    stamps = [int(request["headers"]["webhook-timestamp"]) for request in world.sinks["good"].requests]
    assert min(stamps) < 1 << 31 < max(stamps) < (1 << 31) + 60, stamps
    letters = [json.loads(path.read_text()) for path in relay.dead_letters()]
    assert {letter["diedAt"][:17] for letter in letters} == {"2038-01-19T03:14:"}
    assert relay.stop() == 0
    relay.start()
    assert post(relay, ledger) == 200
    relay.settled(delivered=13)
