//! Bills of a store: a closed month stays as it was billed, and what comes later corrects it, once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::program::{Said, Site};

/// A registry in which `v0` is a mini-program domain from `since` on and all belong to `account`.
pub fn registry(site: &Site, since: &str, account: &str) {
    let mut text = String::new();
    for domain in ["v0", "v1", "v2"] {
        text += &format!("[[domain]]\nname = \"{domain}.example.cn\"\naccount = \"{account}\"\n");
        if domain == "v0" {
            text += &format!("mini_program_since = \"{since}\"\n");
        }
    }
    fs::write(site.path("registry.toml"), text).expect("written");
}

/// Lines of some gigabytes each, on the third of a month.
pub fn lines(month: &str, numbers: std::ops::Range<u64>) -> String {
    let line = |n: u64| {
        format!(
            "{month}03{:02}0000 203.0.113.9 v{}.example.cn /a/{n}.ts {} 22 2 200 NULL 41 \"P\" \"-\" GET HTTP/1.1 hit 1\n",
            n % 24,
            n % 3,
            1_000_000_007 * (n + 1)
        )
    };
    numbers.map(line).collect()
}

pub fn run(site: &Site, command: &str, more: &[&str]) -> Said {
    let mut command = site.command(command);
    command.arg("--json").arg("--registry");
    command.arg(site.path("registry.toml")).args(more);
    Site::run(&mut command)
}

pub fn close(site: &Site, month: &str) {
    let said = run(site, "close", &["--month", month, "--early"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(site.verify().code, 0);
}

pub fn bill(site: &Site, out: &str, more: &[&str]) -> Said {
    let out = site.path(out).display().to_string();
    let said = run(site, "bill", &[&["--out", &out], more].concat());
    assert_eq!(said.code, 0, "{}", said.stderr);
    said
}

/// What `bill` prints without `--json`.
pub fn printed(site: &Site, more: &[&str]) -> String {
    let mut command = site.command("bill");
    command
        .arg("--registry")
        .arg(site.path("registry.toml"))
        .args(more);
    let output = command.output().expect("started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).expect("text")
}

/// Item, domain, zone and start of the period.
pub type Key = (String, String, String, i64);

/// Amounts, in 10⁻⁸ of the currency, and quantities, in 10⁻¹⁸ of a unit.
pub type Sums = [i128; 2];

/// Amounts and quantities by what is charged, of lines used in a month such as `2026-10`.
pub fn amounts(site: &Site, out: &str, month: &str) -> BTreeMap<Key, Sums> {
    let mut amounts = BTreeMap::new();
    let pattern = site.path(out).join("charges/*/*.parquet");
    for path in glob::glob(&pattern.display().to_string()).expect("a glob") {
        add_file(&path.expect("listed"), month, &mut amounts);
    }
    amounts.retain(|_, sums| *sums != [0, 0]);
    amounts
}

fn add_file(path: &Path, month: &str, amounts: &mut BTreeMap<Key, Sums>) {
    let file = File::open(path).expect("opened");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    for batch in reader.build().expect("a reader") {
        let batch = batch.expect("readable");
        let column = |name: &str| batch.column_by_name(name).expect("a column").clone();
        let text = |name: &str, at| column(name).as_string::<i32>().value(at).to_owned();
        let numbers = ["amount", "quantity"].map(column);
        let start = column("period_start");
        for at in 0..batch.num_rows() {
            let start = start.as_primitive::<TimestampMicrosecondType>().value(at);
            // By the clock of Beijing.
            let local = jiff::Timestamp::from_microsecond(start + 8 * 3_600_000_000);
            let is_meant = local.expect("a time").to_string().starts_with(month);
            let is_adjustment = text("item", at) == "precision-adjustment";
            if is_meant && !is_adjustment && text("status", at) == "charged" {
                let key = (
                    text("item", at),
                    text("domain", at),
                    text("zone", at),
                    start,
                );
                let sums: &mut Sums = amounts.entry(key).or_default();
                for (sum, numbers) in sums.iter_mut().zip(&numbers) {
                    *sum += numbers.as_primitive::<Decimal128Type>().value(at);
                }
            }
        }
    }
}

/// What October costs by a store that was never closed.
pub fn never_closed(site: &Site, more: &[&str]) -> BTreeMap<Key, Sums> {
    let store = site.path("never-closed");
    let _ = fs::remove_dir_all(&store);
    let program = || std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    let ingest = program()
        .args(["ingest", "--store"])
        .args([&store, &site.path("logs")])
        .output();
    assert!(ingest.expect("started").status.success());
    let bill = program()
        .args(["bill", "--store"])
        .arg(&store)
        .arg("--registry")
        .arg(site.path("registry.toml"))
        .arg("--out")
        .arg(site.path("fresh"))
        .args(more)
        .output()
        .expect("started");
    assert!(
        bill.status.success(),
        "{}",
        String::from_utf8_lossy(&bill.stderr)
    );
    amounts(site, "fresh", "2026-10")
}

pub fn october_of(site: &Site, out: &str) -> Vec<u8> {
    let path = "charges/billing_month=2026-10-01/part-00000.parquet";
    fs::read(site.path(out).join(path)).expect("read")
}

/// October with 30 lines in it, billed and closed.
pub fn closed_site() -> Site {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    bill(&site, "before", &[]);
    close(&site, "2026-10");
    site
}

/// October is as it was billed, and with its corrections as if it had never been closed.
#[track_caller]
pub fn assert_corrected(site: &Site, more: &[&str]) {
    bill(site, "after", more);
    assert_eq!(
        october_of(site, "before"),
        october_of(site, "after"),
        "a closed bill changed"
    );
    assert_eq!(amounts(site, "after", "2026-10"), never_closed(site, more));
}

#[test]
fn a_closed_month_without_change_is_published_as_it_was_billed() {
    let site = closed_site();
    let said = bill(&site, "after", &[]);
    assert_eq!(october_of(&site, "before"), october_of(&site, "after"));
    assert_eq!(said.json.as_array().map(Vec::len), Some(1), "{}", said.json);
    // 465 × 1.000000007 GB, ten of each domain: v0 145 GB at 4, the others 320 GB of a day at 0.26.
    assert_eq!(said.json[0]["payable"], "663.20");
    assert_eq!(amounts(&site, "after", "2026-10"), never_closed(&site, &[]));
}

#[test]
fn late_usage_corrects_the_next_bill() {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..110));
    site.write("november.log", lines("202611", 0..6));
    site.ingest();
    assert_corrected(&site, &[]);
}

#[test]
fn late_usage_is_billed_even_if_the_next_month_has_none() {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..101));
    site.ingest();
    assert_corrected(&site, &[]);
    let only = bill(&site, "only", &["--month", "2026-11"]);
    assert_eq!(only.json[0]["month"], "2026-11");
    // 101 GB of v2 join 320 GB of the day, at 0.26.
    assert_eq!(only.json[0]["payable"], "26.26");
}

