#!/usr/bin/env python3
"""Reads the written Parquet with DuckDB, Polars and PyArrow; all must say the same.

    read_back.py OUT_DIR REPORT_JSON [EXPECTED_TOML]

OUT_DIR holds the datasets `summary` and `usage_5min`, REPORT_JSON is what `cdn-meter run --json`
printed; with EXPECTED_TOML (as samples/expected.toml) the summary must also be what that file states.
One line per check; exit 1 if any check fails. Columns that are not known here may be
added to the datasets at any time: their totals are compared too.
"""

import json
import sys
import tomllib
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

MONTH = "billing_month"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
ADDITIVE = ["bytes", "requests", "error_bytes", "error_requests", "doubtful_requests"]
KEY = [MONTH, "account", "domain", "class", "region"]
TEXT = ["account", "domain", "class", "region"]
TIME = "timestamp[us, tz=UTC]"
COLUMNS = {
    "summary": dict.fromkeys(TEXT, "string")
    | dict.fromkeys([*ADDITIVE, "peak_slot_bytes", "p95_slot_bytes", "p95_samples", "p95_dropped"], "int64")
    | dict.fromkeys(["gigabytes", "peak_mbps", "p95_mbps"], "decimal128(38, 9)")
    | dict.fromkeys(["first_slot", "last_slot"], TIME)
    | {MONTH: "date32[day]", "app_id": "string", "billable_gigabytes": "decimal128(38, 18)"}
    | dict.fromkeys(["overhead_factor", "sampling_factor"], "decimal128"),
    "usage_5min": dict.fromkeys(TEXT, "string")
    | dict.fromkeys(ADDITIVE, "int64")
    | {MONTH: "date32[day]", "slot_start": TIME, "usage_date": "date32[day]"},
}


