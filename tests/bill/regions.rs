//! Regions that are no zone: what they are priced as, and that every bill says so.

use std::fs;

use crate::closed::{bill, close, printed, registry};
use crate::program::Site;

const GB: u64 = 1_000_000_000;

/// Sweden and Nigeria in rows of one format, country 200 in one of another, and what tells no country.
fn site() -> Site {
    let site = Site::new();
    registry(&site, "2026-12-01", "acct");
    let row = |country: &str, domain: &str, gigabytes: u64| {
        format!(
            "{{\"ClientCountry\":\"{country}\",\"ClientRequestHost\":\"{domain}\",\
             \"ClientRequestSource\":\"eyeball\",\"EdgeResponseBytes\":{},\"EdgeResponseStatus\":200,\
             \"EdgeStartTimestamp\":\"2026-10-03T04:00:00Z\"}}\n",
            gigabytes * GB
        )
    };
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
