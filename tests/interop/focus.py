#!/usr/bin/env python3
"""Checks a FOCUS export: by the public validator, and by hand where that does not look.

    focus.py OUT_DIR [--plant]

OUT_DIR holds `focus`, `focus_csv` and `charges` of at least two months. The validator's exit code says
nothing, so its JUnit report is read. With --plant defects are planted, one at a time: each has to be found,
and what the validator is known to miss it has to miss still, so that we notice when it learns to look.
Prints what was found; exit 1 if anything is not as it should be.
"""

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from collections import defaultdict
from decimal import Decimal, getcontext
from pathlib import Path

import duckdb
import focus_validator
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

# Products of two columns are exact.
getcontext().prec = 80
VALIDATOR = Path(sys.executable).with_name("focus-validator")
PACKAGE = Path(focus_validator.__file__).parent
RULES = json.loads((PACKAGE / "rules/model-1.2.0.1.json").read_text())["ModelRules"]
SUPPORTED = """USAGE_MEASUREMENT_SUPPORTED UNIT_PRICING_SUPPORTED NEGOTIATED_PRICING_SUPPORTED
    PUBLIC_PRICE_LIST_SUPPORTED PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED
    MULTIPLE_PRICING_CATEGORIES_SUPPORTED REGION_SUPPORTED TAGGING_SUPPORTED
    BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED RESOURCE_TYPE_ASSIGNMENT_SUPPORTED
    ACCOUNT_NAMING_SUPPORTED""".split()
# "Must be null" for charges without an invoice and "must not be null" for those with one are both run on all
# rows, so one of them always fails. All our rows have an invoice.
UNAVOIDABLE = {"InvoiceId-C-004-C"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
PARENTS = {
    tuple(value["Value"] for value in pair["Items"])
    for pair in RULES["ServiceSubcategory-C-004-M"]["ValidationCriteria"]["Requirement"]["Items"]
}


def validated(path):
    """Ids of the rules that the validator finds broken, and how many it looked at."""
    with tempfile.TemporaryDirectory() as folder:
        # It reads a file of its own by a path that is relative to the working folder.
        os.symlink(PACKAGE, Path(folder) / "focus_validator")
        report = Path(folder) / "report.xml"
        command = [VALIDATOR, "--data-file", Path(path).resolve(), "--validate-version", "1.2", "--block-download"]
        command += ["--applicability-criteria", ",".join(SUPPORTED)]
        command += ["--output-type", "unittest", "--output-destination", report]
        said = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if not report.exists():
            return {"no report: " + said.stderr[-2000:]}, 0
        cases = list(xml.parse(report).getroot().iter("testcase"))
    failed = {case.get("name").split(" ")[0] for case in cases if case.find("failure") is not None}
    looked_at = sum(case.find("skipped") is None for case in cases)
    return failed, looked_at


def one(rows, problem, is_wrong):
    """A problem with the number of rows that have it, if any."""
    wrong = sum(1 for row in rows if is_wrong(row))
    return [f"{problem} ({wrong} rows)"] if wrong else []


def by_hand(rows, payable):
    """What is wrong with rows, by the requirements that the validator does not look at row by row."""
    is_usage = lambda row: row["ChargeCategory"] == "Usage"
    is_correction = lambda row: row["ChargeClass"] == "Correction"
    categories = {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}

    def cost(row, name):
        return None not in (row[name], row["BilledCost"], row["ListUnitPrice"]) and not is_correction(row)

    found = [
        *one(rows, "category", lambda row: row["ChargeCategory"] not in categories),
        *one(rows, "class", lambda row: row["ChargeClass"] not in {None, "Correction"}),
        *one(rows, "frequency", lambda row: row["ChargeFrequency"] != ("Usage-Based" if is_usage(row) else "One-Time")),
        *one(rows, "service", lambda row: (row["ServiceSubcategory"], row["ServiceCategory"]) not in PARENTS),
        *one(rows, "charge period", lambda row: row["ChargePeriodEnd"] <= row["ChargePeriodStart"]),
        *one(rows, "billing period", lambda row: row["BillingPeriodEnd"] <= row["BillingPeriodStart"]),
        *one(
            rows,
            "period of a charge is not in that of the bill",
            lambda row: not is_correction(row)
            and row["ChargeCategory"] != "Purchase"
            and not row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"],
        ),
        *one(
            rows,
            "a correction is of no earlier month",
            lambda row: is_correction(row)
            and row["BillingPeriodStart"] < row["ChargePeriodEnd"]
            and row["ChargeCategory"] != "Purchase",
        ),
        *one(
            rows,
            "a licence or package is not for a year",
            lambda row: row["SkuId"] is not None
            and row["SkuId"].split("/")[0] in {"plugin-licence", "traffic-package", "mobile-licence"}
            and (row["ChargePeriodEnd"] - row["ChargePeriodStart"]).days not in {365, 366},
        ),
        *one(rows, "consumed", lambda row: (row["ConsumedQuantity"] is None) == is_usage(row)),
        *one(rows, "currency", lambda row: row["BillingCurrency"] != "CNY"),
        *one(
            rows,
            "effective cost",
            lambda row: row["EffectiveCost"] != (0 if row["ChargeCategory"] == "Purchase" else row["BilledCost"]),
        ),
    ]
    for name, unit in [("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")]:
        product = lambda row: row[unit] * row["PricingQuantity"]
        found += one(rows, f"{name} is no product", lambda row: cost(row, unit) and row[name] != product(row))
        # Quantities of bandwidth have 9 places.
        far = lambda row: cost(row, unit) and Decimal("0.00001") < abs(row[name] - row["BilledCost"])
        found += one(rows, f"{name} is far from what is billed", far)
    sums = defaultdict(Decimal)
    for row in rows:
        sums[row["InvoiceId"]] += row["BilledCost"] or 0
    if sums != payable:
        found.append(f"invoices are {dict(sums)}, not {payable}")
    return found


def as_rows(table):
    return table.to_pylist()


def compare_csv(rows, path):
    """The CSV says what the Parquet says, in the formats of FOCUS."""
    problems = []
    with open(path, newline="") as file:
        lines = list(csv.DictReader(file))
    if len(lines) != len(rows):
        problems.append(f"{path}: {len(lines)} rows, not {len(rows)}")
    for line, row in zip(lines, rows):
        for name, value in row.items():
            text = line[name]
            if value is None or isinstance(value, str):
                same = text == (value or "")
            elif isinstance(value, Decimal):
                same = "." in text and Decimal(text) == value
            else:
                same = bool(INSTANT.fullmatch(text)) and text == value.strftime("%Y-%m-%dT%H:%M:%SZ")
            if not same:
                problems.append(f"{path}: {name} is {text!r}, and {value!r} in Parquet")
    return problems


def check_columns(names):
    """FOCUS's columns first, all of them known; ours behind them with their prefix."""
    known = {rule.split("-")[0] for rule in RULES}
    own = [name for name in names if name.startswith("x_")]
    others = names[: len(names) - len(own)]
    problems = [f"{name} is no column of FOCUS" for name in others if name not in known]
    return problems + (["our columns do not come last"] if names[len(others) :] != own else [])


def replaced(table, name, row, value):
    """The table with one other value."""
    at = table.schema.names.index(name)
    values = table.column(name).to_pylist()
    values[row] = value(values[row]) if callable(value) else value
    return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))


