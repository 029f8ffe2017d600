#!/usr/bin/env python3
"""Works out what the sample logs hold, without any code of cdn-meter.

    expected.py --check samples/expected.toml           compare, exit 1 on any difference
    expected.py --write samples/expected.toml           write the file anew
    expected.py --check samples/rejects/expected.toml

The logs are those in `logs/` beside the TOML file, or, where there is no such folder, the files
beside it. `samples/registry.toml` names the domains. Only plain tools are used here: `str.split`,
`json.loads`, `datetime`, `gzip`, `zstandard`. The format of a sample is told by its name, so this
says nothing about detection; cdn-meter detects by content.

A line with several faults is rejected for the first one, fields taken from the left, host last.
"""

import argparse
import gzip
import json
import sys
import tomllib
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
UTC = timezone.utc
BEIJING = timezone(timedelta(hours=8))
LINE_BYTES_MAX = 2**50
DIGITS = set("0123456789")
HOST_CHARS = set("abcdefghijklmnopqrstuvwxyz0123456789-_")
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
ZONES = {
    "mainland": "CN",
    "AP1": "HK SG MO VN TH NP KH",
    "AP2": "TW JP MY ID KR",
    "AP3": "PH IN AU",
    "NA": "US CA MX",
    "EU": "NL DE RU GB IE IT ES FR",
    "ME": "AE TR QA SA BH",
    "AF": "ZA",
    "SA": "BR CO",
}
REGION_OF_COUNTRY = {code: zone for zone, codes in ZONES.items() for code in codes.split()}
LIVE_COUNTRIES = {47: "AP1", 24: "AP2", 174: "NA", 136: "EU"}
FORMATS = {
    "tencent-cdn": "tencent-cdn",
    "tencent-live": "tencent-live",
    "cloudfront": "cloudfront",
    "cloudflare": "cloudflare",
    "vhost-combined": "nginx",
    "empty": "",
}


class Skip(Exception):
    """The line is passed over: reason, and bytes that went to no viewer."""

    def __init__(self, reason, sent=0):
        self.reason, self.sent = reason, sent


class Reject(Exception):
    """The line cannot be metered: code."""


def is_number(text):
    return text != "" and set(text) <= DIGITS


def the_bytes(text):
    """Bytes and doubt of a text field."""
    if text == "-":
        return 0, "no-bytes"
    if not is_number(text):
        raise Reject("bytes")
    if int(text) > LINE_BYTES_MAX:
        raise Reject("too-many-bytes")
    return int(text), None


def the_status(text, lengths=(3,)):
    if text == "-":
        return 0
    if not is_number(text) or len(text) not in lengths:
        raise Reject("status")
    return int(text)


def in_range(when):
    if not 2000 <= when.astimezone(UTC).year <= 2099:
        raise Reject("time-range")
    return when


def the_time(text, pattern, zone=None):
    try:
        when = datetime.strptime(text, pattern)
    except ValueError:
        raise Reject("time") from None
    return in_range(when.replace(tzinfo=zone) if zone else when)


def the_domain(host):
    """The one spelling of a host: lower case, without port and trailing dot."""
    name, colon, port = host.partition(":")
    if colon and not is_number(port):
        raise Reject("host")
    name = name.removesuffix(".").lower()
    if name in ("", "-"):
        raise Reject("no-host")
    if not all(label and set(label) <= HOST_CHARS for label in name.split(".")):
        raise Reject("host")
    return name


def tencent(line, live):
    fields = line.split(" ")
    if len(fields) < (9 if live else 8):
        raise Reject("fields")
    stamp, _ip, host, _path, sent = fields[:5]
    if len(stamp) != 14 or not is_number(stamp):
        raise Reject("time")
    when = the_time(stamp, "%Y%m%d%H%M%S", BEIJING)
    sent, doubt = the_bytes(sent)
    places, rest = (fields[5:8], fields[8:]) if live else (fields[5:7], fields[7:])
    for place in places:
        if place != "-" and not (is_number(place.removeprefix("-")) and len(place.removeprefix("-")) <= 6):
            raise Reject("fields")
    status = 0 if rest[0] == "0" else the_status(rest[0], (1, 2, 3) if live else (3,))
    referer = rest[1] if len(rest) > 1 else ""
    if referer[:1] in DIGITS or (referer[:1] == "-" and referer != "-"):
        raise Reject("fields")
    if not live:
        region = "overseas" if places[1] == "-1" else "mainland"
    elif places[0] == "1":
        region = {"32": "AP1", "33": "AP1", "34": "AP2"}.get(places[1], "mainland")
    else:
        country = int(places[0])
        region = LIVE_COUNTRIES.get(country, "overseas" if 0 < country else "unknown")
    return when, the_domain(host), sent, status, region, doubt


