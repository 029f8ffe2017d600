//! Standard output that nobody reads, or that takes no more.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::telling::{priced, site, text};

/// Runs a command whose reader has gone before it prints.
fn into_nothing(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut said).expect("text");
    (child.wait().expect("waited for").code(), said)
}

#[test]
fn d21_b4_a_reader_that_has_gone_changes_no_exit_code() {
    let site = site();
    let (code, said) = into_nothing(&mut priced(&site, "bill", &["--csv"]));
    assert_eq!((code, &said[..]), (Some(0), ""));
    assert!(
        site.path("out/charges/_SUCCESS").exists(),
        "it was published all the same"
    );
    site.write("refused.log", "what is this?\n".repeat(5));
    for name in ["ingest", "run"] {
        let mut command = match name {
            "run" => priced(&site, name, &[]),
            _ => site.command(name),
        };
        let (code, said) = into_nothing(command.arg(site.path("logs")));
        assert_eq!(code, Some(1), "{name}: {said}");
    }
    let (code, _) = into_nothing(site.command("explain").arg("nobody.example.cn"));
    assert_eq!(code, Some(1));
}

#[test]
fn d21_a_full_disk_behind_standard_output_says_what_is_done() {
    let site = site();
    let full = || {
        fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("opened")
    };
    for (name, done) in [
        ("run", "all was published in"),
        ("summary", "all was published in"),
        ("bill", "all was published in"),
        ("close", "2026-10 is closed"),
        ("ingest", "what was read is counted in"),
        ("compact", "is compacted"),
        ("backup", "is whole"),
        ("forget", "all that was asked for is forgotten"),
        ("repair", "what could be repaired is"),
    ] {
        let mut command = match name {
            "ingest" | "compact" | "backup" | "forget" | "repair" => site.command(name),
            "close" => priced(&site, name, &["--month", "2026-10", "--early"]),
            _ => priced(&site, name, &[]),
        };
        if ["ingest", "run"].contains(&name) {
            command.arg(site.path("logs"));
        }
        match name {
            "backup" => drop(command.arg(site.path("backup"))),
            "forget" => drop(command.args(["--reason", "a test"]).arg(site.log("a.log"))),
            _ => {}
        }
        let output = command.stdout(full()).output().expect("started");
        let said = text(&output);
        assert_eq!(output.status.code(), Some(3), "{name}: {said}");
        assert!(
            said.contains("cannot write to standard output"),
            "{name}: {said}"
        );
        assert!(said.contains(done), "{name}: {said}");
    }
}
