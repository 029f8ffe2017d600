//! What stands in OUT beside what is published: what it was made of is believed only if it is so, months that rest on
//! each other go together, and what others keep there stays.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{Said, Site, copy_folder, lines};
use crate::publishing::{command, later, names, run, seen};

const OCTOBER: &str = "billing_month=2026-10-01";
const NOVEMBER: &str = "billing_month=2026-11-01";

fn is_in(site: &Site, place: &str) -> bool {
    site.path("out").join(place).exists()
}

/// A command that is to be done.
fn done(site: &Site, name: &str, more: &[&str]) -> Said {
    let said = run(site, name, "out", more);
    assert_eq!(said.code, 0, "{name} {more:?}: {}", said.stderr);
    said
}

fn ingested(site: &Site) {
    let said = site.ingest();
    assert_eq!(said.code, 0, "{}", said.stderr);
}

/// Two months, all of it published.
fn published() -> Site {
    let site = Site::new();
    site.write("a.log", lines(0, 30));
    site.write("b.log", later(0, 30));
    done(&site, "run", &[]);
    done(&site, "bill", &["--focus"]);
    site
}

#[test]
fn b3_what_tells_of_another_out_vouches_for_nothing_here() {
    let site = published();
    site.write("late.log", lines(900, 9));
    ingested(&site);
    assert_eq!(run(&site, "bill", "other", &["--focus"]).code, 0);
    fs::copy(site.path("other/.made-of"), site.path("out/.made-of")).expect("copied");
    let said = done(&site, "summary", &[]);
    let text = format!("out/charges is not what was written there (charges/{OCTOBER}/part-00000");
    assert!(said.stderr.contains(&text), "{}", said.stderr);
    // With it goes what was worked out from it.
    for name in ["charges", "costs", "focus", "focus_csv"] {
        assert!(!is_in(&site, name), "{name}: {}", said.stderr);
        assert!(
            said.stderr.contains(&format!("out/{name} ")),
            "{name}: {}",
            said.stderr
        );
    }
}

#[test]
fn b3_what_is_damaged_beside_what_is_published_is_removed_and_named() {
    let site = published();
    let part = site
        .path("out/costs")
        .join(OCTOBER)
        .join("part-00000.parquet");
    let mut bad = fs::read(&part).expect("read");
    bad[40] ^= 1;
    fs::write(&part, bad).expect("written");
    let said = done(&site, "summary", &[]);
    let text =
        format!("out/costs is not what was written there (costs/{OCTOBER}/part-00000.parquet)");
    assert!(said.stderr.contains(&text), "{}", said.stderr);
    assert!(!is_in(&site, "costs") && is_in(&site, "charges"));
    // What was worked out from it goes with it.
    assert!(!is_in(&site, "focus") && !is_in(&site, "focus_csv"));
}

#[test]
fn b3_what_tells_what_datasets_are_made_of_is_as_it_was_written_or_stops_all() {
    let site = published();
    let path = site.path("out/.made-of");
    let good = fs::read(&path).expect("read");
    let cut = |at: usize| good[..at].to_vec();
    let mut bads = vec![
        Vec::new(),
        cut(good.len() / 2),
        cut(good.len() - 1),
        good.repeat(2),
    ];
    for at in [0, 30, good.len() / 3, good.len() - 9] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        bads.push(bad);
    }
    for bad in bads {
        fs::write(&path, &bad).expect("written");
        let before = seen(&site.path("out"));
        for name in ["summary", "bill", "run"] {
            let said = run(&site, name, "out", &[]);
            assert_eq!(said.code, 3, "{name}: {}", said.stderr);
            assert!(
                said.stderr.contains(".made-of is damaged"),
                "{}",
                said.stderr
            );
            assert_eq!(seen(&site.path("out")), before);
        }
    }
    // Taken away, it speaks for nothing.
    fs::remove_file(&path).expect("removed");
    done(&site, "summary", &[]);
    assert_eq!(names(&site.path("out")), ["summary", "usage_5min"]);
}

