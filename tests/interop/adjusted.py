#!/usr/bin/env python3
"""Reads a closed month and its adjustments with DuckDB, Polars and PyArrow.

    adjusted.py OUT_DIR BYTES REQUESTS

OUT_DIR holds the datasets `summary`, `usage_5min` and `adjustments`. What was closed plus the
adjustments must be BYTES and REQUESTS, by every reader, for the summary and slot by slot.
Prints what was found; exit 1 if anything differs.
"""

import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.compute as pc
import pyarrow.dataset as ds

TYPES = {
    "billing_month": "date32[day]",
    "slot_start": "timestamp[us, tz=UTC]",
    "usage_date": "date32[day]",
    "bytes": "int64",
    "gigabytes": "decimal128(38, 9)",
    "requests": "int64",
    "reason": "string",
}


def by_duckdb(folder):
    query = f"SELECT sum(bytes), sum(requests) FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"
    return duckdb.sql(query).fetchall()[0]


def by_polars(folder):
    frame = pl.scan_parquet(folder, hive_partitioning=True).select(pl.col("bytes", "requests").sum())
    return frame.collect().row(0)


def by_pyarrow(folder):
    table = ds.dataset(folder, partitioning=None).to_table()
    return tuple(pc.sum(table[name]).as_py() for name in ("bytes", "requests"))


def main():
    out, expected = Path(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[3]))
    problems = []
    for read in (by_duckdb, by_polars, by_pyarrow):
        adjusted = [int(count) for count in read(str(out / "adjustments"))]
        for dataset in ("summary", "usage_5min"):
            closed = read(str(out / dataset))
            found = tuple(int(count) + more for count, more in zip(closed, adjusted))
            print(read.__name__, dataset, closed, "adjusted by", adjusted)
            if found != expected:
                problems.append(f"{read.__name__}: {dataset} and adjustments are {found}, not {expected}")
    table = ds.dataset(str(out / "adjustments"), partitioning=None).to_table()
    for name, kind in TYPES.items():
        if str(table.schema.field(name).type) != kind:
            problems.append(f"{name} is {table.schema.field(name).type}, not {kind}")
    gigabytes = pc.sum(table["gigabytes"]).as_py()
    if gigabytes * 10**9 != Decimal(pc.sum(table["bytes"]).as_py()):
        problems.append(f"{gigabytes} GB are not the bytes")
    if any(column.null_count for column in table.columns):
        problems.append("there are nulls")
    print(*problems or ["all readers agree"], sep="\n")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
