//! Signals and limits of the system: what is finished is kept, and it is said what is not.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::program::{Site, bytes, lines};

/// Somebody whom the limit of processes holds for.
const NOBODY: u32 = 65_534;

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.expect("kill is there").success());
}

/// The exit code, and what was said.
fn ended(mut child: Child) -> (i32, String) {
    let mut stderr = String::new();
    let pipe = child.stderr.as_mut().expect("a pipe");
    pipe.read_to_string(&mut stderr).expect("text");
    let status = child.wait().expect("ended");
    (status.code().unwrap_or(-1), stderr)
}

fn make_fifo(site: &Site) -> PathBuf {
    let feed = site.path("feed");
    let made = Command::new("mkfifo").arg(&feed).status();
    assert!(made.expect("mkfifo is there").success());
    feed
}

/// Starts a command that reads the logs, and then a FIFO: once that is open, the logs are finished.
fn start(site: &Site, mut command: Command) -> (Child, File) {
    let feed = make_fifo(site);
    command
        .args(["--workers", "1"])
        .arg(site.path("logs"))
        .arg(&feed);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("started");
    let mut slow = File::options().write(true).open(&feed).expect("opened");
    slow.write_all(lines(100, 1).as_bytes()).expect("written");
    (child, slow)
}

#[test]
fn d22_a_signal_commits_what_is_finished_and_says_what_is_not() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let site = Site::new();
        site.write("a.log", lines(0, 40));
        site.write("b.log", lines(40, 2));
        let (child, slow) = start(&site, site.command("ingest"));
        signal(&format!("-{name}"), child.id());
        let (ended_with, stderr) = ended(child);
        assert_eq!(ended_with, code, "{stderr}");
        let feed = site.path("feed").display().to_string();
        let kept = format!(
            "stopped by SIG{name}: 2 files were finished and kept in the store; {feed} was not, and \
             nothing of it counts; run again to go on"
        );
        assert!(stderr.contains(&kept), "{stderr}");
        drop(slow);
        assert_eq!(site.total().0, bytes(0, 42));
    }
}

#[test]
fn d22_a_second_signal_ends_the_program_at_once_and_the_store_is_sound() {
    let site = Site::new();
    site.write("a.log", lines(0, 40));
    let (child, slow) = start(&site, site.command("ingest"));
    // Both wait until it goes on, and come one right after the other.
    for name in ["STOP", "INT", "TERM", "CONT"] {
        signal(&format!("-{name}"), child.id());
    }
    let (code, stderr) = ended(child);
    assert!([130, 143].contains(&code), "{code}: {stderr}");
    assert!(!stderr.contains("stopped by"), "{stderr}");
    drop(slow);
    let again = site.ingest();
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(site.total().0, bytes(0, 40));
}

#[test]
fn d22_a_run_that_is_stopped_publishes_nothing_and_leaves_nothing_behind() {
    for keeps in [true, false] {
        let site = Site::new();
        site.write("a.log", lines(0, 40));
        let mut command = match keeps {
            true => site.command("run"),
            false => Command::new(env!("CARGO_BIN_EXE_cdn-meter")),
        };
        if !keeps {
            command.args(["run", "--no-store"]);
        }
        command.arg("--out").arg(site.path("out"));
        let (child, slow) = start(&site, command);
        signal("-TERM", child.id());
        let (code, stderr) = ended(child);
        drop(slow);
        assert_eq!(code, 143, "{stderr}");
        let kept = match keeps {
            true => "1 file was finished and kept in the store",
            false => "1 file was finished, and nothing is kept without a store",
        };
        assert!(stderr.contains(kept), "{stderr}");
        let left = fs::read_dir(site.path("out")).map_or(0, |out| out.count());
        assert_eq!(left, 0, "nothing is left in OUT");
    }
}

#[test]
fn b9_of_standard_input_it_is_said_that_nothing_was_kept() {
    let site = Site::new();
    let mut command = site.command("ingest");
    command.arg("-").stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let mut stdin = child.stdin.take().expect("a pipe");
    // More than the pipe holds: the program reads it by now.
    stdin
        .write_all(lines(0, 20_000).as_bytes())
        .expect("written");
    signal("-INT", child.id());
    let (code, stderr) = ended(child);
    drop(stdin);
    assert_eq!(code, 130, "{stderr}");
    let said = "stopped by SIGINT: nothing was finished; standard input was not, and nothing of it \
        counts; send what came by standard input once more";
    assert!(stderr.contains(said), "{stderr}");
    assert_eq!(site.total(), (0, 0));
}

