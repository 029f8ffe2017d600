//! A registry never takes a mini-program domain back from closed months, unless it says that it was wrong.

use std::fs;

use serde_json::Value;

use crate::closed::{
    amounts, assert_corrected, bill, close, closed_site, lines, never_closed, printed, registry,
    run,
};
use crate::program::{Said, Site};

/// Today by the billing clock, and so many days before or after it.
fn day(more: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(8 + 24 * more);
    at.to_string()[..10].to_owned()
}

const WRONG: &str = "2026-10-02";

/// A registry in which all domains are standard domains, and says that `v0` was listed by mistake.
fn mended(site: &Site, on: &str) {
    registry(site, WRONG, "acct");
    let path = site.path("registry.toml");
    let text = fs::read_to_string(&path).expect("read");
    let text = text.replace(&format!("mini_program_since = \"{WRONG}\"\n"), "");
    let correction = format!(
        "[[correction]]\nname = \"v0.example.cn\"\nwrong_mini_program_since = \"{WRONG}\"\non = \"{on}\"\n\
         reason = \"<v9> was meant, ticket 4711\"\n"
    );
    fs::write(path, text + &correction).expect("written");
}

/// A registry without a domain, or with other facts of it.
fn taken_back(site: &Site, from: &str, to: &str) {
    registry(site, WRONG, "acct");
    let path = site.path("registry.toml");
    let text = fs::read_to_string(&path).expect("read");
    assert!(text.contains(from));
    fs::write(path, text.replace(from, to)).expect("written");
}

#[track_caller]
fn assert_refused(said: &Said, words: &str) {
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(said.stderr.contains(words), "{}", said.stderr);
}

/// What every command that reads a registry beside closed months says.
fn all_commands(site: &Site) -> Vec<(&'static str, Said)> {
    let path = |name: &str| site.path(name).display().to_string();
    let out = ["--out", &path("refused")[..]].map(str::to_owned);
    let out = [&out[0][..], &out[1][..]];
    let logs = path("logs");
    let events = path("events.toml");
    let licence = "[[licence]]\naccount = \"acct\"\napp_id = \"wx1\"\nat = \"2026-10-02T10:00\"\nstate = \"active\"\n";
    fs::write(&events, licence).expect("written");
    fs::write(
        site.path("samples.json"),
        r#"{"DataInfoList": [{"Time": "2026-10-03 00:00:00", "Flux": 1}]}"#,
    )
    .expect("written");
    let samples = path("samples.json");
    let of = |name, command: &str, more: &[&str]| (name, run(site, command, more));
    let mut all = vec![
        of("bill", "bill", &out),
        of(
            "bill --month",
            "bill",
            &[&out[..], &["--month", "2026-10"]].concat(),
        ),
        of("bill --what-if", "bill", &["--what-if", "mode=daily-peak"]),
        of("bill --rerate", "bill", &[&out[..], &["--rerate"]].concat()),
        of("summary", "summary", &out),
        of("run", "run", &[&out[..], &[&logs]].concat()),
        of("close", "close", &["--month", "2026-11", "--early"]),
        of(
            "close --no-bill",
            "close",
            &["--month", "2026-11", "--early", "--no-bill"],
        ),
        of("reconcile", "reconcile", &[&samples]),
    ];
    let diff = &["catalogue", "diff", "mini-program-live", "tencent-history"][..];
    let refund = &[
        "licence",
        "refund",
        "--account",
        "acct",
        "--events",
        &events,
    ];
    for (name, words) in [("catalogue diff", diff), ("licence refund", refund)] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        command
            .args(words)
            .arg("--json")
            .arg("--store")
            .arg(site.path("store"));
        command.arg("--registry").arg(site.path("registry.toml"));
        all.push((name, Site::run(&mut command)));
    }
    all
}

#[test]
fn c2_r22_no_command_takes_a_mini_program_domain_back_from_a_closed_month() {
    let site = closed_site();
    site.write("november.log", lines("202611", 0..6));
    site.ingest();
    let since = format!("mini_program_since = \"{WRONG}\"\n");
    for (from, to) in [
        (&since[..], ""),
        (&since[..], "mini_program_since = \"2026-11-01\"\n"),
        (&since[..], "kind = \"push\"\n"),
        ("v0.example.cn", "v9.example.cn"),
    ] {
        taken_back(&site, from, to);
        for (command, said) in all_commands(&site) {
            assert_eq!(said.code, 2, "{command} with {to}: {}", said.stderr);
            let words = "v0.example.cn was a mini-program domain in 2026-10, which is closed";
            assert!(said.stderr.contains(words), "{command}: {}", said.stderr);
        }
    }
    // Earlier is not back.
    registry(&site, "2026-09-02", "acct");
    bill(&site, "after", &[]);
    assert_eq!(site.verify().code, 0);
}

