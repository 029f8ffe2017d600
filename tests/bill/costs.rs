//! What each domain costs, in all that is written, of months open, closed and corrected.

use std::collections::BTreeMap;
use std::fs::File;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int64Type};
use cdn_meter::store::reseal;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::closed::{bill, close, closed_site, lines, printed, run};
use crate::program::Site;

/// A row of `costs`: account, charge, domain, corrected month; bytes, GB of packages, amount.
type Row = ([String; 4], i64, i128, i128);

fn rows(site: &Site, out: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches(site, out, "costs") {
        let bytes = batch.column_by_name("metered_bytes").expect("a column");
        let bytes = bytes.as_primitive::<Int64Type>();
        let texts = ["account", "charge_id", "domain", "corrects"];
        rows.extend((0..batch.num_rows()).map(|at| {
            (
                texts.map(|name| text(&batch, name, at)),
                bytes.value(at),
                decimal(&batch, "package_gigabytes", at),
                decimal(&batch, "amount", at),
            )
        }));
    }
    rows
}

fn text(batch: &RecordBatch, name: &str, at: usize) -> String {
    let column = batch.column_by_name(name).expect("a column");
    column.as_string::<i32>().value(at).to_owned()
}

fn decimal(batch: &RecordBatch, name: &str, at: usize) -> i128 {
    let column = batch.column_by_name(name).expect("a column");
    column.as_primitive::<Decimal128Type>().value(at)
}

fn paths(site: &Site, out: &str, dataset: &str) -> Vec<std::path::PathBuf> {
    let pattern = site.path(out).join(dataset).join("*/*.parquet");
    let paths = glob::glob(&pattern.display().to_string()).expect("a glob");
    paths.map(|path| path.expect("listed")).collect()
}

fn batches(site: &Site, out: &str, dataset: &str) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for path in paths(site, out, dataset) {
        let file = File::open(path).expect("opened");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        batches.extend(
            reader
                .build()
                .expect("a reader")
                .map(|batch| batch.expect("readable")),
        );
    }
    batches
}

/// Amounts of the lines that traffic made, by name.
fn amounts_of_lines(site: &Site, out: &str) -> BTreeMap<String, i128> {
    let mut amounts = BTreeMap::new();
    for batch in batches(site, out, "charges") {
        for at in 0..batch.num_rows() {
            let (item, status) = (text(&batch, "item", at), text(&batch, "status", at));
            let is_traffic = ["traffic", "peak"].iter().any(|end| item.ends_with(end));
            if is_traffic && status == "charged" {
                let amount = decimal(&batch, "amount", at);
                // A line may be corrected on the bills of several months.
                *amounts.entry(text(&batch, "charge_id", at)).or_default() += amount;
            }
        }
    }
    amounts
}

/// Shares add up to their lines.
#[track_caller]
fn check_sums(site: &Site, out: &str) -> Vec<Row> {
    let rows = rows(site, out);
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    for ([_, id, ..], _, _, amount) in &rows {
        *sums.entry(id.clone()).or_default() += amount;
    }
    assert_eq!(sums, amounts_of_lines(site, out));
    assert!(rows.iter().all(|row| !row.0[2].is_empty()), "{rows:?}");
    rows
}

#[test]
fn c11_shares_are_published_and_shown_and_add_up() {
    let site = closed_site();
    let said = bill(&site, "out", &[]);
    let rows = check_sums(&site, "out");
    assert!(
        rows.iter().any(|row| row.0[2] == "v1.example.cn"),
        "{rows:?}"
    );
    // v1 has 155 GB and v2 165 GB of the day, each with 70 B more, at 0.26; the bill's digits are 8.
    let domains = &said.json[0]["accounts"][0]["domains"];
    let of = |at: usize| {
        (
            domains[at]["domain"].as_str(),
            domains[at]["amount"].as_str(),
        )
    };
    assert_eq!(of(0), (Some("v0.example.cn"), Some("580.00000406")));
    assert_eq!(of(1), (Some("v2.example.cn"), Some("42.90000030")));
    assert_eq!(of(2), (Some("v1.example.cn"), Some("40.30000028")));
    let table = printed(&site, &["--out", &site.path("out").display().to_string()]);
    assert!(
        table
            .lines()
            .any(|line| line.contains("of v2.example.cn") && line.ends_with(" 42.90000030")),
        "{table}"
    );
    let html = site.path("page.html").display().to_string();
    bill(&site, "out", &["--html", &html]);
    let page = std::fs::read_to_string(html).expect("read");
    assert!(page.contains("v2.example.cn</th>") && page.contains("42.90000030"));
}

