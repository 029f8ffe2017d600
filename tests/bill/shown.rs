//! What bills show besides amounts: corrections apart from usage, the day of the charge, notes that stay.

use std::fs;

use serde_json::Value;

use crate::closed::{bill, closed_site, lines, printed, registry, run};
use crate::program::Site;
use crate::terms::late_site;

#[test]
fn c10_corrections_stand_apart_from_usage() {
    let site = late_site();
    let said = bill(&site, "out", &["--month", "2026-11"]);
    let items = said.json[0]["accounts"][0]["items"]
        .as_array()
        .expect("items");
    let of = |item: &Value, name: &str| item[name].as_str().expect("a text").to_owned();
    let found: Vec<_> = items
        .iter()
        .map(|item| (of(item, "item"), of(item, "corrects"), of(item, "amount")))
        .collect();
    let line = |item: &str, corrects: &str, amount: &str| {
        (item.to_owned(), corrects.to_owned(), amount.to_owned())
    };
    let expected = [
        line("mini-program-traffic", "", "4.00000003"),
        line("standard-traffic", "", "1.30000001"),
        line("standard-traffic", "2026-10", "26.26000019"),
    ];
    assert_eq!(found, expected);
    let out = site.path("out").display().to_string();
    let table = printed(&site, &["--month", "2026-11", "--out", &out]);
    let (usage, corrections) = table
        .split_once("corrections of 2026-10, which is closed")
        .expect("apart");
    assert!(
        usage.contains("1.30000001") && corrections.contains("26.26000019"),
        "{table}"
    );
}

#[test]
fn c10_every_bill_says_on_which_day_it_is_charged() {
    let site = closed_site();
    site.write("december.log", lines("202612", 0..3));
    site.ingest();
    let page = site.path("page.html");
    let said = bill(&site, "out", &["--html", &page.display().to_string()]);
    let dates: Vec<_> = (0..2)
        .map(|at| said.json[at]["charge_date"].clone())
        .collect();
    assert_eq!(dates, ["2026-11-01", "2027-01-01"]);
    let out = site.path("out").display().to_string();
    let table = printed(&site, &["--out", &out]);
    let page = fs::read_to_string(page).expect("read");
    for date in ["2026-11-01", "2027-01-01"] {
        let words = format!(
            "; what is settled by the month is charged on {date}, the 1st of the month after (每月1日, R13)"
        );
        assert!(table.contains(&words), "{table}");
        assert!(page.contains(&format!(
            "<dt>What is settled by the month is charged on</dt><dd>{date}, the 1st of the month after \
             (每月1日, R13)"
        )));
    }
}

#[test]
fn c10_an_explained_line_says_when_it_is_settled() {
    let site = late_site();
    let explain = |line: &str| {
        let said = bill(&site, "out", &["--month", "2026-11", "--explain", line]);
        let lines = said.json.as_array().expect("lines").iter();
        let days = lines.map(|of| (of["item"].clone(), of["settled_on"].clone()));
        days.collect::<Vec<_>>()
    };
    // By the month; the day after; and with the bill of November what corrects October.
    let [mini, standard] = ["mini-program-traffic", "standard-traffic"];
    assert_eq!(explain(mini), [(mini.into(), "2026-12-01".into())]);
    let settled = explain(standard);
    assert_eq!(settled.len(), 2, "{settled:?}");
    for day in ["2026-11-04", "2026-12-01"] {
        assert!(
            settled.contains(&(standard.into(), day.into())),
            "{settled:?}"
        );
    }
    let out = site.path("out").display().to_string();
    let more = ["--month", "2026-11", "--out", &out, "--explain", mini];
    let table = printed(&site, &more);
    assert!(table.contains("settled   2026-12-01"), "{table}");
}

/// Payables by month: of bills, or of the first of several ways.
fn payables(json: &Value) -> Vec<(String, String)> {
    let months = json.as_array().expect("months").iter();
    let text = |of: &Value| of.as_str().expect("a text").to_owned();
    months
        .map(|month| {
            let payable = month["payable"].as_str().map(str::to_owned);
            let payable = payable.unwrap_or_else(|| text(&month["payable"][0]));
            (text(&month["month"]), payable)
        })
        .collect()
}