#[test]
fn b3_copies_of_a_store_that_counted_something_else_in_one_second_are_not_the_same() {
    let site = Site::new();
    site.write("a.log", lines(0, 30));
    ingested(&site);
    copy_folder(&site.path("store"), &site.path("copy"));
    let of = |store: &str| {
        let _ = fs::remove_dir_all(site.path("store"));
        fs::rename(site.path(store), site.path("store")).expect("renamed");
    };
    let count = |from: u64| {
        fs::write(site.log("new.log"), lines(from, 30)).expect("written");
        let mut ingest = site.command("ingest");
        ingest
            .arg("--json")
            .arg(site.path("logs"))
            .env("CDN_METER_CLOCK", "1795000000");
        assert_eq!(Site::run(&mut ingest).code, 0);
    };
    count(1_000);
    done(&site, "bill", &[]);
    of("copy");
    count(2_000);
    let said = done(&site, "summary", &[]);
    assert!(!is_in(&site, "charges"), "{}", said.stderr);
    assert!(
        said.stderr.contains("out/charges was of"),
        "{}",
        said.stderr
    );
}

#[test]
fn d7_what_others_put_into_a_dataset_is_never_destroyed() {
    let site = published();
    let listed = format!("summary/{OCTOBER}/part-00007.parquet");
    let places = [
        format!("usage_5min/{OCTOBER}/notes.txt"),
        format!("summary/{NOVEMBER}/.notes"),
        "summary/README".to_owned(),
        listed,
        "quarantine.ndjson".to_owned(),
    ];
    for place in places {
        let path = site.path("out").join(&place);
        fs::write(&path, "theirs").expect("written");
        let before = seen(&site.path("out"));
        site.write("more.log", lines(5_000, 9) + "garbage\n");
        let said = run(&site, "run", "out", &["--max-reject-ratio", "1"]);
        assert_eq!(said.code, 2, "{place}: {}", said.stderr);
        let name = Path::new(&place)
            .file_name()
            .expect("a name")
            .to_string_lossy();
        assert!(said.stderr.contains(&*name), "{place}: {}", said.stderr);
        assert!(
            said.stderr.contains("move that"),
            "{place}: {}",
            said.stderr
        );
        assert_eq!(seen(&site.path("out")), before, "{place}");
        fs::remove_file(&path).expect("removed");
    }
    // Beside what is published it stays, and so does what stands there, named.
    let notes = site.path("out/charges").join(OCTOBER).join("notes.txt");
    fs::write(&notes, "theirs").expect("written");
    fs::remove_file(site.path("out/focus/_SUCCESS")).expect("removed");
    // What a system leaves is nobody's.
    fs::write(site.path("out/summary/.DS_Store"), "").expect("written");
    ingested(&site);
    // Somebody has to look at it.
    let said = run(&site, "summary", "out", &[]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(notes.exists() && is_in(&site, "focus") && !is_in(&site, "costs"));
    for text in [
        "out/charges is left as it is",
        "notes.txt",
        "out/focus is left as it is",
        "no _SUCCESS",
    ] {
        assert!(said.stderr.contains(text), "{text}: {}", said.stderr);
    }
}

#[test]
fn d18_rejected_lines_that_are_accepted_since_leave_out_with_the_next_publication() {
    for (name, more) in [("summary", &[][..]), ("bill", &["--month", "2026-10"])] {
        let site = Site::new();
        let rejected = lines(400, 1).replace("v1.example.cn", "-");
        site.write("a.log", lines(0, 200) + &rejected);
        done(&site, "run", &[]);
        assert!(is_in(&site, "quarantine.ndjson"));
        // As long as it is so, it stays as it is.
        let before = seen(&site.path("out"));
        done(&site, name, more);
        assert_eq!(seen(&site.path("out")), before);
        let retried = site.ingest_with(&["--retry-quarantine", "--domain", "own.example.cn"]);
        assert_eq!(retried.code, 0, "{}", retried.stderr);
        let said = done(&site, name, more);
        assert!(
            !is_in(&site, "quarantine.ndjson"),
            "{name}: {}",
            said.stderr
        );
        assert!(
            said.stderr.contains("quarantine.ndjson was of"),
            "{}",
            said.stderr
        );
    }
}

/// Two months of which the first is closed, late usage of it that the second one's bill corrects, all published.
fn corrected() -> Site {
    let site = Site::new();
    site.write("a.log", lines(0, 30));
    site.write("b.log", later(0, 30));
    ingested(&site);
    let close = site.with_registry("close", &["--month", "2026-10", "--early"]);
    assert_eq!(close.code, 0, "{}", close.stderr);
    site.write("late.log", lines(900, 9));
    done(&site, "run", &[]);
    done(&site, "bill", &["--focus"]);
    site
}

#[test]
fn b2_a_bill_that_corrects_a_month_goes_when_that_month_is_published_otherwise() {
    let bills = ["charges", "costs", "focus", "focus_csv"];
    for (name, more) in [("summary", &[][..]), ("bill", &["--focus"])] {
        let site = corrected();
        let month = [more, &["--month", "2026-10"]].concat();
        let before = seen(&site.path("out"));
        // Of the same, all stays.
        done(&site, name, &month);
        assert_eq!(seen(&site.path("out")), before, "{name}");
        site.write("later.log", lines(1_900, 9));
        ingested(&site);
        let said = done(&site, name, &month);
        for dataset in bills {
            assert!(
                !is_in(&site, &format!("{dataset}/{NOVEMBER}")),
                "{dataset}: {}",
                said.stderr
            );
            assert!(
                is_in(&site, &format!("{dataset}/{OCTOBER}")),
                "{dataset}: {}",
                said.stderr
            );
            assert!(
                said.stderr
                    .contains(&format!("{dataset}/{NOVEMBER} was of")),
                "{}",
                said.stderr
            );
        }
        // The usage of another month says nothing of this one.
        assert!(
            is_in(&site, &format!("summary/{NOVEMBER}")),
            "{}",
            said.stderr
        );
    }
    // The other way about: what the bill corrects is not what stands there as adjustments.
    let site = corrected();
    site.write("later.log", lines(1_900, 9));
    ingested(&site);
    let said = done(&site, "bill", &["--month", "2026-11"]);
    assert!(
        !is_in(&site, &format!("adjustments/{OCTOBER}")),
        "{}",
        said.stderr
    );
    assert!(
        is_in(&site, &format!("charges/{OCTOBER}")),
        "{}",
        said.stderr
    );
    assert!(
        !is_in(&site, &format!("focus/{NOVEMBER}")),
        "{}",
        said.stderr
    );
}

#[test]
fn b2_a_bill_that_packages_pass_on_to_goes_with_the_month_before_it() {
    let site = Site::new();
    site.write("a.log", lines(0, 30));
    site.write("b.log", later(0, 30));
    let events = "[[package]]\naccount = \"one\"\nat = \"2026-10-01T09:00\"\ngigabytes = 100\n";
    fs::write(site.path("events.toml"), events).expect("written");
    let events = site.path("events.toml").display().to_string();
    done(&site, "run", &["--events", &events]);
    let october = ["--month", "2026-10", "--events", &events];
    let before = seen(&site.path("out"));
    done(&site, "bill", &october);
    assert_eq!(seen(&site.path("out")), before);
    site.write("later.log", lines(1_900, 9));
    ingested(&site);
    let said = done(&site, "bill", &october);
    assert!(
        !is_in(&site, &format!("charges/{NOVEMBER}")),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains(&format!("charges/{NOVEMBER} was of")),
        "{}",
        said.stderr
    );
    // The other way about, too; a month stays if nothing of it changed.
    done(&site, "bill", &["--events", &events]);
    let november = ["--month", "2026-11", "--events", &events];
    for (from, text, is_same) in [
        (1_900, later(1_900, 9), true),
        (2_900, lines(2_900, 9), false),
    ] {
        site.write(&format!("{from}.log"), text);
        ingested(&site);
        let said = done(&site, "bill", &november);
        let is_there = is_in(&site, &format!("charges/{OCTOBER}"));
        assert_eq!(is_there, is_same, "{}", said.stderr);
    }
}

#[test]
fn b2_a_month_is_not_put_beside_those_of_another_clock_store_or_version_of_focus() {
    let site = published();
    let before = seen(&site.path("out"));
    let refused = |said: &Said, what: &str| {
        assert_eq!(said.code, 2, "{what}: {}", said.stderr);
        for text in [what, "--month", "2026-10-01"] {
            assert!(said.stderr.contains(text), "{text}: {}", said.stderr);
        }
        assert_eq!(seen(&site.path("out")), before, "{what}");
    };
    let month = ["--month", "2026-11"];
    let clock = [&month[..], &["--billing-zone", "+00:00"]].concat();
    for name in ["summary", "bill"] {
        refused(&run(&site, name, "out", &clock), "zone");
    }
    let focus = [&month[..], &["--focus", "--focus-version", "1.4"]].concat();
    refused(&run(&site, "bill", "out", &focus), "focus");
    let other = Site::new();
    other.write("b.log", later(0, 30));
    ingested(&other);
    let mut summary = other.command("summary");
    summary
        .args(month)
        .arg("--registry")
        .arg(site.path("registry.toml"));
    refused(
        &Site::run(summary.arg("--out").arg(site.path("out"))),
        "store",
    );
}

#[test]
fn b3_a_store_that_is_written_to_while_its_months_are_read_is_told() {
    let site = corrected();
    let feed = site.path("events.toml");
    let made = Command::new("mkfifo").arg(&feed).status();
    assert!(made.expect("mkfifo is there").success());
    let events = feed.display().to_string();
    let mut bill = command(&site, "bill", "out", &["--events", &events]);
    bill.stdout(Stdio::null()).stderr(Stdio::piped());
    let bill = bill.spawn().expect("started");
    // It opens its events once it has looked at the store, and waits for them.
    let events = fs::File::options().write(true).open(&feed);
    let events = events.expect("opened");
    site.write("later.log", lines(1_900, 30));
    ingested(&site);
    drop(events);
    let output = bill.wait_with_output().expect("waited for");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("was written to while it was read"), "{said}");
    // Nothing vouches for what was published, until it is published again.
    let said = done(&site, "summary", &[]);
    assert!(!is_in(&site, "charges"), "{}", said.stderr);
    done(&site, "bill", &[]);
    done(&site, "summary", &[]);
    assert!(is_in(&site, "charges"));
}