#[test]
fn c2_a_wrong_entry_is_mended_and_the_bill_says_what_it_is() {
    let site = closed_site();
    site.write("november.log", lines("202611", 0..3));
    site.ingest();
    mended(&site, &day(0));
    assert_corrected(&site, &[]);
    let said = bill(&site, "after", &[]);
    let november = &said.json[1];
    // 145 GB at 4 are 145 GB more of a day at 0.26: 37.70 - 580; and 6 GB of November at 0.26.
    assert_eq!(november["payable"], "-540.74");
    let note = &november["mended"][0];
    assert_eq!(
        (
            &note["month"],
            &note["domain"],
            &note["wrong_since"],
            &note["reason"]
        ),
        (
            &Value::from("2026-10"),
            &Value::from("v0.example.cn"),
            &Value::from(WRONG),
            &Value::from("<v9> was meant, ticket 4711")
        )
    );
    assert_eq!(said.json[0]["mended"].as_array().map(Vec::len), Some(0));
    let lines = bill(
        &site,
        "after",
        &["--explain", "mini-program-traffic/v0.example.cn"],
    );
    let line = lines
        .json
        .as_array()
        .expect("lines")
        .last()
        .expect("a correction");
    let how = line["explanation"].as_str().expect("a text");
    assert!(
        how.contains(
            "no refund, but a mistake that is mended: v0.example.cn was billed in 2026-10"
        ),
        "{how}"
    );
    let rules = line["rules"].to_string();
    assert!(rules.contains("R22") && rules.contains("R26"), "{rules}");
    let out = site.path("after").display().to_string();
    let table = printed(&site, &["--out", &out]);
    assert!(
        table.contains("corrected: v0.example.cn was billed in 2026-10 as a mini-program domain since 2026-10-02"),
        "{table}"
    );
    let page = site.path("page.html");
    bill(&site, "after", &["--html", &page.display().to_string()]);
    let page = fs::read_to_string(page).expect("read");
    assert!(
        page.contains("found on") && page.contains("&lt;v9&gt; was meant"),
        "not on the page"
    );
    // It is corrected once, and the closed bill keeps the note.
    close(&site, "2026-11");
    let after = bill(&site, "after", &[]);
    assert_eq!(
        after.json.as_array().map(Vec::len),
        Some(2),
        "{}",
        after.json
    );
    assert_eq!(after.json[1]["mended"], november["mended"]);
    assert_eq!(amounts(&site, "after", "2026-10"), never_closed(&site, &[]));
    // The correction stays in the registry for good.
    taken_back(&site, &format!("mini_program_since = \"{WRONG}\"\n"), "");
    assert_refused(&run(&site, "bill", &["--out", &out]), "takes that back");
}

#[test]
fn c2_a_correction_speaks_of_what_was_closed_before_it_and_of_nothing_else() {
    let site = closed_site();
    let out = site.path("refused").display().to_string();
    mended(&site, &day(-2));
    assert_refused(
        &run(&site, "bill", &["--out", &out]),
        "and 2026-10 was closed with that entry after it",
    );
    mended(&site, &day(2));
    assert_refused(
        &run(&site, "bill", &["--out", &out]),
        "which has not come yet",
    );
    // Of another date, it is no correction of this.
    mended(&site, &day(0));
    let path = site.path("registry.toml");
    let text = fs::read_to_string(&path).expect("read");
    let other = text.replace(
        "wrong_mini_program_since = \"2026-10-02\"",
        "wrong_mini_program_since = \"2026-11-02\"",
    );
    fs::write(path, other).expect("written");
    assert_refused(&run(&site, "bill", &["--out", &out]), "takes that back");
    // Nor of a date that the entry never had.
    let other = text.replace(
        "wrong_mini_program_since = \"2026-10-02\"",
        "wrong_mini_program_since = \"2026-09-02\"",
    );
    fs::write(site.path("registry.toml"), other).expect("written");
    assert_refused(
        &run(&site, "bill", &["--out", &out]),
        "but 2026-10 was closed with mini_program_since 2026-10-02",
    );
}
