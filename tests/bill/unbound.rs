//! What the registry said at a close holds for all months that were closed by then, with traffic or without.

use std::fs;

use cdn_meter::store::reseal;

use crate::closed::{bill, close, run};
use crate::program::Site;

/// Entries of the registry, each with the day since which it is a mini-program domain; empty where it is none.
fn listed(site: &Site, entries: &[(&str, &str)], rest: &str) {
    let mut text = String::new();
    for (name, since) in entries {
        text += &format!("[[domain]]\nname = \"{name}\"\naccount = \"acct\"\n");
        if !since.is_empty() {
            text += &format!("mini_program_since = \"{since}\"\n");
        }
    }
    fs::write(site.path("registry.toml"), text + rest).expect("written");
}

fn line(domain: &str, day: &str, bytes: u64) -> String {
    format!(
        "{day}120000 203.0.113.9 {domain} /a/{bytes}.ts {bytes} 22 2 200 NULL 41 \"P\" \"-\" GET HTTP/1.1 hit 1\n"
    )
}

fn sent(site: &Site, domain: &str, day: &str, bytes: u64) {
    site.write(&format!("{domain}-{day}.log"), line(domain, day, bytes));
    assert_eq!(site.ingest().code, 0);
}

#[track_caller]
fn assert_refused(site: &Site, words: &str) {
    let out = site.path("refused").display().to_string();
    for (command, more) in [
        ("bill", &["--out", &out][..]),
        ("bill", &["--out", &out, "--month", "2026-11"]),
        ("summary", &["--out", &out]),
        ("close", &["--month", "2026-11", "--early"]),
    ] {
        let said = run(site, command, more);
        assert_eq!(said.code, 2, "{command} {more:?}: {}", said.stderr);
        assert!(said.stderr.contains(words), "{command}: {}", said.stderr);
        assert!(said.stderr.contains("takes that back"), "{}", said.stderr);
    }
}

const V: &str = "v.example.cn";
const S: &str = "s.example.cn";
const LATE: u64 = 9_025_000_000;

/// Domain of a closed month without its traffic, which came late and was corrected on the next bill.
fn corrected_site() -> Site {
    let site = Site::new();
    listed(&site, &[(V, "2026-09-03"), (S, "")], "");
    sent(&site, S, "20260904", 1_000_000_000);
    close(&site, "2026-09");
    sent(&site, V, "20260904", LATE);
    assert_eq!(
        bill(&site, "out", &["--month", "2026-10"]).json[0]["payable"],
        "36.10"
    );
    close(&site, "2026-10");
    site
}

#[test]
fn c2_what_a_correction_billed_is_not_taken_back() {
    let site = corrected_site();
    for entries in [
        &[(V, ""), (S, "")][..],
        &[(V, "2026-10-03"), (S, "")],
        &[(S, "")],
    ] {
        listed(&site, entries, "");
        assert_refused(
            &site,
            "v.example.cn was a mini-program domain in 2026-09, which is closed",
        );
    }
    listed(&site, &[(V, "2026-08-03"), (S, "")], "");
    bill(&site, "out", &[]);
}

#[test]
fn c2_what_a_close_made_of_an_earlier_month_is_not_taken_back() {
    let site = Site::new();
    listed(&site, &[(V, "")], "");
    sent(&site, V, "20260904", LATE);
    close(&site, "2026-09");
    listed(&site, &[(V, "2026-09-15")], "");
    close(&site, "2026-10");
    let words = "v.example.cn was a mini-program domain in 2026-09, which is closed";
    for since in ["", "2026-10-01"] {
        listed(&site, &[(V, since)], "");
        assert_refused(&site, words);
    }
}

#[test]
fn c2_an_entry_without_traffic_is_not_taken_back() {
    let site = Site::new();
    listed(&site, &[(V, "2026-09-03"), (S, "")], "");
    sent(&site, S, "20260904", 1_000_000_000);
    close(&site, "2026-09");
    for is_late in [false, true] {
        if is_late {
            sent(&site, V, "20260904", 1_000_000_000);
        }
        listed(&site, &[(S, "")], "");
        assert_refused(
            &site,
            "v.example.cn was a mini-program domain in 2026-09, which is closed",
        );
    }
    // A month that was open then says nothing.
    listed(&site, &[(V, "2026-09-20"), (S, "")], "");
    bill(&site, "out", &[]);
}

#[test]
fn c2_wildcards_are_not_taken_back_nor_holed() {
    let site = Site::new();
    let all = "*.live.example.cn";
    listed(
        &site,
        &[(all, "2026-09-03"), ("b.live.example.cn", ""), (S, "")],
        "",
    );
    sent(&site, S, "20260904", 1_000_000_000);
    close(&site, "2026-09");
    for entries in [
        &[(S, "")][..],
        &[(all, "2026-10-01"), (S, "")],
        &[(all, "2026-09-03"), ("a.live.example.cn", "")],
        &[(all, "2026-09-03"), ("*.a.live.example.cn", "")],
    ] {
        listed(&site, entries, "");
        assert_refused(
            &site,
            "live.example.cn was a mini-program domain in 2026-09",
        );
    }
    for entries in [
        &[
            (all, "2026-09-03"),
            ("b.live.example.cn", ""),
            ("a.live.example.cn", "2026-09-01"),
        ][..],
        &[
            ("*.example.cn", "2026-09-03"),
            ("b.live.example.cn", ""),
            (S, ""),
        ],
    ] {
        listed(&site, entries, "");
        bill(&site, "out", &[]);
    }
}

/// As stores were closed before the registry's facts were kept.
fn forget_registry(site: &Site) {
    let ledger = rusqlite::Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let sql =
        "DROP TRIGGER closed_file_stays; DELETE FROM closed_file WHERE name LIKE 'registry/%'";
    ledger.execute_batch(sql).expect("forgotten");
    drop(ledger);
    reseal(&site.path("store")).expect("sealed");
    for month in ["2026-09", "2026-10"] {
        let folder = site.path(&format!("store/closed/{month}/registry"));
        fs::remove_dir_all(folder).expect("removed");
    }
}

#[test]
fn c2_closes_without_the_facts_of_their_registry_tell_by_what_they_billed() {
    let site = corrected_site();
    forget_registry(&site);
    listed(&site, &[(V, "2026-10-03"), (S, "")], "");
    assert_refused(
        &site,
        "v.example.cn was a mini-program domain in 2026-09, which is closed",
    );
}
