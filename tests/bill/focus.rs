//! The FOCUS export of a store's bills; the public validator looks at it in `tests/interop`.

use std::fs::{self, File};
use std::path::PathBuf;

use arrow::array::AsArray;
use arrow::datatypes::Decimal128Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::closed::{bill, closed_site, lines, run};
use crate::program::Site;

fn part(site: &Site, out: &str, dataset: &str, month: &str, ending: &str) -> PathBuf {
    let folder = format!("{dataset}/billing_month={month}-01");
    site.path(out)
        .join(folder)
        .join(format!("part-00000.{ending}"))
}

/// Names of the columns, and the sum of `BilledCost` in 10⁻⁸.
fn read(path: PathBuf) -> (Vec<String>, i128) {
    let file = File::open(path).expect("opened");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let names = reader
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone());
    let names: Vec<String> = names.collect();
    let mut sum = 0;
    for batch in reader.build().expect("a reader") {
        let batch = batch.expect("readable");
        let costs = batch.column_by_name("BilledCost").expect("a column");
        sum += costs
            .as_primitive::<Decimal128Type>()
            .iter()
            .flatten()
            .sum::<i128>();
    }
    (names, sum)
}

const CENT: i128 = 1_000_000;

#[test]
fn billed_cost_is_what_is_paid_of_closed_and_open_months() {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..110));
    site.ingest();
    let said = bill(&site, "out", &["--focus"]);
    for (number, month) in ["2026-10", "2026-11"].into_iter().enumerate() {
        let payable = said.json[number]["payable"]
            .as_str()
            .expect("a text")
            .replace('.', "");
        let (_, sum) = read(part(&site, "out", "focus", month, "parquet"));
        assert_eq!(
            sum,
            payable.parse::<i128>().expect("a number") * CENT,
            "{month}"
        );
    }
}

#[test]
fn versions_differ_in_who_provides_and_the_line_of_the_invoice() {
    let site = closed_site();
    bill(&site, "old", &["--focus"]);
    bill(
        &site,
        "new",
        &[
            "--focus",
            "--focus-version",
            "1.4",
            "--focus-provider",
            "A CDN",
        ],
    );
    let of = |out| read(part(&site, out, "focus", "2026-10", "parquet")).0;
    let (old, new) = (of("old"), of("new"));
    let only = |of: &[String], other: &[String]| -> Vec<String> {
        of.iter()
            .filter(|name| !other.contains(name))
            .cloned()
            .collect()
    };
    assert_eq!(only(&old, &new), ["ProviderName", "PublisherName"]);
    assert_eq!(
        only(&new, &old),
        ["HostProviderName", "InvoiceDetailId", "ServiceProviderName"]
    );
    let text = fs::read_to_string(part(&site, "new", "focus_csv", "2026-10", "csv")).expect("read");
    assert!(text.contains(",A CDN,"), "{text}");
    assert!(text.contains("T16:00:00Z"), "Beijing's midnight in UTC");
}

#[test]
fn without_being_asked_for_there_is_none() {
    let site = closed_site();
    bill(&site, "out", &[]);
    assert!(!site.path("out").join("focus").exists());
    let said = run(&site, "bill", &["--focus", "--focus-version", "1.3"]);
    assert_eq!(said.code, 2, "{}", said.stderr);
}

/// Start and end of the charge period of the lines whose SKU is `sku`, by the CSV.
fn periods(site: &Site, out: &str, month: &str, sku: &str) -> Vec<[String; 2]> {
    let mut csv =
        csv::Reader::from_path(part(site, out, "focus_csv", month, "csv")).expect("opened");
    let names = csv.headers().expect("names").clone();
    let at = |name: &str| names.iter().position(|of| of == name).expect("a column");
    let (is_of, ends) = (
        at("SkuId"),
        [at("ChargePeriodStart"), at("ChargePeriodEnd")],
    );
    let rows = csv.records().map(|row| row.expect("a row"));
    let rows = rows.filter(|row| row[is_of].starts_with(sku));
    rows.map(|row| ends.map(|end| row[end].to_owned()))
        .collect()
}

