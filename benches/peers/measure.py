#!/usr/bin/env python3
"""Runs one command and tells its cost as a line of JSON.

    measure.py [--key VALUE]... -- COMMAND...

`seconds` is wall time, `cpu_seconds` user and system time, `peak_mb` (10^6 bytes) the largest
resident set of any process in the command's tree, as wait4 reports it: never less than this
script's own (some 13 MB), which the child starts from. The command's standard output goes into
`output`; the pairs before `--` are copied. Exits as the command does.
"""

import json
import os
import subprocess
import sys
import tempfile
import time


def main():
    split = sys.argv.index("--")
    pairs, command = sys.argv[1:split], sys.argv[split + 1 :]
    result = {key.removeprefix("--"): value for key, value in zip(pairs[::2], pairs[1::2])}
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    result |= {
        "exit": child.returncode,
        "seconds": round(seconds, 4),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 4),
        "peak_mb": round(usage.ru_maxrss * 1024 / 1e6, 1),
        "output": text,
    }
    print(json.dumps(result))
    sys.exit(child.returncode)


if __name__ == "__main__":
    main()
