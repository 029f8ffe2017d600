//! DuckDB, Polars and PyArrow read what was written, and agree with each other and with us.
//!
//! Behind the feature `interop`, because it needs Python with PyPI. The checks themselves are in
//! `tests/interop/read_back.py`; what the samples hold was worked out by `expected.py`, and
//! `billed.py` prices them once more. `focus.py` runs the public validator over the FOCUS export.

#[allow(dead_code)] // the generator serves benches first
#[path = "../benches/corpus/lines.rs"]
mod lines;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use lines::{Format, Lines, Share};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out.into_owned()
}

/// A Python with the pinned readers; made once, in the folder for build output.
fn python() -> PathBuf {
    python_with("readers", Path::new("python3"), "requirements.txt")
}

/// A Python with the validator of FOCUS, which wants 3.12 or 3.13.
fn python_for_focus() -> PathBuf {
    let home = std::env::var("HOME").unwrap_or_default();
    let pyenv = std::env::var("PYENV_ROOT").unwrap_or_else(|_| format!("{home}/.pyenv"));
    let installed = glob::glob(&format!("{pyenv}/versions/3.1[23].*/bin/python3")).expect("a glob");
    let installed = installed.map(|path| path.expect("listed"));
    let on_path = ["python3.13", "python3.12", "python3"].map(PathBuf::from);
    let is_fit = |python: &PathBuf| {
        let asked = "import sys; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 13))";
        let answer = Command::new(python).args(["-c", asked]).output();
        answer.is_ok_and(|output| output.status.success())
    };
    let found = on_path.into_iter().chain(installed).find(is_fit);
    let found = found.expect("Python 3.12 or 3.13, on the PATH or in pyenv");
    python_with("focus", &found, "requirements-focus.txt")
}

fn python_with(name: &str, python: &Path, requirements: &str) -> PathBuf {
    // Tests run at once: none may meet a Python that another one has not finished making.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let made = venv.join("bin/python");
    if !made.exists() {
        succeed(Command::new(python).args(["-m", "venv"]).arg(&venv));
    }
    let requirements = root().join("tests/interop").join(requirements);
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    succeed(Command::new(&made).args(pip).arg(requirements));
    made
}

/// Some of the generator's domains are mini-program domains, some standard, some unknown.
const GENERATED: &str = r#"
[[domain]]
name = "*.live0.example.com"
account = "a"
mini_program_since = "2020-04-09"
[[domain]]
name = "*.live1.example.com"
account = "b"
mini_program_since = "2020-04-09"
[[domain]]
name = "*.live2.example.com"
account = "a"
[[domain]]
name = "*.live3.example.com"
account = "c"
"#;

/// Meters and bills `logs`, and has all readers check the result.
#[track_caller]
fn check(python: &Path, logs: &Path, registry: &Path, more: &[&Path]) {
    let scratch = tempfile::tempdir().expect("a folder");
    let (out, report) = (
        scratch.path().join("out"),
        scratch.path().join("report.json"),
    );
    let text = succeed(
        Command::new(env!("CARGO_BIN_EXE_cdn-meter"))
            .arg("run")
            .arg(logs)
            .arg("--registry")
            .arg(registry)
            .arg("--out")
            .arg(&out)
            .arg("--store")
            .arg(scratch.path().join("store"))
            .arg("--json"),
    );
    std::fs::write(&report, text).expect("written");
    let script = root().join("tests/interop/read_back.py");
    let said = succeed(
        Command::new(python)
            .arg(script)
            .arg(&out)
            .arg(&report)
            .args(more),
    );
    assert!(said.contains(" checks passed, 0 failed"), "{said}");
    let script = root().join("tests/interop/billed.py");
    let said = succeed(Command::new(python).arg(script).arg(&out).arg(&report));
    assert!(said.contains("all well"), "{said}");
}

#[test]
fn foreign_readers_agree_with_us_and_with_each_other() {
    let python = python();
    let expected = root().join("samples/expected.toml");
    let script = root().join("tests/interop/expected.py");
    for stated in ["samples/expected.toml", "samples/rejects/expected.toml"] {
        succeed(
            Command::new(&python)
                .arg(&script)
                .arg("--check")
                .arg(root().join(stated)),
        );
    }
    let registry = root().join("samples/registry.toml");
    check(
        &python,
        &root().join("samples/logs"),
        &registry,
        &[&expected],
    );

    // Several row groups and files: more rows than one of each holds.
    let logs = tempfile::tempdir().expect("a folder");
    let mut text = Vec::new();
    let share = Share {
        index: 0,
        count: 1,
        bytes: 250_000_000,
    };
    let mut source = Lines::new(Format::TencentCdn, 3_000, 3);
    let written = source.write_share(share, |line| {
        // Only what is metered, so that the file stays small.
        let needed = line
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b' ')
            .nth(7);
        text.extend_from_slice(&line[..needed.map_or(line.len(), |(at, _)| at)]);
        text.push(b'\n');
        Ok(())
    });
    written.expect("memory does not fail");
    std::fs::write(logs.path().join("many.log"), text).expect("written");
    let folder = tempfile::tempdir().expect("a folder");
    let registry = folder.path().join("registry.toml");
    std::fs::write(&registry, GENERATED).expect("written");
    check(&python, logs.path(), &registry, &[]);
}