class CloudFront:
    """Remembers the last `#Fields`."""

    def __init__(self):
        self.names = None

    def __call__(self, line):
        if line.startswith("#"):
            if line.startswith("#Fields:"):
                self.names = line.split()[1:]
            raise Skip("header")
        names, fields = self.names, line.split("\t")
        if len(fields) < len(names):
            raise Reject("fields")
        row = dict(zip(names, fields))
        if "sc-bytes" not in row:
            raise Reject("no-bytes-column")
        when = the_time(row["date"] + " " + row["time"], "%Y-%m-%d %H:%M:%S", UTC)
        sent, doubt = the_bytes(row["sc-bytes"])
        status = the_status(row["sc-status"])
        host = row["x-host-header"] if "x-host-header" in row else row["cs(Host)"]
        return when, the_domain(host), sent, status, "unknown", doubt


def cloudflare_time(value):
    if isinstance(value, str) and is_number(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value // 10**9 if value >= 10**17 else value
        return in_range(datetime.fromtimestamp(seconds, UTC))
    try:
        when = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise Reject("time") from None
    if when.tzinfo is None:
        raise Reject("time")
    return in_range(when)


def only_once(members):
    """An object; a name that stands twice leaves open which value is meant."""
    if len(dict(members)) != len(members):
        raise Reject("fields")
    return dict(members)


def cloudflare(line):
    try:
        row = json.loads(line, object_pairs_hook=only_once)
    except ValueError:
        raise Reject("json") from None
    if not isinstance(row, dict):
        raise Reject("json")
    when = cloudflare_time(row.get("EdgeStartTimestamp"))
    sent, doubt = row.get("EdgeResponseBytes"), None
    if sent is None or sent == -1:
        sent, doubt = 0, "no-bytes"
    if not isinstance(sent, int) or sent < 0:
        raise Reject("bytes")
    if sent > LINE_BYTES_MAX:
        raise Reject("too-many-bytes")
    status = row.get("EdgeResponseStatus", 0)
    if not isinstance(status, int):
        raise Reject("status")
    domain = the_domain(row.get("ClientRequestHost") or "")
    source, subrequest = row.get("ClientRequestSource"), row.get("WorkerSubrequest")
    if source not in (None, "eyeball") or subrequest is True:
        raise Skip("not-viewer", sent)
    if source is None and subrequest is None:
        doubt = doubt or "no-viewer-mark"
    return when, domain, sent, status, region_of(row.get("ClientCountry", "")), doubt


def region_of(country):
    """Zones list some countries; any other that is named is overseas."""
    country = country.upper()
    is_named = len(country) == 2 and country.isalpha() and country[0] != "X" and country != "ZZ"
    return REGION_OF_COUNTRY.get(country, "overseas" if is_named else "unknown")


def vhost_combined(line):
    if line[4:5] == "/" and line[7:8] == "/" and "] " in line and line[:4].isdigit():
        raise Skip("other-logger")
    left, _, right = line.partition(" [")
    left = left.split(" ")
    stamp, closed, right = right.partition("] ")
    quoted = right.replace("\\\\", "__").replace('\\"', "__").split('"')
    if len(left) != 4 or not closed or len(quoted) != 7 or quoted[0] or quoted[4] != " " or quoted[6]:
        raise Reject("fields")
    numbers = quoted[2].split(" ")
    if len(numbers) != 4 or numbers[0] or numbers[3]:
        raise Reject("fields")
    day, _, rest = stamp.partition("/")
    month, _, rest = rest.partition("/")
    if month not in MONTHS:
        raise Reject("time")
    when = the_time(f"{day} {MONTHS.index(month) + 1} {rest}", "%d %m %Y:%H:%M:%S %z")
    status = the_status(numbers[1])
    sent, doubt = the_bytes(numbers[2])
    return when, the_domain(left[0]), sent, status, "unknown", doubt


def reader_of(log_format):
    return {
        "tencent-cdn": lambda line: tencent(line, live=False),
        "tencent-live": lambda line: tencent(line, live=True),
        "cloudfront": CloudFront(),
        "cloudflare": cloudflare,
        "nginx": vhost_combined,
    }.get(log_format)


def lines_of(path):
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)  # all members
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        import zstandard

        with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as stream:
            data = stream.read()
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [line.removesuffix(b"\r").decode() for line in lines]


class Registry:
    """Account and class of a domain in a month."""

    def __init__(self, path):
        self.facts = {fact["name"]: fact for fact in tomllib.loads(path.read_text())["domain"]}

    def fact(self, domain):
        labels = domain.split(".")
        wild = ("*." + ".".join(labels[cut:]) for cut in range(1, len(labels)))
        return next((self.facts[name] for name in (domain, *wild) if name in self.facts), None)

    def account_and_class(self, domain, month):
        fact = self.fact(domain)
        if fact is None:
            return "", "unknown"
        since = str(fact.get("mini_program_since", "9999-12"))
        if "T" in since:
            since = datetime.fromisoformat(since).astimezone(BEIJING).isoformat()
        is_mini = since[:7] <= month
        return fact["account"], "mini_program" if is_mini else "standard"


