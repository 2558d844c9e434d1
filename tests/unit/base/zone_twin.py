"""What Python's zoneinfo says, for zone_test.c: lines of

    NAME MS OFFSET_S DAY START_MS

an instant of a zone, its offset, the day it belongs to and that day's first instant.

    zone_twin.py SEED N [SLIM]

SLIM: a folder to compile tzdata into as slim files, where the rule at the end says more."""

import datetime
import random
import subprocess
import sys
import zoneinfo

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
DAY_S = 86400


def offset_s(zone, s):
    at = (EPOCH + datetime.timedelta(seconds=s)).astimezone(zone)
    return int(at.utcoffset().total_seconds())


def local_day(zone, s):
    return (s + offset_s(zone, s)) // DAY_S


def first_instant(zone, day):
    """The first second at which the local date is `day` or later: by looking at every quarter of an
    hour around midnight UTC, then at every second of that quarter."""
    for quarter in range(day * DAY_S - 26 * 3600, day * DAY_S + 50 * 3600, 900):
        if local_day(zone, quarter) >= day:
            return next(s for s in range(quarter - 900, quarter + 1) if local_day(zone, s) >= day)
    raise AssertionError(day)


def begun_day(zone, s):
    """The last day that has begun: the local date, or a later one that was there already."""
    day = local_day(zone, s)
    while first_instant(zone, day + 1) <= s:
        day += 1
    return day


def changes(zone, r):
    """Seconds around a change of the offset, near a random instant."""
    s = r.randrange(0, 120 * 366 * DAY_S)
    for later in range(s, s + 400 * DAY_S, DAY_S):
        if offset_s(zone, later) != offset_s(zone, later + DAY_S):
            low, high = later, later + DAY_S
            while high - low > 1:
                middle = (low + high) // 2
                if offset_s(zone, middle) == offset_s(zone, low):
                    low = middle
                else:
                    high = middle
            return [low, high, high - r.randrange(7200), high + r.randrange(7200)]
    return [s]


def zone_of(name):
    """The zone from the folder that the test reads: the system's files and those compiled from its
    source need not say the same of years to come."""
    if len(sys.argv) <= 3:
        return zoneinfo.ZoneInfo(name)
    with open(f"{sys.argv[3]}/{name}", "rb") as f:
        return zoneinfo.ZoneInfo.from_file(f, key=name)


def main():
    r = random.Random(int(sys.argv[1]))
    if len(sys.argv) > 3:
        zic = ["/usr/sbin/zic", "-b", "slim", "-d", sys.argv[3], "/usr/share/zoneinfo/tzdata.zi"]
        subprocess.run(zic, check=True, stderr=subprocess.DEVNULL)
    names = sorted(n for n in zoneinfo.available_timezones() if n[0].isupper() and n != "Factory")
    # Midnights that happen twice, are jumped over, days that never were, odd rules of the end.
    names += ["America/Sao_Paulo", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca",
              "Europe/Dublin", "America/Nuuk", "Asia/Gaza", "Africa/Cairo", "Australia/Lord_Howe"] * 20
    for _ in range(int(sys.argv[2])):
        name = r.choice(names)
        zone = zone_of(name)
        now = [1795000000 + r.randrange(-400 * DAY_S, 400 * DAY_S)]
        for s in r.choice((now, changes(zone, r))):
            day = begun_day(zone, s)
            start = first_instant(zone, day)
            print(name, s * 1000 + r.randrange(1000), offset_s(zone, s), day, start * 1000)


main()
