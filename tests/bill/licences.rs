//! Licences and arrears by the program's front, over an event file and a store.

use std::fs;

use crate::program::{Said, Site};

pub(crate) const EVENTS: &str = r#"
[[licence]]
account = "acct"
app_id = "wx1"
at = "2026-10-01T10:00"
state = "pending-payment"

[[licence]]
account = "acct"
app_id = "wx1"
at = "2026-10-03T10:00"
state = "active"

[[licence]]
account = "other"
app_id = "wx2"
at = "2026-09-01T10:00"
state = "pending-payment"
fee = "28000"

[[balance]]
account = "acct"
at = "2026-10-20T00:00"
amount = "-0.01"

[[balance]]
account = "acct"
at = "2026-10-25T00:00"
amount = "100"
"#;
const REGISTRY: &str = r#"
[[domain]]
name = "mini.example.cn"
account = "acct"
mini_program_since = "2026-10-01"
[[domain]]
name = "www.example.cn"
account = "acct"
[[domain]]
name = "mini.example.net"
account = "other"
mini_program_since = "2026-09-01"
"#;

/// A store with traffic of mini-program domains on some days, in whole gigabytes.
pub(crate) fn site(traffic: &[(&str, &str, u64)]) -> Site {
    let site = Site::new();
    fs::write(site.path("events.toml"), EVENTS).expect("written");
    fs::write(site.path("registry.toml"), REGISTRY).expect("written");
    let line = |(time, domain, gigabytes): &(&str, &str, u64)| {
        format!(
            "{time} 203.0.113.9 {domain} /a.ts {} 22 2 200 NULL 41 \"P\" \"-\" GET HTTP/1.1 hit 1\n",
            gigabytes * 1_000_000_000
        )
    };
    site.write("a.log", traffic.iter().map(line).collect::<String>());
    assert_eq!(site.ingest().code, 0);
    site
}

fn ask(site: &Site, words: &[&str]) -> Said {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    command.args(words).arg("--json").arg("--events");
    command.arg(site.path("events.toml"));
    if words.contains(&"refund") {
        command.arg("--store").arg(site.path("store"));
        command.arg("--registry").arg(site.path("registry.toml"));
    }
    Site::run(&mut command)
}

fn refund(site: &Site, account: &str, at: &str) -> (i32, String, String) {
    let said = ask(
        site,
        &["licence", "refund", "--account", account, "--at", at],
    );
    let text = |name: &str| said.json[name].as_str().unwrap_or(&said.stderr).to_owned();
    (said.code, text("verdict"), text("amount"))
}

