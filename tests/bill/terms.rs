//! The terms that a month was closed with hold for it: currency, catalogue, mode, registry.

use std::fs;

use crate::closed::{bill, closed_site, lines, printed, registry, run};
use crate::program::Site;

/// The shipped catalogue under another name, with other texts in it.
pub fn own_catalogue(site: &Site, changes: &[(&str, &str)]) -> String {
    let mut own = cdn_meter::billing::SHIPPED[0]
        .1
        .replace("name = \"mini-program-live\"", "name = \"own\"");
    for (from, to) in changes {
        assert!(own.contains(from), "{from}");
        own = own.replace(from, to);
    }
    let path = site.path("own.toml");
    fs::write(&path, own).expect("written");
    path.display().to_string()
}

/// A closed October of 663.20 CNY, and 101 GB of `v1` that came for it since; 6 GB of November.
pub fn late_site() -> Site {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..101));
    site.write("november.log", lines("202611", 0..3));
    site.ingest();
    site
}

#[track_caller]
pub fn assert_refused(site: &Site, command: &str, more: &[&str], words: &[&str]) {
    let out = site.path("refused").display().to_string();
    let out: &[&str] = match command {
        "close" => &[],
        _ => &["--out", &out],
    };
    let said = run(site, command, &[out, more].concat());
    assert_eq!(said.code, 2, "{}", said.stderr);
    for word in words {
        assert!(said.stderr.contains(word), "{}", said.stderr);
    }
}

