#!/usr/bin/env python3
"""The same job with DuckDB: logs in, Parquet of usage per domain and slot out, then per month.

    duckdb_run.py FORMAT LOG_DIR OUT_DIR [--threads N]

Columns and types are given, so nothing is sniffed; only the needed ones are read; times are
grouped as text or as the number that stands there and become instants once per group, which is
much cheaper than once per line. No check of the lines beyond what the reader does itself.
"""

import argparse
import json
from pathlib import Path

import duckdb


def names(text, types):
    """`columns` of read_csv: VARCHAR unless `types` says else."""
    pairs = (f"'{name}': '{types.get(name, 'VARCHAR')}'" for name in text.split())
    return "{" + ", ".join(pairs) + "}"


NUMBERS = {"bytes": "BIGINT", "status": "SMALLINT"}
TENCENT = NUMBERS | {"time": "BIGINT"}
# 20261001081502 less its remainder of 500 is the start of its five minutes: 8:10:00 of 8:15:02.
COMPACT = ("time - time % 500", "strptime(slot::VARCHAR, '%Y%m%d%H%M%S') - INTERVAL 8 HOUR")
SUMS = "sum(bytes)::BIGINT AS bytes, sum(requests)::BIGINT AS requests, sum(error_bytes)::BIGINT AS error_bytes, sum(error_requests)::BIGINT AS error_requests"
# Columns up to the last needed one; without strict mode the rest of a line is not looked at.
CDN = "time ip domain path bytes province isp status"
LIVE = "time ip domain url bytes country province isp status"
CLOUDFRONT = "date time location bytes ip method dist stem status referer agent query cookie result id domain"
VHOST = "vhost ip ident user time zone request status bytes"

FORMATS = {
    "tencent-cdn": {
        "rows": f"read_csv(FILES, delim = ' ', quote = '\"', escape = '\"', columns = {names(CDN, TENCENT)}",
        "slot": COMPACT,
    },
    "tencent-live": {
        "rows": f"read_csv(FILES, delim = ' ', quote = '\"', escape = '\"', columns = {names(LIVE, TENCENT)}",
        "slot": COMPACT,
    },
    "cloudfront": {
        "rows": f"read_csv(FILES, delim = '\t', quote = '', escape = '', skip = 2, columns = {names(CLOUDFRONT, NUMBERS | {'date': 'DATE', 'time': 'TIME'})}",
        "slot": ("date + time_bucket(INTERVAL 5 MINUTE, time)", "slot"),
    },
    "cloudflare": {
        "rows": "read_json(FILES, format = 'newline_delimited', columns = {ClientRequestHost: 'VARCHAR', EdgeResponseBytes: 'BIGINT', EdgeResponseStatus: 'SMALLINT', EdgeStartTimestamp: 'VARCHAR'}",
        "domain": "ClientRequestHost",
        "bytes": "EdgeResponseBytes",
        "status": "EdgeResponseStatus",
        "slot": ("EdgeStartTimestamp[:16]", "time_bucket(INTERVAL 5 MINUTE, strptime(slot, '%Y-%m-%dT%H:%M'))"),
    },
    "nginx": {
        "rows": f"read_csv(FILES, delim = ' ', quote = '\"', escape = '\\', columns = {names(VHOST, NUMBERS)}",
        "domain": "split_part(vhost, ':', 1)",
        "slot": ("time[:18]", "time_bucket(INTERVAL 5 MINUTE, strptime(slot, '[%d/%b/%Y:%H:%M')) - INTERVAL 8 HOUR"),
    },
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("logs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    how = FORMATS[args.format]
    files = sorted(str(path) for path in args.logs.iterdir())
    key, instant = how["slot"]
    csv = "" if args.format == "cloudflare" else ", header = false, auto_detect = false, strict_mode = false"
    rows = how["rows"].replace("FILES", repr(files)) + csv + ")"
    sent, status = how.get("bytes", "bytes"), how.get("status", "status")
    # A key of one minute stands for several groups of the same slot.
    figures, again = (SUMS, "GROUP BY ALL") if "[" in key else (SUMS.replace("sum", ""), "")
    args.out.mkdir(parents=True, exist_ok=True)
    database = duckdb.connect(config={"threads": args.threads})
    database.execute(f"""
        CREATE TEMP TABLE usage AS
        WITH grouped AS (
            SELECT {how.get("domain", "domain")} AS domain, {key} AS slot, sum({sent}) AS bytes, count(*) AS requests,
                   sum(CASE WHEN {status} >= 400 THEN {sent} ELSE 0 END) AS error_bytes,
                   sum(CASE WHEN {status} >= 400 THEN 1 ELSE 0 END) AS error_requests
            FROM {rows} GROUP BY ALL)
        SELECT domain, {instant} AS slot_start, {figures} FROM grouped {again}""")
    database.execute(f"COPY usage TO '{args.out}/usage_5min.parquet' (FORMAT parquet)")
    database.execute(f"""
        COPY (SELECT date_trunc('month', slot_start + INTERVAL 8 HOUR)::DATE AS billing_month, domain, {SUMS},
                     max(bytes) AS peak_slot_bytes
              FROM usage GROUP BY ALL)
        TO '{args.out}/summary.parquet' (FORMAT parquet)""")
    total = "SELECT sum(requests)::BIGINT, sum(bytes)::BIGINT, count(*) FROM usage"
    print(json.dumps(dict(zip(("lines", "bytes", "groups"), database.execute(total).fetchone()))))


if __name__ == "__main__":
    main()