#[test]
fn licences_follow_on_and_say_whether_they_hold() {
    let site = site(&[("20261002100000", "mini.example.cn", 1)]);
    let said = ask(&site, &["licence", "status", "--at", "tomorrow"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("not an instant"), "{}", said.stderr);
    let said = ask(&site, &["licence", "status", "--at", "2027-12-01T00:00"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let states: Vec<_> = said
        .json
        .as_array()
        .expect("terms")
        .iter()
        .map(|term| (&term["app_id"], &term["until"], &term["state"]))
        .collect();
    assert_eq!(
        format!("{states:?}"),
        r#"[(String("wx1"), String("2028-10-01T02:00:00Z"), String("valid")), (String("wx2"), String("2027-09-01T02:00:00Z"), String("expired"))]"#
    );
}

#[test]
fn fees_come_back_by_the_traffic_of_the_first_fourteen_days() {
    let site = site(&[
        // Before the first purchase, of another class, of another account: none of it counts.
        ("20261001095000", "mini.example.cn", 50),
        ("20261005100000", "www.example.cn", 50),
        ("20261005100000", "mini.example.net", 50),
        ("20260901100000", "www.example.cn", 0),
        ("20260903100000", "mini.example.net", 1),
        ("20261001100000", "mini.example.cn", 4),
        ("20261010100000", "mini.example.cn", 8),
        ("20261012100000", "mini.example.cn", 6),
        ("20261014100000", "mini.example.cn", 3),
    ]);
    let of = |at| refund(&site, "acct", at);
    let answer = |code, verdict: &str| (code, verdict.to_owned(), "60000.00".to_owned());
    assert_eq!(of("2026-10-11T00:00"), answer(0, "eligible"));
    assert_eq!(of("2026-10-13T00:00"), answer(1, "uncertain"));
    assert_eq!(of("2026-10-14T12:00"), answer(1, "not eligible"));
    // Of the second licence, nothing was paid yet.
    assert_eq!(of("2026-10-02T00:00").2, "30000.00");
    let (code, verdict, amount) = refund(&site, "other", "2026-09-05T00:00");
    assert_eq!(
        (code, &verdict[..], &amount[..]),
        (0, "eligible", "28000.00")
    );
    let nobody = refund(&site, "nobody", "2026-10-05T00:00");
    assert!(
        nobody.0 == 1 && nobody.1 == "unknown" && nobody.2.contains("no licence was bought"),
        "{nobody:?}"
    );
}

/// One event that is changed, and the answer to `acct` on the 11th.
fn refund_with(site: &Site, from: &str, to: &str) -> (i32, String, String) {
    let path = site.path("events.toml");
    assert!(EVENTS.contains(from), "{from}");
    fs::write(&path, EVENTS.replacen(from, to, 1)).expect("written");
    refund(site, "acct", "2026-10-11T00:00")
}

#[test]
fn c4_a_licence_that_cost_nothing_gives_nothing_back() {
    let site = site(&[
        ("20261001100000", "www.example.cn", 0),
        ("20261005100000", "mini.example.cn", 1),
        ("20261011100000", "www.example.cn", 0),
    ]);
    let first = "state = \"pending-payment\"\n";
    let until = "state = \"pending-payment\"\nuntil = \"2026-11-01T00:00\"\n";
    let (code, verdict, amount) = refund_with(&site, first, until);
    // The second was bought for 30,000 two days later.
    assert_eq!(
        (code, &verdict[..], &amount[..]),
        (0, "eligible", "30000.00")
    );
    let only_free = EVENTS.replace(
        "state = \"active\"",
        "state = \"active\"\nuntil = \"2027-11-01T00:00\"",
    );
    fs::write(
        site.path("events.toml"),
        only_free.replacen(first, until, 1),
    )
    .expect("written");
    let (code, verdict, amount) = refund(&site, "acct", "2026-10-11T00:00");
    assert_eq!(
        (code, &verdict[..], &amount[..]),
        (1, "not eligible", "0.00")
    );
}

#[test]
fn c4_traffic_in_the_slot_of_the_purchase_is_uncertain() {
    let site = site(&[
        ("20261001100000", "mini.example.cn", 30),
        ("20261011100000", "mini.example.cn", 1),
    ]);
    let uncertain = (1, "uncertain".to_owned(), "60000.00".to_owned());
    // 90 s after what was logged, in the same 5 minutes; and in the next.
    let at = |time: &str| refund_with(&site, "2026-10-01T10:00", time);
    assert_eq!(at("2026-10-01T10:01:30"), uncertain);
    assert_eq!(at("2026-10-01T10:05").1, "eligible");
    assert_eq!(at("2026-10-01T10:00").1, "not eligible");
}

#[test]
fn c4_r07_a_purchase_that_cannot_have_been_is_refused() {
    let site = site(&[("20261005100000", "mini.example.cn", 1)]);
    let (code, said, _) = refund_with(&site, "\"active\"", "\"under-review\"");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("(R07)"), "{said}");
}

#[test]
fn c4_without_logs_of_the_time_the_answer_is_uncertain() {
    let site = site(&[("20261105100000", "mini.example.cn", 1)]);
    let said = asked(&site, &[]);
    assert_eq!((said.code, &said.json["verdict"]), (1, &"uncertain".into()));
    let findings = said.json["findings"].to_string();
    assert!(
        findings.contains("no logs: the store holds nothing of this time"),
        "{findings}"
    );
    assert_eq!(said.json["windows"][0]["has_logs"], false);
}

#[test]
fn c4_a_time_without_any_log_had_no_traffic_if_the_logs_are_said_to_be_complete() {
    let site = site(&[("20261105100000", "mini.example.cn", 1)]);
    let (verdict, findings) = answer(&site, &[]);
    assert_eq!(verdict, "uncertain");
    let words = "say --logs-complete if there was no traffic";
    assert!(findings.contains(words), "{findings}");
    let (verdict, findings) = answer(&site, &["--logs-complete"]);
    assert_eq!(verdict, "eligible", "{findings}");
    let words =
        "the store holds no logs of this time, which had no traffic, as --logs-complete says";
    assert!(findings.contains(words), "{findings}");
}

#[test]
fn c4_only_the_fees_of_the_account_s_licences_count_each_in_its_own_currency() {
    let site = site(&[
        ("20261001100000", "mini.example.cn", 1),
        ("20261011100000", "www.example.cn", 0),
    ]);
    let fee = |fee: &str, currency: &str| format!("fee = \"{fee}\"\ncurrency = \"{currency}\"\n");
    let bought = |kind: &str, account: &str, at: &str| {
        format!("[[{kind}]]\naccount = \"{account}\"\nat = \"{at}\"\n")
    };
    let licence = |account: &str, at: &str, app_id: &str| {
        bought("licence", account, at) + &format!("app_id = \"{app_id}\"\nstate = \"active\"\n")
    };
    let mut events = licence("other", "2026-10-01T10:00", "wx2") + &fee("5", "EUR");
    events += &(licence("acct", "2026-10-01T10:00", "wx1") + &fee("900", "USD"));
    for account in ["acct", "other"] {
        let package = bought("package", account, "2026-10-01T10:00") + "gigabytes = 100\n";
        events += &(package + &fee("25", "CNY"));
    }
    fs::write(site.path("events.toml"), &events).expect("written");
    let said = asked(&site, &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(
        [&said.json["amount"], &said.json["currency"]],
        ["900.00", "USD"]
    );
    // A licence of the list is in the currency of the catalogue; fees of two currencies are never added.
    events += &licence("acct", "2026-10-02T10:00", "wx3");
    fs::write(site.path("events.toml"), &events).expect("written");
    let said = asked(&site, &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.json["amount"].is_null() && said.json["currency"].is_null());
    let amounts = said.json["amounts"].to_string();
    assert_eq!(
        amounts,
        r#"[{"amount":"900.00","currency":"USD"},{"amount":"30000.00","currency":"CNY"}]"#
    );
}

/// What is said to `acct` on the 11th.
pub(crate) fn asked(site: &Site, more: &[&str]) -> Said {
    asked_at(site, "2026-10-11T00:00", more)
}

/// What is said to `acct` at an instant.
pub(crate) fn asked_at(site: &Site, at: &str, more: &[&str]) -> Said {
    let words = ["licence", "refund", "--account", "acct", "--at", at];
    ask(site, &[&words[..], more].concat())
}

/// What is answered to `acct` on the 11th, with all findings in a text.
pub(crate) fn answer(site: &Site, more: &[&str]) -> (String, String) {
    let said = asked(site, more);
    let verdict = said.json["verdict"].as_str().unwrap_or(&said.stderr);
    (verdict.to_owned(), said.json["findings"].to_string())
}

/// A line of some bytes, or of what else is in their place.
pub(crate) fn line(time: &str, domain: &str, bytes: &str) -> String {
    format!(
        "{time} 203.0.113.9 {domain} /a.ts {bytes} 22 2 200 NULL 41 \"P\" \"-\" GET HTTP/1.1 hit 1\n"
    )
}

#[test]
fn arrears_say_what_stops_and_when() {
    let site = site(&[("20261002100000", "mini.example.cn", 1)]);
    let at = |at| ask(&site, &["arrears", "--account", "acct", "--at", at]);
    assert_eq!(at("2026-10-19T00:00").json["service"], "in credit");
    assert_eq!(at("2026-10-20T12:00").json["service"], "in grace until");
    let suspended = at("2026-10-22T00:00");
    assert_eq!(suspended.code, 1);
    assert_eq!(suspended.json["service"], "suspended since");
    assert_eq!(suspended.json["service_at"], "2026-10-20T16:00:00Z");
    assert_eq!(suspended.json["can_reach_recordings"], false);
    assert_eq!(at("2026-10-26T00:00").code, 0);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    command
        .args(["arrears", "--account", "acct", "--events"])
        .arg(site.path("events.toml"));
    let output = command.output().expect("started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("leaving the product takes a ticket (R54)"),
        "{said}"
    );
}