/// Item, month that it corrects, and catalogue of every line of November.
fn november(site: &Site, more: &[&str]) -> Vec<(String, String, String)> {
    let text = printed(site, &[&["--csv", "--month", "2026-11"], more].concat());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().expect("names").clone();
    let of = |record: &csv::StringRecord, name: &str| {
        let at = names.iter().position(|of| of == name).expect("a column");
        record[at].to_owned()
    };
    let records = reader.records().map(|record| record.expect("a record"));
    let mut lines: Vec<_> = records
        .map(|record| {
            assert_eq!(of(&record, "catalogue_digest").len(), 64);
            (
                of(&record, "item"),
                of(&record, "corrects"),
                of(&record, "catalogue"),
            )
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn c1_a_correction_names_the_catalogue_that_priced_it() {
    let site = late_site();
    let own = own_catalogue(&site, &[("price = \"4\"", "price = \"5\"")]);
    let out = site.path("out").display().to_string();
    let own = ["--catalogue", &own[..], "--out", &out[..]];
    let lines = november(&site, &own);
    let line = |item: &str, corrects: &str, catalogue: &str| {
        (item.to_owned(), corrects.to_owned(), catalogue.to_owned())
    };
    let expected = [
        line("mini-program-traffic", "", "own"),
        line("precision-adjustment", "", "own"),
        line("standard-traffic", "", "own"),
        line("standard-traffic", "2026-10", "mini-program-live"),
    ];
    assert_eq!(lines, expected);
    // Closed, the bill says what it said.
    let by_own = ["--month", "2026-11", "--early", own[0], own[1]];
    assert_eq!(run(&site, "close", &by_own).code, 0);
    assert_eq!(november(&site, &["--out", &out]), expected);
    // Priced anew by the other catalogue, the corrections are that one's.
    let rerated = run(&site, "bill", &[&own[..], &["--rerate"]].concat());
    assert_eq!(rerated.code, 0, "{}", rerated.stderr);
    let page = site.path("page.html");
    bill(&site, "page", &["--html", &page.display().to_string()]);
    let page = fs::read_to_string(page).expect("read");
    for name in ["own: SHA-256", "mini-program-live: SHA-256"] {
        assert!(page.contains(name), "{name} is not named");
    }
}

/// A store whose logs begin in October, and a licence that was bought in September for `fee`.
fn bought_before(fee: &str) -> Site {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    buy(&site, fee);
    site
}

/// The same licence for another fee.
fn buy(site: &Site, fee: &str) {
    let licence = format!(
        "[[licence]]\naccount = \"acct\"\napp_id = \"wx1\"\nat = \"2026-09-20T10:00\"\nstate = \"active\"\n\
         fee = \"{fee}\"\n"
    );
    fs::write(site.path("events.toml"), licence).expect("written");
}

/// Payables by month, of a bill with the events.
fn payables(site: &Site, more: &[&str]) -> Vec<(String, String)> {
    let events = site.path("events.toml").display().to_string();
    let said = bill(site, "out", &[&["--events", &events], more].concat());
    let bills = said.json.as_array().expect("bills").clone();
    let text = |of: &serde_json::Value| of.as_str().expect("a text").to_owned();
    bills
        .iter()
        .map(|bill| (text(&bill["month"]), text(&bill["payable"])))
        .collect()
}

fn expected(of: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(month, payable): &(&str, &str)| ((*month).to_owned(), (*payable).to_owned());
    of.iter().map(owned).collect()
}

#[test]
fn c3_a_month_with_purchases_and_no_traffic_is_closed_like_any_other() {
    let site = bought_before("30000");
    let events = site.path("events.toml").display().to_string();
    let september = ["--month", "2026-09", "--early", "--events", &events];
    let said = run(&site, "close", &september);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["bill"]["payable"], "30000.00");
    assert_eq!(said.json["bytes"], 0);
    assert_eq!(site.verify().code, 0);
    let both = expected(&[("2026-09", "30000.00"), ("2026-10", "663.20")]);
    assert_eq!(payables(&site, &[]), both);
    let file = site.path("out/charges/billing_month=2026-09-01/part-00000.parquet");
    let frozen = fs::read(&file).expect("read");
    // The datasets of usage are published with a month of nothing in them.
    assert_eq!(site.summary().code, 0);
    let out = site.path("out").display().to_string();
    assert_eq!(run(&site, "summary", &["--out", &out]).code, 0);
    // Another fee is a correction of the month after it, and no rewrite.
    buy(&site, "28000");
    let corrected = expected(&[("2026-09", "30000.00"), ("2026-10", "-1336.80")]);
    assert_eq!(payables(&site, &[]), corrected);
    assert_eq!(fs::read(&file).expect("read"), frozen);
    let only = expected(&[("2026-09", "30000.00")]);
    assert_eq!(payables(&site, &["--month", "2026-09"]), only);
    // What is left out would be credited.
    let without = run(&site, "bill", &["--out", &out]);
    assert_eq!(without.code, 2, "{}", without.stderr);
    assert!(
        without.stderr.contains("2026-09 was closed with --events"),
        "{}",
        without.stderr
    );
}

#[test]
fn c3_a_month_whose_purchase_costs_nothing_is_closed_and_a_fee_is_a_correction() {
    let site = bought_before("30000");
    let path = site.path("events.toml");
    let paid = fs::read_to_string(&path).expect("read");
    let free = paid.replace("fee = \"30000\"", "until = \"2027-09-20T10:00\"");
    assert_ne!(free, paid);
    fs::write(&path, free).expect("written");
    let events = path.display().to_string();
    let september = ["--month", "2026-09", "--early", "--events", &events];
    let said = run(&site, "close", &september);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(site.verify().code, 0);
    let both = expected(&[("2026-09", "0.00"), ("2026-10", "663.20")]);
    assert_eq!(payables(&site, &[]), both);
    // A fee that is told later is on the bill of the month after.
    fs::write(&path, paid).expect("written");
    let after = expected(&[("2026-09", "0.00"), ("2026-10", "30663.20")]);
    assert_eq!(payables(&site, &[]), after);
}

#[test]
fn c3_a_month_of_corrections_is_closed_and_one_of_nothing_is_not() {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..101));
    site.ingest();
    let november = ["--month", "2026-11", "--early"];
    let said = run(&site, "close", &[&november[..], &["--no-bill"]].concat());
    assert_eq!(said.code, 1, "{}", said.stderr);
    let said = run(&site, "close", &november);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["bill"]["payable"], "26.26");
    let bills = bill(&site, "out", &[]);
    assert_eq!(
        bills.json.as_array().map(Vec::len),
        Some(2),
        "{}",
        bills.json
    );
    for more in [&["--no-bill"][..], &[]] {
        let said = run(
            &site,
            "close",
            &[&["--month", "2026-12", "--early"], more].concat(),
        );
        assert_eq!(said.code, 1, "{}", said.stderr);
        assert!(
            said.stderr.contains("nothing to close: "),
            "{}",
            said.stderr
        );
    }
    assert_eq!(site.verify().code, 0);
}

#[test]
fn c3_a_close_names_earlier_months_that_are_still_open() {
    let site = bought_before("30000");
    let events = site.path("events.toml").display().to_string();
    let october = [
        "--month",
        "2026-10",
        "--early",
        "--dry-run",
        "--events",
        &events,
    ];
    let said = run(&site, "close", &october);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stderr.contains("2026-09 is still open"),
        "{}",
        said.stderr
    );
}

/// The lines that are explained, of a bill with more arguments.
fn explained(site: &Site, more: &[&str]) -> Vec<serde_json::Value> {
    let said = bill(site, "out", &[&["--explain", "/"], more].concat());
    said.json.as_array().expect("lines").clone()
}

/// Bytes of the parts of a line by side, domain and region.
fn parts(line: &serde_json::Value) -> Vec<(String, String, i64)> {
    let text = |of: &serde_json::Value| of.as_str().expect("a text").to_owned();
    let parts = line["usage"].as_array().expect("parts").iter();
    parts
        .map(|part| {
            let bytes = part["bytes"].as_i64().expect("bytes");
            (text(&part["side"]), text(&part["domain"]), bytes)
        })
        .collect()
}

