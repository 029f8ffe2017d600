//! Domains that were added as mini-program domains in a month that was closed with them as standard ones: what
//! was settled by the day stays billed, and is a credit to ask for (R21).

use std::fs;

use serde_json::Value;

use crate::closed::{amounts, bill, lines, registry, run};
use crate::program::Site;

/// October with 145.000001015 GB of v0 and 320.00000224 GB of others on the third, closed by `terms` when
/// nobody knew that v0 was added in it.
fn closed_as_standard(terms: &[&str]) -> Site {
    closed_with(0..30, terms)
}

fn closed_with(numbers: std::ops::Range<u64>, terms: &[&str]) -> Site {
    let site = Site::new();
    registry(&site, "2026-12-01", "acct");
    site.write("a.log", lines("202610", numbers));
    assert_eq!(site.ingest().code, 0);
    close(&site, "2026-10", terms);
    site
}

fn close(site: &Site, month: &str, terms: &[&str]) {
    let how = ["--month", month, "--early"];
    let said = run(site, "close", &[&how[..], terms].concat());
    assert_eq!(said.code, 0, "{}", said.stderr);
}

/// Item, bytes, amount and quantity of the lines of a bill that need review.
fn reviewed(site: &Site, terms: &[&str], month: &str) -> Vec<[String; 4]> {
    let out = site.path("csv").display().to_string();
    let mut command = site.command("bill");
    command
        .arg("--registry")
        .arg(site.path("registry.toml"))
        .args(["--csv", "--month", month, "--out", &out])
        .args(terms);
    let output = command.output().expect("started");
    assert!(output.status.success());
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let names = reader.headers().expect("names").clone();
    let place = |name: &str| {
        let place = names.iter().position(|of| of == name);
        place.expect("a column")
    };
    let columns = ["item", "metered_bytes", "exact_amount", "quantity"].map(place);
    let status = place("status");
    let records = reader.records().map(|record| record.expect("a record"));
    let records = records.filter(|record| &record[status] == "needs_review");
    records
        .map(|record| columns.map(|column| record[column].to_owned()))
        .collect()
}

fn row(item: &str, bytes: &str, amount: &str, quantity: &str) -> [String; 4] {
    let places = |number: &str| {
        let (whole, places) = number.split_once('.').unwrap_or((number, ""));
        format!("{whole}.{places:0<18}")
    };
    [
        item.to_owned(),
        bytes.to_owned(),
        places(amount),
        places(quantity),
    ]
}

/// What accounts pay for the month after October, and how many of its lines need review.
fn november(bills: &Value) -> (&Value, &Value) {
    let of = &bills[1]["accounts"][0];
    (&of["payable"], &of["needs_review"])
}

