"""`date` in every time zone of the system, beside Python's own reading of the same database."""

import datetime
import json
import os
import random
import subprocess
import zoneinfo

from harness import BINARY, KEY

PATTERN, STRFTIME = "EEE yyyy-MM-dd HH:mm:ss 'o''clock'", "%a %Y-%m-%d %H:%M:%S o'clock"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def moments(random, count):
    """Seconds since 1970, most of them where clocks are changed, all of them behind the tables' first years."""
    for _ in range(count):
        year = random.choice([random.randint(1975, 2036), random.randint(2037, 2400)])
        month = random.choice([3, 4, 9, 10, 11, random.randint(1, 12)])
        start = datetime.datetime(year, month, random.randint(1, 28), tzinfo=datetime.timezone.utc)
        yield int((start - EPOCH).total_seconds()) + random.randint(0, 4 * 86400)


def test_dates_are_those_of_the_zone_database(tmp_path):
    chance = random.Random(8)
    zones = sorted(zone for zone in zoneinfo.available_timezones() if zone not in ("localtime", "Factory"))
    assert len(zones) > 400
    cases = [[{"zone": zone, "ms": second * 1000 + chance.randint(0, 999)} for second in moments(chance, 30)]
             for zone in zones]
    body = {"$map": {"$eval": "event.cases"}, "each(c)": {"$eval": f"date(c.ms, pattern, c.zone)"}}
    routes = {"sources": {"gruveo": {"path": "/in", "keys": [{"env": "GRUVEO_KEY"}]}},
              "destinations": {"log": {"url": "https://a.example/", "body": body}},
              "routes": [{"name": "all", "match": {}, "to": ["log"]}]}
    (tmp_path / "routes.json").write_text(json.dumps(routes))
    events = "\n".join(json.dumps({"cases": some, "pattern": PATTERN}) for some in cases)
    done = subprocess.run([BINARY, "explain", "--config", tmp_path / "routes.json", "--json", "-"], timeout=60,
                          input=events.encode(), capture_output=True, env={**os.environ, "GRUVEO_KEY": KEY})
    assert done.returncode == 0, done.stderr
    answers = [json.loads(json.loads(line)["requests"][0]["body"]) for line in done.stdout.splitlines()]
    assert len(answers) == len(cases)
    for some, answer in zip(cases, answers):
        zone = zoneinfo.ZoneInfo(some[0]["zone"])
        wanted = [(EPOCH + datetime.timedelta(seconds=case["ms"] // 1000)).astimezone(zone).strftime(STRFTIME)
                  for case in some]
        assert answer == wanted, some[0]["zone"]