def work_out(folder, registry):
    """Everything that the TOML file states, as nested dicts."""
    files, slots = [], defaultdict(lambda: defaultdict(int))
    sums = defaultdict(Counter)
    for path in sorted(folder.iterdir()):
        if path.suffix == ".toml":
            continue
        log_format = next(name for prefix, name in FORMATS.items() if path.name.startswith(prefix))
        read_line = reader_of(log_format)
        count, skipped, rejected, doubts = Counter(), Counter(), Counter(), Counter()
        for line in lines_of(path):
            count["lines"] += 1
            try:
                if line == "":
                    raise Skip("blank")
                when, domain, sent, status, region, doubt = read_line(line)
            except Skip as skip:
                skipped[skip.reason] += 1
                count["not_viewer_bytes"] += skip.sent
                continue
            except Reject as reject:
                rejected[str(reject)] += 1
                continue
            is_error = status >= 400
            month = when.astimezone(BEIJING).strftime("%Y-%m")
            account, domain_class = registry.account_and_class(domain, month)
            key = (month, account, domain, domain_class, region)
            slots[key][int(when.timestamp()) // 300] += sent
            for sums_of in (count, sums[key]):
                sums_of["bytes"] += sent
                sums_of["requests"] += 1
                sums_of["error_bytes"] += sent * is_error
                sums_of["error_requests"] += is_error
                sums_of["doubtful_requests"] += doubt is not None
            if doubt:
                doubts[doubt] += 1
        count["metered"] = count["requests"]  # one row, one request, in all these formats
        file = {"name": path.name, "format": log_format} | figures(count)
        files.append(file | {"skipped": dict(skipped), "rejected": dict(rejected), "doubts": dict(doubts)})
    total = Counter()
    parts = {"skipped": Counter(), "rejected": Counter(), "doubts": Counter()}
    for file in files:
        total.update({name: value for name, value in file.items() if isinstance(value, int)})
        for part, counter in parts.items():
            counter.update(file[part])
    expected = {"total": figures(total) | {part: dict(counter) for part, counter in parts.items()}}
    expected["file"] = files
    if folder.name == "logs":
        names = ("month", "account", "domain", "class", "region")
        expected["summary"] = [
            dict(zip(names, key)) | figures(sums[key], SUMMARY) | {"peak_slot_bytes": max(slots[key].values())}
            for key in sorted(sums)
        ]
    return expected


SUMMARY = ("bytes", "requests", "error_bytes", "error_requests", "doubtful_requests")


def figures(count, names=("lines", "metered", "not_viewer_bytes", *SUMMARY)):
    return {name: count[name] for name in names}


def to_toml(expected, relative):
    """The same as text; inline tables for the small counts."""
    out = [f"# Written by tests/interop/expected.py --write {relative}; no code of cdn-meter took part.", ""]

    def table(title, values):
        out.append(title)
        for name, value in values.items():
            if isinstance(value, dict):
                value = ", ".join(f"{key} = {value[key]}" for key in sorted(value))
                value = f"{{ {value} }}" if value else "{}"
            elif isinstance(value, str):
                value = json.dumps(value)
            out.append(f"{name} = {value}")
        out.append("")

    table("[total]", expected["total"])
    for part in ("file", "summary"):
        for row in expected.get(part, []):
            table(f"[[{part}]]", row)
    return "\n".join(out[:-1]) + "\n"


def differences(path, stated, found):
    if isinstance(stated, dict) and isinstance(found, dict):
        for key in sorted(stated.keys() | found.keys()):
            yield from differences(f"{path}.{key}", stated.get(key), found.get(key))
    elif isinstance(stated, list) and isinstance(found, list) and len(stated) == len(found):
        for place, (left, right) in enumerate(zip(stated, found)):
            yield from differences(f"{path}[{place}]", left, right)
    elif stated != found:
        yield f"{path}: stated {stated}, found {found}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", type=Path, metavar="TOML")
    mode.add_argument("--write", type=Path, metavar="TOML")
    parser.add_argument("--registry", type=Path, default=SAMPLES / "registry.toml")
    args = parser.parse_args()
    toml = (args.check or args.write).resolve()
    folder = toml.parent / "logs"
    found = work_out(folder if folder.is_dir() else toml.parent, Registry(args.registry))
    relative = toml.relative_to(SAMPLES.parent) if toml.is_relative_to(SAMPLES.parent) else toml.name
    text = to_toml(found, relative)
    if tomllib.loads(text) != found:
        sys.exit("the TOML text does not say what was found")
    if args.write:
        toml.write_text(text)
        return
    wrong = list(differences("", tomllib.loads(toml.read_text()), found))
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        sys.exit(f"{toml.name}: {len(wrong)} differences")
    total = found["total"]
    print(f"{relative}: {len(found['file'])} files, {total['lines']} lines, {total['bytes']} bytes as stated")


if __name__ == "__main__":
    main()
