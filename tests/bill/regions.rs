//! Regions that are no zone: what they are priced as, and that every bill says so.

use std::fs;

use crate::closed::{bill, close, printed, registry};
use crate::program::Site;

const GB: u64 = 1_000_000_000;

/// What clients of a country were sent on the third of October.
fn row(country: &str, domain: &str, gigabytes: u64) -> String {
    format!(
        "{{\"ClientCountry\":\"{country}\",\"ClientRequestHost\":\"{domain}\",\
         \"ClientRequestSource\":\"eyeball\",\"EdgeResponseBytes\":{},\"EdgeResponseStatus\":200,\
         \"EdgeStartTimestamp\":\"2026-10-03T04:00:00Z\"}}\n",
        gigabytes * GB
    )
}

/// Sweden and Nigeria in rows of one format, country 200 in one of another, and what tells no country.
fn site() -> Site {
    let site = Site::new();
    registry(&site, "2026-12-01", "acct");
    let rows = [
        row("se", "v1.example.cn", 60),
        row("ng", "v1.example.cn", 40),
        row("xx", "v2.example.cn", 30),
    ];
    site.write("a.ndjson", rows.concat());
    site.write(
        "live.log",
        format!(
            "20261003120000 203.0.113.9 v1.example.cn /r.flv {} 200 0 0 200 - 61 \"P\" - GET r hit 198.51.100.4 a b 1\n",
            100 * GB
        ),
    );
    let said = site.ingest();
    assert_eq!(said.code, 0, "{}", said.stderr);
    site
}

#[test]
fn c6_every_bill_says_what_regions_without_a_zone_were_priced_as() {
    let site = site();
    let path = site.path("statement.html").display().to_string();
    let said = bill(&site, "out", &["--html", &path]);
    // 200 GB at AP1's 0.46 are 92.00, not the mainland's 52.00; 30 GB at 0.26 are 7.80.
    assert_eq!(said.json[0]["payable"], "99.80");
    check(&said.json[0]["assumed_regions"]);
    let page = fs::read_to_string(path).expect("read");
    let out = site.path("out").display().to_string();
    let table = printed(&site, &["--out", &out]);
    for words in [
        "riced as mainland: 30 GB of account acct, of clients of unknown region",
        "riced as AP1: 200 GB of account acct, of clients abroad in no zone that the log tells",
    ] {
        assert!(page.contains(words) && table.contains(words), "{words}");
    }
    let explained = bill(&site, "out", &["--explain", "standard-traffic/AP1"]);
    let how = explained.json[0]["explanation"].as_str().expect("a text");
    let words = "of what is priced as AP1, 200 GB are of clients abroad in no zone";
    assert!(how.contains(words), "{how}");
}

#[test]
fn c6_a_closed_month_still_says_so() {
    let site = site();
    close(&site, "2026-10");
    let said = bill(&site, "out", &[]);
    assert_eq!(said.json[0]["payable"], "99.80");
    check(&said.json[0]["assumed_regions"]);
}

/// Corrected month, region and gigabytes of what a bill says was priced as a zone.
fn told(bill: &serde_json::Value) -> Vec<[String; 3]> {
    let told = bill["assumed_regions"].as_array().expect("a list").iter();
    let text = |of: &serde_json::Value, name: &str| of[name].as_str().unwrap_or("").to_owned();
    let names = ["corrects", "region", "gigabytes"];
    told.map(|of| names.map(|name| text(of, name))).collect()
}

fn of_october(region: &str, gigabytes: &str) -> [String; 3] {
    ["2026-10", region, gigabytes].map(str::to_owned)
}

#[test]
fn c6_corrections_of_a_closed_month_say_so_too() {
    let site = site();
    close(&site, "2026-10");
    let late = [
        row("xx", "v2.example.cn", 20),
        row("se", "v1.example.cn", 10),
    ];
    site.write("late.ndjson", late.concat());
    assert_eq!(site.ingest().code, 0);
    let path = site.path("statement.html").display().to_string();
    let said = bill(&site, "out", &["--html", &path]);
    let november = &said.json[1];
    // 20 GB at 0.26 and 10 at 0.46.
    assert_eq!(november["payable"], "9.80");
    let expected = [of_october("unknown", "20"), of_october("overseas", "10")];
    assert_eq!(told(november), expected);
    let page = fs::read_to_string(path).expect("read");
    let out = site.path("out").display().to_string();
    let table = printed(&site, &["--out", &out]);
    let words = "riced as mainland by corrections of 2026-10: 20 GB more of account acct, of clients of unknown region";
    assert!(page.contains(words) && table.contains(words), "{table}");
    for (zone, words) in [
        ("mainland", "as mainland, 50 GB are of clients of unknown"),
        ("AP1", "as AP1, 210 GB are of clients abroad in no zone"),
    ] {
        let name = format!("standard-traffic/{zone}");
        let more = ["--month", "2026-11", "--explain", &name];
        let explained = bill(&site, "out", &more);
        let how = explained.json[0]["explanation"].as_str().expect("a text");
        assert!(how.contains(words), "{how}");
    }
}

#[test]
fn c6_corrections_say_only_what_no_bill_said_before() {
    let site = site();
    close(&site, "2026-10");
    site.write("late.ndjson", row("xx", "v2.example.cn", 20));
    assert_eq!(site.ingest().code, 0);
    close(&site, "2026-11");
    site.write("later.ndjson", row("xx", "v2.example.cn", 3));
    // What told no region is known to be of Sweden.
    let rows = [
        row("se", "v1.example.cn", 60),
        row("ng", "v1.example.cn", 40),
        row("se", "v2.example.cn", 30),
    ];
    site.write("a.ndjson", rows.concat());
    assert_eq!(site.ingest_deliveries().code, 0);
    let bills = bill(&site, "out", &[]).json;
    check(&bills[0]["assumed_regions"]);
    assert_eq!(told(&bills[1]), [of_october("unknown", "20")]);
    let expected = [of_october("unknown", "-27"), of_october("overseas", "30")];
    assert_eq!(told(&bills[2]), expected);
    let out = site.path("out").display().to_string();
    let table = printed(&site, &["--out", &out]);
    let words = "priced as mainland by corrections of 2026-10: 27 GB less of account acct";
    assert!(table.contains(words), "{table}");
}

fn check(told: &serde_json::Value) {
    let told = told.as_array().expect("a list").iter();
    let told: Vec<_> = told
        .map(|of| {
            let text = |name: &str| of[name].as_str().expect("a text").to_owned();
            (
                text("region"),
                text("priced_as"),
                text("gigabytes"),
                of["bytes"].as_u64(),
            )
        })
        .collect();
    let of = |region: &str, zone: &str, gigabytes: u64| {
        let text = gigabytes.to_string();
        (
            region.to_owned(),
            zone.to_owned(),
            text,
            Some(gigabytes * GB),
        )
    };
    assert_eq!(
        told,
        [of("unknown", "mainland", 30), of("overseas", "AP1", 200)]
    );
}
