//! What is forgotten counts no more, with its names and a reason, and may be counted anew.

use std::fs;

use cdn_meter::disk::FAILPOINTS;
use rusqlite::Connection;

use crate::old::{site_of, versions};
use crate::program::{Said, Site, bytes, lines};

fn forget(site: &Site, what: &[&str], more: &[&str]) -> Said {
    let mut command = site.command("forget");
    command.args(["--json", "--reason", "a test log"]);
    for what in what {
        // A file from where it stands; a digest as it is.
        match what.contains(".log") {
            true => command.arg(site.log(what)),
            false => command.arg(what),
        };
    }
    Site::run(command.args(more))
}

fn written(site: &Site, name: &str, from: u64, count: u64) {
    site.write(name, lines(from, count));
    assert_eq!(site.ingest().code, 0);
}

/// Changes that the history notes with a reason: names and the reasons.
fn reasons(site: &Site) -> Vec<(String, String)> {
    let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let sql = "SELECT name, reason FROM history WHERE change = 'forgotten' ORDER BY name";
    let mut statement = ledger.prepare(sql).expect("a question");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows = rows.expect("answered");
    rows.map(|row| row.expect("a row")).collect()
}

fn name(site: &Site, log: &str) -> String {
    let folder = site.path("logs").canonicalize().expect("there");
    folder.join(log).display().to_string()
}

#[test]
fn d5_a_file_that_is_forgotten_counts_no_more_until_it_comes_again() {
    let site = Site::new();
    written(&site, "a.log", 0, 5);
    written(&site, "b.log", 100, 7);
    let said = forget(&site, &["b.log"], &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["forgotten"][0]["bytes"], bytes(100, 7));
    assert_eq!(said.json["still_there"][0], name(&site, "b.log"));
    assert_eq!(site.total(), (bytes(0, 5), 5));
    let noted = (name(&site, "b.log"), "a test log".to_owned());
    assert_eq!(reasons(&site), [noted]);

    // It is not banned.
    let again = site.ingest();
    assert_eq!(again.json["files"]["changes"]["new"], 1, "{}", again.json);
    assert_eq!(site.total(), (bytes(0, 5) + bytes(100, 7), 12));
}

#[test]
fn d5_all_names_of_a_content_are_forgotten_with_one() {
    let site = Site::new();
    site.write("a.log", lines(0, 5));
    site.write("copy.log", lines(0, 5));
    assert_eq!(site.ingest().code, 0);
    let said = forget(&site, &["copy.log"], &[]);
    let names = [name(&site, "a.log"), name(&site, "copy.log")];
    assert_eq!(
        said.json["forgotten"][0]["names"],
        serde_json::json!(names),
        "{}",
        said.stderr
    );
    assert_eq!(site.total(), (0, 0));
}

#[test]
fn d5_what_a_file_grew_from_is_forgotten_with_it_unless_another_file_holds_it() {
    let site = Site::new();
    written(&site, "a.log", 0, 5);
    written(&site, "a.log", 0, 9);
    assert_eq!(forget(&site, &["a.log"], &[]).code, 0);
    assert_eq!(site.total(), (0, 0));

    let site = Site::new();
    written(&site, "a.log", 0, 5);
    fs::copy(site.log("a.log"), site.log("b.log")).expect("copied");
    assert_eq!(site.ingest().code, 0);
    written(&site, "a.log", 0, 9);
    assert_eq!(forget(&site, &["a.log"], &[]).code, 0);
    assert_eq!(site.total(), (bytes(0, 5), 5));
}

#[test]
fn d5_the_beginning_of_what_counts_is_not_forgotten_alone() {
    let site = Site::new();
    written(&site, "a.log", 0, 5);
    fs::copy(site.log("a.log"), site.log("b.log")).expect("copied");
    assert_eq!(site.ingest().code, 0);
    written(&site, "a.log", 0, 9);
    let said = forget(&site, &["b.log"], &[]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains(&name(&site, "a.log")),
        "{}",
        said.stderr
    );
    assert_eq!(site.total(), (bytes(0, 9), 9));
    let said = forget(&site, &["b.log", "a.log"], &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(site.total(), (0, 0));
}

#[test]
fn d5_a_shorter_version_counts_once_the_longer_one_is_forgotten() {
    let site = Site::new();
    written(&site, "a.log", 0, 9);
    site.write("a.log", lines(0, 8));
    let refused = site.ingest();
    assert_eq!(refused.code, 1, "{}", refused.json);
    assert_eq!(site.total(), (bytes(0, 9), 9));
    assert_eq!(forget(&site, &["a.log"], &[]).code, 0);
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total(), (bytes(0, 8), 8));
}