#[test]
fn d22_signals_are_heard_by_a_process_with_the_number_one() {
    let site = Site::new();
    site.write("a.log", lines(0, 40));
    let ingest = site.command("ingest");
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork"]).arg(ingest.get_program());
    command.args(ingest.get_args());
    let may_unshare = Command::new("unshare")
        .args(["--pid", "--fork", "true"])
        .status();
    if !may_unshare.is_ok_and(|status| status.success()) {
        return;
    }
    let (child, slow) = start(&site, command);
    let of_child = format!("/proc/{0}/task/{0}/children", child.id());
    let first = fs::read_to_string(of_child).expect("a list");
    let first = first.trim().parse().expect("a number");
    signal("-TERM", first);
    let (code, stderr) = ended(child);
    drop(slow);
    assert_eq!(code, 143, "{stderr}");
    assert!(stderr.contains("1 file was finished and kept"), "{stderr}");
    assert_eq!(site.total().0, bytes(0, 40));
}

#[test]
fn d22_more_workers_than_the_limit_are_refused() {
    let site = Site::new();
    site.write("a.log", lines(0, 40));
    let said = site.ingest_with(&["--workers", "100000"]);
    assert_eq!(said.code, 2);
    assert!(
        said.stderr.contains("give a number from 0 to 1024"),
        "{}",
        said.stderr
    );
    assert_eq!(site.ingest_with(&["--workers", "200"]).code, 0);
}

/// Ingests with limits that `ulimit` sets; `user` runs it.
fn limited(site: &Site, limits: &str, user: Option<u32>) -> (i32, String) {
    let ingest = site.command("ingest");
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg(format!("{limits}; exec \"$@\""))
        .arg("bash");
    command.arg(ingest.get_program()).args(ingest.get_args());
    command.arg(site.path("logs"));
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    ended(command.spawn().expect("started"))
}

#[test]
fn d22_a_system_without_threads_is_one_message() {
    let site = Site::new();
    site.write("a.log", lines(0, 40));
    let open = Permissions::from_mode(0o777);
    fs::set_permissions(site.path("."), open).expect("changed");
    // The limit holds for none who is privileged.
    let is_privileged = fs::metadata("/proc/self").is_ok_and(|of| {
        use std::os::unix::fs::MetadataExt;
        of.uid() == 0
    });
    let (code, stderr) = limited(&site, "ulimit -u 1", is_privileged.then_some(NOBODY));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("cannot start threads"), "{stderr}");
    assert!(stderr.contains("ulimit -u"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn d22_files_beyond_the_limit_of_their_size_are_one_message() {
    for blocks in [1, 16, 64] {
        let site = Site::new();
        site.write("a.log", lines(0, 200_000));
        let (code, stderr) = limited(&site, &format!("ulimit -f {blocks}"), None);
        assert_eq!(code, 3, "{blocks}: {stderr}");
        assert!(stderr.starts_with("error: "), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn d22_waiting_for_another_that_publishes_is_told_and_ended_by_a_signal() {
    for (command, name, code) in [("run", "-TERM", 143), ("summary", "-INT", 130)] {
        let site = Site::new();
        site.write("a.log", lines(0, 40));
        assert_eq!(site.ingest().code, 0);
        fs::create_dir_all(site.path("out")).expect("made");
        let journal = File::create(site.path("out/_PUBLISHING")).expect("made");
        journal.lock().expect("locked");
        let mut waiting = site.command(command);
        if command == "run" {
            waiting.arg(site.path("logs"));
        }
        waiting.arg("--out").arg(site.path("out"));
        let child = waiting.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.expect("started");
        std::thread::sleep(std::time::Duration::from_millis(2_500));
        signal(name, child.id());
        let (ended_with, stderr) = ended(child);
        assert_eq!(ended_with, code, "{command}: {stderr}");
        assert!(
            stderr.contains("another command publishes in"),
            "{command}: {stderr}"
        );
        assert!(!site.path("out/summary").exists());
    }
}

#[test]
fn d22_a_signal_ends_the_waiting_for_a_store() {
    for (command, name, code) in [
        ("ingest", "-TERM", 143),
        ("run", "-INT", 130),
        ("compact", "-TERM", 143),
    ] {
        let site = Site::new();
        site.write("a.log", lines(0, 40));
        assert_eq!(site.ingest().code, 0);
        let lock = File::open(site.path("store/lock")).expect("opened");
        lock.lock().expect("locked");
        let mut waiting = site.command(command);
        waiting.args(["--wait", "600"]);
        if command != "compact" {
            waiting.arg(site.path("logs"));
        }
        if command == "run" {
            waiting.arg("--out").arg(site.path("out"));
        }
        let child = waiting.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.expect("started");
        std::thread::sleep(std::time::Duration::from_millis(1_000));
        signal(name, child.id());
        let (ended_with, stderr) = ended(child);
        assert_eq!(ended_with, code, "{command}: {stderr}");
        lock.unlock().expect("unlocked");
        assert_eq!(site.total(), (bytes(0, 40), 40));
    }
}
