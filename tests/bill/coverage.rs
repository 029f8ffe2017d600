//! What a store's logs prove of a time: whether a request for fees can be granted by them.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::licences::{EVENTS, answer, asked, asked_at, line, site};
use crate::program::{Said, Site};

#[test]
fn c4_logs_of_a_part_of_the_time_are_uncertain() {
    let site = site(&[
        ("20260930100000", "mini.example.cn", 1),
        ("20261003105959", "mini.example.cn", 1),
    ]);
    let later =
        |domain: &str| line("20261005090000", domain, "1") + &line("20261010230000", domain, "1");
    site.write("b.log", later("mini.example.cn"));
    assert_eq!(site.ingest().code, 0);
    let (verdict, findings) = answer(&site, &[]);
    assert_eq!(verdict, "uncertain", "{findings}");
    let gap = "no logs of mini.example.cn for 2026-10-03T11:00 to 2026-10-05T09:00:";
    assert!(findings.contains(gap), "{findings}");
    // Who knows that there are no others may say so.
    let (verdict, findings) = answer(&site, &["--logs-complete"]);
    assert_eq!(verdict, "eligible", "{findings}");
    assert!(
        findings.contains("had no traffic, as --logs-complete says"),
        "{findings}"
    );
    // A log of another domain tells nothing, and one of a server only if it has lines of one that is asked for.
    let mut others = ["www.example.cn", "www.example.cn"];
    for (log, second, verdict) in [
        ("c.log", "www.example.cn", "uncertain"),
        ("d.log", "mini.example.net", "uncertain"),
        ("e.log", "mini.example.cn", "eligible"),
    ] {
        others[1] = second;
        let times = ["20261003110000", "20261005080000"];
        let lines = [0, 1].map(|at| line(times[at], others[at], "1"));
        site.write(log, lines.concat());
        assert_eq!(site.ingest().code, 0);
        let (found, findings) = answer(&site, &[]);
        assert_eq!(found, verdict, "{log}: {findings}");
    }
    // What is proven stands, whatever is missing.
    site.write(
        "f.log",
        line("20261002100000", "mini.example.cn", "30000000000"),
    );
    site.write("b.log", later("www.example.cn"));
    site.ingest();
    assert_eq!(answer(&site, &[]).0, "not eligible");
}

#[test]
fn c4_a_log_that_grew_is_one_log() {
    let site = site(&[("20261001100000", "mini.example.cn", 1)]);
    let (verdict, findings) = answer(&site, &[]);
    assert_eq!(verdict, "uncertain");
    assert!(
        findings.contains("no logs of mini.example.cn for 2026-10-01T11:00 to 2026-10-11T00:00"),
        "{findings}"
    );
    let before = fs::read_to_string(site.log("a.log")).expect("read");
    site.write(
        "a.log",
        before + &line("20261011000500", "www.example.cn", "1"),
    );
    assert_eq!(site.ingest().code, 0);
    let (verdict, findings) = answer(&site, &[]);
    assert_eq!(verdict, "eligible", "{findings}");
}

/// A store with 17 GB in the time, and a line that is rejected in a log from one instant to another.
fn with_rejected(from: &str, until: &str, rejected: &str) -> Site {
    let site = site(&[
        ("20261001100000", "mini.example.cn", 17),
        ("20261011100000", "www.example.cn", 0),
    ]);
    let around = [from, until].map(|time| line(time, "www.example.cn", "1"));
    site.write("b.log", around.join(rejected));
    let said = site.ingest();
    let rejected = said.json["lines"]["rejected"].to_string();
    assert!(rejected.ends_with(":1}"), "{rejected} {}", said.stderr);
    site
}

#[test]
fn c4_rejected_lines_of_the_time_count_as_what_they_may_be() {
    let of = |from, until, rejected: &str| answer(&with_rejected(from, until, rejected), &[]);
    let bad_host = |bytes| line("20261004100000", "mini_.example..cn", bytes);
    let (from, until) = ("20261003100000", "20261005100000");
    let (verdict, findings) = of(from, until, &bad_host("4000000000"));
    assert_eq!(verdict, "uncertain", "{findings}");
    assert!(
        findings.contains("at most 4000000000 B on 1 rejected line"),
        "{findings}"
    );
    assert_eq!(of(from, until, &bad_host("300000000")).0, "eligible");
    // Of another time.
    let (verdict, findings) = of("20260903100000", "20260905100000", &bad_host("4000000000"));
    assert_eq!(verdict, "eligible", "{findings}");
    // Not even the bytes are known.
    let (verdict, findings) = of(from, until, &line("20261004100000", "mini.example.cn", "x"));
    assert_eq!(verdict, "uncertain", "{findings}");
    assert!(
        findings.contains("1 rejected line of the time, of which not even the bytes"),
        "{findings}"
    );
}

