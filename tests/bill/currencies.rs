//! Amounts of two currencies are never added, and months of each are corrected in their own.

use std::fs;

use crate::closed::{
    amounts, bill, close, closed_site, lines, never_closed, printed, registry, run,
};
use crate::program::Site;
use crate::terms::{assert_refused, late_site, own_catalogue};

#[test]
fn c1_a_correction_in_another_currency_is_refused() {
    let site = late_site();
    let dollars = own_catalogue(&site, &[("currency = \"CNY\"", "currency = \"USD\"")]);
    let by_dollars = ["--catalogue", &dollars[..]];
    let words = [
        "the bill of 2026-11 is in USD, and what corrects 2026-10 in it is in CNY",
        "never added",
    ];
    assert_refused(&site, "bill", &by_dollars, &words);
    let november = [&by_dollars[..], &["--month", "2026-11", "--early"]].concat();
    assert_refused(&site, "close", &november, &words);
    let logs = site.path("logs").display().to_string();
    assert_refused(&site, "run", &[&by_dollars[..], &[&logs]].concat(), &words);
    let rerate = [&by_dollars[..], &["--rerate"]].concat();
    let words = ["2026-10 was billed in CNY, and would be priced in USD"];
    assert_refused(&site, "bill", &rerate, &words);
    // A month without corrections may be in another currency than those before.
    let october = bill(
        &site,
        "out",
        &["--catalogue", &dollars, "--month", "2026-10"],
    );
    assert_eq!(october.json[0]["currency"], "CNY");
    let site = closed_site();
    site.write("november.log", lines("202611", 0..3));
    site.ingest();
    let bills = bill(&site, "out", &["--catalogue", &dollars]);
    let currencies: Vec<_> = (0..2).map(|at| &bills.json[at]["currency"]).collect();
    assert_eq!(currencies, ["CNY", "USD"]);
}

