#!/usr/bin/env bash
# Runs cdn-meter and its peers over the same logs and prints what they took, side by side.
#
#   benches/peers/run.sh [CORPUS_DIR]          corpora are made there if missing; default target/corpus
#
# Environment:
#   FORMATS     formats to run        "tencent-cdn tencent-live cloudfront cloudflare nginx"
#   BYTES       tencent-cdn corpus    2000000000
#   BYTES_OTHER each other corpus     500000000
#   RUNS        runs of each program  3, interleaved; the table has medians
#   THREADS     processors to use     2
#   SMALL_FILES files of the corpus that is read a second time; 0 leaves it out   10000
#   PROGRAMS    programs to run       "cdn-meter cdn-meter-store decoder duckdb polars goaccess"
#   CDN_METER   a built binary        target/release/cdn-meter, built first
#
# "cdn-meter" keeps usage in memory (--no-store), as its peers do; "cdn-meter-store" counts into a
# new store and publishes from it, which is the default. "decoder" only decompresses, on all
# processors: no run over .gz can be faster.
#
# The logs are read once before each round, so all programs read from the page cache. Needs cargo,
# Python 3 with venv, and PyPI; GoAccess is skipped where it is not installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
corpus_dir=${1:-$root/target/corpus}
formats=${FORMATS:-tencent-cdn tencent-live cloudfront cloudflare nginx}
runs=${RUNS:-3}
threads=${THREADS:-2}
programs=${PROGRAMS:-cdn-meter cdn-meter-store decoder duckdb polars goaccess}
target=${CARGO_TARGET_DIR:-$root/target}

note() { echo "run.sh: $*" >&2; }

if [[ -z ${CDN_METER:-} ]]; then
    (cd "$root" && cargo build --release --locked --bin cdn-meter)
    CDN_METER=$target/release/cdn-meter
fi

if [[ " $programs " == *" decoder "* ]]; then
    (cd "$root" && cargo build --quiet --release --locked --example decode)
fi

python=$here/.venv/bin/python
if [[ ! -x $python ]]; then
    python3 -m venv "$here/.venv"
fi
"$python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"

if [[ " $programs " == *" goaccess "* ]] && ! command -v goaccess >/dev/null; then
    note "goaccess is not installed and is left out; on Debian: apt-get install -y goaccess"
    programs=${programs//goaccess/}
fi

pin=()
if command -v taskset >/dev/null && ((threads < $(nproc))); then
    pin=(taskset -c "0-$((threads - 1))")
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The command line of a program over a folder of logs, into the array `command`.
command_of() {
    local program=$1 format=$2 logs=$3 out=$4
    case $program in
        cdn-meter) command=("$CDN_METER" run "$logs" --out "$out" --json --no-store) ;;
        cdn-meter-store) command=("$CDN_METER" run "$logs" --out "$out" --json --store "$out.store") ;;
        cdn-meter-again) command=("$CDN_METER" ingest "$logs" --json --store "$scratch/again.store") ;;
        decoder) command=("$target/release/examples/decode" "$logs") ;;
        duckdb | polars) command=("$python" "$here/${program}_run.py" "$format" "$logs" "$out" --threads "$threads") ;;
        goaccess) command=("$here/goaccess_run.sh" "$format" "$logs" "$out") ;;
        *) note "unknown program $program"; exit 2 ;;
    esac
}

for format in $formats; do
    bytes=${BYTES_OTHER:-500000000}
    [[ $format == tencent-cdn ]] && bytes=${BYTES:-2000000000}
    logs=$corpus_dir/$format-$bytes
    if [[ ! -s $logs.json ]]; then
        note "making $logs"
        mkdir -p "$corpus_dir"
        (cd "$root" && cargo run --quiet --release --locked --example corpus -- \
            --out "$logs" --format "$format" --bytes "$bytes" --gzip) >"$scratch/totals.json"
        mv "$scratch/totals.json" "$logs.json"
    fi
    for packing in plain gzip; do
        folder=$logs
        [[ $packing == gzip ]] && folder=$logs.gz
        for ((run = 1; run <= runs; run++)); do
            cat "$folder"/* >/dev/null
            for program in $programs; do
                [[ $program == decoder && $packing == plain ]] && continue
                rm -rf "$scratch/out" "$scratch/out.store"
                command_of "$program" "$format" "$folder" "$scratch/out"
                note "$format $packing, run $run of $runs: $program"
                "$python" "$here/measure.py" --program "$program" --format "$format" --packing "$packing" \
                    --corpus "$logs" -- "${pin[@]}" "${command[@]}" >>"$scratch/results.jsonl" || note "$program failed"
            done
        done
    done
done

# Many small files that were counted before: peers have to read them again, a store knows them.
small=${SMALL_FILES:-10000}
if ((small > 0)); then
    logs=$corpus_dir/small-$small
    if [[ ! -s $logs.json ]]; then
        note "making $logs"
        (cd "$root" && cargo run --quiet --release --locked --example corpus -- \
            --out "$logs" --bytes $((small * 20000)) --files "$small") >"$scratch/totals.json"
        mv "$scratch/totals.json" "$logs.json"
    fi
    sleep 3 # a file that was just written may change within the resolution of its time
    "$CDN_METER" ingest "$logs" --store "$scratch/again.store" >/dev/null
    for ((run = 1; run <= runs; run++)); do
        cat "$logs"/* >/dev/null
        for program in cdn-meter-again $programs; do
            [[ $program == decoder ]] && continue
            rm -rf "$scratch/out" "$scratch/out.store"
            command_of "$program" tencent-cdn "$logs" "$scratch/out"
            note "$small files again, run $run of $runs: $program"
            "$python" "$here/measure.py" --program "$program" --format tencent-cdn --packing "$small files" \
                --corpus "$logs" -- "${pin[@]}" "${command[@]}" >>"$scratch/results.jsonl" || note "$program failed"
        done
    done
fi

"$python" "$here/table.py" <"$scratch/results.jsonl"
