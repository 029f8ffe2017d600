#!/usr/bin/env python3
"""Prices the published usage once more, by other means, and compares it with the published charges.

    billed.py OUT_DIR REPORT_JSON

OUT_DIR holds `usage_5min`, `charges` and `costs`, REPORT_JSON is what `cdn-meter run --json` printed. The prices are
written down here a second time, from the price list and not from the program's catalogue.
One line per check; exit 1 if any check fails.
"""

import json
import sys
from collections import defaultdict
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.compute as pc
import pyarrow.dataset as ds

MINI = Decimal(4)
GB, TB, PB = 1, 1_000, 1_000_000
TIERS = {
    "mainland": [(0, "0.26"), (2 * TB, "0.25"), (10 * TB, "0.24"), (50 * TB, "0.22"), (100 * TB, "0.19"), (PB, "0.16")],
}
ABROAD = [0, 2 * TB, 50 * TB, 100 * TB, PB]
for zones, prices in {
    "AP1": "0.46 0.43 0.36 0.31 0.28",
    "AP2": "0.76 0.70 0.65 0.56 0.52",
    "AP3": "0.70 0.64 0.56 0.50 0.44",
    "NA EU": "0.44 0.39 0.31 0.20 0.16",
    "ME AF": "1.20 1.10 1.03 0.95 0.85",
    "SA": "1.03 0.98 0.90 0.85 0.80",
}.items():
    for zone in zones.split():
        TIERS[zone] = list(zip(ABROAD, prices.split()))
ZONE_OF = {"unknown": "mainland", "overseas": "AP1"}


def exact(days):
    """The exact amounts of each account and month, by (item, domain or zone, day or None)."""
    mini, standard = defaultdict(int), defaultdict(int)
    for month, account, kind, domain, region, day, sent in days:
        if kind == "mini_program":
            mini[month, account, domain] += sent
        elif kind == "standard":
            standard[month, account, ZONE_OF.get(region, region), day] += sent
    for (month, account, domain), sent in mini.items():
        if sent:
            yield (month, account, "mini-program-traffic", domain, ""), Decimal(sent).scaleb(-9) * MINI
    for (month, account, zone, day), sent in standard.items():
        if sent:
            quantity = Decimal(sent).scaleb(-9)
            price = [Decimal(price) for bound, price in TIERS[zone] if bound <= quantity][-1]
            yield (month, account, "standard-traffic", zone, day), quantity * price


def main(out, report):
    problems = []

    def check(what, wrong):
        print("FAILED" if wrong else "ok    ", what, *wrong[:5], sep="\n        " if wrong else " ")
        problems.extend(wrong)

    usage = f"read_parquet('{out}/usage_5min/**/*.parquet', hive_partitioning = false)"
    days = duckdb.sql(
        f'SELECT CAST(billing_month AS VARCHAR), account, "class", domain, region, CAST(usage_date AS VARCHAR),'
        f" CAST(sum(bytes) AS HUGEINT) FROM {usage} GROUP BY ALL"
    ).fetchall()
    expected = dict(exact(days))

    charges = pl.scan_parquet(out / "charges", hive_partitioning=False).collect()
    lines = charges.filter((pl.col("status") == "charged") & (pl.col("item") != "precision-adjustment"))
    found = {}
    for row in lines.iter_rows(named=True):
        # Midnight of Beijing is 16:00 UTC of the day before.
        day = "" if row["domain"] else str((row["period_start"] + timedelta(hours=8)).date())
        key = (str(row["billing_month"]), row["account"], row["item"], row["domain"] or row["zone"], day)
        found[key] = found.get(key, Decimal(0)) + row["exact_amount"]
    check("every line is priced as by hand", [
        f"{key}: {found.get(key)} and by hand {expected.get(key)}"
        for key in sorted(found.keys() | expected.keys())
        if found.get(key) != expected.get(key)
    ])
    check("there are lines", [] if found else ["none"])

    # Shares of lines, by all three readers.
    of_line = dict(lines.filter(pl.col("item").str.ends_with("-traffic")).select("charge_id", "amount").rows())
    shares = pl.scan_parquet(out / "costs", hive_partitioning=False)
    by_polars = dict(shares.group_by("charge_id").agg(pl.col("amount").sum()).collect().rows())
    costs = f"read_parquet('{out}/costs/**/*.parquet', hive_partitioning = false)"
    by_duckdb = dict(duckdb.sql(f"SELECT charge_id, sum(amount) FROM {costs} GROUP BY 1").fetchall())
    by_arrow = defaultdict(Decimal)
    for row in ds.dataset(out / "costs", format="parquet").to_table(["charge_id", "amount"]).to_pylist():
        by_arrow[row["charge_id"]] += row["amount"]
    for name, found_shares in [("Polars", by_polars), ("DuckDB", by_duckdb), ("PyArrow", by_arrow)]:
        check(f"shares add up to their lines by {name}", [
            f"{key}: {found_shares.get(key)} of {of_line.get(key)}"
            for key in sorted(of_line.keys() | found_shares.keys())
            if found_shares.get(key) != of_line.get(key)
        ])
    sent = defaultdict(int)
    for month, account, kind, domain, region, _, bytes_sent in days:
        if kind in ("mini_program", "standard") and bytes_sent:
            sent[month, account, domain, region] += bytes_sent
    keys = 'CAST(billing_month AS VARCHAR), account, domain, region'
    metered = duckdb.sql(f"SELECT {keys}, CAST(sum(metered_bytes) AS HUGEINT) FROM {costs} GROUP BY ALL").fetchall()
    metered = {tuple(row[:4]): row[4] for row in metered}
    check("shares have the bytes of their domains", [
        f"{key}: {metered.get(key)} and sent {sent.get(key)}"
        for key in sorted(metered.keys() | sent.keys())
        if metered.get(key) != sent.get(key)
    ])

    sums = {}
    table = ds.dataset(out / "charges", format="parquet").to_table()
    for month in set(table["billing_month"].to_pylist()):
        rows = table.filter(pc.equal(table["billing_month"], month))
        for account in set(rows["account"].to_pylist()):
            of_account = rows.filter(pc.equal(rows["account"], account))
            amount, payable = (sum(of_account[name].to_pylist()) for name in ("amount", "payable"))
            sums[str(month)[:7], account] = (amount, payable)
    said = {
        (bill["month"], account["account"]): (Decimal(account["payable"]),) * 2
        for bill in json.loads(report.read_text())["bills"]
        for account in bill["accounts"]
    }
    check("amounts and payables sum to what the bills say", [
        f"{key}: {sums.get(key)} and {said.get(key)}"
        for key in sorted(sums.keys() | said.keys())
        if sums.get(key) != said.get(key)
    ])
    by_hand = defaultdict(Decimal)
    for (month, account, *_), amount in expected.items():
        by_hand[month[:7], account] += amount
    cent = Decimal("0.01")
    check("what is paid is the exact sum, rounded", [
        f"{key}: {said[key][0]} and by hand {amount}"
        for key, amount in by_hand.items()
        # Details are rounded to 8 places first, so at a half cent the two may differ.
        if said[key][0] != amount.quantize(cent, ROUND_HALF_UP) and abs(amount % cent - cent / 2) > Decimal("1e-5")
    ])
    print("all well" if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
