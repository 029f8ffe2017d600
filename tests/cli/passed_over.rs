//! Entries of folders that cannot be read as logs: named, passed over, and no end of the run.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::{Place, expect};

const LINE: &str = "20261001081502 203.0.113.9 v.example.cn /a/1.ts 1000 22 2 206 NULL 41\n";

/// Somebody who may read no file of ours by privilege.
const NOBODY: u32 = 65_534;

fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo is there").success());
}

fn bytes(stdout: &str) -> u64 {
    let report: serde_json::Value = serde_json::from_str(stdout).expect("JSON");
    report["usage"]["bytes"].as_u64().expect("a count")
}

#[test]
fn b1_bad_entries_of_a_folder_are_named_and_the_rest_is_metered() {
    let place = Place::new();
    place.write("logs/a.log", LINE.repeat(3));
    make_fifo(&place.path().join("logs/fifo"));
    symlink("gone.log", place.path().join("logs/dangling")).expect("linked");
    symlink("/dev/zero", place.path().join("logs/zero")).expect("linked");
    let _socket = UnixListener::bind(place.path().join("logs/socket")).expect("bound");
    for inputs in [&["logs"][..], &["logs/*"], &["logs", "logs/*"]] {
        let said = place.run(&[inputs, &["--json"]].concat());
        let parts = [
            "refused logs/fifo: it is a FIFO, which is read only where it is named itself",
            "refused logs/dangling: cannot open it: it is a link that leads nowhere",
            "refused logs/socket: it is a socket",
            "refused logs/zero: it is a device",
        ];
        expect(&said, 1, &parts);
        assert_eq!(bytes(&said.stdout), 3000, "{inputs:?}");
    }
    let said = place.run(&["logs", "--store", "store", "--json"]);
    expect(&said, 1, &["refused logs/fifo"]);
    assert_eq!(bytes(&said.stdout), 3000);
}

#[test]
fn b1_what_cannot_be_read_for_want_of_rights_is_named_and_the_rest_is_metered() {
    let place = Place::new();
    place.write("logs/a.log", LINE.repeat(3));
    let (folder, file) = ("logs/closed", "logs/secret.log");
    place.write("logs/closed/b.log", LINE);
    place.write(file, LINE);
    for (name, mode) in [("", 0o777), (folder, 0o000), (file, 0o000)] {
        let path = place.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
    }
    // Who runs the tests may be allowed to read everything.
    let is_privileged = fs::read(place.path().join(file)).is_ok();
    let run = |input: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        command.args(["run", input, "--no-store", "--json", "--out", "out"]);
        if is_privileged {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.current_dir(place.path()).output().expect("started")
    };
    let said = run("logs");
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("refused logs/closed: it is a folder that cannot be listed"));
    assert!(stderr.contains("refused logs/secret.log: cannot open it"));
    assert_eq!(bytes(&String::from_utf8_lossy(&said.stdout)), 3000);
    // What is named itself has to be there.
    let said = run(folder);
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("cannot list the folder logs/closed"));
    let open = fs::Permissions::from_mode(0o700);
    fs::set_permissions(place.path().join(folder), open).expect("changed");
}

#[test]
fn b1_a_fifo_that_is_named_itself_is_read_once_and_not_again() {
    let place = Place::new();
    let path = place.path().join("feed");
    make_fifo(&path);
    let feed = |text: String| {
        let path = path.clone();
        std::thread::spawn(move || fs::write(path, text).expect("written"))
    };
    let writer = feed(LINE.repeat(3));
    let args = ["feed", "--store", "store", "--json"];
    let said = place.run(&args);
    expect(&said, 0, &[]);
    writer.join().expect("written");
    assert_eq!(bytes(&said.stdout), 3000);
    // It begins with what was counted, and cannot be read a second time from there.
    let writer = feed(LINE.repeat(4));
    let said = place.run(&args);
    writer.join().expect("written");
    expect(&said, 1, &["a pipe cannot be read twice"]);
    // Named once more, with what asks whether lines name a domain.
    let writer = feed(LINE.repeat(3));
    let said = place.run(&[
        "feed",
        "--store",
        "store",
        "--json",
        "--domain",
        "w.example.cn",
    ]);
    writer.join().expect("written");
    expect(&said, 0, &[]);
    assert_eq!(bytes(&said.stdout), 3000);
}

#[test]
fn b1_an_input_that_is_not_there_starts_nothing() {
    let place = Place::new();
    place.write("logs/a.log", LINE);
    let said = place.run_with(&["logs", "gone"], Stdio::null());
    expect(&said, 2, &["cannot look at the input gone"]);
    assert!(place.published().is_empty());
}
