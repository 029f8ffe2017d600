//! What one process does while another is stopped in the middle of its work.

use std::fs;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::faults::expect;
use crate::program::{Said, Site, bytes, lines};

/// Starts a command, and waits until it has stopped at a place.
fn stopped(command: &mut Command, place: &str) -> Child {
    command.env("CDN_METER_STOP_AT", place);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("started");
    let pid = Pid::from_raw(child.id() as i32);
    let status = waitpid(pid, WaitOptions::UNTRACED).expect("waited for");
    let (_, status) = status.expect("a status");
    assert!(status.stopped(), "{place} was not reached");
    child
}

/// Has it go on to its end.
fn go_on(child: Child) -> Said {
    let pid = Pid::from_raw(child.id() as i32).expect("a process");
    kill_process(pid, Signal::CONT).expect("continued");
    let output = child.wait_with_output().expect("ended");
    Said {
        code: output.status.code().expect("not killed"),
        json: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A store with a line that is rejected unless its domain is told.
fn with_rejects() -> Site {
    let site = Site::new();
    let text = lines(0, 40) + &lines(40, 1).replacen("v1.example.cn", "-", 1) + "no line\n";
    site.write("a.log", text);
    let said = site.ingest_with(&["--max-reject-ratio", "1"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    site
}

fn retry(site: &Site) {
    let mut command = site.command("ingest");
    command.args(["--json", "--retry-quarantine", "--domain", "own.example.cn"]);
    let said = Site::run(&mut command);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["retried"]["metered"], 1, "{}", said.json);
}

fn of_backup(site: &Site, name: &str, place: &str) -> Command {
    let mut command = site.command(name);
    command.arg("--json").arg(site.path(place));
    command
}

fn verified(site: &Site, place: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    let command = command.args(["verify", "--json", "--store"]);
    Site::run(command.arg(site.path(place)))
}

#[test]
fn d5_a_backup_keeps_rejected_lines_that_a_retry_puts_elsewhere_meanwhile() {
    let site = with_rejects();
    let child = stopped(&mut of_backup(&site, "backup", "backup"), "backup.copied");
    retry(&site);
    let said = go_on(child);
    assert_eq!(said.code, 0, "{}{}", said.json, said.stderr);
    assert_eq!(said.json["commit"], 2, "{}", said.json);
    let kept = |place: &str| {
        let folder = fs::read_dir(site.path(place)).expect("listed");
        let names = folder.map(|file| file.expect("listed").file_name());
        names.collect::<Vec<_>>()
    };
    assert_eq!(kept("backup/quarantine"), kept("store/quarantine"));
    assert_eq!(kept("backup/quarantine").len(), 1);
    let said = verified(&site, "backup");
    assert_eq!((said.code, &said.json["requests"]), (0, &41.into()));
}

#[test]
fn d5_two_backups_or_restores_to_one_place_do_not_touch_each_other() {
    for (command, place, from) in [
        ("backup", "backup.copied", "backup"),
        ("restore", "restore.copied", "store"),
    ] {
        let site = with_rejects();
        if command == "restore" {
            assert_eq!(Site::run(&mut of_backup(&site, "backup", "backup")).code, 0);
            fs::rename(site.path("store"), site.path("old")).expect("moved");
        }
        let run = || of_backup(&site, command, "backup");
        let first = stopped(&mut run(), place);
        let second = stopped(&mut run(), place);
        let said = go_on(first);
        assert_eq!(said.code, 0, "{}", said.stderr);
        expect(
            &go_on(second),
            2,
            &["is there, and nothing is written over it"],
        );
        let said = verified(&site, from);
        assert_eq!((said.code, &said.json["bytes"]), (0, &bytes(0, 40).into()));
        let left = fs::read_dir(site.path("")).expect("listed");
        let mut left = left.map(|file| file.expect("listed").file_name());
        assert!(left.all(|name| !name.as_encoded_bytes().starts_with(b".writing-")));
    }
}

#[test]
fn d5_what_a_killed_backup_was_building_is_removed_by_the_next() {
    let site = with_rejects();
    let mut child = stopped(&mut of_backup(&site, "backup", "backup"), "backup.copied");
    child.kill().expect("killed");
    child.wait().expect("ended");
    let left = || {
        let names = fs::read_dir(site.path("")).expect("listed");
        let names = names.map(|file| file.expect("listed").file_name());
        names
            .filter(|name| name.as_encoded_bytes().starts_with(b".writing-"))
            .count()
    };
    assert_eq!(left(), 1);
    assert_eq!(Site::run(&mut of_backup(&site, "backup", "backup")).code, 0);
    assert_eq!(left(), 0);
}

#[test]
fn d13_an_ingest_commits_while_a_verify_reads_rejected_lines() {
    let site = with_rejects();
    let mut command = site.command("verify");
    let child = stopped(command.arg("--json"), "verify.quarantine");
    site.write("b.log", lines(100, 5));
    let said = site.ingest();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = go_on(child);
    assert_eq!(said.code, 0, "{}{}", said.json, said.stderr);
    assert_eq!(site.total().1, 45);
}
