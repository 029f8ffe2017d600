//! Byte counts that no CDN sent: a line is rejected, a file is refused by name, and a store can always
//! publish, also one that an earlier version filled with such counts.

use std::path::Path;

use serde_json::Value;

use crate::program::{Said, Site, bytes, copy_folder, lines};

/// 1 PiB, the most that a line may claim.
const LINE_MAX: u64 = 1 << 50;

/// Lines that claim `claimed` bytes each.
fn claims(claimed: u64, count: u64) -> String {
    let line = |n: u64| {
        format!(
            "20261003{:02}{:02}{:02} 203.0.113.9 big.example.cn /b/{n}.ts {claimed} 22 2 200 NULL 41\n",
            n / 3_600 % 24,
            n / 60 % 60,
            n % 60
        )
    };
    (0..count).map(line).collect()
}

fn codes(said: &Said) -> Vec<(String, String)> {
    let refused = said.json["files"]["refused"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let of = |file: &Value| {
        let name = text(&file["name"]);
        let name = name.rsplit('/').next().expect("a name").to_owned();
        (name, text(&file["code"]))
    };
    refused.iter().map(of).collect()
}

#[test]
fn a6_a_line_beyond_the_limit_is_a_reject_and_everything_else_counts() {
    for claimed in [
        "9223372036854775808",
        "1125899906842625",
        "99999999999999999999",
    ] {
        let site = Site::new();
        site.write("a.log", lines(0, 20));
        let absurd = lines(20, 1).replace(" 1020 ", &format!(" {claimed} "));
        site.write("b.log", lines(21, 100) + &absurd);
        let said = site.ingest();
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(said.json["lines"]["rejected"]["too-many-bytes"], 1);
        assert_eq!(site.total(), (bytes(0, 20) + bytes(21, 100), 120));
    }
    let site = Site::new();
    site.write("a.log", claims(LINE_MAX, 1));
    assert_eq!(site.ingest().code, 0, "the limit itself is none too many");
    assert_eq!(site.total(), (LINE_MAX, 1));
}

#[test]
fn a6_the_bound_of_such_a_line_is_what_it_claims() {
    let site = Site::new();
    site.write("a.log", lines(0, 100) + &claims(u64::MAX, 1));
    let said = site.ingest();
    assert_eq!(
        said.json["bytes"]["rejected_at_most"].to_string(),
        u64::MAX.to_string()
    );
    assert_eq!(said.json["bytes"]["rejected_unread_lines"], 0);
}

#[test]
fn a6_a_file_whose_sum_is_beyond_the_limit_is_refused_by_name() {
    for is_kept in [true, false] {
        let site = Site::new();
        site.write("a.log", lines(0, 20));
        site.write("big.log", claims(LINE_MAX, 1 << 13));
        let said = match is_kept {
            true => site.ingest(),
            false => without_store(&site),
        };
        assert_eq!(said.code, 1, "{}", said.stderr);
        assert_eq!(codes(&said), [("big.log".into(), "overflow".into())]);
        assert!(said.stderr.contains("big.log"), "{}", said.stderr);
        assert!(said.stderr.contains("2^63 - 1"), "{}", said.stderr);
        assert_eq!(said.json["bytes"]["metered"], bytes(0, 20));
    }
}

#[test]
fn a6_a_sum_across_files_refuses_the_file_that_passes_the_limit() {
    for is_kept in [true, false] {
        let site = Site::new();
        site.write("a.log", claims(LINE_MAX, 5_000));
        site.write("b.log", "\n".to_owned() + &claims(LINE_MAX - 1, 5_000));
        site.write("c.log", lines(0, 5));
        let said = match is_kept {
            true => site.ingest(),
            false => without_store(&site),
        };
        assert_eq!(said.code, 1, "{}", said.stderr);
        let [(_, code)] = &codes(&said)[..] else {
            panic!("{}", said.json)
        };
        assert_eq!(code, "overflow");
        let metered = said.json["bytes"]["metered"].as_u64().expect("a count");
        assert_eq!(metered % 5_000, bytes(0, 5) % 5_000);
        if is_kept {
            assert_eq!(site.total().0, metered);
        }
    }
}

#[test]
fn a6_what_a_store_holds_is_a_part_of_the_sum_and_what_it_drops_is_not() {
    let site = Site::new();
    site.write("a.log", claims(LINE_MAX, 5_000));
    assert_eq!(site.ingest().code, 0);
    site.write("b.log", lines(0, 5) + &claims(LINE_MAX - 1, 5_000));
    let said = site.ingest();
    assert_eq!(codes(&said), [("b.log".into(), "overflow".into())]);
    assert_eq!(site.total(), (5_000 * LINE_MAX, 5_000));
    // Once its place is taken there is room.
    site.write("a.log", lines(100, 3));
    site.ingest_deliveries();
    assert_eq!(site.ingest().code, 0);
    assert_eq!(
        site.total().0,
        5_000 * (LINE_MAX - 1) + bytes(0, 5) + bytes(100, 3)
    );
    // A file that grows beyond it is refused, and keeps what it had.
    site.write("b.log", lines(0, 5) + &claims(LINE_MAX - 1, 9_000));
    assert_eq!(codes(&site.ingest()), [("b.log".into(), "overflow".into())]);
    assert_eq!(site.total().1, 5_008);
}

/// A store of an earlier version: 6·10^18 B in one.log, two.log and grown.log each, 5·10^18 B more in
/// lines that grown.log has since, 1000 B in good.log.
fn claiming_site() -> Site {
    let site = Site::new();
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/claims");
    copy_folder(&store, &site.path("store"));
    site
}

#[test]
fn a6_a_store_that_holds_sums_beyond_the_limit_publishes_what_fits() {
    let site = claiming_site();
    let said = site.summary();
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert_eq!(said.json["usage"]["bytes"], 5_000_000_000_000_001_000u64);
    for part in ["/srv/logs/one.log", "6000000000000000000 B", "--recount"] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    assert!(site.path("out/summary/_SUCCESS").is_file());
    for command in ["explain", "verify"] {
        let mut command = site.command(command);
        if command.get_args().len() == 3 {
            command.arg("v1.example.cn");
        }
        let said = Site::run(&mut command);
        assert!(!said.stderr.contains("2^64"), "{}", said.stderr);
    }
    let out = site.path("out").display().to_string();
    let said = site.with_registry("bill", &["--out", &out]);
    assert_ne!(said.code, 3, "{}", said.stderr);
    assert!(
        said.json.is_array() || said.json.is_object(),
        "{}",
        said.stderr
    );
}

#[test]
fn a6_counting_goes_on_in_a_store_that_holds_sums_beyond_the_limit() {
    let site = claiming_site();
    site.write("a.log", lines(0, 20));
    let said = site.ingest();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = site.summary();
    assert_eq!(
        said.json["usage"]["bytes"],
        5_000_000_000_000_001_000 + bytes(0, 20)
    );
    assert_eq!(Site::run(&mut site.command("compact")).code, 0);
    let again = site.summary();
    assert_eq!(
        again.json["usage"], said.json["usage"],
        "nothing of it is lost"
    );
    assert_eq!(again.code, 1);
}

#[test]
fn a6_lines_that_were_set_aside_are_rejects_once_their_file_is_counted_anew() {
    let site = claiming_site();
    let absurd = |second: u64, bytes: &str| {
        format!(
            "2026100308010{second} 203.0.113.9 v2.example.cn /a/1.ts {bytes} 22 2 200 NULL 41\n"
        )
    };
    // The file that is known as grown.log, with more lines.
    let known = absurd(3, "6000000000000000000") + &absurd(4, "5000000000000000000");
    site.write("grown.log", known + &lines(0, 30));
    let mut command = site.command("ingest");
    command.args(["--json", "--recount", "--max-reject-ratio", "0.1"]);
    command.arg(site.log("grown.log"));
    let said = Site::run(&mut command);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["lines"]["rejected"]["too-many-bytes"], 2);
    let said = site.summary();
    let bytes = 6_000_000_000_000_001_000 + bytes(0, 30);
    assert_eq!(said.json["usage"]["bytes"], bytes, "{}", said.stderr);
    let aside = said.json["set_aside"].as_array().expect("a list");
    assert_eq!(aside.len(), 1, "one of one.log and two.log is one too many");
}

