//! Every file of a store is flipped, cut, emptied, doubled, exchanged with one of another store and taken away, one
//! at a time, and every command is run: it names the file with exit code 3, or gives the same figures as before.
//!
//! A run of the tests takes a sample of the commands for each damage; `CDN_METER_DAMAGE=all` takes all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Site, lines, read_folder};

/// Commands that a damage meets in a run of the tests.
const COMMANDS: usize = 2;
/// Commands that read no store, or make one.
const WITHOUT_STORE: [&str; 4] = ["arrears", "formats", "help", "restore"];
/// What differs between two runs of the same.
const VOLATILE: [&str; 7] = [
    "at",
    "block_nanos",
    "elapsed_millis",
    "closed_at",
    "digest",
    "statement",
    "segments_before",
];

/// What a command said: its exit code and figures, and those of a summary after it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    said: (i32, String),
    after: (i32, String),
}

/// A kind of damage.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    /// A bit of the byte at so many of 256 parts.
    Flip(usize),
    CutByOne,
    CutInHalf,
    Empty,
    Double,
    Swap,
    Delete,
}

pub const DAMAGES: [Damage; 11] = [
    Damage::Flip(0),
    Damage::Flip(60),
    Damage::Flip(128),
    Damage::Flip(190),
    Damage::Flip(256),
    Damage::CutByOne,
    Damage::CutInHalf,
    Damage::Empty,
    Damage::Double,
    Damage::Swap,
    Damage::Delete,
];

impl Damage {
    /// What becomes of a file; `None` where that is nothing.
    pub fn of(self, good: &[u8], other: Option<&[u8]>) -> Option<Option<Vec<u8>>> {
        let last = good.len().checked_sub(1);
        let bad = match self {
            Damage::Flip(part) => {
                let mut bad = good.to_vec();
                bad[(part * good.len() / 256).min(last?)] ^= 4;
                Some(bad)
            }
            Damage::CutByOne => Some(good[..last?].to_vec()),
            Damage::CutInHalf => Some(good[..good.len() / 2].to_vec()),
            Damage::Empty => Some(Vec::new()),
            Damage::Double => Some(good.repeat(2)),
            Damage::Swap => Some(other?.to_vec()),
            Damage::Delete => None,
        };
        (bad.as_deref() != Some(good)).then_some(bad)
    }
}

/// Stores of one folder of logs, each of its own.
struct Field {
    site: Site,
    /// A store with all kinds of files, and one of other logs.
    store: BTreeMap<PathBuf, Vec<u8>>,
    other: BTreeMap<PathBuf, Vec<u8>>,
}

fn files(site: &Site) -> BTreeMap<PathBuf, Vec<u8>> {
    let (root, mut files) = (site.path("store"), BTreeMap::new());
    read_folder(&root, &mut files);
    let below = |(path, content): (PathBuf, Vec<u8>)| {
        (path.strip_prefix(&root).expect("below").to_owned(), content)
    };
    files.into_iter().map(below).collect()
}