#[test]
fn c4_rejected_lines_that_a_log_ends_with_may_be_of_any_time_behind_it() {
    // The lines that came last are one rejected line.
    let ends_with_rejected = |last: &str| {
        let site = site(&[
            ("20261001100000", "mini.example.cn", 17),
            ("20261011100000", "www.example.cn", 0),
        ]);
        let first = line(last, "www.example.cn", "1");
        site.write("b.log", &first);
        assert_eq!(site.ingest().code, 0);
        let rejected = line("20261010100000", "mini_.example..cn", "4000000000");
        site.write("b.log", first + &rejected);
        site.ingest();
        site
    };
    assert_eq!(
        answer(&ends_with_rejected("20261103100000"), &[]).0,
        "eligible"
    );
    let site = ends_with_rejected("20261009100000");
    assert_eq!(answer(&site, &[]).0, "uncertain");
    // What was counted before is of no later time.
    let later = EVENTS.replace("2026-10-0", "2090-10-0");
    fs::write(site.path("events.toml"), later).expect("written");
    let said = asked_at(&site, "2090-10-11T00:00", &[]);
    assert_eq!(
        said.json["windows"][0]["rejected_lines"], 0,
        "{}",
        said.json
    );
}

#[test]
fn c4_a_salvaged_log_tells_of_no_more_than_it_holds() {
    let text = line("20261001100000", "mini.example.cn", "1")
        + &line("20261010233000", "mini.example.cn", "1");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("packed");
    let whole = encoder.finish().expect("packed");
    for (kept, verdict) in [(whole.len(), "eligible"), (whole.len() - 4, "uncertain")] {
        let site = site(&[]);
        site.write("b.log.gz", &whole[..kept]);
        let mut command = site.command("ingest");
        Site::run(command.arg("--salvage").arg(site.path("logs")));
        let (found, findings) = answer(&site, &[]);
        assert_eq!(found, verdict, "{findings}");
        let gap = "no logs of mini.example.cn for 2026-10-10T23:30 to 2026-10-11T00:00";
        assert_eq!(findings.contains(gap), kept < whole.len(), "{findings}");
        let salvaged = "1 damaged file of the time";
        assert_eq!(
            findings.contains(salvaged),
            kept < whole.len(),
            "{findings}"
        );
    }
}

#[test]
fn c4_a_log_of_one_domain_tells_nothing_of_another() {
    let site = site(&[]);
    let registry = fs::read_to_string(site.path("registry.toml")).expect("read");
    let second = "[[domain]]\nname = \"live.example.cn\"\naccount = \"acct\"\n\
                  mini_program_since = \"2026-10-01\"\n";
    fs::write(site.path("registry.toml"), registry + second).expect("written");
    let log_of =
        |domain: &str, until: &str| line("20261001100000", domain, "1") + &line(until, domain, "1");
    site.write("a.log", log_of("mini.example.cn", "20261010235000"));
    site.write("b.log", log_of("live.example.cn", "20261009235000"));
    assert_eq!(site.ingest().code, 0);
    let (verdict, findings) = answer(&site, &[]);
    assert_eq!(verdict, "uncertain", "{findings}");
    let gap = "no logs of live.example.cn for 2026-10-10T00:00 to 2026-10-11T00:00:";
    assert!(findings.contains(gap), "{findings}");
    let said = asked(&site, &[]);
    let gaps = said.json["windows"][0]["gaps"].to_string();
    assert_eq!(
        gaps,
        r#"[{"domain":"live.example.cn","from":"2026-10-09T16:00:00Z","until":"2026-10-10T16:00:00Z"}]"#
    );
    // One of a server tells of both.
    let until = line("20261010225959", "mini.example.cn", "2");
    site.write(
        "c.log",
        line("20261010000000", "other.example.cn", "2") + &until,
    );
    site.write("d.log", line("20261010230000", "live.example.cn", "2"));
    assert_eq!(site.ingest().code, 0);
    let (verdict, findings) = answer(&site, &[]);
    assert_eq!(verdict, "eligible", "{findings}");
}

/// An instant so many minutes from now on the clock of China, in the form of strftime.
fn clock(minutes: i64, form: &str) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(8 * 60 + minutes);
    at.strftime(form).to_string()
}

#[test]
fn c4_a_log_tells_of_no_time_after_it_was_counted() {
    // The hour of the last line has not ended yet, but for a minute of it.
    let site = site(&[]);
    let log = |minutes| line(&clock(minutes, "%Y%m%d%H%M%S"), "mini.example.cn", "1");
    site.write("a.log", log(-180) + &log(-1));
    assert_eq!(site.ingest().code, 0);
    let events = EVENTS.replace("2026-10-01T10:00", &clock(-180, "%Y-%m-%dT%H:%M"));
    let events = events.replace("2026-10-03T10:00", &clock(-170, "%Y-%m-%dT%H:%M"));
    fs::write(site.path("events.toml"), events).expect("written");
    let said = asked_at(&site, &clock(60, "%Y-%m-%dT%H:%M"), &[]);
    assert_eq!(said.json["verdict"], "uncertain", "{}", said.stderr);
    let from = &said.json["windows"][0]["gaps"][0]["from"];
    let from: jiff::Timestamp = from.as_str().expect("a gap").parse().expect("an instant");
    assert!(from <= jiff::Timestamp::now(), "{from}");
}

