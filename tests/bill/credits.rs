//! Candidate credits (R21): what was settled by the day before a domain became a mini-program domain.

use rust_decimal::Decimal;

use cdn_meter::billing::{Bill, Charge, DEFAULT, Extras, StandardMode, Status};

use crate::closed::{bill, lines, printed, registry};
use crate::program::Site;
use crate::world::{Asked, CONTRACT, MBPS, Sent, bills, catalogue, number};

const REGISTRY: &str = r#"
[[domain]]
name = "a.example.cn"
account = "acct"
[[domain]]
name = "m.example.cn"
account = "acct"
mini_program_since = "2026-10-20"
[[domain]]
name = "n.example.cn"
account = "acct"
mini_program_since = "2026-10-10"
"#;

fn sent(domain: &str, at: &str, bytes: u64, region: &str) -> Sent {
    Sent {
        domain: format!("{domain}.example.cn"),
        at: at.to_owned(),
        bytes,
        region: region.to_owned(),
    }
}

fn billed(mode: StandardMode, named: &str, sent: &[Sent]) -> Bill {
    let catalogue = catalogue(named).expect("a catalogue");
    let asked = Asked {
        registry: REGISTRY,
        catalogue: &catalogue,
        mode,
        overhead: "1",
        extras: Extras::default(),
    };
    bills(sent, &asked).expect("billed").remove(0)
}

/// Domain, bytes, quantity and amount of the lines that need review.
fn credits(bill: &Bill) -> Vec<(&str, i128, Decimal, Decimal)> {
    let charges = bill.accounts.iter().flat_map(|account| &account.charges);
    let charges = charges.filter(|charge| charge.status == Status::NeedsReview);
    let credit = |of: &'_ Charge| -> (i128, Decimal, Decimal) {
        (of.bytes, of.quantity, of.amount.round(8).expect("small"))
    };
    charges
        .map(|of| {
            let (bytes, quantity, amount) = credit(of);
            (&of.domain[..1], bytes, quantity, amount)
        })
        .collect()
}

#[test]
fn c7_a_peak_that_a_domain_made_before_it_was_added_may_be_credited() {
    let lines = [
        // a alone has 40 Mbps in another slot than m has 50.
        sent("a", "2026-10-03T01:00", 40 * MBPS, "mainland"),
        sent("m", "2026-10-03T02:00", 30 * MBPS, "mainland"),
        sent("m", "2026-10-03T02:04", 20 * MBPS, "unknown"),
        // Not the busiest.
        sent("a", "2026-10-04T01:00", 40 * MBPS, "mainland"),
        sent("m", "2026-10-04T02:00", 30 * MBPS, "mainland"),
        // Nobody else.
        sent("m", "2026-10-05T02:00", 10 * MBPS, "mainland"),
        // A mini-program domain by then.
        sent("m", "2026-10-20T02:00", 90 * MBPS, "mainland"),
    ];
    let bill = billed(StandardMode::DailyPeak, DEFAULT, &lines);
    let mbps = |mbps: u64| i128::from(mbps * MBPS);
    // At 0.65 a Mbps, tier from 0.
    assert_eq!(
        credits(&bill),
        [
            ("m", mbps(10), number("10"), number("-6.5")),
            ("m", mbps(10), number("10"), number("-6.5")),
        ]
    );
    let ids: Vec<String> = bill.accounts[0].for_review().map(Charge::id).collect();
    assert!(
        ids[0].contains("standard-peak/m.example.cn/mainland/2026-10-03"),
        "{ids:?}"
    );
    assert!(ids[1].contains("/2026-10-05"), "{ids:?}");
}

