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

/// What is paid and asked for by a bill, by account, class and item.
fn paid(json: &Value) -> Vec<String> {
    let bills = json.as_array().expect("bills").iter();
    let accounts = bills.flat_map(|bill| bill["accounts"].as_array().expect("accounts"));
    let paid = accounts.map(|of| format!("{} {}", of["account"], of["payable"]));
    paid.collect()
}

/// Lines for hosts below two wildcards, of which one is a mini-program's.
fn below_wildcards(site: &Site, counts: [u64; 2]) {
    let line = |host: String, bytes: u64| {
        format!("20261003101502 203.0.113.9 {host} /a/1.ts {bytes} 22 2 200 NULL 41\n")
    };
    let mut log = String::new();
    for (suffix, count) in ["mini.test", "plain.test"].into_iter().zip(counts) {
        log.extend((1..=count).map(|n| line(format!("h{n}.{suffix}"), n * 1_000_000_007)));
    }
    site.write("a.log", log);
    assert_eq!(site.ingest().code, 0);
    let registry = "[[domain]]\nname = \"*.mini.test\"\naccount = \"m\"\nmini_program_since = \"2026-10-09\"\n\
        [[domain]]\nname = \"*.plain.test\"\naccount = \"p\"\n";
    std::fs::write(site.path("wild.toml"), registry).expect("written");
}

fn of_wildcards(site: &Site, name: &str, limit: &str, more: &[&str]) -> Said {
    let mut command = site.command(name);
    command.env("CDN_METER_UNKNOWN_HOSTS", limit).arg("--json");
    command.arg("--registry").arg(site.path("wild.toml"));
    if name != "close" {
        command.arg("--out").arg(site.path("out"));
    }
    let said = Site::run(command.args(more));
    assert_eq!(said.code, 0, "{}", said.stderr);
    said
}

#[test]
fn d6_hosts_below_a_wildcard_are_one_row_of_its_class_and_price() {
    let site = Site::new();
    below_wildcards(&site, [12, 2]);
    let json = of_wildcards(&site, "summary", "4", &[]).json;
    assert_eq!(
        row(&json, "(other hosts).mini.test")["class"],
        "mini_program"
    );
    assert_eq!(row(&json, "(other hosts).mini.test")["account"], "m");
    assert_eq!(row(&json, "h12.mini.test")["bytes"], 12_000_000_084_u64);
    assert_eq!(row(&json, "h1.plain.test")["class"], "standard");
    assert_eq!(json["summary"].as_array().map(Vec::len), Some(5));
    let folded = json["folded_hosts"].as_array().expect("a list");
    assert_eq!(folded.len(), 1);
    assert_eq!(
        (
            &folded[0]["row"],
            &folded[0]["hosts"],
            &folded[0]["requests"]
        ),
        (&"(other hosts).mini.test".into(), &10.into(), &10.into())
    );
    let folded = of_wildcards(&site, "bill", "4", &[]).json;
    let apart = of_wildcards(&site, "bill", "100", &[]).json;
    assert_eq!(paid(&folded), paid(&apart));
    assert_eq!(paid(&folded).len(), 2, "{folded}");
    assert_eq!(folded[0]["folded_below"][0]["hosts"], 10, "{folded}");
    assert_eq!(apart[0]["folded_below"], serde_json::json!([]));
}

#[test]
fn d6_a_month_that_was_closed_with_a_wildcards_other_hosts_adds_up() {
    let site = Site::new();
    below_wildcards(&site, [12, 2]);
    of_wildcards(&site, "close", "4", &["--month", "2026-10", "--early"]);
    let adjusted = || {
        let json = of_wildcards(&site, "summary", "4", &[]).json;
        let closed = &json["closed"][0];
        (
            closed["adjustments"].clone(),
            closed["adjusted_bytes"].clone(),
        )
    };
    assert_eq!(adjusted(), (0.into(), 0.into()));
    let late = |host: &str| format!("20261003111502 203.0.113.9 {host} /b 500 22 2 200 NULL 41\n");
    site.write("b.log", late("h2.mini.test") + &late("new.mini.test"));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(adjusted(), (1.into(), 1000.into()));
    // The wildcard is of another account now: its row goes there as one.
    let registry = std::fs::read_to_string(site.path("wild.toml")).expect("read");
    let registry = registry.replace("\"m\"", "\"n\"");
    std::fs::write(site.path("wild.toml"), registry).expect("written");
    assert_eq!(adjusted().1, 1000);
    // Corrections are of what came, and of nothing else.
    let json = of_wildcards(&site, "bill", "4", &[]).json;
    assert!(
        json.to_string().contains("(other hosts).mini.test"),
        "{json}"
    );
}

#[test]
fn d6_a_store_with_more_domains_than_a_run_reads_is_published() {
    let site = Site::new();
    for (name, from) in [("a.log", 0), ("b.log", 5)] {
        let line =
            |n: u64| format!("20261003101502 203.0.113.9 h{n}.test /a/1.ts {n} 22 2 200 NULL 41\n");
        site.write(name, (from..from + 5).map(line).collect::<String>());
        let mut command = site.command("ingest");
        command.env("CDN_METER_DOMAINS", "6").arg(site.log(name));
        let said = Site::run(&mut command);
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
    for name in ["summary", "compact", "verify", "close"] {
        let mut command = site.command(name);
        match name {
            "summary" => command.arg("--json").arg("--out").arg(site.path("out")),
            "close" => {
                std::fs::write(site.path("r.toml"), "").expect("written");
                command.args(["--month", "2026-10", "--early", "--registry"]);
                command.arg(site.path("r.toml"))
            }
            _ => &mut command,
        };
        let said = Site::run(command.env("CDN_METER_DOMAINS", "6"));
        assert_eq!(said.code, 0, "{name}: {}", said.stderr);
        if name == "summary" {
            assert_eq!(said.json["usage"]["bytes"], 45);
        }
    }
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
        said.stderr.contains("of 5001 domains, take up to 5 MB"),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("give --memory-limit 5MB"),
        "{}",
        said.stderr
    );
    assert!(!site.path("out/summary").exists(), "nothing is published");
    assert_eq!(summary("5MB").code, 0);
    let mut command = site.command("run");
    command
        .args(["--memory-limit", "1MB"])
        .arg(site.path("logs"));
    let said = Site::run(command.arg("--out").arg(site.path("out2")));
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(
        said.stderr.contains("give --memory-limit 5MB"),
        "{}",
        said.stderr
    );
}
