//! A pipe, socket or folder in the place of a file of a store or of OUT is named, and no command waits for it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::faults::filled;
use crate::program::{Site, copy_folder, read_folder};

/// What a command takes at most.
const TIME_MAX: Duration = Duration::from_secs(20);

fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo is there").success());
}

/// Exit code and what was said of a command that has to end by itself.
#[track_caller]
fn ends(command: &mut Command) -> (i32, String) {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let until = Instant::now() + TIME_MAX;
    while child.try_wait().expect("waited for").is_none() {
        if until < Instant::now() {
            child.kill().expect("killed");
            panic!("it waits: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().expect("ended");
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (
        output.status.code().expect("it ended by itself"),
        said.concat(),
    )
}

fn commands(site: &Site) -> Vec<Command> {
    let with = |name: &str, more: &[&str]| {
        let mut command = site.command(name);
        command.args(more);
        command
    };
    let mut commands = vec![
        with("verify", &["--json"]),
        with("explain", &["v1.example.cn"]),
        with("ingest", &["--retry-quarantine"]),
        with("repair", &["--json", "--dry-run"]),
    ];
    for (name, option) in [("summary", "--out"), ("run", "--out")] {
        let mut command = site.command(name);
        command.arg(option).arg(site.path("out"));
        if name == "run" {
            command.arg(site.path("logs"));
        }
        commands.push(command);
    }
    let mut backup = site.command("backup");
    backup.arg("--copy").arg(site.path("backup"));
    commands.push(backup);
    commands
}

#[test]
fn d2_what_is_no_file_in_the_place_of_a_file_of_a_store_is_named_and_not_waited_for() {
    let site = filled();
    assert_eq!(site.with_registry("close", &["--month", "2026-10"]).code, 0);
    let copy = site.path("copy");
    fs::rename(site.path("store"), &copy).expect("moved");
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    read_folder(&copy, &mut files);
    files.insert(copy.join("ledger.sqlite-journal"), Vec::new());
    files.insert(copy.join("ledger.sqlite-wal"), Vec::new());
    let mut told = 0;
    for path in files.into_keys() {
        let name = path.file_name().expect("a name").to_string_lossy();
        let place = site
            .path("store")
            .join(path.strip_prefix(&copy).expect("below"));
        for kind in 0..3 {
            for mut command in commands(&site) {
                copy_folder(&copy, &site.path("store"));
                let _ = fs::remove_file(&place);
                match kind {
                    0 => make_fifo(&place),
                    1 => drop(UnixListener::bind(&place).expect("bound")),
                    _ => fs::create_dir(&place).expect("made"),
                }
                let (code, said) = ends(&mut command);
                let is_named = code == 3 && said.contains(&*name);
                told += usize::from(is_named);
                // The mark says all by its name, and some commands read no rejected lines.
                assert!(
                    is_named || code <= 1,
                    "{name} {kind}: {code} {said} {command:?}"
                );
                let _ = fs::remove_dir_all(site.path("backup"));
                fs::remove_dir_all(site.path("store")).expect("removed");
            }
        }
    }
    assert!(100 < told, "{told} told");
}

#[test]
fn d7_what_is_no_file_among_the_notes_of_out_is_named_and_not_waited_for() {
    let site = filled();
    assert_eq!(site.summary().code, 0);
    let summary = || ends(site.command("summary").arg("--out").arg(site.path("out")));
    // A link that leads nowhere is none, either.
    let journal = site.path("out/_PUBLISHING");
    std::os::unix::fs::symlink("nowhere", &journal).expect("linked");
    let (code, said) = summary();
    assert!(code == 3 && said.contains("_PUBLISHING"), "{code} {said}");
    fs::remove_file(&journal).expect("there");
    for name in ["_PUBLISHING", "quarantine.ndjson", ".made-of"] {
        let path = site.path("out").join(name);
        let good = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        make_fifo(&path);
        let (code, said) = summary();
        // Rejected lines that we never wrote there are somebody's, and stay as they are.
        let is_named = code == 3 && said.contains(name);
        let is_theirs = name == "quarantine.ndjson" && code == 0;
        assert!(is_named || is_theirs, "{name}: {code} {said}");
        fs::remove_file(&path).expect("there");
        if let Some(good) = good {
            fs::write(&path, good).expect("written");
        }
    }
}