#[test]
fn c7_what_a_closed_month_settled_by_the_day_stays_billed_and_is_a_credit_to_ask_for() {
    let site = closed_as_standard(&[]);
    let before = amounts_of_standard(&site, &[]);
    registry(&site, "2026-10-20", "acct");
    let bills = bill(&site, "out", &[]).json;
    // 145.000001015 GB at 4: what was billed of them at 0.26 is in no sum.
    assert_eq!(november(&bills), (&"580.00".into(), &1.into()));
    assert_eq!(amounts_of_standard(&site, &[]), before);
    // Corrections are differences of what bills say in detail, so they have 8 places.
    let credit = row(
        "standard-traffic",
        "145000001015",
        "-37.70000026",
        "145.000001015",
    );
    assert_eq!(reviewed(&site, &[], "2026-11"), [credit]);
    // Neither is told again when its bill is closed.
    close(&site, "2026-11", &[]);
    assert_eq!(
        bill(&site, "out", &[]).json.as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(amounts_of_standard(&site, &[]), before);
}

/// What standard traffic of October costs, on all bills.
fn amounts_of_standard(site: &Site, terms: &[&str]) -> Vec<i128> {
    bill(site, "sums", terms);
    let amounts = amounts(site, "sums", "2026-10").into_iter();
    let of_standard = amounts.filter(|(key, _)| key.0.starts_with("standard"));
    of_standard.map(|(_, sums)| sums[0]).collect()
}

#[test]
fn c7_days_from_the_day_on_which_it_was_added_are_corrected_in_the_sum() {
    let site = closed_as_standard(&[]);
    registry(&site, "2026-10-03", "acct");
    let bills = bill(&site, "out", &[]).json;
    // 580.00000406 less 37.70000026.
    assert_eq!(november(&bills), (&"542.30".into(), &0.into()));
}

#[test]
fn c7_peaks_that_a_closed_month_settled_by_the_day_stay_billed_too() {
    let terms = ["--standard-mode", "daily-peak"];
    let site = closed_with(0..28, &terms);
    let before = amounts_of_standard(&site, &terms);
    registry(&site, "2026-10-20", "acct");
    let bills = bill(&site, "out", &terms).json;
    // 32 GB of v0 in 5 minutes are the busiest; without it 30 GB of v2 would be.
    let (payable, reviewed_lines) = november(&bills);
    assert_eq!((payable, reviewed_lines), (&"580.00".into(), &1.into()));
    assert_eq!(amounts_of_standard(&site, &terms), before);
    let lines = reviewed(&site, &terms, "2026-11");
    assert_eq!(lines[0][0], "standard-peak");
    assert!(lines[0][2].starts_with('-'), "{lines:?}");
}

/// A package that is bought on the third of October.
fn write_package(site: &Site, gigabytes: u32) -> String {
    let package = format!(
        "[[package]]\naccount = \"acct\"\nat = \"2026-10-03T09:00\"\ngigabytes = {gigabytes}\nfee = \"1\"\n"
    );
    fs::write(site.path("events.toml"), package).expect("written");
    site.path("events.toml").display().to_string()
}

#[test]
fn c7_package_gigabytes_that_a_closed_month_took_stay_taken_until_they_are_given_back() {
    let site = Site::new();
    registry(&site, "2026-12-01", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    let events = write_package(&site, 400);
    let terms = ["--events", &events[..]];
    close(&site, "2026-10", &terms);
    let before = amounts_of_standard(&site, &terms);
    registry(&site, "2026-10-20", "acct");
    site.write("november.log", lines("202611", 0..3));
    assert_eq!(site.ingest().code, 0);
    let bills = bill(&site, "out", &terms).json;
    assert_eq!(amounts_of_standard(&site, &terms), before);
    // 5.000000035 GB of v1 and v2 in November are paid in money: nothing of the package is left.
    assert_eq!(november(&bills), (&"585.30".into(), &2.into()));
    assert_eq!(
        reviewed(&site, &terms, "2026-11"),
        [
            row(
                "standard-traffic",
                "65000003255",
                "-16.90000085",
                "65.000003255"
            ),
            row("package-traffic", "79999997760", "0", "79.99999776"),
        ]
    );
}

#[test]
fn c7_late_usage_of_such_a_day_is_of_the_day_as_it_was_settled() {
    let site = closed_as_standard(&[]);
    registry(&site, "2026-10-20", "acct");
    // 101, 102 and 103 GB of v1, v2 and v0.
    site.write("late.log", lines("202610", 100..103));
    assert_eq!(site.ingest().code, 0);
    let bills = bill(&site, "out", &[]).json;
    // 248.000001736 GB of v0 at 4, and 306.000002142 GB more of the day at 0.26: 992.00000694, 79.56000056.
    assert_eq!(november(&bills), (&"1071.56".into(), &1.into()));
    let rows = reviewed(&site, &[], "2026-11");
    assert_eq!(rows[0][1], "248000001736");
    let lines = bill(&site, "out", &["--explain", "acct/"]).json;
    for line in lines.as_array().expect("lines") {
        let parts = line["usage"].as_array().expect("parts").iter();
        let bytes: i64 = parts.map(|of| of["bytes"].as_i64().expect("bytes")).sum();
        assert_eq!(line["metered_bytes"], bytes.to_string(), "{line}");
    }
    // v0 has its share of what is corrected, as the standard domain that it was.
    let is_it = |line: &&Value| {
        let id = line["charge_id"].as_str().expect("a name");
        id.contains("standard-traffic") && id.ends_with("/correction")
    };
    let lines = lines.as_array().expect("lines").iter();
    let line = lines.clone().find(is_it).expect("a correction");
    let shares = line["costs"].as_array().expect("shares").iter();
    let of_v0 = shares.filter(|share| share["domain"] == "v0.example.cn");
    let of_v0: Vec<_> = of_v0
        .map(|of| (&of["class"], &of["metered_bytes"]))
        .collect();
    assert_eq!(of_v0, [(&"standard".into(), &"103000000721".into())]);
}

#[test]
fn c7_late_usage_changes_what_may_be_asked_for_of_a_closed_month() {
    let site = Site::new();
    registry(&site, "2026-10-20", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    close(&site, "2026-10", &[]);
    site.write("late.log", lines("202610", 102..103));
    assert_eq!(site.ingest().code, 0);
    let bills = bill(&site, "out", &[]).json;
    assert_eq!(bills[0]["accounts"][0]["review_amount"], "-37.70000026");
    // 103.000000721 GB of v0.
    assert_eq!(november(&bills), (&"412.00".into(), &1.into()));
    assert_eq!(
        reviewed(&site, &[], "2026-11"),
        [row(
            "standard-traffic",
            "103000000721",
            "-26.78000019",
            "103.000000721"
        )]
    );
}

#[test]
fn c7_package_gigabytes_that_may_be_asked_for_change_too() {
    let site = Site::new();
    registry(&site, "2026-10-20", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    let events = write_package(&site, 500);
    let terms = ["--events", &events[..]];
    close(&site, "2026-10", &terms);
    site.write("late.log", lines("202610", 102..103));
    assert_eq!(site.ingest().code, 0);
    // 248.000001736 GB of v0: the package pays for 179.99999776 of them beside the others, not for 145.000001015.
    assert_eq!(
        reviewed(&site, &terms, "2026-11"),
        [
            row(
                "standard-traffic",
                "68000003976",
                "-17.68000103",
                "68.000003976"
            ),
            row("package-traffic", "34999996745", "0", "34.999996745"),
        ]
    );
    let more = [
        &terms[..],
        &["--month", "2026-11", "--explain", "package-traffic"],
    ]
    .concat();
    let explained = bill(&site, "out", &more).json;
    assert_eq!(
        explained[0]["explanation"],
        "bills told of 145.000001015 package GB of this that may be asked for of 2026-10, and it is \
         179.99999776 package GB now"
    );
}

#[test]
fn c7_what_is_left_of_packages_is_the_same_whenever_a_domain_was_told() {
    // 465.000003255 of 500 GB are taken on the third of October, v0 of it.
    let months = |closed_before: &[&str], closed_after: &[&str]| {
        let site = Site::new();
        registry(&site, "2026-12-01", "acct");
        let logs = ["202610", "202611", "202612"].map(|month| lines(month, 0..9));
        site.write("a.log", logs.concat() + &lines("202610", 9..30));
        assert_eq!(site.ingest().code, 0);
        let events = write_package(&site, 500);
        let terms = ["--events", &events[..]];
        for month in closed_before {
            close(&site, month, &terms);
        }
        registry(&site, "2026-10-20", "acct");
        for month in closed_after {
            close(&site, month, &terms);
        }
        let bills = bill(&site, "sums", &terms).json;
        let left = bills.as_array().expect("bills").iter();
        let left = left.map(|of| of["packages"][0]["left"].clone());
        let of_packages = ["2026-11", "2026-12"].map(|month| {
            let mut amounts = amounts(&site, "sums", month);
            amounts.retain(|key, _| key.0 != "mini-program-traffic");
            amounts
        });
        let owed = ["2026-10", "2026-11", "2026-12"].map(|month| reviewed(&site, &terms, month));
        (left.collect::<Vec<_>>(), of_packages, owed.concat())
    };
    let (left, after, owed) = months(&["2026-10"], &[]);
    assert_eq!(left[..3], ["34.999996745", "1.999996514", "0"]);
    assert_eq!(owed.len(), 1);
    assert_eq!(&owed[0][3], "145.000001015000000000");
    for (before, later) in [
        (&[][..], &[][..]),
        (&[], &["2026-10"]),
        (&[], &["2026-10", "2026-11"]),
    ] {
        let said = months(before, later);
        assert_eq!(said.0[..3], left[..3], "{later:?}");
        assert_eq!((said.1, said.2), (after.clone(), owed.clone()), "{later:?}");
    }
}

#[test]
fn e1_explanations_say_what_notes_say_is_left_in_open_and_closed_months() {
    for (before, later) in [
        (&[][..], &[][..]),
        (&["2026-10"], &[]),
        (&[], &["2026-10"]),
        (&["2026-10"], &["2026-11"]),
        (&[], &["2026-10", "2026-11"]),
    ] {
        let site = Site::new();
        registry(&site, "2026-12-01", "acct");
        let logs = ["202610", "202611", "202612"].map(|month| lines(month, 0..9));
        site.write("a.log", logs.concat() + &lines("202610", 9..30));
        assert_eq!(site.ingest().code, 0);
        let events = write_package(&site, 500);
        let terms = ["--events", &events[..]];
        before.iter().for_each(|month| close(&site, month, &terms));
        registry(&site, "2026-10-20", "acct");
        later.iter().for_each(|month| close(&site, month, &terms));
        // The third month finds less than it needs.
        for month in ["2026-10", "2026-11", "2026-12"] {
            let asked = [&terms[..], &["--month", month]].concat();
            let notes = bill(&site, "out", &asked).json;
            let left = notes[0]["packages"][0]["left"].as_str().expect("a number");
            let explain = [&asked[..], &["--explain", "package-traffic"]].concat();
            let lines = bill(&site, "out", &explain).json;
            let lines = lines.as_array().expect("lines").iter();
            let charged = lines.filter(|line| line["status"] == "charged");
            let how: Vec<_> = charged
                .map(|line| line["explanation"].as_str().expect("a text"))
                .collect();
            let words = format!("{left} left)");
            let is_told = how.len() == 1 && how[0].ends_with(&words);
            assert!(is_told, "{before:?} {later:?} {month} {words} {how:?}");
        }
    }
}

/// October with 5.000000035 GB of others and what was `seen` of v0, closed when its domain was known or not, and
/// 103.000000721 GB of v0 that came since.
fn late_of_v0(seen: &str, known: bool) -> Site {
    let site = Site::new();
    registry(&site, "2026-12-01", "acct");
    if !known {
        let path = site.path("registry.toml");
        let text = fs::read_to_string(&path).expect("read");
        fs::write(&path, text.replace("v0.example.cn", "w0.example.cn")).expect("written");
    }
    site.write("a.log", lines("202610", 1..3) + seen);
    assert_eq!(site.ingest().code, 0);
    close(&site, "2026-10", &[]);
    site.write("late.log", lines("202610", 102..103));
    assert_eq!(site.ingest().code, 0);
    registry(&site, "2026-10-20", "acct");
    site
}

#[test]
fn c7_late_usage_is_of_the_day_as_it_was_settled_whether_or_not_its_domain_was_seen_before() {
    let a_byte = "20261025000000 203.0.113.9 v0.example.cn /a/0.ts 1 22 2 200 NULL 41 \"P\" \"-\" GET HTTP/1.1 hit 1\n";
    // 103.000000721 GB of v0 at 4 and, as they were to be settled, at 0.26.
    let said = |seen: &str, known: bool| {
        let site = late_of_v0(seen, known);
        let bills = bill(&site, "out", &[]).json;
        let payable = november(&bills).0.clone();
        let credit = reviewed(&site, &[], "2026-11");
        assert_eq!(credit[0][1..3], ["103000000721", "-26.780000190000000000"]);
        let explained = ["--month", "2026-11", "--explain", "acct/"];
        let lines = bill(&site, "out", &explained).json.to_string();
        let is_told = lines.contains("nobody knew the domain when 2026-10 was closed");
        assert_eq!(is_told, !known, "{lines}");
        payable
    };
    assert_eq!(said(a_byte, true), "438.78");
    assert_eq!(said("", true), "438.78");
    // A domain that nobody knew was not settled by us.
    assert_eq!(said("", false), "412.00");
    assert_eq!(said(a_byte, false), "412.00");
}

#[test]
fn c7_what_stays_billed_was_played_once_so_upstream_stays_charged() {
    let line = |name: &str, bytes: u64| {
        format!(
            "20261003000000 203.0.113.9 {name}.example.cn /a.ts {bytes} 22 2 200 NULL 41 \"P\" \"-\" GET HTTP/1.1 hit 1\n"
        )
    };
    let site = Site::new();
    let add_push = || {
        let path = site.path("registry.toml");
        let push = "[[domain]]\nname = \"p.example.cn\"\naccount = \"acct\"\nkind = \"push\"\n";
        let text = fs::read_to_string(&path).expect("read") + push;
        fs::write(&path, text).expect("written");
    };
    registry(&site, "2026-12-01", "acct");
    add_push();
    // More than ten times what is played, but not than twenty times.
    site.write(
        "a.log",
        line("v0", 10_000_000_000) + &line("p", 110_000_000_000),
    );
    assert_eq!(site.ingest().code, 0);
    close(&site, "2026-10", &[]);
    registry(&site, "2026-10-20", "acct");
    add_push();
    let bills = bill(&site, "out", &[]).json;
    assert_eq!(november(&bills), (&"40.00".into(), &1.into()));
}