#[test]
fn c11_explain_of_a_standard_domain_finds_its_lines() {
    let site = closed_site();
    let said = run(&site, "bill", &["--explain", "v1.example.cn"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let lines = said.json.as_array().expect("lines");
    assert_eq!(lines.len(), 1, "{}", said.json);
    assert_eq!(lines[0]["item"], "standard-traffic");
    let costs = lines[0]["costs"].as_array().expect("costs");
    assert_eq!(costs.len(), 1);
    assert_eq!(
        (&costs[0]["domain"], &costs[0]["amount"]),
        (&"v1.example.cn".into(), &"40.30000028".into())
    );
}

#[test]
fn c11_a_closed_month_keeps_its_shares_and_corrections_have_their_own() {
    let site = closed_site();
    bill(&site, "before", &[]);
    // Only v1 comes late, but the day stays in its tier: nobody else has a share of what corrects.
    let late = lines("202610", 100..101);
    assert!(late.contains("v1.example.cn"));
    site.write("late.log", late);
    site.write("november.log", lines("202611", 0..6));
    site.ingest();
    bill(&site, "after", &[]);
    let october = |out| {
        let path = &paths(&site, out, "costs")[0];
        assert!(path.display().to_string().contains("2026-10-01"));
        std::fs::read(path).expect("read")
    };
    assert_eq!(october("before"), october("after"));
    let rows = check_sums(&site, "after");
    let corrections: Vec<&Row> = rows.iter().filter(|row| !row.0[3].is_empty()).collect();
    let of_v1 = |row: &&&Row| row.0[2] == "v1.example.cn";
    let late = corrections.iter().filter(of_v1).map(|row| row.1);
    assert_eq!(late.sum::<i64>(), 101 * 1_000_000_007);
    let total: i128 = corrections.iter().map(|row| row.3).sum();
    // Others may win or lose the last digit.
    let others = corrections.iter().filter(|row| !of_v1(row));
    assert!(
        others.map(|row| row.3.abs()).sum::<i128>() <= 2,
        "{corrections:?}"
    );
    assert_eq!(total, 2_626_000_019, "109.46000077 less 83.20000058");
    close(&site, "2026-11");
    check_all(&site, &[]);
}

/// What domains and accounts cost for October, closed and corrected, is what they would cost had it never been
/// closed.
#[track_caller]
fn check_all(site: &Site, more: &[&str]) {
    bill(site, "last", more);
    crate::closed::never_closed(site, more);
    let by_domain = |out: &str| {
        let mut sums: BTreeMap<[String; 2], [i128; 3]> = BTreeMap::new();
        for ([account, id, domain, _], bytes, packages, amount) in check_sums(site, out) {
            if id.contains("/2026-10-") {
                let sums = sums.entry([account, domain]).or_default();
                for (sum, more) in sums.iter_mut().zip([bytes.into(), packages, amount]) {
                    *sum += more;
                }
            }
        }
        sums.retain(|_, sums| *sums != [0; 3]);
        sums
    };
    assert_eq!(by_domain("last"), by_domain("fresh"));
}

#[test]
fn c11_whatever_corrects_a_closed_month_its_shares_add_up_to_what_domains_cost_now() {
    let site = closed_site();
    site.write("november.log", lines("202611", 0..3));
    site.write("december.log", lines("202612", 0..3));
    site.ingest();
    // To another account.
    crate::closed::registry(&site, "2026-10-02", "other");
    check_all(&site, &[]);
    close(&site, "2026-11");
    // Back; and much more, so that the day reaches another tier.
    crate::closed::registry(&site, "2026-10-02", "acct");
    site.write("late.log", lines("202610", 100..160));
    site.ingest();
    check_all(&site, &[]);
    close(&site, "2026-12");
    // A package that nobody told of, and peaks instead of bytes.
    write_package(&site);
    let events = site.path("events.toml").display().to_string();
    check_all(&site, &["--events", &events]);
    check_all(
        &site,
        &[
            "--events",
            &events,
            "--rerate",
            "--standard-mode",
            "daily-peak",
        ],
    );
}

#[test]
fn c11_packages_pay_the_same_part_of_every_domain() {
    let site = closed_site_with_package();
    let events = site.path("events.toml").display().to_string();
    let said = bill(&site, "out", &["--events", &events]);
    let rows = check_sums(&site, "out");
    let of = |item: &str, domain: &str| {
        let mut found = rows
            .iter()
            .filter(|row| row.0[1].contains(item) && row.0[2] == domain);
        let row = found.next().expect("a row");
        (row.1, row.2, row.3)
    };
    // 160 GB of a package for the 320.00000224 GB of a day: nearly half of each.
    let (v1, v2) = (
        of("package-traffic", "v1.example.cn"),
        of("package-traffic", "v2.example.cn"),
    );
    assert_eq!(v1.0 + v2.0, 160_000_000_000);
    assert_eq!((v1.0, v1.2, v2.2), (77_500_000_000, 0, 0));
    assert_eq!(
        v1.1, 77_500_000_000_000_000_000,
        "package gigabytes, 18 places"
    );
    let paid = of("/standard-traffic", "v1.example.cn");
    assert_eq!(paid.0 + v1.0, 155 * 1_000_000_007);
    let domains = said.json[0]["accounts"][0]["domains"]
        .as_array()
        .expect("domains");
    let v1 = domains.iter().find(|of| of["domain"] == "v1.example.cn");
    assert_eq!(v1.expect("a domain")["package_gigabytes"], "77.5");
}

fn closed_site_with_package() -> Site {
    let site = Site::new();
    crate::closed::registry(&site, "2026-10-02", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    write_package(&site);
    site
}

fn write_package(site: &Site) {
    let package = "[[package]]\naccount = \"acct\"\nat = \"2026-10-03T09:00\"\ngigabytes = 160\nfee = \"1\"\n";
    std::fs::write(site.path("events.toml"), package).expect("written");
}

#[test]
fn c11_months_that_are_corrected_at_once_keep_their_shares_apart() {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..103));
    site.write("november.log", lines("202611", 0..6));
    site.ingest();
    // November corrects October; December both, and October for the second time.
    close(&site, "2026-11");
    let later = lines("202610", 103..107) + &lines("202611", 103..106);
    site.write("later.log", later);
    site.ingest();
    check_all(&site, &[]);
    let rows = check_sums(&site, "last");
    let of = |corrects: &str, day: &str| {
        let is_it = |row: &&Row| row.0[3] == corrects && row.0[1].contains(day);
        rows.iter().filter(is_it).map(|row| row.1).sum::<i64>()
    };
    let gigabytes = |n: i64| n * 1_000_000_007;
    assert_eq!(
        of("2026-10", "2026-10-"),
        gigabytes(101 + 102 + 103 + 104 + 105 + 106 + 107)
    );
    assert_eq!(of("2026-11", "2026-11-"), gigabytes(104 + 105 + 106));
    assert_eq!(
        (of("2026-10", "2026-11-"), of("2026-11", "2026-10-")),
        (0, 0)
    );
}

/// Makes a closed month one of a program that kept no shares.
fn forget_costs(site: &Site) {
    let ledger = rusqlite::Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let triggers =
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'closed_file'";
    let mut triggers = ledger.prepare(triggers).expect("prepared");
    let names = triggers.query_map([], |row| row.get(0)).expect("asked");
    for name in names.collect::<Result<Vec<String>, _>>().expect("read") {
        let drop = format!("DROP TRIGGER {name}");
        ledger.execute(&drop, []).expect("dropped");
    }
    let delete = "DELETE FROM closed_file WHERE name LIKE 'costs/%'";
    assert_eq!(ledger.execute(delete, []), Ok(1));
    reseal(&site.path("store")).expect("sealed");
    std::fs::remove_dir_all(site.path("store/closed/2026-10/costs")).expect("removed");
}

#[test]
fn c11_months_that_were_closed_without_shares_get_them() {
    let site = closed_site();
    bill(&site, "before", &[]);
    forget_costs(&site);
    bill(&site, "after", &[]);
    assert_eq!(rows(&site, "before"), rows(&site, "after"));
    // Corrections take them for what was billed.
    site.write("late.log", lines("202610", 100..101));
    site.ingest();
    bill(&site, "late", &[]);
    check_sums(&site, "late");
}

#[test]
fn c11_shares_of_a_closed_month_that_are_gone_or_others_are_damage() {
    let site = closed_site();
    let kept = site.path("store/closed/2026-10/costs");
    let path = kept.join("part-00000.parquet");
    let whole = std::fs::read(&path).expect("read");
    let refused = |what: &str, words: &str| {
        let out = site.path("out").display().to_string();
        for more in [&[][..], &["--explain", "v1.example.cn"]] {
            let said = run(&site, "bill", &[&["--out", &out], more].concat());
            assert_eq!(said.code, 3, "{what}: {}", said.stderr);
            assert!(said.stderr.contains(words), "{what}: {}", said.stderr);
        }
    };
    std::fs::remove_dir_all(&kept).expect("removed");
    refused("no folder", "it is missing");
    std::fs::create_dir(&kept).expect("created");
    // Shares of more lines, of fewer, and of the same lines with other bytes.
    let line = |day: &str, n: u64| {
        let line = lines("202610", n..n + 1);
        line.replace("20261003", &format!("202610{day}"))
    };
    for (what, more) in [("more", line("04", 31)), ("other bytes", line("03", 31))] {
        let other = Site::new();
        crate::closed::registry(&other, "2026-10-02", "acct");
        other.write("a.log", lines("202610", 0..30) + &more);
        assert_eq!(other.ingest().code, 0);
        bill(&other, "out", &[]);
        std::fs::copy(&paths(&other, "out", "costs")[0], &path).expect("copied");
        refused(what, "its bytes are others");
    }
    let other = Site::new();
    crate::closed::registry(&other, "2026-10-02", "acct");
    other.write("a.log", lines("202610", 0..1));
    assert_eq!(other.ingest().code, 0);
    bill(&other, "out", &[]);
    std::fs::copy(&paths(&other, "out", "costs")[0], &path).expect("copied");
    refused("fewer", "its bytes are others");
    // They are what corrections start from, too.
    site.write("late.log", lines("202610", 100..101));
    site.ingest();
    refused("corrected", "its bytes are others");
    std::fs::write(&path, whole).expect("written");
    bill(&site, "out", &[]);
    check_sums(&site, "out");
}
