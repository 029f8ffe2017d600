//! The store against the logs themselves.

use std::fs;
use std::path::Path;

use cdn_meter::store::reseal;

use crate::program::{Said, Site, bytes, lines};

fn against(site: &Site, logs: &Path) -> Said {
    let mut command = site.command("verify");
    command.arg("--json").arg("--against").arg(logs);
    Site::run(&mut command)
}

#[test]
fn logs_that_are_as_they_were_counted_agree_to_the_line() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.ingest();
    site.write("a.log", lines(0, 80));
    site.write("b.log", lines(80, 20));
    site.write("copy-of-b.log", lines(80, 20));
    site.ingest();
    let said = against(&site, &site.path("logs"));
    assert_eq!(said.code, 0, "{}\n{}", said.json, said.stderr);
    let compared = &said.json["against"];
    assert_eq!(compared["files"], 3);
    assert_eq!(compared["lines"], 120);
    assert_eq!(compared["bytes"], bytes(0, 80) + 2 * bytes(80, 20));
}

#[test]
fn samples_of_every_format_agree() {
    let site = Site::new();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/logs");
    let mut ingest = site.command("ingest");
    ingest.arg(&samples);
    assert!(ingest.output().expect("started").status.success());
    let said = against(&site, &samples);
    assert_eq!(said.code, 0, "{}\n{}", said.json, said.stderr);
    assert_eq!(said.json["against"]["lines"], 519);
}

#[test]
fn what_was_not_counted_and_what_is_not_at_hand_is_named() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.write("b.log", lines(50, 50));
    site.ingest();
    fs::remove_file(site.log("b.log")).expect("removed");
    site.write("new.log", lines(100, 5));
    let said = against(&site, &site.path("logs"));
    assert_eq!(said.code, 1, "{}", said.json);
    let compared = &said.json["against"];
    let name = |list: &str| {
        let list = compared[list].as_array().expect("a list");
        assert_eq!(list.len(), 1, "{compared}");
        let name = list[0]["name"].as_str().or(list[0].as_str());
        let name = name.expect("a name").rsplit('/').next().map(str::to_owned);
        name.expect("a file name")
    };
    assert_eq!(name("not_counted"), "new.log");
    assert_eq!(name("not_compared"), "b.log");
}

#[test]
fn a_ledger_and_segments_that_were_forged_together_do_not_agree_with_the_logs() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.ingest();
    // The counts of one content, lowered: what another run of the store alone may not see.
    let ledger = rusqlite::Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let forge = "UPDATE content SET metered = metered - 1, rejected = rejected + 1";
    assert_eq!(ledger.execute(forge, []), Ok(1));
    let part = "UPDATE part SET requests = requests - 1";
    assert_eq!(ledger.execute(part, []), Ok(1));
    reseal(&site.path("store")).expect("sealed");
    let said = against(&site, &site.path("logs"));
    assert_eq!(said.code, 3, "{}", said.json);
    let findings = said.json["findings"].as_array().expect("findings");
    let of_logs = findings
        .iter()
        .find(|finding| finding["promise"] == "the logs say what the store counts");
    let problem = of_logs.expect("a finding")["problem"].as_str();
    let problem = problem.expect("text");
    assert!(
        problem.contains("50 lines = 50 + 0 + 0") && problem.contains("50 lines = 49 + 0 + 1"),
        "{problem}"
    );
}

#[test]
fn copies_that_count_apart_are_all_compared() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.write("b.log", lines(0, 50));
    let mut ingest = site.command("ingest");
    ingest.arg("--allow-duplicates").arg(site.path("logs"));
    assert_eq!(Site::run(&mut ingest).code, 0);
    assert_eq!(site.total(), (2 * bytes(0, 50), 100));
    fs::remove_file(site.log("b.log")).expect("removed");
    let said = against(&site, &site.path("logs"));
    assert_eq!(said.code, 0, "{}", said.json);
}