#[test]
fn usage_that_is_taken_back_is_credited() {
    let site = closed_site();
    site.write("a.log", lines("202610", 40..50));
    site.ingest();
    assert_corrected(&site, &[]);
}

#[test]
fn a_registry_that_moves_a_domain_moves_its_charges() {
    let site = closed_site();
    registry(&site, "2026-09-02", "other");
    assert_corrected(&site, &[]);
    let said = bill(&site, "after", &[]);
    let accounts = said.json[1]["accounts"].as_array().expect("accounts");
    let payable: Vec<_> = accounts
        .iter()
        .map(|a| (&a["account"], &a["payable"]))
        .collect();
    assert_eq!(
        format!("{payable:?}"),
        r#"[(String("acct"), String("-663.20")), (String("other"), String("663.20"))]"#
    );
}

#[test]
fn what_was_corrected_on_a_closed_bill_is_not_corrected_again() {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..110));
    site.write("november.log", lines("202611", 0..6));
    site.ingest();
    close(&site, "2026-11");
    assert_corrected(&site, &[]);
    let none = bill(&site, "none", &[]);
    assert_eq!(none.json.as_array().map(Vec::len), Some(2), "{}", none.json);
    // Still later usage: the bill of December corrects what is new only.
    site.write("later.log", lines("202610", 200..203));
    site.ingest();
    assert_corrected(&site, &[]);
    let december = bill(&site, "december", &[]);
    assert_eq!(december.json[2]["month"], "2026-12");
}

#[test]
fn another_catalogue_corrects_only_when_asked_to() {
    let site = closed_site();
    let own = cdn_meter::billing::SHIPPED[0]
        .1
        .replace("\"0.26\"", "\"0.30\"");
    fs::write(site.path("own.toml"), own).expect("written");
    let own = site.path("own.toml").display().to_string();
    let as_billed = bill(&site, "same", &["--catalogue", &own]);
    assert_eq!(as_billed.json.as_array().map(Vec::len), Some(1));
    let said = bill(&site, "rerated", &["--catalogue", &own, "--rerate"]);
    assert_eq!(said.json[1]["payable"], "12.80");
    assert_eq!(
        amounts(&site, "rerated", "2026-10"),
        never_closed(&site, &["--catalogue", &own])
    );
}