#[test]
fn c10_as_asked_is_what_the_bill_says() {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    site.write("a.log", lines("202610", 0..30));
    assert_eq!(site.ingest().code, 0);
    // October was closed by another catalogue and mode; a licence was bought in a month without traffic.
    let by_then = [
        "--catalogue",
        "tencent-history",
        "--standard-mode",
        "daily-peak",
    ];
    let october = ["--month", "2026-10", "--early"];
    assert_eq!(
        run(&site, "close", &[&october[..], &by_then].concat()).code,
        0
    );
    site.write("late.log", lines("202610", 100..101));
    site.write("november.log", lines("202611", 0..3));
    site.ingest();
    let licence = "[[licence]]\naccount = \"acct\"\napp_id = \"wx1\"\nat = \"2026-09-20T10:00\"\nstate = \"active\"\n";
    fs::write(site.path("events.toml"), licence).expect("written");
    let events = site.path("events.toml").display().to_string();
    let bills = bill(&site, "out", &["--events", &events]);
    let ways = [
        "--events",
        &events,
        "--what-if",
        "catalogue=tencent-history",
        "--what-if",
        "package=500",
    ];
    let said = run(&site, "bill", &ways);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(payables(&said.json), payables(&bills.json));
    let months: Vec<_> = payables(&said.json)
        .into_iter()
        .map(|(month, _)| month)
        .collect();
    assert_eq!(months, ["2026-09", "2026-10", "2026-11"]);
    // Corrections are the same in all ways, and apart from usage.
    let items = said.json[2]["accounts"][0]["items"]
        .as_array()
        .expect("items");
    let corrections = items.iter().filter(|item| item["corrects"] == "2026-10");
    for item in corrections.clone() {
        assert_eq!(item["amounts"][0], item["amounts"][1], "{item}");
    }
    assert_eq!(corrections.count(), 1, "{items:?}");
}

#[test]
fn c10_a_closed_month_keeps_its_notes() {
    let site = Site::new();
    registry(&site, "2026-10-02", "acct");
    let path = site.path("registry.toml");
    let text = fs::read_to_string(&path).expect("read");
    let with_app = text.replacen("account =", "app_id = \"wx1\"\naccount =", 1);
    fs::write(path, with_app).expect("written");
    let torn = |n: u64| lines("202699", n..n + 1);
    site.write("a.log", lines("202610", 0..300) + &torn(2));
    assert_eq!(site.ingest().code, 0);
    let events = "[[package]]\naccount = \"acct\"\nat = \"2026-10-03T09:00\"\ngigabytes = 500\n\
         [[transcoding-package]]\naccount = \"acct\"\nat = \"2026-10-03T09:00\"\nkind = \"standard\"\nhours = 5\n";
    fs::write(site.path("events.toml"), events).expect("written");
    let path = site.path("events.toml").display().to_string();
    let by_events = ["--events", &path[..]];
    let before = bill(&site, "out", &by_events);
    let said = run(
        &site,
        "close",
        &[&by_events[..], &["--month", "2026-10", "--early"]].concat(),
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["bill"], before.json[0]);
    // Later purchases and later rejects are no news of October.
    let more = events
        .replace("2026-10-03", "2026-11-03")
        .replace("500", "100")
        .replace("hours = 5", "hours = 100");
    fs::write(site.path("events.toml"), format!("{events}{more}")).expect("written");
    site.write(
        "b.log",
        lines("202611", 0..300).replace("/a/", "/b/") + &torn(5),
    );
    site.ingest();
    let after = bill(&site, "out", &by_events);
    assert_eq!(after.json[0], before.json[0]);
    for note in ["unlicensed", "packages", "transcoding_packages"] {
        assert_eq!(
            before.json[0][note].as_array().map(Vec::len),
            Some(1),
            "{note}"
        );
    }
    assert_eq!(before.json[0]["rejected"]["lines"], 1);
    assert_eq!(after.json[1]["rejected"]["lines"], 2);
}
