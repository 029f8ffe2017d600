//! Hosts that clients invent: they never keep anybody's usage from being published.

use serde_json::Value;

use crate::program::{Said, Site};

/// Lines for `count` hosts that nobody knows, the n-th of n bytes, and for one that the registry knows.
fn lines(count: u64) -> String {
    let line = |host: &str, bytes: u64| {
        format!("20261003101502 203.0.113.9 {host} /a/1.ts {bytes} 22 2 200 NULL 41\n")
    };
    let hosts = (1..=count).map(|n| line(&format!("h{n}.attack.test"), n));
    hosts.collect::<String>() + &line("v1.example.cn", 1)
}

fn with_limit(site: &Site, name: &str, more: &[&str]) -> Said {
    let mut command = site.command(name);
    std::fs::write(
        site.path("registry.toml"),
        "[[domain]]\nname = \"*.example.cn\"\naccount = \"one\"\n",
    )
    .expect("written");
    command.env("CDN_METER_UNKNOWN_HOSTS", "4").arg("--json");
    command.arg("--registry").arg(site.path("registry.toml"));
    if name != "close" {
        command.arg("--out").arg(site.path("out"));
    }
    Site::run(command.args(more))
}

fn row<'a>(json: &'a Value, domain: &str) -> &'a Value {
    let mut rows = json["summary"].as_array().expect("rows").iter();
    rows.find(|row| row["domain"] == domain)
        .unwrap_or(&Value::Null)
}

#[test]
fn d6_hosts_that_nobody_knows_are_one_row_beyond_the_limit() {
    let site = Site::new();
    site.write("a.log", lines(10));
    assert_eq!(site.ingest().code, 0);
    for (name, more) in [
        ("summary", &[][..]),
        ("run", &[site.log("a.log").to_str().expect("text")]),
    ] {
        let said = with_limit(&site, name, more);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let json = &said.json;
        assert_eq!(json["usage"]["bytes"], 56);
        assert_eq!(json["summary"].as_array().map(Vec::len), Some(6));
        assert_eq!(row(json, "(other hosts)")["bytes"], 21);
        assert_eq!(row(json, "(other hosts)")["class"], "unknown");
        assert_eq!(row(json, "h7.attack.test")["bytes"], 7);
        assert_eq!(row(json, "v1.example.cn")["account"], "one");
        let folded = &json["folded_hosts"][0];
        assert_eq!(
            (&folded["month"], &folded["hosts"]),
            (&"2026-10".into(), &6.into())
        );
        assert_eq!(
            (&folded["bytes"], &folded["requests"]),
            (&21.into(), &6.into())
        );
    }
    let said = with_limit(&site, "bill", &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let text = said.json.to_string();
    assert!(text.contains("\"folded_hosts\":{"), "{text}");
    // What is stored keeps every host.
    assert_eq!(site.explain("h1.attack.test").json["bytes"], 1);
}

#[test]
fn d6_a_closed_month_stays_as_it_was_and_its_adjustments_add_up() {
    let site = Site::new();
    site.write("a.log", lines(10));
    assert_eq!(site.ingest().code, 0);
    let month = ["--month", "2026-10"];
    let said = with_limit(&site, "close", &[&month[..], &["--no-bill"]].concat());
    assert_eq!(said.code, 0, "{}", said.stderr);
    let adjusted = |site: &Site| {
        let said = with_limit(site, "summary", &[]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(said.json["usage"]["bytes"], 56);
        let closed = &said.json["closed"][0];
        (
            closed["adjustments"].clone(),
            closed["adjusted_bytes"].clone(),
        )
    };
    assert_eq!(adjusted(&site), (0.into(), 0.into()));
    // A host of the row of all others sends more: it stays there.
    site.write(
        "b.log",
        "20261003111502 203.0.113.9 h2.attack.test /b 500 22 2 200 NULL 41\n",
    );
    assert_eq!(site.ingest().code, 0);
    assert_eq!(adjusted(&site), (1.into(), 500.into()));
}

#[test]
fn d25_more_domains_than_memory_holds_are_refused_with_the_limit_that_does() {
    let site = Site::new();
    site.write("a.log", lines(5_000));
    assert_eq!(site.ingest().code, 0);
    let summary = |limit: &str| {
        let mut command = site.command("summary");
        let command = command.args(["--json", "--memory-limit", limit]);
        Site::run(command.arg("--out").arg(site.path("out")))
    };
    let said = summary("1MB");
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(
        said.stderr.contains("of 5001 domains, take about 4 MB"),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("give --memory-limit 4MB"),
        "{}",
        said.stderr
    );
    assert!(!site.path("out/summary").exists(), "nothing is published");
    assert_eq!(summary("4MB").code, 0);
    let mut command = site.command("run");
    command
        .args(["--memory-limit", "1MB"])
        .arg(site.path("logs"));
    let said = Site::run(command.arg("--out").arg(site.path("out2")));
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(
        said.stderr.contains("give --memory-limit 4MB"),
        "{}",
        said.stderr
    );
}