#[test]
fn b3_files_made_before_another_command_counted_are_not_noted_as_of_what_it_left() {
    let site = Site::new();
    site.write(
        "a.log",
        lines(0, 200) + &lines(400, 1).replace("v1.example.cn", "-"),
    );
    done(&site, "run", &[]);
    // Its turn to publish comes when another command has counted.
    let journal = fs::File::create(site.path("out/_PUBLISHING")).expect("made");
    journal.lock().expect("locked");
    let mut summary = command(&site, "summary", "out", &[]);
    summary.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut summary = summary.spawn().expect("started");
    let said = BufReader::new(summary.stderr.take().expect("piped"));
    let mut said = said.lines().map(|line| line.expect("a line"));
    assert!(said.any(|line| line.contains("waiting for it")));
    site.write("late.log", lines(900, 30));
    ingested(&site);
    drop(journal);
    let rest: Vec<String> = said.collect();
    assert_eq!(summary.wait().expect("ended").code(), Some(0), "{rest:?}");
    let said = done(&site, "bill", &["--month", "2026-10"]);
    assert!(!is_in(&site, "summary"), "{}", said.stderr);
}

#[test]
fn d18_rejected_lines_that_are_given_up_leave_out_though_all_usage_is_as_before() {
    let site = Site::new();
    site.write(
        "a.log",
        lines(0, 200) + &lines(400, 1).replace("v1.example.cn", "-"),
    );
    done(&site, "run", &[]);
    let held = site.path("store/quarantine");
    names(&held)
        .iter()
        .for_each(|name| fs::remove_file(held.join(name)).expect("removed"));
    Site::run(site.command("repair").arg("--drop-lost"));
    assert_eq!(site.verify().code, 0);
    let said = done(&site, "summary", &[]);
    assert!(!is_in(&site, "quarantine.ndjson"), "{}", said.stderr);
}
