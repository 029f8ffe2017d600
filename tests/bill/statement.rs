//! The page for people who pay: it says what the bill says, and nothing on it is more than text.

use std::fs;

use crate::closed::{bill, closed_site, lines, run};
use crate::program::Site;

/// The page of a store's bills, and their report.
fn page(site: &Site, more: &[&str]) -> (String, serde_json::Value) {
    let path = site.path("statement.html").display().to_string();
    let said = bill(site, "out", &[more, &["--html", &path]].concat());
    (fs::read_to_string(path).expect("read"), said.json)
}

/// Digits as the page groups them.
fn grouped(number: &str) -> String {
    let (whole, places) = number.split_once('.').expect("a point");
    let groups: Vec<_> = whole.as_bytes().rchunks(3).rev().collect();
    let groups = groups
        .into_iter()
        .map(|group| String::from_utf8_lossy(group).into_owned());
    format!("{}.{places}", groups.collect::<Vec<_>>().join("\u{202f}"))
}

/// Every element that is opened is closed, in order.
fn check_balance(page: &str) {
    const EMPTY: [&str; 2] = ["!doctype", "meta"];
    let (head, rest) = page.split_once("<style>").expect("a style");
    let (_, body) = rest.split_once("</style>").expect("its end");
    let mut open: Vec<&str> = Vec::new();
    for tag in head
        .split('<')
        .chain(body.split('<'))
        .filter(|tag| !tag.trim().is_empty())
    {
        let Some((tag, _)) = tag.split_once('>') else {
            continue;
        };
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{open:?}"),
            None if tag.ends_with('/') => {}
            None => {
                let name = tag.split(' ').next().expect("a name");
                open.extend((!EMPTY.contains(&name)).then_some(name));
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

fn check_self_contained(page: &str) {
    for word in [
        "<script", "http:", "https:", "url(", "@import", "src=", "<link", "<img",
    ] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn the_page_says_what_the_bill_says() {
    let site = closed_site();
    site.write("late.log", lines("202610", 100..110));
    site.write("november.log", lines("202611", 0..9));
    site.ingest();
    let (page, report) = page(&site, &[]);
    check_self_contained(&page);
    check_balance(&page);
    for bill in report.as_array().expect("bills") {
        for account in bill["accounts"].as_array().expect("accounts") {
            let payable = grouped(account["payable"].as_str().expect("a text"));
            assert!(page.contains(&payable), "{payable}");
        }
        let month = bill["month"].as_str().expect("a text");
        assert!(page.contains(&format!("id=\"m{month}\"")), "{month}");
    }
    for words in [
        "Corrections of 2026-10",
        "R26: traffic is not refunded",
        "mini-program-live",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn a5_the_page_names_files_of_which_no_line_says_its_bytes() {
    let site = closed_site();
    let line = "20261105000000 203.0.113.9 v1.example.cn /a - 22 2 200 NULL 41\n";
    site.write("dashes.log", line.repeat(7));
    assert_eq!(site.ingest().code, 0);
    let (page, report) = page(&site, &[]);
    assert!(page.contains("Counted as 0 B: 7 lines of 1 file"));
    // The closed month keeps what it said when it was closed.
    assert!(report[0]["without_bytes"].is_null(), "{report}");
    assert_eq!(report[1]["without_bytes"]["lines"], 7, "{report}");
}

#[test]
fn names_are_text_whatever_they_are() {
    let site = closed_site();
    let text = fs::read_to_string(site.path("registry.toml")).expect("read");
    let evil = "<script>alert(1)</script>\\\" onload=\\\"x";
    fs::write(
        site.path("registry.toml"),
        text.replace("\"acct\"", &format!("\"{evil}\"")),
    )
    .expect("written");
    let (page, _) = page(&site, &[]);
    check_self_contained(&page);
    check_balance(&page);
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x"),
        "{page}"
    );
}

#[test]
fn many_accounts_are_cut_and_the_page_says_so() {
    let site = Site::new();
    let (mut registry, mut log) = (String::new(), String::new());
    for number in 0..60 {
        registry +=
            &format!("[[domain]]\nname = \"d{number}.example.cn\"\naccount = \"a{number:02}\"\n");
        registry += "mini_program_since = \"2026-03-01\"\n";
        log += &lines("202610", number..number + 1)
            .replace(&format!("v{}.", number % 3), &format!("d{number}."));
    }
    fs::write(site.path("registry.toml"), registry).expect("written");
    site.write("a.log", log);
    site.ingest();
    let (page, report) = page(&site, &[]);
    assert_eq!(report[0]["accounts"].as_array().map(Vec::len), Some(60));
    assert_eq!(page.matches("class=\"account\"").count(), 50);
    let amount = |number: &serde_json::Value| -> i64 {
        let text = number.as_str().expect("a text").replace('.', "");
        text.parse().expect("cents")
    };
    let accounts = report[0]["accounts"].as_array().expect("accounts");
    let mut payable: Vec<i64> = accounts.iter().map(|of| amount(&of["payable"])).collect();
    payable.sort_unstable();
    let rest: i64 = payable[..10].iter().sum();
    let rest = grouped(&format!("{}.{:02}", rest / 100, rest % 100));
    let row = format!(
        "10 more accounts, which pay less, are in the dataset charges</th><td class=\"number\">{rest}<"
    );
    assert!(page.contains(&row), "what has no room is in the sum: {row}");
    assert!(
        page.contains(">51 others<"),
        "bars of a chart are bounded, too"
    );
    assert!(page.contains("<h3>a59</h3>") && !page.contains("<h3>a00</h3>"));
}

#[test]
fn a_page_that_cannot_be_written_is_told() {
    let site = closed_site();
    let path = site.path("no/such/folder.html").display().to_string();
    let said = run(&site, "bill", &["--html", &path]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("check --html"), "{}", said.stderr);
}
