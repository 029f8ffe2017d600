//! The same usage priced in several ways, side by side.

use std::fs;

use serde_json::Value;

use crate::closed::{close, closed_site, lines, printed, run};
use crate::program::Site;
use crate::terms::late_site;

/// What all accounts pay, way by way.
fn payable(month: &Value) -> Vec<&str> {
    let payable = month["payable"].as_array().expect("a list");
    payable
        .iter()
        .map(|of| of.as_str().expect("a text"))
        .collect()
}

const WAYS: [&str; 10] = [
    "--what-if",
    "mode=daily-peak",
    "--what-if",
    "mode=p95,price=30",
    "--what-if",
    "mode=average,price=30",
    "--what-if",
    "package=500",
    "--what-if",
    "catalogue=tencent-history",
];

#[test]
fn modes_packages_and_catalogues_stand_side_by_side() {
    // On one day, 145 GB of a mini-program domain, and 320 GB of others in 16 slots: 36, 34, 30, 28, 24,
    // 23, 21, 20, 18, 17, 15, 14, 12, 11, 9 and 8 GB.
    let site = closed_site();
    let said = run(&site, "bill", &WAYS);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let expected = [
        // 4 × 145 + 0.26 × 320.
        "663.20",  // + 960 Mbps × 0.63.
        "1184.80", // + 240 Mbps, the 15th sample, × 30 × 1 of 31 days.
        "812.26",  // + 960 Mbps × 30 × 1 of 31 days.
        "1509.03", // + 128 for the package, which pays for all of it.
        "708.00",  // 0.26 × 465.
        "120.90",
    ];
    assert_eq!(payable(&said.json[0]), expected);
    assert_eq!(said.json[0]["more"][5], "-542.30");
    let items = said.json[0]["accounts"][0]["items"]
        .as_array()
        .expect("items");
    let standard = items.iter().find(|of| of["item"] == "standard-traffic");
    let amounts = &standard.expect("standard traffic")["amounts"];
    assert_eq!(amounts[0], "83.20000058");
    assert_eq!(amounts[1], Value::Null);
    assert!(!site.path("out").exists(), "nothing is written");
}

#[test]
fn a_way_that_cannot_be_is_refused() {
    let site = closed_site();
    for (way, words) in [
        (
            "mode=fast",
            "no mode is called `fast`; the modes are flow, daily-peak",
        ),
        ("discount=3", "`discount` cannot be changed"),
        ("mode=p95", "such as mode=p95,price=30"),
        ("mode=p95,price=cheap", "this is no number"),
        ("package=0", "no size of a package"),
        ("package=7", "no price of traffic-package 7"),
    ] {
        let said = run(&site, "bill", &["--what-if", way]);
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
}

#[test]
fn catalogues_are_compared_by_what_a_month_costs() {
    let site = closed_site();
    let own = site.path("own.toml");
    let shipped = shown(&["mini-program-live"]);
    let dearer = shipped.replace("price = \"4\"", "price = \"5\"");
    fs::write(
        &own,
        dearer.replace("name = \"mini-program-live\"", "name = \"own\""),
    )
    .expect("written");
    let own = own.display().to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    command.args([
        "catalogue",
        "diff",
        "mini-program-live",
        &own,
        "--json",
        "--store",
    ]);
    command
        .arg(site.path("store"))
        .arg("--registry")
        .arg(site.path("registry.toml"));
    let said = Site::run(&mut command);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(payable(&said.json[0]), ["663.20", "808.20"]);
    let euro = fs::read_to_string(&own)
        .expect("read")
        .replace("\"CNY\"", "\"EUR\"");
    fs::write(&own, euro).expect("written");
    let said = Site::run(&mut command);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("currencies are not compared"),
        "{}",
        said.stderr
    );
}

/// A catalogue's text.
fn shown(names: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    let output = command.args(["catalogue", "show"]).args(names).output();
    String::from_utf8(output.expect("started").stdout).expect("text")
}

#[test]
fn all_catalogues_that_ship_are_sound() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    let output = command
        .args(["catalogue", "check"])
        .output()
        .expect("started");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success());
    assert_eq!(
        said.lines()
            .filter(|line| line.contains(": sound, CNY"))
            .count(),
        2,
        "{said}"
    );
}

#[test]
fn a_table_shows_them_to_people() {
    let site = closed_site();
    let said = printed(&site, &WAYS);
    for words in [
        "(3)  mode=p95,price=30",
        "standard-monthly-95",
        "232.25806614",
        "more than (1)",
    ] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn c10_a_closed_month_has_the_corrections_it_was_closed_with_in_all_ways() {
    let site = late_site();
    // The second bill corrects the first, the third both.
    close(&site, "2026-11");
    site.write(
        "later.log",
        lines("202610", 101..103) + &lines("202611", 103..104),
    );
    site.write("december.log", lines("202612", 0..3));
    site.ingest();
    let is_closed = |month: &str| {
        let same = [
            "--what-if",
            "catalogue=mini-program-live",
            "--what-if",
            "mode=daily-peak",
        ];
        let said = run(&site, "bill", &same);
        assert_eq!(said.code, 0, "{}", said.stderr);
        for month in said.json.as_array().expect("months") {
            assert_eq!(month["payable"][0], month["payable"][1], "{month}");
            assert_eq!(month["more"][1], "0.00", "{month}");
            let items = month["accounts"][0]["items"].as_array().expect("items");
            let corrections = items.iter().filter(|item| item["corrects"] != "");
            for item in corrections.clone() {
                assert_eq!(item["amounts"][0], item["amounts"][2], "{item}");
            }
            let is_first = month["month"] == "2026-10";
            assert_eq!(corrections.count() == 0, is_first, "{month}");
        }
        let months = said.json.as_array().expect("months").iter();
        assert!(months.clone().any(|of| of["month"] == month), "{month}");
    };
    is_closed("2026-12");
    close(&site, "2026-12");
    is_closed("2026-12");
}