#[test]
fn d5_what_counts_without_a_name_is_forgotten_by_its_digest() {
    let site = Site::new();
    written(&site, "a.log", 0, 700);
    // The next log under the name.
    written(&site, "a.log", 1_000, 700);
    let explained = site.explain("v0.example.cn");
    let digest = explained.json["parts"][0]["digest"].as_str();
    let digest = digest.expect("a digest").to_owned();
    assert_eq!(forget(&site, &[&digest[..7]], &[]).code, 2);
    let said = forget(&site, &[&digest[..8]], &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(site.total(), (bytes(1_000, 700), 700));
    assert_eq!(reasons(&site)[0].0, name(&site, "a.log"));
}

#[test]
fn d5_copies_that_count_apart_are_forgotten_by_their_names() {
    let site = Site::new();
    written(&site, "a.log", 0, 5);
    fs::copy(site.log("a.log"), site.log("b.log")).expect("copied");
    assert_eq!(site.ingest_with(&["--allow-duplicates"]).code, 0);
    let explained = site.explain("v0.example.cn");
    let digest = explained.json["parts"][0]["digest"].as_str();
    let said = forget(&site, &[digest.expect("a digest")], &[]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("count apart"), "{}", said.stderr);
    assert_eq!(forget(&site, &["b.log"], &[]).code, 0);
    assert_eq!(site.total(), (bytes(0, 5), 5));
}

#[test]
fn d5_a_trial_and_a_refusal_change_nothing() {
    let site = Site::new();
    written(&site, "a.log", 0, 5);
    let before = site.kept();
    let said = forget(&site, &["a.log"], &["--dry-run"]);
    assert_eq!(said.json["forgotten"][0]["requests"], 5, "{}", said.stderr);
    assert_eq!(site.kept(), before);
    for what in [&["a.log", "none.log"][..], &["0123456789abcdef"]] {
        let said = forget(&site, what, &[]);
        assert_eq!(said.code, 2);
        assert!(said.stderr.contains("nothing counts"), "{}", said.stderr);
    }
    let mut command = site.command("forget");
    command.args(["--reason", " "]).arg(site.log("a.log"));
    assert_eq!(Site::run(&mut command).code, 2);
    assert_eq!(site.total(), (bytes(0, 5), 5));
    assert_eq!(site.kept().keys().len(), before.len());

    let none = Site::new();
    assert_eq!(forget(&none, &["a.log"], &[]).code, 2);
    assert!(!none.path("store").exists());
}

#[test]
fn d5_a_trial_writes_nothing_into_a_store_of_any_version() {
    for version in versions() {
        let (site, copy) = (site_of(&version), site_of(&version));
        let ledger = Connection::open(copy.path("store/ledger.sqlite")).expect("opened");
        let sql = "SELECT name FROM source ORDER BY name LIMIT 1";
        let name: String = ledger.query_row(sql, [], |row| row.get(0)).expect("a name");
        let before = site.kept();
        let mut command = site.command("forget");
        command.args(["--json", "--reason", "a test log", "--dry-run", &name]);
        let said = Site::run(&mut command);
        assert_eq!(said.code, 0, "{}: {}", version.display(), said.stderr);
        assert_eq!(said.json["forgotten"][0]["names"][0], name.as_str());
        assert_eq!(site.kept(), before, "{}", version.display());
    }
}

#[test]
fn d5_a_forget_that_is_killed_anywhere_is_done_or_not_begun() {
    let mut kills = 0;
    for place in FAILPOINTS {
        for visit in 1.. {
            let site = Site::new();
            written(&site, "a.log", 0, 5);
            written(&site, "b.log", 100, 7);
            let mut command = site.command("forget");
            command
                .args(["--reason", "a test log"])
                .arg(site.log("b.log"));
            command.env("CDN_METER_KILL_AT", format!("{place}:{visit}"));
            let output = command.output().expect("started");
            if output.status.code().is_some() {
                break;
            }
            kills += 1;
            let (before, after) = ((bytes(0, 5) + bytes(100, 7), 12), (bytes(0, 5), 5));
            let total = site.total();
            assert!([before, after].contains(&total), "{place}:{visit}");
            let again = forget(&site, &["b.log"], &[]);
            assert_eq!(again.code == 0, total == before, "{place}:{visit}");
            assert_eq!(site.total(), after, "{place}:{visit}");
        }
    }
    assert!(2 <= kills, "{kills} kills");
}

#[test]
fn d5_what_is_done_for_good_to_a_store_that_is_only_tried_is_refused() {
    let site = Site::new();
    written(&site, "a.log", 0, 5);
    let before = site.kept();
    let occasion = cdn_meter::store::Occasion {
        at: "2026-11-28T00:00:00Z".to_owned(),
        command: "forget".to_owned(),
    };
    let tried = cdn_meter::store::Store::open_to_try(&site.path("store"), occasion);
    let tried = tried.expect("opened");
    let name = [site.log("a.log").display().to_string()];
    assert!(tried.forget(&name, "a test log", true).is_ok());
    let said = tried.forget(&name, "a test log", false);
    let said = said.expect_err("refused").to_string();
    assert!(said.contains("not opened to write"), "{said}");
    drop(tried);
    assert!(site.kept() == before);
}