#[test]
fn c7_domains_of_one_day_share_what_it_would_have_cost_less_without_them() {
    const TB: u64 = 1_000_000_000_000;
    // 2.4 TB reach 0.25, 1.2 TB would have paid 0.26: 600 less 312, by bytes.
    let lines = [
        sent("a", "2026-10-03T01:00", TB + TB / 5, "mainland"),
        sent("m", "2026-10-03T02:00", TB * 3 / 10, "mainland"),
        sent("m", "2026-10-03T02:00", TB * 3 / 10, "unknown"),
        sent("n", "2026-10-03T03:00", TB * 6 / 10, "mainland"),
        // Only m is not one yet.
        sent("m", "2026-10-12T02:00", TB / 10, "mainland"),
        sent("n", "2026-10-12T03:00", TB / 10, "mainland"),
    ];
    let bill = billed(StandardMode::Flow, DEFAULT, &lines);
    let of = |bytes: u64| i128::from(bytes);
    assert_eq!(
        credits(&bill),
        [
            ("m", of(TB * 6 / 10), number("600"), number("-144")),
            ("n", of(TB * 6 / 10), number("600"), number("-144")),
            ("m", of(TB / 10), number("100"), number("-26")),
        ]
    );
    let peaks = [
        sent("a", "2026-10-03T01:00", 10 * MBPS, "mainland"),
        sent("m", "2026-10-03T01:00", 20 * MBPS, "mainland"),
        sent("n", "2026-10-03T01:00", 60 * MBPS, "mainland"),
    ];
    let bill = billed(StandardMode::DailyPeak, DEFAULT, &peaks);
    let mbps = |mbps: u64| i128::from(mbps * MBPS);
    assert_eq!(
        credits(&bill),
        [
            ("m", mbps(20), number("20"), number("-13")),
            ("n", mbps(60), number("60"), number("-39")),
        ]
    );
}

#[test]
fn c7_months_that_are_settled_as_a_whole_have_nothing_to_credit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("contract.toml");
    std::fs::write(&path, CONTRACT).expect("written");
    let lines = [
        sent("a", "2026-10-03T01:00", 40 * MBPS, "mainland"),
        sent("m", "2026-10-03T01:00", 50 * MBPS, "mainland"),
    ];
    let path = path.display().to_string();
    let bill = billed(StandardMode::MonthlyAverage, &path, &lines);
    // The month is settled when m is one for all of it: 40 Mbps, one of 31 days.
    let lines = bill.accounts[0].charges.iter();
    let average = lines.filter(|of| of.item.name() == "standard-monthly-average");
    let average: Vec<Decimal> = average.map(|of| of.detail).collect();
    assert_eq!(average, [number("40")]);
    assert_eq!(credits(&bill), []);
}

/// October with 145 GB of v0, which is added on the 20th, and 320 GB of others, all on the third; with
/// 1.000000007 GB for each of them.
fn review_with_package(gigabytes: u32) -> Vec<serde_json::Value> {
    let (site, events) = site_with_package(gigabytes);
    let said = bill(&site, "out", &["--events", &events, "--explain", "/review"]);
    said.json.as_array().expect("lines").clone()
}

