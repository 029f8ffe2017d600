#!/usr/bin/env python3
"""The same job with Polars: logs in, Parquet of usage per domain and slot out, then per month.

    polars_run.py FORMAT LOG_DIR OUT_DIR [--threads N]

As duckdb_run.py: schema given, only needed columns read, times turned into instants per group.
"""

import argparse
import json
import os
from pathlib import Path

FORMATS = ("tencent-cdn", "tencent-live", "cloudfront", "cloudflare", "nginx")


def rows_of(pl, name, files):
    """The log as columns domain, key (of the slot), bytes, status; and how a key becomes an instant."""
    col, wide = pl.col, {"bytes": pl.Int64, "status": pl.Int16}

    def csv(columns, types, separator=" ", quote='"', **options):
        schema = {column: (wide | types).get(column, pl.String) for column in columns.split()}
        # Columns up to the last needed one; the rest of a line is dropped.
        rest = {"extra_columns": "ignore", "truncate_ragged_lines": True}
        return pl.scan_csv(files, has_header=False, schema=schema, separator=separator, quote_char=quote, **rest, **options)

    def compact(rows):
        key = (col("time") - col("time") % 500).alias("key")
        instant = col("key").cast(pl.String).str.to_datetime("%Y%m%d%H%M%S") - pl.duration(hours=8)
        return rows.select("domain", key, "bytes", "status"), instant

    def by_minute(rows, key, pattern, hours):
        instant = col("key").str.to_datetime(pattern).dt.truncate("5m") - pl.duration(hours=hours)
        return rows.select("domain", key.alias("key"), "bytes", "status"), instant

    if name == "tencent-cdn":
        columns = "time ip domain path bytes province isp status"
        return compact(csv(columns, {"time": pl.Int64}))
    if name == "tencent-live":
        columns = "time ip domain url bytes country province isp status"
        return compact(csv(columns, {"time": pl.Int64}))
    if name == "cloudfront":
        columns = "date time location bytes ip method dist stem status referer agent query cookie result id domain"
        rows = csv(columns, {}, separator="\t", quote=None, comment_prefix="#")
        return by_minute(rows, col("date") + col("time").str.head(5), "%Y-%m-%d%H:%M", 0)
    if name == "cloudflare":
        schema = {"ClientRequestHost": pl.String, "EdgeResponseBytes": pl.Int64, "EdgeResponseStatus": pl.Int64, "EdgeStartTimestamp": pl.String}
        rows = pl.scan_ndjson(files, schema=schema).rename(dict(zip(schema, ("domain", "bytes", "status", "time"))))
        return by_minute(rows, col("time").str.head(16), "%Y-%m-%dT%H:%M", 0)
    columns = "vhost ip ident user time zone request status bytes"
    rows = csv(columns, {}).with_columns(col("vhost").str.split_exact(":", 1).struct[0].alias("domain"))
    return by_minute(rows, col("time").str.head(18), "[%d/%b/%Y:%H:%M", 8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("logs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    os.environ["POLARS_MAX_THREADS"] = str(args.threads)  # read when Polars is imported
    import polars as pl

    col = pl.col
    rows, instant = rows_of(pl, args.format, sorted(args.logs.iterdir()))
    is_error = col("status") >= 400
    per_key = rows.group_by("domain", "key").agg(
        col("bytes").sum(),
        pl.len().cast(pl.Int64).alias("requests"),
        col("bytes").filter(is_error).sum().alias("error_bytes"),
        is_error.sum().cast(pl.Int64).alias("error_requests"),
    )
    sums = [col(name).sum() for name in ("bytes", "requests", "error_bytes", "error_requests")]
    per_slot = per_key.with_columns(instant.alias("slot_start")).group_by("domain", "slot_start").agg(sums)
    args.out.mkdir(parents=True, exist_ok=True)
    usage = per_slot.collect(engine="streaming")
    usage.write_parquet(args.out / "usage_5min.parquet")
    month = (col("slot_start") + pl.duration(hours=8)).dt.truncate("1mo").cast(pl.Date).alias("billing_month")
    summary = usage.lazy().group_by(month, "domain").agg(*sums, col("bytes").max().alias("peak_slot_bytes"))
    summary.collect(engine="streaming").write_parquet(args.out / "summary.parquet")
    print(json.dumps({"lines": usage["requests"].sum(), "bytes": usage["bytes"].sum(), "groups": usage.height}))


if __name__ == "__main__":
    main()