#[test]
fn c4_rejected_lines_that_a_log_grew_by_may_be_of_any_time_until_it_was_counted() {
    let grown = |more: &str| {
        let site = site(&[
            ("20261001100000", "mini.example.cn", 17),
            ("20261011100000", "www.example.cn", 0),
        ]);
        let first = line("20261002100000", "www.example.cn", "1");
        site.write("b.log", &first);
        assert_eq!(site.ingest().code, 0);
        site.write("b.log", first + more);
        site.ingest();
        answer(&site, &[])
    };
    let metered = line("20261002103000", "www.example.cn", "1");
    let rejected = line("20261004100000", "mini_.example..cn", "4000000000");
    assert_eq!(grown(&metered).0, "eligible");
    let (verdict, findings) = grown(&(metered + &rejected));
    assert_eq!(verdict, "uncertain", "{findings}");
}

#[test]
fn c4_lines_that_do_not_say_their_bytes_may_hide_any_traffic() {
    let of = |name: &str, log: &str| -> Said {
        let site = site(&[
            ("20261001100000", "mini.example.cn", 1),
            ("20261011100000", "www.example.cn", 0),
        ]);
        site.write(name, log);
        assert_eq!(site.ingest().code, 0);
        asked(&site, &[])
    };
    let row = |host: &str, bytes: &str| {
        format!(
            "{{\"ClientRequestHost\":\"{host}\",\"EdgeResponseBytes\":{bytes},\
             \"EdgeStartTimestamp\":\"2026-10-04T02:00:00Z\",\"EdgeResponseStatus\":200,\
             \"ClientRequestSource\":\"eyeball\"}}\n"
        )
    };
    let some = |host: &str| row(host, "1") + &row(host, "null") + &row(host, "null");
    let said = of("c.json", &some("mini.example.cn"));
    assert_eq!(said.json["verdict"], "uncertain", "{}", said.stderr);
    let window = &said.json["windows"][0];
    assert_eq!(
        (&window["lines_without_bytes"], &window["set_aside"]),
        (&2.into(), &0.into())
    );
    // Of somebody else they are known to be.
    assert_eq!(
        of("c.json", &some("mini.example.net")).json["verdict"],
        "eligible"
    );
    // Apache writes `-` for none.
    let apache = |bytes| {
        format!(
            "mini.example.cn:80 203.0.113.9 - - [04/Oct/2026:10:00:00 +0800] \"GET / HTTP/1.1\" 304 {bytes}\n"
        )
    };
    let said = of("d.log", &(apache("7") + &apache("-")));
    assert_eq!(said.json["verdict"], "eligible", "{}", said.json);
}

#[test]
fn c4_of_a_domain_without_a_line_no_log_tells() {
    let site = site(&[
        ("20261001100000", "mini.example.cn", 1),
        ("20261011100000", "www.example.cn", 0),
    ]);
    assert_eq!(answer(&site, &[]).0, "eligible");
    let registry = fs::read_to_string(site.path("registry.toml")).expect("read");
    let second = "[[domain]]\nname = \"live.example.cn\"\naccount = \"acct\"\n\
                  mini_program_since = \"2026-10-01\"\n";
    fs::write(site.path("registry.toml"), registry + second).expect("written");
    let (verdict, findings) = answer(&site, &[]);
    assert_eq!(verdict, "uncertain", "{findings}");
    let gap = "no logs of live.example.cn for 2026-10-01T10:00 to 2026-10-11T00:00:";
    assert!(findings.contains(gap), "{findings}");
    assert_eq!(answer(&site, &["--logs-complete"]).0, "eligible");
}

#[test]
fn c4_of_a_wildcard_nothing_is_known_until_something_below_it_has_lines() {
    let site = site(&[
        ("20261001100000", "mini.example.cn", 1),
        ("20261011100000", "www.example.cn", 0),
    ]);
    let registry = fs::read_to_string(site.path("registry.toml")).expect("read");
    let below = "[[domain]]\nname = \"*.live.example.cn\"\naccount = \"acct\"\n\
                 mini_program_since = \"2026-10-01\"\n";
    fs::write(site.path("registry.toml"), registry + below).expect("written");
    let (verdict, findings) = answer(&site, &[]);
    assert_eq!(verdict, "uncertain", "{findings}");
    let gap = "no logs of *.live.example.cn for 2026-10-01T10:00 to 2026-10-11T00:00:";
    assert!(findings.contains(gap), "{findings}");
    site.write("b.log", line("20261003100000", "a.live.example.cn", "1"));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(answer(&site, &[]).0, "eligible");
}