fn site_with_package(gigabytes: u32) -> (Site, String) {
    let site = Site::new();
    registry(&site, "2026-10-20", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    let package = format!(
        "[[package]]\naccount = \"acct\"\nat = \"2026-10-03T09:00\"\ngigabytes = {gigabytes}\nfee = \"1\"\n"
    );
    std::fs::write(site.path("events.toml"), package).expect("written");
    let events = site.path("events.toml").display().to_string();
    (site, events)
}

#[test]
fn c7_package_gigabytes_that_may_be_owed_are_in_the_sums_of_what_needs_review() {
    for (gigabytes, amount, packages, in_table, in_page) in [
        (
            400,
            "-16.90000085",
            "79.99999776",
            "-16.90000085 CNY and 79.99999776 package GB in all",
            "16.90 CNY and 79.99999776 package GB in all",
        ),
        (
            500,
            "0.00000000",
            "145.000001015",
            "1 line needs review and is in no sum, 145.000001015 package GB in all",
            "1 line, 145.000001015 package GB in all",
        ),
        (
            100,
            "-37.70000026",
            "0",
            "in no sum, -37.70000026 CNY in all",
            "37.70 CNY in all",
        ),
    ] {
        let (site, events) = site_with_package(gigabytes);
        let html = site.path("page.html").display().to_string();
        let said = bill(&site, "out", &["--events", &events, "--html", &html]);
        let account = &said.json[0]["accounts"][0];
        assert_eq!(account["review_amount"], amount);
        assert_eq!(account["review_package_gigabytes"], packages);
        let page = std::fs::read_to_string(&html).expect("read");
        assert!(page.contains(in_page), "{in_page}");
        let out = site.path("out").display().to_string();
        let table = printed(&site, &["--events", &events, "--out", &out]);
        assert!(table.contains(in_table), "{table}");
        if packages != "0" {
            let words = format!("<span>{packages} package GB</span>");
            assert!(page.contains(&words), "{words}");
            let more = [
                "--events",
                &events,
                "--out",
                &out,
                "--explain",
                "package-traffic",
            ];
            let explained = printed(&site, &more);
            let words = format!("it would be {packages} package GB");
            assert!(explained.contains(&words), "{explained}");
        }
    }
}

#[test]
fn c7_what_a_package_paid_is_owed_in_package_gigabytes() {
    let text =
        |line: &serde_json::Value, name: &str| line[name].as_str().expect("a text").to_owned();
    let found = |gigabytes| -> Vec<[String; 3]> {
        let lines = review_with_package(gigabytes);
        let line = lines
            .iter()
            .map(|line| ["item", "quantity", "metered_bytes"].map(|of| text(line, of)));
        line.collect()
    };
    let [money, package] = ["standard-traffic", "package-traffic"].map(str::to_owned);
    // All of it was paid by the package.
    assert_eq!(
        found(500),
        [[
            package.clone(),
            "145.000001015".to_owned(),
            "145000001015".to_owned()
        ]]
    );
    // The others would have left 79.99999776 GB of 400; what was over was paid in money.
    assert_eq!(
        found(400),
        [
            [
                money.clone(),
                "65.000003255".to_owned(),
                "65000003255".to_owned()
            ],
            [package, "79.99999776".to_owned(), "79999997760".to_owned()],
        ]
    );
    // The others would have used it up by themselves.
    assert_eq!(
        found(100),
        [[money, "145.000001015".to_owned(), "145000001015".to_owned()]]
    );
    let lines = review_with_package(500);
    let how = text(&lines[0], "explanation");
    assert!(
        how.contains("ask for 145.000001015 package gigabytes"),
        "{how}"
    );
}

#[test]
fn c7_beyond_a_package_a_credit_has_the_tier_that_the_day_was_settled_by() {
    let site = Site::new();
    registry(&site, "2020-05-20", "acct");
    // 820 GB of the third, 287 of them of v0; a package pays for 400.
    site.write("a.log", lines("202005", 0..40));
    assert_eq!(site.ingest().code, 0);
    let package = "[[package]]\naccount = \"acct\"\nat = \"2020-05-03T09:00\"\ngigabytes = 400\nfee = \"1\"\n";
    std::fs::write(site.path("events.toml"), package).expect("written");
    let events = site.path("events.toml").display().to_string();
    for (catalogue, price) in [
        // By the texts of 2020 what was left paid the tier of 820 GB, now it is on its own.
        ("tencent-history", "0.25"),
        (DEFAULT, "0.26"),
    ] {
        let more = ["--events", &events, "--catalogue", catalogue];
        let said = bill(
            &site,
            "out",
            &[&more[..], &["--explain", "/review"]].concat(),
        );
        let line = &said.json[0];
        assert_eq!(line["unit_price"], price, "{catalogue}");
        assert_eq!(line["metered_bytes"], "287000002009");
    }
}