def defects(table):
    """Name, table, and whether the validator is known to miss it."""
    rows = as_rows(table)
    first = lambda is_it: next(number for number, row in enumerate(rows) if is_it(row))
    usage = first(lambda row: row["ChargeCategory"] == "Usage" and row["ChargeClass"] is None)
    adjustment = first(lambda row: row["ChargeCategory"] == "Adjustment")
    bought = first(lambda row: row["ChargeCategory"] == "Purchase")
    period = rows[usage]["ChargePeriodStart"]
    yield "a category of one row that is none", replaced(table, "ChargeCategory", adjustment, "Refund"), True
    yield "a subcategory of one row with another parent", replaced(table, "ServiceCategory", usage, "Compute"), None
    yield "a cost that is no product", replaced(table, "ListCost", usage, lambda cost: cost + Decimal("0.01")), True
    yield "a period that ends before it starts", replaced(table, "ChargePeriodEnd", usage, period), True
    yield "a cent too much", replaced(table, "BilledCost", usage, lambda cost: cost + Decimal("0.01")), None
    yield "no billed cost", replaced(table, "BilledCost", usage, None), False
    yield "a currency that is none", replaced(table, "BillingCurrency", usage, "RMB"), False
    yield "a class that is none", replaced(table, "ChargeClass", usage, "Restatement"), False
    yield "tags that are no JSON", replaced(table, "Tags", usage, "a=b"), False
    yield "a purchase by usage", replaced(table, "ChargeFrequency", bought, "Usage-Based"), False
    yield "a purchase that is effective", replaced(table, "EffectiveCost", bought, Decimal(30000)), False


def payable_of(out):
    """What each account pays by `charges`, by month and invoice."""
    charges = ds.dataset(str(out / "charges"), partitioning=None).to_table()
    sums = defaultdict(lambda: defaultdict(Decimal))
    for row in charges.to_pylist():
        month = row["billing_month"].strftime("%Y-%m")
        sums[month][f"{row['account']}/{month}"] += row["payable"]
    return {month: dict(of) for month, of in sums.items()}


