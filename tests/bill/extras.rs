//! What is billed besides the traffic of logs: licences, packages, services; through closes, too.

use std::fs::{self, File};
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::Value;

use crate::closed::{amounts, assert_corrected, bill, close, lines, printed, registry, run};
use crate::program::Site;

/// On the third of October the site has 145 GB of a mini-program domain and 320 GB of standard ones.
fn site(package_gigabytes: u32) -> Site {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    write_events(&site, &package(package_gigabytes));
    fs::write(site.path("services.csv"), SERVICES).expect("written");
    site
}

fn write_events(site: &Site, more: &str) {
    fs::write(site.path("events.toml"), format!("{LICENCE}{more}")).expect("written");
}

fn package(gigabytes: u32) -> String {
    format!("[[package]]\naccount = \"acct\"\nat = \"2026-10-03T09:00\"\ngigabytes = {gigabytes}\n")
}

const LICENCE: &str = r#"
[[licence]]
account = "acct"
app_id = "wx1"
at = "2026-10-02T10:00"
state = "pending-payment"
"#;

const SERVICES: &str = "\
day,account,service,variant,quantity
2026-10-05,acct,transcoding,h264-480p,3600
2026-10-05,acct,screenshot,,168000
";

/// The arguments that name both files.
fn extras(site: &Site) -> [String; 4] {
    let path = |name| site.path(name).display().to_string();
    [
        "--events".to_owned(),
        path("events.toml"),
        "--services".to_owned(),
        path("services.csv"),
    ]
}

