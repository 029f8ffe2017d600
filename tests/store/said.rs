//! What commands say of what they refuse, find nothing of, or cannot write.

use std::fs;
use std::process::{Command, Stdio};

use crate::program::{Site, lines};
use crate::telling::{priced, site, text};

#[test]
fn b7_a_second_close_says_what_else_is_asked_for_otherwise() {
    let site = site();
    let events = "[[package]]\naccount = \"one\"\nat = \"2026-10-01\"\ngigabytes = 100\n";
    fs::write(site.path("events.toml"), events).expect("written");
    let services = "day,account,service,variant,quantity\n2026-10-03,one,screenshot,,5\n";
    fs::write(site.path("services.csv"), services).expect("written");
    let [events, services] =
        ["events.toml", "services.csv"].map(|name| site.path(name).display().to_string());
    let extras = ["--events", &events, "--services", &services];
    let close = |more: &[&str]| {
        let mut command = priced(&site, "close", &["--month", "2026-10", "--early", "--json"]);
        Site::run(command.args(more))
    };
    assert_eq!(close(&extras).code, 0);
    let kept = site.kept();
    assert_eq!(close(&extras).stderr.lines().count(), 1);
    for (other, words) in [
        (
            ["--standard-mode", "daily-peak"],
            "with another --standard-mode than are given now",
        ),
        (
            ["--package-shortfall", "package-gigabytes"],
            "with another --package-shortfall than are given now",
        ),
        (
            ["--catalogue", "tencent-history"],
            "with another catalogue than are given now",
        ),
    ] {
        let said = close(&[&extras[..], &other].concat());
        assert_eq!(said.code, 1, "{}", said.stderr);
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    // What was bought and counted grows, as a registry does: it is said.
    for (given, words) in [
        (&extras[..2], &["--services names others"][..]),
        (&extras[2..], &["--events names others"]),
        (&[], &["--events names", "--services names"]),
    ] {
        let said = close(given);
        assert_eq!(said.code, 0, "{}", said.stderr);
        for words in words {
            assert!(said.stderr.contains(words), "{}", said.stderr);
        }
    }
    assert!(site.kept() == kept, "nothing changes");
}

#[test]
fn b2_a_month_without_anything_names_the_nearest_and_is_exit_1() {
    let site = site();
    let kept = site.kept();
    for name in ["close", "bill"] {
        let mut command = priced(&site, name, &["--month", "2026-03"]);
        let output = command.output().expect("started");
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("; the nearest month is 2026-10"), "{said}");
        assert!(site.kept() == kept && !site.path("out").exists(), "{name}");
    }
}

#[test]
fn b8_a_summary_says_nothing_of_lines_that_it_did_not_read() {
    let site = site();
    let output = priced(&site, "summary", &[]).output().expect("started");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("2026-10") && !said.contains("lines "),
        "{said}"
    );
}

#[test]
fn b8_one_rejected_line_is_one() {
    let site = site();
    site.write(
        "b.log",
        lines(30, 300) + "20261001081502 1.2.3.4 v1.example.cn /a 5x 2 2 200 NULL 1\n",
    );
    assert_eq!(site.ingest().code, 0);
    let output = priced(&site, "bill", &[]).output().expect("started");
    let said = text(&output);
    assert!(said.contains(": 1 rejected line, at most"), "{said}");
    assert!(said.contains("and what 1 unreadable one held"), "{said}");
}

#[test]
fn d15_arguments_are_written_out_where_they_are_wrong() {
    let evil = "x\nEVIL\u{1b}[2J";
    for args in [
        &["summary", "--no-such\u{1b}[2J"][..],
        &[evil],
        &["summary", "--month", evil],
        &["close", "--month", "2026-10", "--standard-mode", evil],
        &["ingest", "x", "--workers", evil],
        &["ingest", "x", "--memory-limit", evil],
        &["summary", "--billing-zone", evil],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        let output = command.args(args).output().expect("started");
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
        assert!(!said.contains("\nEVIL"), "{said:?}");
        assert!(said.contains("error:"), "{said:?}");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_cdn-meter"))
        .arg("--help")
        .output();
    let help = help.expect("started");
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("Usage:"));
}

#[test]
fn b8_toml_that_cannot_be_read_is_named_with_line_and_column() {
    let site = site();
    for (flag, text_of) in [
        ("--registry", "[[domain]]\nname = \n"),
        ("--catalogue", "name = \"x\"\ncurrency = \n"),
        ("--events", "[[package]]\naccount = \n"),
    ] {
        let path = site.path("bad.toml");
        fs::write(&path, text_of).expect("written");
        let path = path.display().to_string();
        let mut command = match flag {
            "--registry" => site.command("bill"),
            _ => priced(&site, "bill", &[]),
        };
        let output = command.args([flag, &path]).output().expect("started");
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("bad.toml:2"), "{said}");
        assert!(!said.contains("\\n"), "{said}");
        if flag != "--registry" {
            assert!(said.contains("bad.toml:2:"), "{said}");
        }
    }
}

#[test]
fn b8_a_folder_is_not_forgotten_and_that_is_said() {
    let site = site();
    let mut command = site.command("forget");
    let said = Site::run(command.arg(site.path("logs")).args(["--reason", "wrong"]));
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(
        said.stderr
            .contains("is a folder; name the files to forget"),
        "{}",
        said.stderr
    );
}

#[test]
fn d21_csv_that_cannot_be_printed_publishes_nothing_and_says_so() {
    let site = site();
    let full = fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("opened");
    let output = priced(&site, "bill", &["--csv"])
        .stdout(full)
        .output()
        .expect("started");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("cannot write to standard output"), "{said}");
    assert!(said.contains("nothing was published"), "{said}");
    assert!(!site.path("out/charges").exists());
}

#[test]
fn d22_a_limit_of_file_sizes_is_named() {
    let site = Site::new();
    site.write("a.log", lines(0, 3_000));
    let command = site.command("ingest");
    let mut shell = Command::new("sh");
    let script = "ulimit -f 64; trap '' XFSZ; exec \"$@\"";
    shell.args(["-c", script, "sh"]).arg(command.get_program());
    shell.args(command.get_args()).arg(site.path("logs"));
    let output = shell.stdin(Stdio::null()).output().expect("started");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("(ulimit -f) is"), "{said}");
    // Without the limit it goes on from there.
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total().1, 3_000);
}

#[test]
fn b8_log_formats_that_are_none_are_told_why() {
    for (given, words) in [
        (
            "CustomLog logs/access.log",
            "a path alone names no log format",
        ),
        (
            "LogFormat \"%h %t %O\" name more",
            "behind the quoted log format stands",
        ),
        (
            "'$remote_addr [$time_local] $bytes_sent' x y",
            "stands `x y`",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        let output = command.args(["formats", "--log-format", given]).output();
        let output = output.expect("started");
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{given}: {said}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    let output = command
        .args(["formats", "--log-format", "vhost_combined\n"])
        .output();
    let output = output.expect("started");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}
