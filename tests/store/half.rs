//! OUT after a kill in the middle of publishing, where the journal that tells of it was lost or damaged, too.
//!
//! A run of the tests takes some damages of the journal at each place; `CDN_METER_DAMAGE=all` takes all of them, also
//! as on a file system without the exchange of two names.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cdn_meter::disk::PUBLISHING_FAILPOINTS;

use crate::program::{Said, Site, copy_folder, read_folder};
use crate::publishing::{SIGKILL, command, half_way, run, seen};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Damages of a journal that a run of the tests takes at each place.
const DAMAGES: usize = 3;

pub fn takes_all() -> bool {
    std::env::var("CDN_METER_DAMAGE").is_ok_and(|wanted| wanted == "all")
}

/// What a journal may be after it was damaged; `None` where it is gone.
fn damages(good: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    let mut all = vec![
        ("deleted".to_owned(), None),
        ("emptied".to_owned(), Some(Vec::new())),
    ];
    for at in 1..good.len() {
        if good[at - 1] == b'\n' {
            all.push((format!("cut to {at}"), Some(good[..at].to_vec())));
        }
        if at % 7 == 0 {
            let mut bad = good.to_vec();
            bad[at] ^= 1;
            all.push((format!("flipped at {at}"), Some(bad)));
        }
    }
    all
}

/// All files of OUT, hidden ones and the journal included.
fn all_of(out: &Path) -> Files {
    let mut files = Files::new();
    read_folder(out, &mut files);
    files
}

/// What readers take for figures.
fn figures(out: &Path) -> Files {
    let mut files = seen(out);
    files.remove(Path::new("_PUBLISHING"));
    files.retain(|path, _| !path.to_string_lossy().contains("/.new-of"));
    files
}

fn put_back(site: &Site, copy: &str) {
    let _ = fs::remove_dir_all(site.path("out"));
    copy_folder(&site.path(copy), &site.path("out"));
}

/// Kills a run that publishes at a visit of a place; `false` where it never comes there.
fn is_killed(site: &Site, at: &str, env: &[(&str, &str)]) -> bool {
    let mut killed = command(site, "run", "out", &["--max-reject-ratio", "1"]);
    killed
        .envs(env.iter().copied())
        .env("CDN_METER_KILL_AT", at);
    killed.stdout(Stdio::null()).stderr(Stdio::null());
    killed.status().expect("started").signal() == Some(SIGKILL)
}

/// Whether a command refused half a state by its name and touched nothing.
fn is_refused(said: &Said, before: &Files, out: &Path) -> bool {
    let is_named = ["_PUBLISHING", ".building-", "half"];
    let is_named = is_named.iter().any(|name| said.stderr.contains(name));
    said.code == 3 && is_named && all_of(out) == *before
}

#[test]
fn d7_half_a_publication_is_never_taken_for_a_whole_one_whatever_becomes_of_its_journal() {
    let envs: [&[(&str, &str)]; 2] = [&[], &[("CDN_METER_NO_EXCHANGE", "1")]];
    let (mut refused, mut gone_on, mut turn) = (0, 0, 0);
    for env in &envs[..if takes_all() { 2 } else { 1 }] {
        let (site, [before, after]) = half_way(env);
        let out = site.path("out");
        copy_folder(&out, &site.path("first"));
        for place in PUBLISHING_FAILPOINTS {
            for visit in 1.. {
                let at = format!("{place}:{visit}");
                if !is_killed(&site, &at, env) {
                    put_back(&site, "first");
                    break;
                }
                let _ = fs::remove_dir_all(site.path("killed"));
                copy_folder(&out, &site.path("killed"));
                let journal = fs::read(out.join("_PUBLISHING")).unwrap_or_default();
                let all = damages(&journal);
                let wanted = if takes_all() { all.len() } else { DAMAGES };
                for number in 0..wanted.min(all.len()) {
                    // Deleted and emptied always, the others in turn.
                    turn += 1;
                    let at_turn = if number < 2 {
                        number
                    } else {
                        turn * 5 % all.len()
                    };
                    let (how, bad) = &all[at_turn];
                    put_back(&site, "killed");
                    let path = out.join("_PUBLISHING");
                    match bad {
                        None => drop(fs::remove_file(&path)),
                        Some(bad) => fs::write(&path, bad).expect("written"),
                    }
                    let damaged = all_of(&out);
                    let said = run(&site, "summary", "out", &["--month", "2020-01"]);
                    let left = figures(&out);
                    let is_whole = said.code == 1 && (left == before || left == after);
                    let is_told = is_refused(&said, &damaged, &out);
                    refused += u32::from(is_told);
                    gone_on += u32::from(is_whole);
                    assert!(is_whole || is_told, "{at}, {how} {env:?}: {}", said.stderr);
                }
                put_back(&site, "first");
            }
        }
    }
    assert!(20 < refused && 5 < gone_on, "{refused} and {gone_on}");
}

#[test]
fn d7_what_was_swapped_by_halves_is_told_by_its_marks_alone() {
    let (site, _) = half_way(&[]);
    let out = site.path("out");
    assert!(is_killed(&site, "publish.swapped:5", &[]));
    fs::remove_file(out.join("_PUBLISHING")).expect("removed");
    // Nor does it help that the folder of the build is gone as well.
    for is_without_build in [false, true] {
        if is_without_build {
            let entries = fs::read_dir(&out).expect("listed");
            let names = entries.map(|entry| entry.expect("listed").path());
            let is_build = |path: &PathBuf| path.to_string_lossy().contains(".building-");
            let builds: Vec<PathBuf> = names.filter(is_build).collect();
            builds
                .iter()
                .for_each(|path| fs::remove_dir_all(path).expect("removed"));
        }
        let before = all_of(&out);
        for name in ["run", "summary", "bill"] {
            let said = run(&site, name, "out", &[]);
            assert!(is_refused(&said, &before, &out), "{name}: {}", said.stderr);
            assert!(said.stderr.contains("half published"), "{}", said.stderr);
            // The journal is gone, so there is no such file to remove.
            assert!(!said.stderr.contains("that file"), "{}", said.stderr);
        }
    }
}