class Checks:
    """Counts checks and prints them."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, what, problems):
        """`problems` is empty where all is well, else says what is not."""
        problems = [problems] if isinstance(problems, str) else [str(problem) for problem in problems]
        self.passed += not problems
        self.failed += bool(problems)
        print("FAILED" if problems else "ok    ", what)
        for problem in problems[:10]:
            print("       ", problem)
        if len(problems) > 10:
            print(f"        … and {len(problems) - 10} more")


def stray_files(root):
    """Whatever readers of a whole folder could stumble over."""
    for path in sorted(root.rglob("*")):
        name, depth = path.name, len(path.relative_to(root).parts)
        if path.is_dir():
            key, _, value = name.partition("=")
            is_month = key and len(value) == 10 and value.endswith("-01")
            if depth != 1 or not is_month:
                yield f"folder {path.relative_to(root)} is not <key>=YYYY-MM-01"
        elif name == "_SUCCESS":
            if path.stat().st_size:
                yield f"{path.relative_to(root)} is not empty"
        elif depth != 2 or not (name.startswith("part-") and name.endswith(".parquet")):
            yield f"file {path.relative_to(root)} is not part-*.parquet in a month"
    if not list(root.rglob("_SUCCESS")):
        yield "there is no _SUCCESS"


def wrong_types(schema, wanted):
    for name, kind in wanted.items():
        found = str(schema.field(name).type) if name in schema.names else "missing"
        if found != kind and not (kind == "decimal128" and found.startswith("decimal128(")):
            yield f"{name}: {found}, not {kind}"
    for field in schema:
        if pa.types.is_floating(field.type) or pa.types.is_dictionary(field.type):
            yield f"{field.name}: {field.type} has no place here"


class DuckDb:
    name = f"DuckDB {duckdb.__version__}"

    def __init__(self, root):
        self.rows = f"read_parquet('{root}/**/*.parquet', hive_partitioning = true)"

    def totals(self, numbers, times):
        parts = [f'coalesce(sum("{name}"), 0), count("{name}")' for name in numbers]
        # As numbers, because zoned times cost DuckDB another Python package.
        parts += [f'epoch_us(min("{name}")), epoch_us(max("{name}"))' for name in times]
        query = f'SELECT {MONTH}, "class", count(*), {", ".join(parts)} FROM {self.rows} GROUP BY ALL'
        return duckdb.sql(query).fetchall()


class Polars:
    name = f"Polars {pl.__version__}"

    def __init__(self, root):
        self.rows = pl.scan_parquet(root, hive_partitioning=True)

    def totals(self, numbers, times):
        schema = self.rows.collect_schema()
        parts = [pl.len().alias("rows")]
        for name in numbers:
            # A sum of 64-bit integers wraps around silently; 128 bits do not.
            wide = pl.col(name).cast(pl.Int128) if schema[name].is_integer() else pl.col(name)
            parts += [wide.sum().alias(f"{name}+"), pl.col(name).count().alias(f"{name}#")]
        for name in times:
            parts += [pl.col(name).min().alias(f"{name}<"), pl.col(name).max().alias(f"{name}>")]
        return self.rows.group_by(MONTH, "class").agg(parts).collect().rows()


class PyArrow:
    name = f"PyArrow {pa.__version__}"

    def __init__(self, root):
        # Left to guess, PyArrow reads the key as text, which does not go with a date column.
        key = next(path.name.partition("=")[0] for path in root.iterdir() if path.is_dir())
        hive = ds.partitioning(pa.schema([(key, pa.date32())]), flavor="hive")
        self.data = ds.dataset(root, partitioning=hive)

    def totals(self, numbers, times):
        table = self.data.to_table()
        for place, field in enumerate(table.schema):
            if field.name in numbers and pa.types.is_integer(field.type):
                wide = pc.cast(table[place], pa.decimal128(38, 0))
                table = table.set_column(place, field.name, wide)
        wanted = [([], "count_all")]
        for name in numbers:
            wanted += [(name, "sum"), (name, "count")]
        for name in times:
            wanted += [(name, "min"), (name, "max")]
        groups = table.group_by([MONTH, "class"]).aggregate(wanted)
        names = [MONTH, "class", "count_all", *(f"{name}_{verb}" for name, verb in wanted[1:])]
        return [tuple(row[name] for name in names) for row in groups.to_pylist()]


def comparable(value):
    """Numbers as decimals, times as microseconds since 1970."""
    if isinstance(value, datetime):
        return Decimal((value - EPOCH) // timedelta(microseconds=1))
    if isinstance(value, date):
        return Decimal((value - EPOCH.date()) // timedelta(microseconds=1))
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    return Decimal(0) if value is None else value


def by_group(rows):
    return {(row[0], row[1]): [comparable(value) for value in row[2:]] for row in rows}


def compare_readers(check, dataset, root, schema):
    def is_number(kind):
        return pa.types.is_integer(kind) or pa.types.is_decimal(kind)

    numbers = [field.name for field in schema if is_number(field.type)]
    times = [field.name for field in schema if pa.types.is_temporal(field.type) and field.name != MONTH]
    labels = ["rows"]
    for name in numbers:
        labels += [f"sum of {name}", f"count of {name}"]
    for name in times:
        labels += [f"first {name}", f"last {name}"]
    first, first_name = None, None
    for reader in (DuckDb, Polars, PyArrow):
        try:
            found = by_group(reader(root).totals(numbers, times))
        except Exception as error:  # whatever a reader says, it is a finding
            check(f"{dataset}: {reader.name} reads it", f"{type(error).__name__}: {error}")
            continue
        keys = found.keys()
        no_dates = [f"{MONTH} {key[0]!r} is no date" for key in keys if type(key[0]) is not date]
        check(f"{dataset}: {reader.name} reads it, {len(keys)} groups, {len(numbers)} numeric columns", no_dates)
        if first is None:
            first, first_name = found, reader.name
            continue
        problems = [f"only one of both has {key}" for key in first.keys() ^ keys]
        for key in first.keys() & keys:
            for label, left, right in zip(labels, first[key], found[key]):
                if left != right:
                    problems.append(f"{key} {label}: {first_name} {left}, {reader.name} {right}")
        check(f"{dataset}: {reader.name} agrees with {first_name}", problems)


def rows_of(query):
    answer = duckdb.sql(query)
    return [dict(zip(answer.columns, row)) for row in answer.fetchall()]


def check_folds(check, out):
    """Summary against the slots it folds."""
    summary, slots = (DuckDb(out / name).rows for name in COLUMNS)
    key = ", ".join(f'"{name}"' for name in KEY)
    sums = ", ".join(f"sum({name}) AS {name}" for name in ADDITIVE)
    folded = f"SELECT {key}, {sums}, max(bytes) AS peak_slot_bytes, min(slot_start) AS first_slot, max(slot_start) AS last_slot FROM {slots} GROUP BY ALL"
    for name in [*ADDITIVE, "peak_slot_bytes", "first_slot", "last_slot"]:
        query = f'SELECT {key}, s."{name}"::VARCHAR AS summary, f."{name}"::VARCHAR AS slots FROM {summary} s FULL JOIN ({folded}) f USING ({key}) WHERE s."{name}" IS DISTINCT FROM f."{name}"'
        check(f"summary.{name} is that of its slots", rows_of(query))
    rules = {
        "summary: one row per key": f"SELECT {key}, count(*) AS rows FROM {summary} GROUP BY ALL HAVING count(*) > 1",
        "summary: gigabytes = bytes / 10^9": f"SELECT {key}, bytes, gigabytes FROM {summary} WHERE gigabytes * 1000000000 <> bytes",
        "summary: peak_mbps = peak_slot_bytes x 8 / 300 s": f"SELECT {key}, peak_slot_bytes, peak_mbps FROM {summary} WHERE abs(CAST(peak_mbps AS DECIMAL(38, 9)) * 37500000 - peak_slot_bytes) > 0.0375",
        "summary: p95_slot_bytes <= peak_slot_bytes": f"SELECT {key} FROM {summary} WHERE p95_slot_bytes > peak_slot_bytes",
        "usage_5min: one row per key and slot": f"SELECT {key}, epoch_us(slot_start) AS slot_us, count(*) AS rows FROM {slots} GROUP BY ALL HAVING count(*) > 1",
        "usage_5min: slots start at whole 5 minutes": f"SELECT epoch_us(slot_start) AS slot_us FROM {slots} WHERE epoch_us(slot_start) % 300000000 <> 0",
        "usage_5min: usage_date lies in billing_month": f"SELECT {MONTH}, usage_date FROM {slots} WHERE date_trunc('month', usage_date) <> {MONTH}",
    }
    for what, query in rules.items():
        check(what, rows_of(query))


def check_report(check, out, report):
    usage = json.loads(report.read_text())["usage"]
    for dataset in COLUMNS:
        sums = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in ADDITIVE)
        found = rows_of(f"SELECT {sums} FROM {DuckDb(out / dataset).rows}")[0]
        for name in ADDITIVE:
            if name in usage or name != "doubtful_requests":
                stated = int(usage[name])
                problem = [] if stated == found[name] else f"report {stated}, dataset {found[name]}"
                check(f"{dataset}.{name} = the report's usage.{name}", problem)


def check_expected(check, out, expected):
    """Summary rows against those that were worked out by other means."""
    names = ["account", "domain", "class", "region", *ADDITIVE, "peak_slot_bytes"]
    columns = ", ".join(f'"{name}"' for name in names)
    query = f"SELECT strftime({MONTH}, '%Y-%m') AS month, {columns} FROM {DuckDb(out / 'summary').rows}"
    found = {tuple(row.values()) for row in rows_of(query)}
    stated = {tuple(row[name] for name in ["month", *names]) for row in expected["summary"]}
    problems = [f"not stated: {row}" for row in sorted(found - stated)]
    problems += [f"not found: {row}" for row in sorted(stated - found)]
    check(f"summary: the {len(stated)} rows that are stated", problems)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    out, report = Path(sys.argv[1]), Path(sys.argv[2])
    check = Checks()
    for dataset, columns in COLUMNS.items():
        root = out / dataset
        files = sorted(root.rglob("*.parquet"))
        if not files:
            sys.exit(f"{dataset}: no Parquet files")
        check(f"{dataset}: {len(files)} files, and nothing else in the folder", stray_files(root))
        schemas = defaultdict(list)
        for file in files:
            schemas[pq.read_schema(file).remove_metadata()].append(file.relative_to(root))
        check(f"{dataset}: one schema in all files", [] if len(schemas) == 1 else schemas.values())
        schema = PyArrow(root).data.schema
        check(f"{dataset}: {len(columns)} known columns of {len(schema)} have their types", wrong_types(schema, columns))
        compare_readers(check, dataset, root, schema)
    check_folds(check, out)
    check_report(check, out, report)
    if len(sys.argv) == 4:
        check_expected(check, out, tomllib.loads(Path(sys.argv[3]).read_text()))
    print(f"{check.passed} checks passed, {check.failed} failed")
    sys.exit(1 if check.failed else 0)


if __name__ == "__main__":
    main()
