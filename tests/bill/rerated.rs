//! Closed months that are rerated: what they took of packages is corrected, as money is.

use std::fs;

use serde_json::Value;

use crate::closed::{bill, closed_site, lines, printed, registry, run};
use crate::program::Site;
use crate::terms::own_catalogue;

const EVENTS: &str = r#"
[[package]]
account = "acct"
at = "2026-10-02T09:00"
gigabytes = 1000
fee = "1"

[[transcoding-package]]
account = "acct"
at = "2026-10-02T09:00"
kind = "standard"
hours = 5
fee = "1"
"#;
const SERVICES: &str = "day,account,service,variant,quantity\n\
                        2026-10-05,acct,transcoding,h264-720p,3600\n";

/// October, closed with packages that paid for 320 GB and an hour of it, and the arguments that tell of them.
fn site_with_packages() -> (Site, [String; 4]) {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    let path = |name: &str, text: &str| {
        fs::write(site.path(name), text).expect("written");
        site.path(name).display().to_string()
    };
    let (events, services) = (path("events.toml", EVENTS), path("services.csv", SERVICES));
    let told = ["--events", &events, "--services", &services].map(str::to_owned);
    let said = run(
        &site,
        "close",
        &[&["--month", "2026-10", "--early"], &texts(&told)[..]].concat(),
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
    (site, told)
}

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(|text| &text[..]).collect()
}

/// The lines of November that correct October, rerated by a catalogue with another text in it.
fn rerated(change: (&str, &str)) -> (Site, Vec<Value>, Value) {
    let (site, told) = site_with_packages();
    let own = own_catalogue(&site, &[change]);
    let more = [
        &texts(&told)[..],
        &["--catalogue", &own, "--rerate", "--focus"],
    ]
    .concat();
    let said = bill(
        &site,
        "out",
        &[&more[..], &["--explain", "/correction"]].concat(),
    );
    let page = site.path("page.html").display().to_string();
    let bills = bill(&site, "out", &[&more[..], &["--html", &page]].concat());
    let found = said.json.as_array().expect("lines").clone();
    (site, found, bills.json[1].clone())
}

#[test]
fn c11_what_a_rerated_month_takes_of_traffic_packages_is_corrected() {
    let ratio = "zones = [\"mainland\"]\nratio = \"1\"";
    let (_, found, november) = rerated((ratio, &ratio.replace("\"1\"", "\"0.5\"")));
    assert_eq!(found.len(), 1, "{found:?}");
    let line = &found[0];
    assert_eq!(line["item"], "package-traffic");
    for (name, expected) in [
        ("metered_bytes", "0"),
        ("quantity", "0"),
        ("package_quantity", "-160.00000112"),
        ("payable", "0.00"),
    ] {
        assert_eq!(line[name], expected, "{name}");
    }
    let how = line["explanation"].as_str().expect("a text");
    let words = "2026-10 was billed with 0 for 320000002240 B of this, taking 320.00000224 of packages, and is";
    assert!(how.contains(words), "{how}");
    let shares = line["costs"].as_array().expect("shares").iter();
    let shares: Vec<_> = shares
        .map(|share| (&share["domain"], &share["package_gigabytes"]))
        .collect();
    assert_eq!(
        format!("{shares:?}"),
        r#"[(String("v1.example.cn"), String("-77.5000005425")), (String("v2.example.cn"), String("-82.5000005775"))]"#
    );
    assert_eq!(november["packages"][0]["left"], "839.99999888");
}

#[test]
fn c11_what_a_rerated_month_takes_of_transcoding_packages_is_corrected() {
    let (_, found, november) = rerated(("\"0.0325\"", "\"0.0160\""));
    assert_eq!(found.len(), 1, "{found:?}");
    // 60 minutes at 0.0325 are 121.875 at 0.016.
    assert_eq!(found[0]["item"], "package-transcoding");
    assert_eq!(found[0]["quantity"], "0");
    assert_eq!(found[0]["package_quantity"], "-61.875");
    assert_eq!(november["transcoding_packages"][0]["minutes_left"], "240");
}

#[test]
fn c11_what_was_taken_of_packages_is_kept_with_the_month() {
    let (site, told) = site_with_packages();
    let said = bill(
        &site,
        "out",
        &[&texts(&told)[..], &["--explain", "package-tra"]].concat(),
    );
    let lines = said.json.as_array().expect("lines").iter();
    let taken: Vec<_> = lines
        .map(|line| (&line["item"], &line["package_quantity"]))
        .collect();
    assert_eq!(
        format!("{taken:?}"),
        r#"[(String("package-traffic"), String("320.00000224")), (String("package-transcoding"), String("121.875"))]"#
    );
    let bills = bill(&site, "out", &texts(&told));
    assert_eq!(
        bills.json.as_array().map(Vec::len),
        Some(1),
        "{}",
        bills.json
    );
}

#[test]
fn c5_a_line_is_shown_as_a_product_only_where_it_is_one() {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..101));
    site.ingest();
    let out = site.path("out").display().to_string();
    let correction = ["--out", &out[..], "--explain", "/correction"];
    let said = printed(&site, &correction);
    let words =
        "          101.000000707 GB × 0.26 = 26.26000019 on the detail, 26.26 of what is paid";
    assert!(said.contains(words), "{said}");
    let changes = [("\"0.26\"", "\"0.30\""), ("price = \"4\"", "price = \"5\"")];
    let own = own_catalogue(&site, &changes);
    let said = printed(
        &site,
        &[&correction[..], &["--catalogue", &own, "--rerate"]].concat(),
    );
    for words in [
        "          what it is now, less what was billed: +0 GB, +145.00000102 on the detail, 145 of what is paid",
        "how       2026-10 was billed with 580.00000406 for 145000001015 B of this (145.000001015 GB × 4), and is \
         725.00000508 for 145000001015 B now (145.000001015 GB × 5)\n",
        "          what it is now, less what was billed: +101.000000707 GB, +43.1000003 on the detail",
        "B of this (320.00000224 GB × 0.26), and is 126.30000088 for 421000002947 B now (421.000002947 GB × 0.3)\n",
    ] {
        assert!(said.contains(words), "{words}\n{said}");
    }
    assert!(!said.contains("0 GB × 5"), "{said}");
}

#[test]
fn c5_a_part_of_a_month_is_no_product() {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    site.write("a.log", lines("202610", 0..1));
    site.ingest();
    let services = "day,account,service,quantity\n2026-10-05,acct,recording,12\n";
    fs::write(site.path("services.csv"), services).expect("written");
    let services = site.path("services.csv").display().to_string();
    let out = site.path("out").display().to_string();
    let said = printed(
        &site,
        &[
            "--out",
            &out,
            "--services",
            &services,
            "--explain",
            "recording",
        ],
    );
    let words = "          12 Channels at 30 each: 11.61290323 on the detail";
    assert!(said.contains(words), "{said}");
}