TYPES = {
    "BilledCost": "decimal128(28, 8)",
    "ListCost": "decimal128(38, 17)",
    "ListUnitPrice": "decimal128(18, 8)",
    "PricingQuantity": "decimal128(19, 9)",
    "ConsumedQuantity": "decimal128(28, 9)",
    "ChargePeriodStart": "timestamp[us, tz=UTC]",
}


def multiplied(path):
    """A reader multiplies prices and quantities, the largest that there can be too, to the last digit."""
    rows = f"read_parquet('{path}', hive_partitioning = false)"
    for cost, price in [("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")]:
        product = f"{price} * PricingQuantity"
        wrong = duckdb.sql(f"SELECT count(*) FROM {rows} WHERE {price} IS NOT NULL AND {product} <> {cost}")
        if wrong.fetchone()[0]:
            yield f"DuckDB multiplies to another {cost}"
        # As Spark has it: the digits of both and one more, and no more than 38.
        digits = [pq.read_schema(path).field(name).type.precision for name in (price, "PricingQuantity")]
        if 38 < sum(digits) + 1:
            yield f"Spark has no room for {product}"
    most = duckdb.sql("SELECT 9999999999.99999999::DECIMAL(18, 8) * 9999999999.999999999::DECIMAL(19, 9)")
    if most.fetchone()[0] != Decimal("9999999999.99999999") * Decimal("9999999999.999999999"):
        yield "DuckDB cannot multiply the largest price and quantity"


def by_domain(rows, folder):
    """Every line that traffic made is split by domain as in `costs`."""
    costs = defaultdict(Decimal)
    for row in pq.read_table(folder, partitioning=None).to_pylist():
        costs[row["charge_id"], row["domain"] or None] += row["amount"]
    if not any(item for item, _ in costs if "/standard-" in item):
        yield "there is no standard traffic to look at"
    ids = {item for item, _ in costs}
    found = defaultdict(Decimal)
    for row in rows:
        if row["x_ChargeId"] in ids:
            found[row["x_ChargeId"], row["ResourceId"]] += row["BilledCost"]
    for key in sorted(costs.keys() | found.keys(), key=str):
        if costs.get(key) != found.get(key):
            yield f"{key} costs {costs.get(key)}, and {found.get(key)} in FOCUS"


def main(out, is_planting):
    problems = []
    payable = payable_of(out)
    tables = {}
    for path in sorted((out / "focus").glob("billing_month=*/*.parquet")):
        month = path.parent.name.removeprefix("billing_month=")[:7]
        table = tables[month] = pq.read_table(path, partitioning=None)
        rows = as_rows(table)
        kinds = {name: str(table.schema.field(name).type) for name in TYPES}
        if kinds != TYPES:
            problems.append(f"types are {kinds}")
        problems += [f"{month}: {problem}" for problem in multiplied(path)]
        problems += [f"{month}: {problem}" for problem in by_domain(rows, out / "costs" / path.parent.name)]
        problems += check_columns(table.schema.names)
        problems += [f"{month}: {problem}" for problem in by_hand(rows, payable[month])]
        as_csv = out / "focus_csv" / path.parent.name / "part-00000.csv"
        problems += compare_csv(rows, as_csv)
        for file in (path, as_csv):
            failed, looked_at = validated(file)
            print(f"{month}: {file.suffix[1:]}: {len(rows)} rows, {looked_at} rules looked at, broken: {sorted(failed)}")
            if failed != UNAVOIDABLE or looked_at < 250:
                problems.append(f"{file}: the validator looked at {looked_at} rules and found {sorted(failed)}")
    corrections = sum(pc.sum(pc.equal(t["ChargeClass"], "Correction")).as_py() or 0 for t in tables.values())
    if len(tables) < 2 or not corrections:
        problems.append("there are no corrections to look at")
    month, table = next(iter(tables.items()))
    for name, broken, is_missed in defects(table) if is_planting else ():
        found = by_hand(as_rows(broken), payable[month])
        print(f"planted {name}: by hand {found}")
        if is_missed is None and not found:
            problems.append(f"planted {name}: nobody found it")
        if is_missed is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            pq.write_table(broken, Path(folder) / "broken.parquet")
            failed = validated(Path(folder) / "broken.parquet")[0] - UNAVOIDABLE
        print(f"  by the validator {sorted(failed)[:4]}")
        if is_missed and failed:
            problems.append(f"planted {name}: the validator finds it now: {sorted(failed)}; say so here")
        if not failed and not found:
            problems.append(f"planted {name}: nobody found it")
    for problem in problems:
        print("FAILED", problem)
    if problems:
        sys.exit(1)
    print("all well")


main(Path(sys.argv[1]), "--plant" in sys.argv)
