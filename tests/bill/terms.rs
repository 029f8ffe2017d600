//! The terms that a month was closed with hold for it: currency, catalogue, mode, registry.

use std::fs;

use crate::closed::{bill, closed_site, lines, printed, run};
use crate::program::Site;

/// The shipped catalogue under another name, with other texts in it.
fn own_catalogue(site: &Site, changes: &[(&str, &str)]) -> String {
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

/// A closed October of 663.20 CNY, and 101 GB that came for it since.
fn late_site() -> Site {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..101));
    site.write("november.log", lines("202611", 0..3));
    site.ingest();
    site
}

#[track_caller]
fn assert_refused(site: &Site, command: &str, more: &[&str], words: &[&str]) {
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

#[test]
fn c1_a_correction_in_another_currency_is_refused() {
    let site = late_site();
    let dollars = own_catalogue(&site, &[("currency = \"CNY\"", "currency = \"USD\"")]);
    let by_dollars = ["--catalogue", &dollars[..]];
    let words = [
        "the bill of 2026-11 is in USD, and what corrects 2026-10 in it is in CNY",
        "never added",
    ];
    assert_refused(&site, "bill", &by_dollars, &words);
    let november = [&by_dollars[..], &["--month", "2026-11", "--early"]].concat();
    assert_refused(&site, "close", &november, &words);
    let logs = site.path("logs").display().to_string();
    assert_refused(&site, "run", &[&by_dollars[..], &[&logs]].concat(), &words);
    let rerate = [&by_dollars[..], &["--rerate"]].concat();
    let words = ["2026-10 was billed in CNY, and would be priced in USD"];
    assert_refused(&site, "bill", &rerate, &words);
    // A month without corrections may be in another currency than those before.
    let october = bill(
        &site,
        "out",
        &["--catalogue", &dollars, "--month", "2026-10"],
    );
    assert_eq!(october.json[0]["currency"], "CNY");
    let site = closed_site();
    site.write("november.log", lines("202611", 0..3));
    site.ingest();
    let bills = bill(&site, "out", &["--catalogue", &dollars]);
    let currencies: Vec<_> = (0..2).map(|at| &bills.json[at]["currency"]).collect();
    assert_eq!(currencies, ["CNY", "USD"]);
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