/// Closed months, contents that count, that are kept without a name and that were dropped, and quarantine.
fn filled(from: u64) -> Site {
    let site = Site::new();
    let november = |text: String| text.replace("20261003", "20261103");
    let rejected = |from| lines(from, 1).replace(&format!("v{}.example.cn", from % 3), "-");
    let ingest = |names: &str| {
        let said = site.ingest_with(&["--names", names]);
        assert_eq!(said.code, 0, "{}{}", said.stderr, said.json);
    };
    site.write("a.log", lines(from, 120) + "no line\n");
    site.write("b.log", lines(from + 200, 60));
    ingest("deliveries");
    site.write("b.log", lines(from + 200, 60).replace(" /a/", " /b/"));
    site.write(
        "c.log",
        november(lines(from + 300, 70)) + &rejected(from + 380),
    );
    ingest("deliveries");
    site.write("c.log", november(lines(from + 1_400, 50)));
    ingest("rotation");
    let said = site.with_registry("close", &["--month", "2026-10"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    site.write("late.log", lines(from + 500, 30));
    ingest("rotation");
    let verified = site.verify();
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    // The line that is none, and the one without a host.
    let kept = fs::read_dir(site.path("store/quarantine"));
    assert_eq!(kept.expect("listed").count(), 2);
    site
}

/// The commands that read a store, each in the ways that read different parts of it.
fn commands(site: &Site) -> Vec<Vec<String>> {
    let path = |name: &str| site.path(name).display().to_string();
    let (registry, logs, new) = (path("registry.toml"), path("logs"), path("new.log"));
    let (a_log, response, events) = (
        path("logs/a.log"),
        path("response.json"),
        path("events.toml"),
    );
    let priced = ["--registry", &registry, "--json", "--out", "OUT"];
    let ways: [(&str, &[&str]); 21] = [
        ("run", &[&[&new[..]][..], &priced].concat()),
        ("ingest", &["--json", &new]),
        (
            "ingest",
            &["--json", "--retry-quarantine", "--domain", "own.example.cn"],
        ),
        ("ingest", &["--json", "--recount", &a_log]),
        ("summary", &priced),
        ("bill", &[&priced[..], &["--focus"]].concat()),
        (
            "bill",
            &[
                "--registry",
                &registry,
                "--explain",
                "v1.example.cn",
                "--month",
                "2026-10",
                "--out",
                "OUT",
            ],
        ),
        (
            "catalogue",
            &[
                "diff",
                "mini-program-live",
                "tencent-history",
                "--registry",
                &registry,
            ],
        ),
        (
            "licence",
            &[
                "refund",
                "--json",
                "--account",
                "one",
                "--at",
                "2026-10-05T00:00",
                "--events",
                &events,
                "--registry",
                &registry,
            ],
        ),
        ("explain", &["v1.example.cn", "--json"]),
        ("reconcile", &["--json", "--granularity", "60", &response]),
        (
            "close",
            &[
                "--json",
                "--early",
                "--month",
                "2026-11",
                "--registry",
                &registry,
            ],
        ),
        ("compact", &["--json"]),
        ("verify", &["--json"]),
        ("verify", &["--json", "--against", &logs]),
        ("backup", &["--json", "BACKUP"]),
        ("repair", &["--json", "--dry-run"]),
        ("forget", &["--json", "--reason", "a test log", &a_log]),
        ("repair", &["--json"]),
        ("repair", &["--json", "--drop-lost"]),
        ("repair", &["--json", "--drop-lost", "--dry-run"]),
    ];
    let way = |(name, more): &(&str, &[&str])| {
        [name]
            .into_iter()
            .chain(more.iter())
            .map(|word| (*word).to_owned())
            .collect()
    };
    ways.iter().map(way).collect()
}

/// The names of all commands, by the program.
fn all_names() -> Vec<String> {
    let help = Command::new(env!("CARGO_BIN_EXE_cdn-meter"))
        .arg("--help")
        .output();
    let help = String::from_utf8(help.expect("started").stdout).expect("text");
    let list = help.split_once("Commands:\n").expect("a list").1;
    let list = list.lines().take_while(|line| line.starts_with("  "));
    let names = list.filter(|line| !line.starts_with("   "));
    names
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

impl Field {
    fn new() -> Self {
        let site = filled(0);
        fs::write(site.path("new.log"), lines(5_000, 40)).expect("written");
        let sample = "{\"DataInfoList\": [{\"Time\": \"2026-10-03 08:00:00\", \"Flux\": 0.5}]}";
        fs::write(site.path("response.json"), sample).expect("written");
        let events =
            "[[licence]]\naccount = \"one\"\napp_id = \"wx1\"\nat = \"2026-10-01T00:00\"\n";
        fs::write(site.path("events.toml"), events).expect("written");
        Field {
            store: files(&site),
            other: files(&filled(700)),
            site,
        }
    }

    /// Runs a command over the store with `damaged` in the place of a file.
    fn outcome(&self, command: &[String], damaged: Option<(&Path, Option<&[u8]>)>) -> Outcome {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("store");
        for name in ["segments", "quarantine", "closed"] {
            fs::create_dir_all(store.join(name)).expect("made");
        }
        for (path, content) in &self.store {
            let content = match damaged {
                Some((of, bad)) if of == path => bad,
                _ => Some(&content[..]),
            };
            let path = store.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            content
                .into_iter()
                .for_each(|content| fs::write(&path, content).expect("written"));
        }
        let out = |word: &String| match &word[..] {
            "OUT" | "BACKUP" => folder.path().join(word).display().to_string(),
            word => word.to_owned(),
        };
        let words: Vec<String> = command.iter().map(out).collect();
        let said = say(&folder, &store, &words);
        let summary = ["summary", "--json", "--out"].map(str::to_owned);
        let summary = [
            &summary[..],
            &[folder.path().join("S").display().to_string()],
        ]
        .concat();
        Outcome {
            said,
            after: say(&folder, &store, &summary),
        }
    }
}

/// Exit code and figures; of a failure, what was said.
fn say(folder: &TempDir, store: &Path, words: &[String]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    let (name, more) = words.split_first().expect("a command");
    command.arg(name);
    let (sub, more) = match name.as_str() {
        "catalogue" | "licence" => more.split_at(1),
        _ => (&[][..], more),
    };
    command.args(sub).arg("--store").arg(store).args(more);
    let output = command.output().expect("started");
    let text = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes).replace(&folder.path().display().to_string(), "")
    };
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let code = output
        .status
        .code()
        .unwrap_or_else(|| panic!("killed: {words:?} {stderr}"));
    let figures = match serde_json::from_str(&stdout) {
        Ok(mut json) => {
            forget(&mut json);
            json.to_string()
        }
        Err(_) => stdout,
    };
    (
        code,
        if code == 3 {
            figures + &stderr
        } else {
            figures
        },
    )
}

/// Leaves out what differs between two runs.
fn forget(json: &mut Value) {
    match json {
        Value::Object(members) => {
            members.retain(|name, _| !VOLATILE.contains(&&name[..]));
            members.values_mut().for_each(forget);
        }
        Value::Array(values) => values.iter_mut().for_each(forget),
        _ => {}
    }
}

#[test]
fn d2_every_command_is_known_here() {
    let site = Site::new();
    let mut known: Vec<String> = commands(&site)
        .into_iter()
        .map(|mut words| words.remove(0))
        .collect();
    known.extend(WITHOUT_STORE.map(str::to_owned));
    known.sort_unstable();
    known.dedup();
    let mut all = all_names();
    all.sort_unstable();
    assert_eq!(
        known, all,
        "a command that reads a store has to be among those of this test"
    );
}

#[test]
fn d2_a_damaged_file_of_a_store_is_named_or_changes_no_figure() {
    let field = Field::new();
    let commands = commands(&field.site);
    let untouched: Vec<Outcome> = commands
        .iter()
        .map(|words| field.outcome(words, None))
        .collect();
    let before = &untouched[4].after;
    let of_each = match std::env::var("CDN_METER_DAMAGE").is_ok_and(|wanted| wanted == "all") {
        true => commands.len(),
        false => COMMANDS,
    };
    let mut cases = Vec::new();
    for (path, good) in &field.store {
        let folder = path.parent().expect("a folder");
        let end = path.extension();
        let others = || {
            field
                .other
                .iter()
                .filter(|(other, _)| other.parent() == Some(folder) && other.extension() == end)
        };
        let same = others()
            .find(|(other, _)| *other == path)
            .or_else(|| others().next());
        for damage in DAMAGES {
            if let Some(bad) = damage.of(good, same.map(|(_, content)| &content[..])) {
                let first = cases.len() * COMMANDS;
                let wanted = (first..first + of_each).map(|at| at % commands.len());
                cases.push((path, damage, bad, wanted.collect::<Vec<_>>()));
            }
        }
    }
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((path, damage, bad, wanted)) =
            cases.get(next.fetch_add(1, Ordering::Relaxed))
        {
            for at in wanted {
                let found = field.outcome(&commands[*at], Some((path, bad.as_deref())));
                let name = path.file_name().expect("a name").to_string_lossy();
                let is_refused = |(code, said): &(i32, String)| *code == 3 && said.contains(&*name);
                // A repair says what it would do about it, or has done. Rejected lines that are gone count as they
                // did: a backup names them.
                let is_rejects = path.starts_with("quarantine") && bad.is_none();
                let is_taken_out = found.said.1.contains("took out what 1 lost segment");
                let is_told = match &commands[*at][0][..] {
                    "repair" if found.said.0 == 0 => found.said.1.contains("sealed ledger.sqlite"),
                    "repair" => {
                        is_taken_out
                            || found.said.1.contains("taken out what 1 lost segment")
                            || found.said.1.contains(&*name)
                    }
                    "backup" => is_rejects && found.said.1.contains(&*name),
                    _ => false,
                } && found.said.0 <= 1;
                // A run counts before it publishes; what was taken out is told, and in no figure.
                let after = match is_taken_out {
                    true => [&found.after; 2],
                    false => [&untouched[*at].after, before],
                };
                let is_right =
                    (is_refused(&found.said) || is_told || found.said == untouched[*at].said)
                        && (is_refused(&found.after) || after.contains(&&found.after));
                assert!(
                    is_right,
                    "{} {damage:?}, {:?}\nfound {found:?}\nuntouched {:?}",
                    path.display(),
                    commands[*at],
                    untouched[*at]
                );
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .for_each(|worker| worker.join().expect("all damage was told"));
    });
}