#[test]
fn c10_what_is_bought_is_charged_for_its_term_also_of_a_closed_month() {
    let site = Site::new();
    crate::closed::registry(&site, "2026-10-02", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    let licence = |at: &str| {
        format!(
            "[[licence]]\naccount = \"acct\"\napp_id = \"wx1\"\nat = \"{at}\"\nstate = \"active\"\n"
        )
    };
    let package = "[[package]]\naccount = \"acct\"\nat = \"2026-10-03T09:00\"\ngigabytes = 100\n";
    let events = [
        licence("2026-05-18T10:30"),
        licence("2026-10-09T12:00"),
        package.to_owned(),
    ];
    fs::write(site.path("events.toml"), events.concat()).expect("written");
    fs::write(
        site.path("services.csv"),
        "day,account,service,variant,quantity\n2026-10-05,acct,mobile-licence,enterprise,1\n",
    )
    .expect("written");
    let paths = ["events.toml", "services.csv"].map(|name| site.path(name).display().to_string());
    let told = ["--events", &paths[0], "--services", &paths[1]];
    let check = |out: &str| {
        bill(&site, out, &[&told[..], &["--focus"]].concat());
        let of = |month: &str, sku: &str| periods(&site, out, month, sku);
        let ends = |start: &str, end: &str| vec![[start.to_owned(), end.to_owned()]];
        assert_eq!(
            of("2026-05", "plugin-licence"),
            ends("2026-05-18T02:30:00Z", "2027-05-18T02:30:00Z")
        );
        // It follows on.
        assert_eq!(
            of("2026-10", "plugin-licence"),
            ends("2027-05-18T02:30:00Z", "2028-05-18T02:30:00Z")
        );
        assert_eq!(
            of("2026-10", "traffic-package"),
            ends("2026-10-02T16:00:00Z", "2027-10-02T16:00:00Z")
        );
        assert_eq!(
            of("2026-10", "mobile-licence"),
            ends("2026-10-04T16:00:00Z", "2027-10-04T16:00:00Z")
        );
    };
    check("open");
    let close = run(
        &site,
        "close",
        &[&told[..], &["--month", "2026-10", "--early"]].concat(),
    );
    assert_eq!(close.code, 0, "{}", close.stderr);
    check("closed");
}

/// Names in a folder.
fn names(site: &Site, out: &str) -> Vec<String> {
    let entries = fs::read_dir(site.path(out)).expect("listed");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("listed").file_name();
    let names = entries.map(|entry| name(entry).to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != ".made-of").collect();
    names.sort_unstable();
    names
}

#[test]
fn c10_a_later_bill_leaves_no_focus_of_an_earlier_one_beside_it() {
    let site = closed_site();
    bill(&site, "out", &["--focus"]);
    assert_eq!(
        names(&site, "out"),
        ["charges", "costs", "focus", "focus_csv"]
    );
    let said = bill(&site, "out", &["--month", "2026-10"]);
    assert_eq!(names(&site, "out"), ["charges", "costs"]);
    assert!(
        said.stderr.contains("out/focus ") && said.stderr.contains("--focus"),
        "{}",
        said.stderr
    );
    // Of a run too, and whatever is no dataset of ours stays.
    bill(&site, "out", &["--focus"]);
    let csv = site.path("out/focus_csv");
    fs::remove_file(csv.join("_SUCCESS")).expect("removed");
    let out = site.path("out").display().to_string();
    let logs = site.path("logs").display().to_string();
    let said = run(&site, "run", &["--out", &out, &logs]);
    // Somebody has to look at what stays.
    assert_eq!(said.code, 1, "{}", said.stderr);
    let left = names(&site, "out");
    assert!(
        left.contains(&"focus_csv".to_owned()) && !left.contains(&"focus".to_owned()),
        "{left:?}"
    );
}

#[test]
fn c10_adjustments_of_other_closed_months_do_not_stay_beside_newer_usage() {
    let site = closed_site();
    let out = site.path("out").display().to_string();
    assert_eq!(run(&site, "summary", &["--out", &out]).code, 0);
    assert!(names(&site, "out").contains(&"adjustments".to_owned()));
    // A store without a closed month.
    let other = Site::new();
    crate::closed::registry(&other, "2026-10-02", "acct");
    other.write("a.log", lines("202610", 0..3));
    assert_eq!(other.ingest().code, 0);
    let said = run(&other, "summary", &["--out", &out]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(!names(&site, "out").contains(&"adjustments".to_owned()));
}
