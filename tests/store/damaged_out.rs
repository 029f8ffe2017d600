//! Every file of OUT is flipped, cut, emptied, doubled, exchanged with one of another OUT and taken away, one at a time,
//! and every command that publishes there is run: it names the file and touches nothing, or leaves what it leaves where
//! nothing was damaged; what it does not leave it names. The journal is damaged in `half.rs`.
//!
//! A run of the tests takes a sample; `CDN_METER_DAMAGE=all` takes all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::damage::DAMAGES;
use crate::half::takes_all;
use crate::program::{Said, Site, copy_folder, lines, read_folder};
use crate::publishing::{later, run};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Damages of which a run of the tests takes one.
const ONE_OF: usize = 4;
const MONTH: &str = "2026-11";
const COMMANDS: [&[&str]; 6] = [
    &["summary"],
    &["bill"],
    &["bill", "--focus"],
    &["run"],
    &["summary", "--month", MONTH],
    &["bill", "--month", MONTH],
];

fn files(folder: &Path) -> Files {
    let mut files = Files::new();
    read_folder(folder, &mut files);
    let below = |(path, content): (PathBuf, _)| {
        (
            path.strip_prefix(folder).expect("below").to_owned(),
            content,
        )
    };
    files.into_iter().map(below).collect()
}

/// Two months, the first closed and corrected, with rejected lines: all datasets that there are.
fn filled(from: u64) -> Site {
    let site = Site::new();
    site.write("a.log", lines(from, 120) + "no line\n");
    site.write("b.log", later(from + 200, 60));
    assert_eq!(site.ingest().code, 0);
    let close = site.with_registry("close", &["--month", "2026-10", "--early"]);
    assert_eq!(close.code, 0, "{}", close.stderr);
    site.write("late.log", lines(from + 500, 30));
    for (name, more) in [("run", &[][..]), ("bill", &["--focus"])] {
        let said = run(&site, name, "out", more);
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
    site
}

/// What a command does in a copy of OUT: what it says, and what is there before and after it.
fn outcome(
    site: &Site,
    words: &[&str],
    damaged: Option<(&Path, Option<&[u8]>)>,
) -> (Said, [Files; 2]) {
    let folder = tempfile::tempdir().expect("a folder");
    let (out, store) = (folder.path().join("out"), folder.path().join("store"));
    copy_folder(&site.path("out"), &out);
    copy_folder(&site.path("store"), &store);
    for name in ["segments", "quarantine", "closed"] {
        fs::create_dir_all(store.join(name)).expect("made");
    }
    match damaged {
        Some((path, Some(bad))) => fs::write(out.join(path), bad).expect("written"),
        Some((path, None)) => fs::remove_file(out.join(path)).expect("removed"),
        None => {}
    }
    let before = files(&out);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    command
        .arg(words[0])
        .arg("--store")
        .arg(&store)
        .arg("--out")
        .arg(&out);
    command
        .arg("--registry")
        .arg(site.path("registry.toml"))
        .args(&words[1..]);
    if words[0] == "run" {
        command.arg(site.path("logs"));
    }
    let said = Site::run(&mut command);
    (said, [before, files(&out)])
}

/// What is wrong with an outcome, if anything is.
fn wrong(
    path: &Path,
    words: &[&str],
    (said, [before, after]): &(Said, [Files; 2]),
    untouched: &(Said, [Files; 2]),
) -> Option<String> {
    let top = path
        .components()
        .next()
        .expect("a name")
        .as_os_str()
        .to_string_lossy();
    if [2, 3].contains(&said.code) {
        let is_named = said.stderr.contains(&*top);
        let is_right = is_named && before == after;
        return (!is_right).then(|| "refused, not by name, or touched".to_owned());
    }
    // Somebody has to look at what stays.
    let is_left = said.stderr.contains("left as it is");
    if said.code != if is_left { 1 } else { untouched.0.code } {
        return Some("another exit code".to_owned());
    }
    let expected = &untouched.1[1];
    let is_of_month = words.contains(&MONTH);
    for place in expected.keys().chain(after.keys()) {
        let (then, now) = (expected.get(place), after.get(place));
        let dataset = place
            .components()
            .next()
            .expect("a name")
            .as_os_str()
            .to_string_lossy();
        let is_said = |what: &str| {
            let mut said = said
                .stderr
                .lines()
                .filter(|line| line.contains(&format!("out/{dataset}")));
            said.any(|line| line.contains(what))
        };
        let is_right = then == now
            || *dataset == *".made-of"
            || now.is_none() && is_said("removed")
            || is_said("left as it is")
            // What is of other months is not looked at.
            || is_of_month && place == path && !place.to_string_lossy().contains(MONTH);
        if !is_right {
            return Some(format!("{} is not what it would be", place.display()));
        }
    }
    None
}

#[test]
fn d2_a_damaged_file_of_out_is_named_or_put_right_and_never_left_as_good() {
    let (site, other) = (filled(0), filled(700));
    let (good, strange) = (files(&site.path("out")), files(&other.path("out")));
    assert!(good.len() > 20, "{:?}", good.keys());
    let untouched = COMMANDS.map(|words| outcome(&site, words, None));
    let mut cases = Vec::new();
    for (path, content) in &good {
        for damage in DAMAGES {
            let other = strange.get(path).map(|other| &other[..]);
            if let Some(bad) = damage.of(content, other) {
                cases.push((path, damage, bad));
            }
        }
    }
    let is_wanted = |number: usize, command: usize| {
        takes_all() || number.is_multiple_of(ONE_OF) && number / ONE_OF % COMMANDS.len() == command
    };
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((path, damage, bad)) = cases.get(number) else {
                return;
            };
            for (at, words) in COMMANDS.iter().enumerate() {
                if !is_wanted(number, at) {
                    continue;
                }
                let found = outcome(&site, words, Some((path, bad.as_deref())));
                if let Some(wrong) = wrong(path, words, &found, &untouched[at]) {
                    let said = &found.0;
                    panic!(
                        "{} {damage:?}, {words:?}: {wrong}: {} {}",
                        path.display(),
                        said.code,
                        said.stderr
                    );
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter();
        joined.for_each(|worker| worker.join().expect("all damage was told"));
    });
}