/// What a store counts by `cdn-meter verify`: bytes and requests.
fn counted(store: &Path) -> [String; 2] {
    let mut verify = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    let said = succeed(verify.arg("verify").arg("--json").arg("--store").arg(store));
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    ["bytes", "requests"].map(|name| said[name].to_string())
}

#[test]
fn foreign_readers_add_closed_months_and_adjustments_up_to_what_counts() {
    let scratch = tempfile::tempdir().expect("a folder");
    let (store, out) = (scratch.path().join("store"), scratch.path().join("out"));
    let registry = root().join("samples/registry.toml");
    let run = |command: &str, more: &[&std::ffi::OsStr]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        program.arg(command).arg("--store").arg(&store).args(more);
        succeed(&mut program);
    };
    let logs = |name: &str| root().join("samples/logs").join(name);
    run("ingest", &[logs("tencent-cdn-mainland.log").as_ref()]);
    let close = ["--early", "--month", "2026-10", "--registry"].map(std::ffi::OsStr::new);
    run("close", &[&close[..], &[registry.as_ref()]].concat());
    let before = counted(&store);
    run("ingest", &[root().join("samples/logs").as_ref()]);
    let after = counted(&store);
    assert_ne!(before, after, "late logs add to the closed month");
    let out_to = ["--registry".as_ref(), registry.as_ref(), "--out".as_ref()];
    run("summary", &[&out_to[..], &[out.as_ref()]].concat());
    let mut script = Command::new(python());
    script.arg(root().join("tests/interop/adjusted.py"));
    let said = succeed(script.arg(&out).args(after));
    assert!(said.contains("all readers agree"), "{said}");
}

/// Lines of some gigabytes each, on a few days of a month.
fn month_lines(month: &str, numbers: std::ops::Range<u64>) -> String {
    let line = |n: u64| {
        format!(
            "{month}{:02}{:02}0000 203.0.113.9 v{}.example.cn /a/{n}.ts {} 22 2 200 NULL 41 \"P\" \"-\" GET HTTP/1.1 hit 1\n",
            3 + n % 5,
            n % 24,
            n % 3,
            1_000_000_007 * (n + 1)
        )
    };
    numbers.map(line).collect()
}

#[test]
fn the_validator_of_focus_finds_nothing_and_we_find_what_it_misses() {
    let scratch = tempfile::tempdir().expect("a folder");
    let path = |name: &str| scratch.path().join(name);
    let given = |name: &str| root().join("tests/interop/month").join(name);
    let run = |words: &[&str], prices: bool, input: Option<(&str, String)>| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        program.args(words).arg("--store").arg(path("store"));
        if prices {
            program.arg("--registry").arg(given("registry.toml"));
            program.arg("--events").arg(given("events.toml"));
            program.arg("--services").arg(given("services.csv"));
        }
        if let Some((name, text)) = input {
            std::fs::write(path(name), text).expect("written");
            program.arg(path(name));
        }
        succeed(&mut program);
    };
    run(
        &["ingest"],
        false,
        Some(("october.log", month_lines("202610", 0..60))),
    );
    run(
        &["ingest"],
        false,
        Some(("november.log", month_lines("202611", 0..9))),
    );
    run(&["close", "--month", "2026-10"], true, None);
    run(
        &["ingest"],
        false,
        Some(("late.log", month_lines("202610", 100..104))),
    );
    let out = path("out").display().to_string();
    run(&["bill", "--focus", "--out", &out], true, None);
    let mut script = Command::new(python_for_focus());
    let said = succeed(
        script
            .arg(root().join("tests/interop/focus.py"))
            .arg(&out)
            .arg("--plant"),
    );
    assert!(said.contains("all well"), "{said}");

    // Bandwidth has quantities that are rounded for show.
    let peaks = path("peaks").display().to_string();
    let mode = [
        "bill",
        "--focus",
        "--rerate",
        "--standard-mode",
        "daily-peak",
        "--out",
    ];
    run(&[&mode[..], &[&peaks]].concat(), true, None);
    let mut script = Command::new(python_for_focus());
    let said = succeed(
        script
            .arg(root().join("tests/interop/focus.py"))
            .arg(&peaks),
    );
    assert!(said.contains("all well"), "{said}");
}