fn with<'a>(extras: &'a [String; 4], more: &[&'a str]) -> Vec<&'a str> {
    let extras = extras.iter().map(String::as_str);
    extras.chain(more.iter().copied()).collect()
}

fn payable(bills: &Value, month: &str) -> String {
    let bills = bills.as_array().expect("bills");
    let bill = bills.iter().find(|bill| bill["month"] == month);
    bill.expect("a bill")["payable"]
        .as_str()
        .expect("a text")
        .to_owned()
}

fn close_with(site: &Site, month: &str) {
    let extras = extras(site);
    let said = run(
        site,
        "close",
        &with(&extras, &["--month", month, "--early"]),
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
}

#[test]
fn what_was_bought_and_counted_is_on_the_bill() {
    let site = site(100);
    let extras = extras(&site);
    let said = bill(&site, "out", &with(&extras, &[]));
    // 580.00000406 + 220 GB of 320 at 0.26 + 30000 + 26 + 0.96 + 16.70.
    assert_eq!(payable(&said.json, "2026-10"), "30680.86");
    let left = &said.json[0]["packages"][0];
    assert_eq!(
        (&left["left"], &left["until"]),
        (&"0".into(), &"2027-10-03".into())
    );
    let items = said.json[0]["accounts"][0]["items"]
        .as_array()
        .expect("items");
    let of = |item: &str| {
        let found = items.iter().find(|of| of["item"] == item).expect("an item");
        (found["quantity"].as_str(), found["amount"].as_str())
    };
    for (item, quantity, amount) in [
        ("plugin-licence", "1.000000000", "30000.00000000"),
        ("standard-traffic", "220.000002240", "57.20000058"),
        ("package-traffic", "100.000000000", "0.00000000"),
        ("traffic-package", "1.000000000", "26.00000000"),
        ("transcoding", "60.000000000", "0.96000000"),
        ("screenshot", "167.000000000", "16.70000000"),
    ] {
        assert_eq!(of(item), (Some(quantity), Some(amount)), "{item}");
    }
}

#[test]
fn r10_a_licence_is_charged_before_anybody_approved_anything() {
    let site = site(100);
    let extras = extras(&site);
    let said = bill(
        &site,
        "out",
        &with(&extras, &["--explain", "plugin-licence/wx1"]),
    );
    let line = &said.json[0];
    assert_eq!(line["amount"], "30000.00000000");
    assert_eq!(
        line["explanation"],
        "bought while the plugin was pending-payment, for wx1"
    );
    let rules = line["rules"].as_array().expect("rules");
    assert!(rules.iter().any(|rule| rule["rule"] == "R10"), "{line}");
}

#[test]
fn r47_the_refund_of_a_licence_holds_no_fee_of_anything_else() {
    let site = site(100);
    let path = |name| site.path(name).display().to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    command.args(["licence", "refund", "--json", "--account", "acct"]);
    command.args(["--at", "2026-10-03T00:00", "--store", &path("store")]);
    command.args([
        "--events",
        &path("events.toml"),
        "--registry",
        &path("registry.toml"),
    ]);
    let said = Site::run(&mut command);
    assert_eq!(said.code, 1, "no logs of the time: {}", said.stderr);
    assert_eq!(said.json["amount"], "30000.00", "without the package's 26");
}

#[test]
fn a_closed_month_asks_for_what_it_was_billed_with() {
    let site = site(100);
    close_with(&site, "2026-10");
    let out = site.path("out").display().to_string();
    let extras = extras(&site);
    for (given, missing) in [(0..0, "--events"), (2..4, "--events"), (0..2, "--services")] {
        let mut words = vec!["--out", &out];
        words.extend(extras[given].iter().map(String::as_str));
        let said = run(&site, "bill", &words);
        assert_eq!(said.code, 2, "{missing}");
        let words = format!("2026-10 was closed with {missing}; give it again");
        assert!(said.stderr.contains(&words), "{}", said.stderr);
    }
    let said = bill(&site, "out", &with(&extras, &[]));
    assert_eq!(said.json.as_array().map(Vec::len), Some(1), "{}", said.json);
    assert_eq!(payable(&said.json, "2026-10"), "30680.86");
}

#[test]
fn late_usage_of_a_closed_month_takes_packages_from_the_months_after() {
    let site = site(500);
    site.write("november.log", lines("202611", 0..30));
    site.ingest();
    let extras = extras(&site);
    let said = bill(&site, "before", &with(&extras, &[]));
    // Of the 500 GB 180 are left for 320 GB of November.
    assert_eq!(said.json[0]["packages"][0]["left"], "179.99999776");
    assert_eq!(said.json[1]["packages"][0]["left"], "0");
    close_with(&site, "2026-10");
    site.write("late.log", lines("202610", 100..103));
    site.ingest();
    assert_corrected(&site, &with(&extras, &[]));
    let november = amounts(&site, "after", "2026-11");
    assert_eq!(november, amounts(&site, "fresh", "2026-11"));
    let only = bill(&site, "only", &with(&extras, &["--month", "2026-11"]));
    assert_eq!(only.json[0]["packages"][0]["left"], "0");
    assert_eq!(amounts(&site, "only", "2026-11"), november);
}

#[test]
fn what_is_told_late_of_a_closed_month_is_corrected() {
    let site = site(100);
    let extras = extras(&site);
    bill(&site, "before", &with(&extras, &[]));
    close_with(&site, "2026-10");
    write_events(&site, &format!("{}{}", package(100), package(500)));
    assert_corrected(&site, &with(&extras, &[]));
    let said = bill(&site, "after", &with(&extras, &[]));
    // The second package costs 128 and pays for what was billed with 57.20000058.
    assert_eq!(payable(&said.json, "2026-11"), "70.80");
    write_events(&site, "");
    assert_corrected(&site, &with(&extras, &[]));
}

const MINUTES: &str = r#"
[[transcoding-package]]
account = "acct"
at = "2026-10-04T10:00"
kind = "standard"
hours = 5
"#;

#[test]
fn c8_transcoding_packages_pass_months_and_closes() {
    let site = site(100);
    write_events(&site, &format!("{}{MINUTES}", package(100)));
    let november = "2026-11-05,acct,transcoding,h264-480p,18000\n";
    fs::write(site.path("services.csv"), format!("{SERVICES}{november}")).expect("written");
    let extras = extras(&site);
    let said = bill(&site, "before", &with(&extras, &[]));
    // 4.60 for the package, and nothing for the 60 minutes of 300 that it pays.
    assert_eq!(payable(&said.json, "2026-10"), "30684.50");
    let left = &said.json[0]["transcoding_packages"][0];
    assert_eq!(
        (&left["minutes_left"], &left["until"]),
        (&"240".into(), &"2027-10-04".into())
    );
    let table = table(&site, &with(&extras, &[]));
    let words =
        "standard transcoding package of 5 h of account acct: 240 min left, until 2027-10-04";
    assert!(table.contains(words), "{table}");
    // 60 of 300 minutes at 0.016.
    assert_eq!(payable(&said.json, "2026-11"), "0.96");
    close_with(&site, "2026-10");
    let late = "2026-10-06,acct,transcoding,h264-480p,600\n";
    fs::write(
        site.path("services.csv"),
        format!("{SERVICES}{november}{late}"),
    )
    .expect("written");
    assert_corrected(&site, &with(&extras, &[]));
    let said = bill(&site, "after", &with(&extras, &[]));
    assert_eq!(payable(&said.json, "2026-11"), "1.12");
}

#[test]
fn c8_what_packages_paid_in_a_closed_month_stays_by_its_own_prices() {
    let site = site(100);
    write_events(&site, &format!("{}{MINUTES}", package(100)));
    let october = "2026-10-05,acct,transcoding,h264-1080p,2400\n";
    fs::write(site.path("services.csv"), format!("{SERVICES}{october}")).expect("written");
    close_with(&site, "2026-10");
    let november = "2026-11-05,acct,transcoding,h264-1080p,300\n";
    let services = format!("{SERVICES}{october}{november}");
    fs::write(site.path("services.csv"), services).expect("written");
    let shipped = cdn_meter::billing::SHIPPED[0].1;
    let price = "{ name = \"h264-1080p\", price = \"0.063\" }";
    let (extras, path) = (extras(&site), site.path("own.toml").display().to_string());
    // 4.80 less 60 × 0.016 and 40 × 0.063 are 1.32, of which November takes 5 minutes of its own price: of
    // 0.016 are left 43.125, 81.875 or 62.8.
    for (now, left) in [("0.126", "43"), ("0.002", "81"), ("0.063", "62")] {
        let own = shipped.replacen(price, &price.replace("0.063", now), 1);
        fs::write(&path, own).expect("written");
        let said = bill(&site, "out", &with(&extras, &["--catalogue", &path]));
        let minutes = |at: usize| said.json[at]["transcoding_packages"][0]["minutes_left"].clone();
        assert_eq!([minutes(0), minutes(1)], ["82", left], "{now}");
        assert_eq!(payable(&said.json, "2026-11"), "0.00");
    }
    // A class that is sold no more was sold then.
    let own = shipped.replacen(&format!("    {price},\n"), "", 1);
    fs::write(&path, own).expect("written");
    let services = format!("{SERVICES}{october}2026-11-05,acct,transcoding,h264-480p,300\n");
    fs::write(site.path("services.csv"), services).expect("written");
    let said = bill(&site, "out", &with(&extras, &["--catalogue", &path]));
    let minutes = &said.json[1]["transcoding_packages"][0]["minutes_left"];
    assert_eq!(minutes, "77");
}

#[test]
fn c8_minutes_that_a_package_paid_after_a_close_have_their_line() {
    let site = site(100);
    let used = "day,account,service,variant,quantity\n2026-10-05,acct,transcoding,h264-480p,6000\n";
    fs::write(site.path("services.csv"), used).expect("written");
    let extras = extras(&site);
    bill(&site, "before", &with(&extras, &[]));
    close_with(&site, "2026-10");
    write_events(&site, &format!("{}{MINUTES}", package(100)));
    assert_corrected(&site, &with(&extras, &[]));
    let said = bill(&site, "after", &with(&extras, &[]));
    // 4.60 for the package less 1.60 for 100 minutes.
    assert_eq!(payable(&said.json, "2026-11"), "3.00");
    let items = said.json[1]["accounts"][0]["items"].as_array();
    let of = |name: &str| {
        let items = items.expect("items").iter();
        let mut found = items.filter(|of| of["item"] == name && of["corrects"] == "2026-10");
        let item = found.next().expect("a correction");
        [&item["quantity"], &item["amount"]].map(|text| text.as_str().expect("a text").to_owned())
    };
    assert_eq!(of("transcoding"), ["-100.000000000", "-1.60000000"]);
    assert_eq!(of("package-transcoding"), ["100.000000000", "0.00000000"]);
    // Billed once: nothing is left to correct.
    close_with(&site, "2026-11");
    let said = bill(&site, "then", &with(&extras, &[]));
    assert_eq!(said.json.as_array().map(Vec::len), Some(2), "{}", said.json);
}

#[test]
fn months_without_traffic_are_billed_for_what_was_bought() {
    let site = site(100);
    write_events(&site, &LICENCE.replace("2026-10-02", "2026-12-02"));
    let extras = extras(&site);
    let said = bill(&site, "out", &with(&extras, &[]));
    assert_eq!(payable(&said.json, "2026-12"), "30000.00");
    let only = bill(&site, "only", &with(&extras, &["--month", "2026-12"]));
    assert_eq!(only.json.as_array().map(Vec::len), Some(1));
}

#[test]
fn r09_what_was_watched_without_a_licence_is_billed_and_told() {
    let site = site(100);
    let text = fs::read_to_string(site.path("registry.toml")).expect("read");
    let of_app = |id: &str| text.replace("name = \"v0", &format!("app_id = \"{id}\"\nname = \"v0"));
    let extras = extras(&site);
    for (app_id, told) in [("wx1", 0), ("wx2", 1)] {
        fs::write(site.path("registry.toml"), of_app(app_id)).expect("written");
        let said = bill(&site, "out", &with(&extras, &[]));
        assert_eq!(payable(&said.json, "2026-10"), "30680.86");
        let unlicensed = said.json[0]["unlicensed"].as_array().expect("a list");
        assert_eq!(unlicensed.len(), told, "{app_id}");
        if let Some(of) = unlicensed.first() {
            assert_eq!(
                (&of["days"], &of["bytes"]),
                (&1.into(), &145_000_001_015_u64.into())
            );
        }
    }
    let none = bill(&site, "out", &[]);
    assert_eq!(
        none.json[0]["unlicensed"],
        Value::Array(Vec::new()),
        "nobody told of licences"
    );
}

#[test]
fn run_bills_what_was_bought_too() {
    let site = site(100);
    let extras = extras(&site);
    for store in [&["--no-store"][..], &[]] {
        let out = site.path("out").display().to_string();
        let logs = site.path("logs").display().to_string();
        let mut command = match store.is_empty() {
            true => site.command("run"),
            false => std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter")),
        };
        if !store.is_empty() {
            command.arg("run");
        }
        command.args(["--json", "--out", &out, "--registry"]);
        command
            .arg(site.path("registry.toml"))
            .args(store)
            .args(with(&extras, &[&logs]));
        let said = Site::run(&mut command);
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(payable(&said.json["bills"], "2026-10"), "30680.86");
    }
}

#[test]
fn services_are_read_from_parquet_as_from_csv() {
    let site = site(100);
    let extras = extras(&site);
    let from_csv = bill(&site, "csv", &with(&extras, &[])).json;
    let day = 20_731;
    assert_eq!(
        jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(day),
        jiff::civil::date(2026, 10, 5)
    );
    let texts = |of: [&str; 2]| -> ArrayRef { Arc::new(StringArray::from(of.to_vec())) };
    let batch = RecordBatch::try_from_iter_with_nullable([
        (
            "quantity",
            Arc::new(Int64Array::from(vec![3_600, 168_000])) as ArrayRef,
            false,
        ),
        ("day", Arc::new(Date32Array::from(vec![day; 2])), false),
        ("account", texts(["acct", "acct"]), false),
        ("service", texts(["transcoding", "screenshot"]), false),
        (
            "variant",
            Arc::new(StringArray::from(vec![Some("h264-480p"), None])),
            true,
        ),
    ]);
    let batch = batch.expect("columns of one length");
    let file = File::create(site.path("services.csv")).expect("created");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    let from_parquet = bill(&site, "parquet", &with(&extras, &[])).json;
    assert_eq!(from_csv, from_parquet);
}

#[test]
fn services_that_cannot_be_are_refused_where_they_stand() {
    let site = site(100);
    let extras = extras(&site);
    for (from, to, words) in [
        ("168000", "168000.5", "row 3: `168000.5` is no whole number"),
        ("168000", "-1", "row 3: `-1` is no whole number"),
        (
            "2026-10-05,acct,screen",
            "2026-13-05,acct,screen",
            "row 3: `2026-13-05` is no day",
        ),
        (
            "screenshot",
            "plugin-licence",
            "row 3: `plugin-licence` is no service",
        ),
        (
            "h264-480p",
            "h264-481p",
            "no price of transcoding h264-481p",
        ),
        ("variant", "variety", "`variety` is no column"),
        (",quantity", "", "the column `quantity` is missing"),
        (
            "acct,screenshot",
            ",screenshot",
            "row 3: a record names an account",
        ),
    ] {
        fs::write(site.path("services.csv"), SERVICES.replace(from, to)).expect("written");
        let out = site.path("out").display().to_string();
        let said = run(&site, "bill", &with(&extras, &["--out", &out]));
        assert_eq!(said.code, 2, "{to}: {}", said.stderr);
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
}

#[test]
fn a_close_without_extras_takes_them_later() {
    let site = site(100);
    bill(&site, "before", &[]);
    close(&site, "2026-10");
    let extras = extras(&site);
    assert_corrected(&site, &with(&extras, &[]));
}

/// The table of a bill, as people see it.
fn table(site: &Site, more: &[&str]) -> String {
    let out = site.path("table").display().to_string();
    printed(site, &[&["--out", &out], more].concat())
}

#[test]
fn notes_of_a_table_are_bounded_and_json_has_them_all() {
    let site = site(100);
    let (mut registry, mut log) = (String::new(), String::new());
    for number in 0..30 {
        registry += &format!(
            "[[domain]]\nname = \"d{number}.example.cn\"\naccount = \"acct\"\napp_id = \"wx9\"\n\
             mini_program_since = \"2026-03-01\"\n"
        );
        log += &lines("202610", number..number + 1)
            .replace(&format!("v{}.", number % 3), &format!("d{number}."));
    }
    fs::write(site.path("registry.toml"), registry).expect("written");
    site.write("b.log", log);
    assert_eq!(site.ingest().code, 0);
    let extras = extras(&site);
    let table = table(&site, &with(&extras, &[]));
    assert_eq!(table.matches("without a licence: ").count(), 20, "{table}");
    assert!(table.contains("… and 10 more such notes, all with --json"));
    let said = bill(&site, "out", &with(&extras, &[]));
    let all = said.json[0]["unlicensed"].as_array().map(Vec::len);
    assert_eq!(all, Some(30));
}

#[test]
fn a_month_of_nothing_says_so() {
    let site = site(100);
    let out = site.path("none").display().to_string();
    let said = run(&site, "bill", &["--month", "2026-05", "--out", &out]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(
        said.stderr.contains("nothing to bill in 2026-05: "),
        "{}",
        said.stderr
    );
}