/// September closed in CNY and October in USD, with `october` lines; v0 is a mini-program domain since then.
fn closed_in_both(since: &str, october: std::ops::Range<u64>) -> (Site, String) {
    let site = Site::new();
    registry(&site, since, "acct");
    let dollars = own_catalogue(&site, &[("currency = \"CNY\"", "currency = \"USD\"")]);
    site.write("a.log", lines("202609", 0..30));
    site.write("b.log", lines("202610", october));
    site.ingest();
    close(&site, "2026-09");
    let said = run(
        &site,
        "close",
        &["--month", "2026-10", "--early", "--catalogue", &dollars],
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
    (site, dollars)
}

/// The same, and 101 GB of `v1` that came for each since; 6 GB of November.
fn site_of_two_currencies() -> (Site, String) {
    let (site, dollars) = closed_in_both("2026-09-02", 0..30);
    site.write("late-a.log", lines("202609", 100..101));
    site.write("late-b.log", lines("202610", 100..101));
    site.write("november.log", lines("202611", 0..3));
    site.ingest();
    (site, dollars)
}

/// Months, currencies and sums of what waits on a bill.
fn waiting(bill: &serde_json::Value) -> Vec<String> {
    let waiting = bill["waiting"].as_array().expect("a list").iter();
    let text = |of: &serde_json::Value, name: &str| of[name].as_str().expect("a text").to_owned();
    let waiting = waiting.map(|of| ["month", "amount", "currency"].map(|name| text(of, name)));
    waiting.map(|of| of.join(" ")).collect()
}

#[test]
fn c1_months_closed_in_two_currencies_are_each_corrected_in_their_own() {
    let (site, dollars) = site_of_two_currencies();
    let by_dollars = ["--catalogue", &dollars[..]];
    // 26.26 of a late September or October, and 1 GB at 4 and 5 GB at 0.26 of November.
    for (more, currency, other) in [
        (&[][..], "CNY", "2026-10 26.26000019 USD"),
        (&by_dollars[..], "USD", "2026-09 26.26000019 CNY"),
    ] {
        let said = bill(&site, "either", more);
        let november = &said.json[2];
        assert_eq!(
            (&november["currency"], &november["payable"]),
            (&currency.into(), &"31.56".into())
        );
        assert_eq!(waiting(november), [other]);
        for closed in [0, 1] {
            assert!(waiting(&said.json[closed]).is_empty());
        }
    }
    let out = site.path("out").display().to_string();
    let table = printed(&site, &["--out", &out]);
    let words =
        "not yet corrected: 1 line that corrects 2026-10, 26.26000019 USD in all: currencies";
    assert!(table.contains(words), "{table}");
    let page = site.path("page.html");
    bill(&site, "out", &["--html", &page.display().to_string()]);
    let page = fs::read_to_string(page).expect("read");
    assert!(page.contains("Not yet corrected: 1 line that corrects 2026-10"));

    // What waits is on the next bill in its currency, whatever is closed before, and once.
    close(&site, "2026-11");
    for month in ["2026-11", "2026-12"] {
        assert_eq!(
            waiting(&bill(&site, "out", &["--month", month]).json[0]),
            ["2026-10 26.26000019 USD"]
        );
    }
    let december = ["--month", "2026-12", "--early", "--catalogue", &dollars[..]];
    let said = run(&site, "close", &december);
    assert_eq!(said.code, 0, "{}", said.stderr);
    for more in [&[][..], &by_dollars[..]] {
        let said = bill(&site, "after", more);
        let sums = |name: &str| {
            let bills = said.json.as_array().expect("bills").iter();
            bills
                .map(|of| of[name].as_str().expect("a text").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(sums("payable"), ["663.20", "663.20", "31.56", "26.26"]);
        assert_eq!(sums("currency"), ["CNY", "USD", "CNY", "USD"]);
    }
    assert_eq!(
        amounts(&site, "after", "2026-10"),
        never_closed(&site, &by_dollars)
    );
    assert_eq!(
        amounts(&site, "after", "2026-09"),
        amounts(&site, "fresh", "2026-09")
    );
}

#[test]
fn c1_only_months_of_the_catalogues_currency_are_rerated() {
    let (site, _) = site_of_two_currencies();
    let changes = [("price = \"4\"", "price = \"5\"")];
    let yuan = own_catalogue(&site, &changes);
    let said = bill(&site, "out", &["--catalogue", &yuan, "--rerate"]);
    // 145 GB of September for 1 more, and what came late; November for 1 more, too.
    assert_eq!(said.json[2]["payable"], "177.56");
    assert_eq!(waiting(&said.json[2]), ["2026-10 26.26000019 USD"]);
}

#[test]
fn c1_a_rerated_bill_is_a_preview_and_says_which_months_it_leaves_alone() {
    let (site, dollars) = site_of_two_currencies();
    let changes = [("price = \"4\"", "price = \"5\"")];
    let yuan = own_catalogue(&site, &changes);
    let rerate = ["--catalogue", &yuan[..], "--rerate"];
    let said = bill(&site, "out", &rerate);
    let rerated = &said.json[2]["rerated"];
    assert_eq!(rerated["priced_anew"], serde_json::json!(["2026-09"]));
    let left = serde_json::json!([{ "month": "2026-10", "currency": "USD" }]);
    assert_eq!(rerated["left_alone"], left);
    let words = [
        "a preview of closed months priced anew: 2026-09; `close` freezes",
        "not priced anew: 2026-10, which was billed in USD",
    ];
    let page = site.path("page.html").display().to_string();
    let out = site.path("out").display().to_string();
    let more = [&rerate[..], &["--html", &page, "--out", &out]].concat();
    let table = printed(&site, &more);
    let page = fs::read_to_string(page).expect("read").to_lowercase();
    for word in words {
        assert!(said.stderr.contains(word), "{}", said.stderr);
        assert!(table.contains(word), "{table}");
        assert!(page.contains(&word.to_lowercase()), "{page}");
    }
    // A bill that is not asked to says nothing of it, and what is closed is corrected as it was billed.
    let plain = bill(&site, "out", &["--catalogue", &yuan]);
    assert!(plain.json[2]["rerated"].is_null());
    assert!(!plain.stderr.contains("priced anew"), "{}", plain.stderr);
    let november = ["--month", "2026-11", "--early", "--catalogue", &yuan];
    assert_eq!(run(&site, "close", &november).code, 0);
    let after = bill(&site, "out", &["--catalogue", &dollars]);
    assert_eq!(after.json[2]["payable"], plain.json[2]["payable"]);
    // There need be no bill to say it on.
    let (site, _) = closed_in_both("2026-09-02", 0..30);
    let said = bill(&site, "out", &["--rerate"]);
    assert_eq!(said.json.as_array().map(Vec::len), Some(2));
    for word in words {
        assert!(said.stderr.contains(word), "{}", said.stderr);
    }
}

#[test]
fn c1_what_if_of_months_closed_in_two_currencies_names_both_and_what_to_ask_for() {
    let (site, dollars) = site_of_two_currencies();
    let what_if = ["--what-if", "mode=daily-peak"];
    let words = [
        "2026-10 was closed in USD, and mode=daily-peak prices it in CNY",
        "--month",
    ];
    assert_refused(&site, "bill", &what_if, &words);
    let by_dollars = [&what_if[..], &["--catalogue", &dollars]].concat();
    let words = [
        "2026-09 was closed in CNY, and mode=daily-peak prices it in USD",
        "--month",
    ];
    assert_refused(&site, "bill", &by_dollars, &words);
    // What it says to ask for is answered.
    let september = [&what_if[..], &["--month", "2026-09"]].concat();
    let october = [&by_dollars[..], &["--month", "2026-10"]].concat();
    for asked in [september, october] {
        let said = run(&site, "bill", &asked);
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
}

#[test]
fn c1_a_fee_in_another_currency_is_refused() {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    site.write("a.log", lines("202610", 0..3) + &lines("202611", 0..3));
    site.ingest();
    let dollars = own_catalogue(&site, &[("currency = \"CNY\"", "currency = \"USD\"")]);
    let path = site.path("events.toml").display().to_string();
    for purchase in [
        "[[licence]]\napp_id = \"wx1\"\nstate = \"active\"",
        "[[package]]\ngigabytes = 100",
        "[[transcoding-package]]\nkind = \"standard\"\nhours = 5",
    ] {
        let bought =
            "account = \"acct\"\nat = \"2026-10-02T10:00\"\nfee = \"7\"\ncurrency = \"USD\"\n";
        fs::write(&path, format!("{purchase}\n{bought}")).expect("written");
        let words = [
            "events.toml:1: the fee is in USD, and the catalogue mini-program-live that it is billed by in CNY",
            "use a catalogue in USD",
        ];
        assert_refused(&site, "bill", &["--events", &path], &words);
        assert_refused(
            &site,
            "close",
            &["--month", "2026-10", "--early", "--events", &path],
            &words,
        );
        // The bill of another month has nothing to do with it.
        let november = bill(&site, "out", &["--events", &path, "--month", "2026-11"]);
        assert_eq!(november.json[0]["currency"], "CNY");
        let by_dollars = [
            "--events",
            &path,
            "--catalogue",
            &dollars,
            "--month",
            "2026-10",
        ];
        let october = bill(&site, "out", &by_dollars);
        // 7 more than the traffic, less where the package pays for it.
        assert_eq!(october.json[0]["currency"], "USD");
        assert_ne!(october.json[0]["payable"], "5.30", "{purchase}");
    }
}

#[test]
fn c1_lines_for_review_that_wait_are_in_no_sum() {
    let (site, dollars) = closed_in_both("2026-12-01", 1..3);
    let by_dollars = ["--catalogue", &dollars[..]];
    // 145.000001015 GB of v0 at 4; they were settled at 0.26, which may be asked for.
    registry(&site, "2026-09-20", "acct");
    let page = site.path("page.html").display().to_string();
    let said = bill(
        &site,
        "out",
        &[&by_dollars[..], &["--html", &page]].concat(),
    );
    let november = &said.json[2];
    assert_eq!(waiting(november), ["2026-09 580.00000406 CNY"]);
    let of = &november["waiting"][0];
    assert_eq!([&of["lines"], &of["review_lines"]], [1, 1]);
    assert_eq!(of["review_amount"], "-37.70000026");
    let out = site.path("out").display().to_string();
    let table = printed(&site, &[&by_dollars[..], &["--out", &out]].concat());
    let words = "1 line that corrects 2026-09, 580.00000406 CNY in all, and 1 line for review of -37.70000026 CNY, in \
                 no sum: currencies";
    assert!(table.contains(words), "{table}");
    let page = fs::read_to_string(page).expect("read");
    assert!(page.contains(words), "{page}");
}

#[test]
fn c1_corrections_wait_whatever_else_is_late() {
    let (site, dollars) = closed_in_both("2026-09-02", 0..30);
    let by_dollars = ["--catalogue", &dollars[..]];
    // Late usage of September alone: a bill in the currency of October has nothing to correct.
    site.write("late-a.log", lines("202609", 100..101));
    site.write("november.log", lines("202611", 0..3));
    site.ingest();
    let said = bill(&site, "out", &by_dollars);
    assert_eq!(said.json[2]["payable"], "5.30");
    assert_eq!(waiting(&said.json[2]), ["2026-09 26.26000019 CNY"]);
    let november = [&["--month", "2026-11", "--early"], &by_dollars[..]].concat();
    assert_eq!(run(&site, "close", &november).code, 0);
    // It is on the bill of the month after in its currency, even if there is nothing else on it.
    assert_eq!(bill(&site, "out", &[]).json[3]["payable"], "26.26");
}

#[test]
fn c1_a_change_of_currency_that_is_meant_lets_corrections_wait() {
    let site = late_site();
    let dollars = own_catalogue(&site, &[("currency = \"CNY\"", "currency = \"USD\"")]);
    // A fee in dollars, so that the month cannot be billed in yuan.
    let events = site.path("events.toml").display().to_string();
    let licence = "[[licence]]\naccount = \"acct\"\napp_id = \"wx1\"\nat = \"2026-11-02T10:00\"\nstate = \"active\"\n\
                   fee = \"7\"\ncurrency = \"USD\"\n";
    fs::write(&events, licence).expect("written");
    let fee = ["--events", &events[..]];
    assert_refused(&site, "bill", &fee, &["the fee is in USD"]);
    let by_dollars = [&fee[..], &["--catalogue", &dollars]].concat();
    let words = [
        "bill 2026-11 by a catalogue in CNY, or say --new-currency",
        "what corrects 2026-10 waits then",
    ];
    assert_refused(&site, "bill", &by_dollars, &words);
    let meant = [&by_dollars[..], &["--new-currency"]].concat();
    for more in [&[][..], &["--rerate"]] {
        let said = bill(&site, "out", &[&meant[..], more].concat());
        assert_eq!(said.json[1]["payable"], "12.30");
        assert_eq!(waiting(&said.json[1]), ["2026-10 26.26000019 CNY"]);
    }
    let what_if = [&meant[..], &["--what-if", "mode=daily-peak"]].concat();
    assert_eq!(
        run(&site, "bill", &what_if).code,
        2,
        "the closed month is in yuan"
    );
    let november = ["--what-if", "mode=daily-peak", "--month", "2026-11"];
    let said = run(&site, "bill", &[&meant[..], &november].concat());
    assert_eq!(said.code, 0, "{}", said.stderr);
    let logs = site.path("logs").display().to_string();
    let out = site.path("run").display().to_string();
    let said = run(
        &site,
        "run",
        &[&meant[..], &["--out", &out, &logs]].concat(),
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
    let november = [&meant[..], &["--month", "2026-11", "--early"]].concat();
    let said = run(&site, "close", &november);
    assert_eq!(said.code, 0, "{}", said.stderr);
    // From then on there is a closed month in dollars.
    let later = bill(&site, "out", &by_dollars);
    assert_eq!(waiting(&later.json[2]), ["2026-10 26.26000019 CNY"]);
    assert_eq!(bill(&site, "out", &fee).json[2]["payable"], "26.26");
}