#[test]
fn c4_bytes_of_a_body_without_those_of_the_whole_hide_traffic() {
    let of = |format: &str, lines: [&str; 2]| {
        let site = site(&[
            ("20261001100000", "mini.example.cn", 1),
            ("20261011100000", "www.example.cn", 0),
        ]);
        let log = lines
            .map(|bytes| format!("mini.example.cn [04/Oct/2026:10:00:00 +0800] 200 {bytes}\n"));
        site.write("d.log", log.concat());
        let said = site.ingest_with(&["--log-format", format]);
        // The other files are known, and of another format.
        assert_eq!(said.code, 0, "{}", said.stderr);
        answer(&site, &[]).0
    };
    let both = "%v %t %>s %b %O";
    assert_eq!(of(both, ["1 100", "2 100"]), "eligible");
    assert_eq!(of(both, ["1 100", "30000000000 0"]), "uncertain");
    // Only `%b` writes `-` for none.
    assert_eq!(of("%v %t %>s %O", ["100", "-"]), "uncertain");
    assert_eq!(of("%v %t %>s %b", ["100", "-"]), "eligible");
}

/// A line as Apache writes it.
fn apache(time: &str, bytes: &str) -> String {
    format!("mini.example.cn:80 203.0.113.9 - - [{time} +0800] \"GET / HTTP/1.1\" 304 {bytes}\n")
}

#[test]
fn c4_a_log_that_grew_by_lines_without_bytes_has_numbers_elsewhere() {
    let site = site(&[
        ("20261001100000", "mini.example.cn", 1),
        ("20261011100000", "www.example.cn", 0),
    ]);
    let mut log = String::new();
    for (hour, bytes) in [(10, "-"), (11, "-"), (12, "7"), (13, "-")] {
        log += &apache(&format!("04/Oct/2026:{hour}:00:00"), bytes);
        site.write("d.log", &log);
        assert_eq!(site.ingest().code, 0);
        let said = asked(&site, &[]);
        let verdict = if hour < 12 { "uncertain" } else { "eligible" };
        assert_eq!(said.json["verdict"], verdict, "{hour}: {}", said.json);
    }
}

#[test]
fn c4_a_log_that_was_counted_anew_is_still_the_start_of_what_grew_from_it() {
    let site = site(&[]);
    let first = line("20261001100000", "www.example.cn", "1");
    let second = first.clone() + &line("20261002100000", "mini.example.cn", "1");
    let third = second.clone() + &line("20261011100000", "www.example.cn", "1");
    for (name, text) in [("p.log", first), ("b.log", second), ("c.log", third)] {
        site.write(name, text);
        assert_eq!(site.ingest().code, 0);
    }
    assert_eq!(answer(&site, &[]).0, "eligible");
    let registry = fs::read_to_string(site.path("registry.toml")).expect("read");
    let mut command = site.command("ingest");
    command.args([
        "--recount",
        "--max-reject-ratio",
        "1",
        "--format",
        "tencent-live",
    ]);
    Site::run(command.arg(site.log("b.log")));
    let (verdict, findings) = answer(&site, &[]);
    assert_eq!(verdict, "eligible", "{findings} {registry}");
}

#[test]
fn c4_rows_without_a_viewer_mark_refuse_no_refund() {
    let site = site(&[
        ("20261001100000", "mini.example.cn", 1),
        ("20261011100000", "www.example.cn", 0),
    ]);
    let row = |source: &str| {
        format!(
            "{{\"ClientRequestHost\":\"mini.example.cn\",\"EdgeStartTimestamp\":\"2026-10-02T02:00:00Z\",\
             \"EdgeResponseBytes\":30000000000,\"EdgeResponseStatus\":200{source}}}\n"
        )
    };
    site.write("b.log", row(""));
    assert_eq!(site.ingest().code, 0);
    let (verdict, findings) = answer(&site, &[]);
    assert_eq!(verdict, "uncertain", "{findings}");
    assert!(
        findings.contains("but 1 line of the time may be of no viewer"),
        "{findings}"
    );
    // What is marked is proven.
    site.write("c.log", row(",\"ClientRequestSource\":\"eyeball\""));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(
        answer(&site, &[]).0,
        "uncertain",
        "of both nobody knows which"
    );
    fs::remove_file(site.log("b.log")).expect("removed");
    let mut forget = site.command("forget");
    let said = Site::run(forget.arg(site.log("b.log")).args(["--reason", "x"]));
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(answer(&site, &[]).0, "not eligible");
}
