#!/usr/bin/env python3
"""Makes a table of measure.py's lines on standard input: medians, and ratios to cdn-meter.

Exits 1 if a program failed or found other totals than the generator of the corpus wrote.
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

BASE = "cdn-meter"


def totals(text):
    """Lines and bytes that a program printed, as a peer or as cdn-meter's report."""
    report = json.loads(text)
    usage = report.get("usage", {})
    return usage.get("requests", report.get("lines")), usage.get("bytes", report.get("bytes"))


def is_right(run, corpus, size):
    """Whether a run gave the totals of the generator.

    The decoder alone knows only the size, and a second ingest that nothing changed.
    """
    try:
        if run["program"] == "cdn-meter-again":
            report = json.loads(run["output"])
            files = len(list(Path(run["corpus"]).iterdir()))
            return report["files"]["changes"] == {"unchanged": files}
        if run["program"] == "decoder":
            return run["exit"] == 0 and json.loads(run["output"])["decompressed"] == size
        return run["exit"] == 0 and totals(run["output"]) == (corpus["lines"], corpus["bytes"])
    except (ValueError, AttributeError):
        return False


def main():
    cases = defaultdict(lambda: defaultdict(list))
    for line in sys.stdin:
        run = json.loads(line)
        cases[run["format"], run["packing"], run["corpus"]][run["program"]].append(run)
    is_all_right = True
    for (log_format, packing, corpus), programs in cases.items():
        size = sum(file.stat().st_size for file in Path(corpus).iterdir())
        written = json.loads(Path(corpus + ".json").read_text())
        print(f"\n{log_format}, {packing}: {size / 1e9:.2f} GB decompressed, {written['lines']:,} lines")
        print("| program | seconds | CPU seconds | GB/s | peak MB | time, times cdn-meter | totals equal |")
        print("|---|---:|---:|---:|---:|---:|---|")
        medians = {}
        for program, runs in programs.items():
            medians[program] = [
                statistics.median(run[name] for run in runs) for name in ("seconds", "cpu_seconds", "peak_mb")
            ]
        for program, runs in programs.items():
            seconds, cpu, peak = medians[program]
            base = medians.get(BASE)
            ratio = f"{seconds / base[0]:.2f}" if base else ""
            right = all(is_right(run, written, size) for run in runs)
            is_all_right &= right
            print(
                f"| {program} | {seconds:.2f} | {cpu:.2f} | {size / seconds / 1e9:.2f} | {peak:.0f} | {ratio} |"
                f" {'yes' if right else 'NO'} |"
            )
    sys.exit(0 if is_all_right else 1)


if __name__ == "__main__":
    main()