#[test]
fn every_line_of_bytes_is_explained_to_the_byte() {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..110));
    site.write("november.log", lines("202611", 0..6));
    site.ingest();
    let said = bill(&site, "after", &["--explain", "acct/"]);
    let lines = said.json.as_array().expect("lines");
    let is_correction = |id: &str| id.ends_with("/correction");
    for line in lines {
        let parts = line["usage"].as_array().expect("parts");
        let bytes = parts
            .iter()
            .map(|part| part["bytes"].as_i64().expect("bytes"));
        let bytes: i64 = bytes.sum();
        assert_eq!(line["metered_bytes"], bytes.to_string(), "{line}");
        let id = line["charge_id"].as_str().expect("a name");
        let is_taken_off =
            |part: &serde_json::Value| part["side"] == "closed" && part["bytes"].as_i64() < Some(0);
        assert_eq!(parts.iter().any(is_taken_off), is_correction(id), "{line}");
        assert!(
            line["rules"]
                .as_array()
                .is_some_and(|rules| !rules.is_empty())
        );
    }
    assert_eq!(
        lines.len(),
        6,
        "two of October, two of November, two corrections"
    );
    let mut none = site.command("bill");
    none.arg("--registry").arg(site.path("registry.toml"));
    none.arg("--out")
        .arg(site.path("none"))
        .args(["--explain", "nobody/"]);
    let none = Site::run(&mut none);
    assert_eq!(none.code, 1, "{}", none.stderr);
}

#[test]
fn lines_that_were_rejected_have_a_bound_on_the_bill() {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    // A time that is none: its bytes could be read, and the dearest price is 4.
    let torn = lines("202699", 2..3);
    site.write("a.log", lines("202610", 0..300) + &torn);
    assert_eq!(site.ingest().code, 0);
    let said = bill(&site, "bill", &[]);
    let rejected = &said.json[0]["rejected"];
    assert_eq!(rejected["lines"], 1, "{}", said.json);
    assert_eq!(rejected["bytes_at_most"], "3000000021");
    assert_eq!(rejected["cost_at_most"], "12.01", "a bound is not less");
}

#[test]
fn lines_that_claim_more_than_there_is_do_not_stop_the_bill() {
    let site = closed_site();
    // Each claims 2⁶⁴ - 1 B on a day that is none.
    for name in ["b.log", "c.log"] {
        let torn = lines("202699", 2..3).replace("3000000021", &u64::MAX.to_string());
        site.write(name, lines("202611", 0..300).replace(".ts", name) + &torn);
        assert_eq!(site.ingest().code, 0);
    }
    for mode in ["flow", "daily-peak"] {
        let terms = ["--standard-mode", mode, "--overhead-factor", "1.0723"];
        let said = bill(
            &site,
            mode,
            &[&terms[..], &["--sampling-factor", "1.2345"]].concat(),
        );
        let rejected = &said.json[1]["rejected"];
        assert_eq!(rejected["lines"], 2, "{}", said.json);
        assert_eq!(rejected["bytes_at_most"], "36893488147419103230");
        let cost = rejected["cost_at_most"].as_str().expect("a text");
        let expected = match mode {
            // × 1.32375435 (both factors) × 4.
            "flow" => "195351661687.28",
            // … × 5.74 × 8000 / 300.
            _ => "7475456920566.51",
        };
        assert_eq!(cost, expected);
    }
}

#[test]
fn csv_says_what_the_dataset_says() {
    let site = closed_site();
    let after = site.path("after").display().to_string();
    let said = printed(&site, &["--csv", "--out", &after]);
    let mut reader = csv::Reader::from_reader(said.as_bytes());
    let amounts_of = |record: csv::Result<csv::StringRecord>| -> i128 {
        let amount = record.expect("a record")[16].replace('.', "");
        amount.parse().expect("a number")
    };
    let names = reader.headers().expect("names").clone();
    assert_eq!((&names[16], names.len()), ("amount", 29));
    let sum: i128 = reader.records().map(amounts_of).sum();
    assert_eq!(
        sum, 66_320_000_000,
        "663.20, the precision adjustment included"
    );
}

#[test]
fn run_bills_as_bill_does() {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    site.write("a.log", lines("202610", 0..30));
    let out = site.path("run").display().to_string();
    let logs = site.path("logs").display().to_string();
    let said = run(&site, "run", &["--out", &out, &logs]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let bills = bill(&site, "bill", &[]);
    assert_eq!(said.json["bills"], bills.json);
    assert_eq!(october_of(&site, "run"), october_of(&site, "bill"));
}