fn without_store(site: &Site) -> Said {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    command.args(["run", "--no-store", "--json", "--out"]);
    command.arg(site.path("out")).arg(site.path("logs"));
    Site::run(&mut command)
}

#[test]
fn a6_every_file_that_passes_the_limit_is_named_with_its_reason() {
    for is_kept in [true, false] {
        let site = Site::new();
        site.write("a.log", claims(LINE_MAX, (1 << 13) - 2));
        site.write("big1.log", "\n\n".to_owned() + &claims(LINE_MAX, 1 << 13));
        site.write("big2.log", "\n".to_owned() + &claims(LINE_MAX, 1 << 13));
        site.write("big3.log", "\n".to_owned() + &claims(LINE_MAX, 3));
        let said = match is_kept {
            true => site.ingest(),
            false => without_store(&site),
        };
        assert_eq!(said.code, 1, "{}", said.stderr);
        let refused: Vec<&str> = said.stderr.lines().collect();
        let told = |name: &str| {
            let line = refused.iter().find(|line| line.contains(name));
            line.unwrap_or_else(|| panic!("{name}: {}", said.stderr))
        };
        assert!(
            told("big1.log").contains("its bytes sum to"),
            "{}",
            said.stderr
        );
        assert!(
            told("big2.log").contains("its bytes sum to"),
            "{}",
            said.stderr
        );
        // Whichever of the other two came last.
        let is_of_all = |line: &&&str| line.contains("all that is counted");
        assert_eq!(
            refused.iter().filter(is_of_all).count(),
            1,
            "{}",
            said.stderr
        );
    }
}