#[track_caller]
fn assert_whole(line: &serde_json::Value) {
    let bytes: i64 = parts(line).iter().map(|(_, _, bytes)| bytes).sum();
    assert_eq!(line["metered_bytes"], bytes.to_string(), "{line}");
}

#[test]
fn c5_a_closed_month_is_explained_by_what_it_was_closed_with() {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    let unknown = lines("202610", 0..4).replace(" 22 2 ", " 22 - ");
    site.write(
        "a.log",
        lines("202610", 0..30) + &unknown.replace("/a/", "/b/"),
    );
    assert_eq!(site.ingest().code, 0);
    // Mini-program traffic was priced with the other, and clients of no region abroad.
    let then = own_catalogue(
        &site,
        &[
            (
                "mini-program = \"own-price\"",
                "mini-program = \"as-standard\"",
            ),
            ("unknown-region = \"mainland\"", "unknown-region = \"AP1\""),
        ],
    );
    let by_then = ["--month", "2026-10", "--early", "--catalogue", &then];
    let said = run(&site, "close", &by_then);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let later = own_catalogue(
        &site,
        &[
            ("[[rules]]", "[[rules]]\nfrom = 2026-11-01"),
            ("name = \"own\"", "name = \"later\""),
        ],
    );
    for today in [
        &[][..],
        &["--catalogue", &later],
        &["--catalogue", "tencent-history"],
        &["--standard-mode", "daily-peak"],
    ] {
        let lines = explained(&site, today);
        assert_eq!(lines.len(), 2, "{lines:?}");
        for line in &lines {
            assert_whole(line);
            assert!(
                parts(line).iter().all(|(side, ..)| side == "closed"),
                "{line}"
            );
        }
        // 10 GB of v0 to v2 of no region: 1 + 4, 2 and 3.
        let abroad = lines.iter().find(|line| {
            line["charge_id"]
                .as_str()
                .is_some_and(|id| id.contains("AP1"))
        });
        assert_eq!(parts(abroad.expect("a line")).len(), 3);
    }
    // A registry that gives everything to another account explains what it was.
    registry(&site, "2026-10-02", "other");
    let lines = explained(&site, &["--month", "2026-10"]);
    assert_eq!(lines.len(), 2);
    lines.iter().for_each(assert_whole);
}

#[test]
fn c5_a_correction_is_explained_from_both_sides() {
    let site = late_site();
    let of_correction = |site: &Site| {
        let mut lines = explained(site, &[]);
        lines.retain(|line| {
            line["charge_id"]
                .as_str()
                .is_some_and(|id| id.ends_with("/correction"))
        });
        lines
    };
    let part = |side: &str, domain: &str, bytes: i64| (side.to_owned(), domain.to_owned(), bytes);
    let lines = of_correction(&site);
    assert_eq!(lines.len(), 1);
    let frozen = [
        part("closed", "v1.example.cn", -155_000_001_085),
        part("closed", "v2.example.cn", -165_000_001_155),
    ];
    let now = [
        part("now", "v1.example.cn", 256_000_001_792),
        part("now", "v2.example.cn", 165_000_001_155),
    ];
    assert_eq!(parts(&lines[0]), [&frozen[..], &now].concat());
    assert_eq!(lines[0]["bill"], "2026-11");
    assert_whole(&lines[0]);
    // Closed, and corrected again: each bill tells of its own.
    crate::closed::close(&site, "2026-11");
    site.write("later.log", crate::closed::lines("202610", 200..201));
    site.ingest();
    let lines = of_correction(&site);
    let bills: Vec<_> = lines.iter().map(|line| &line["bill"]).collect();
    assert_eq!(bills, ["2026-11", "2026-12"]);
    lines.iter().for_each(assert_whole);
    // What came after the bill of November was closed is no part of it.
    let last = parts(&lines[0]).pop();
    assert_eq!(
        last,
        Some(part("since", "after the bill of 2026-11", -201_000_001_407))
    );
    let told = part("corrected", "the bill of 2026-11", -101_000_000_707);
    assert!(parts(&lines[1]).contains(&told), "{}", lines[1]);
    // A domain that was given to another account is explained on both bills.
    registry(&site, "2026-10-02", "other");
    let lines = of_correction(&site);
    assert!(4 <= lines.len(), "{lines:?}");
    lines.iter().for_each(assert_whole);
    let out = site.path("out").display().to_string();
    let table = printed(&site, &["--explain", "/correction", "--out", &out]);
    for words in [
        ", as 2026-10 was closed",
        "was corrected on the bill of 2026-11",
        "came or went after",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
}
