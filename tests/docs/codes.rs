//! The list of exit codes is that of the program: each is brought about, and no other is told.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use super::markdown::{codes, parts, section, table};
use super::{Place, document};

/// Ends `ingest`, which waits for more of a pipe, by a signal.
fn code_by_signal(name: &str) -> i32 {
    let place = Place::new();
    let made = place.run("mkfifo feed");
    assert_eq!(made.1, 0, "{}", made.2);
    let mut command = place.shell("exec cdn-meter ingest feed 2> said");
    let mut child = command.spawn().expect("started");
    // It is open once the program reads it, and signals are handled by then.
    let mut feed = File::options()
        .write(true)
        .open(place.path().join("feed"))
        .expect("opened");
    feed.write_all(b"\n").expect("written");
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([name, &pid]).status();
    assert!(sent.expect("kill is there").success());
    child.wait().expect("ended").code().unwrap_or(-1)
}

/// An exit code of every kind, as a user comes to it.
fn codes_of_the_program() -> BTreeSet<i32> {
    let place = Place::new();
    place.printed("cdn-meter ingest samples/logs");
    let lines = [
        "cdn-meter formats",
        "cdn-meter explain nobody.example.cn",
        "cdn-meter explain live.example.cn --store none",
    ];
    let mut codes: BTreeSet<i32> = lines.iter().map(|line| place.run(line).1).collect();
    let segments = place.path().join("usage-store/segments");
    let mut segments = fs::read_dir(segments).expect("a folder");
    let segment = segments.next().expect("a segment").expect("listed").path();
    fs::write(segment, "damaged").expect("written");
    codes.insert(place.run("cdn-meter verify").1);
    codes.extend(["-INT", "-TERM"].map(code_by_signal));
    codes
}

/// Codes that only one of the two has.
fn differing(text: &str, of_program: &BTreeSet<i32>) -> Vec<i32> {
    let rows = table(&parts(text), "code");
    let told: BTreeSet<i32> = rows
        .iter()
        .map(|row| row[0].parse().expect("a number"))
        .collect();
    assert_eq!(told.len(), rows.len(), "a code is told twice");
    told.symmetric_difference(of_program).copied().collect()
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let text = document("src/guide/errors.md").text;
    let of_program = codes_of_the_program();
    assert_eq!(differing(&text, &of_program), [0; 0]);
    let planted = text.replace("| 143 |", "| 144 |");
    assert_eq!(differing(&planted, &of_program), [143, 144]);
}

#[test]
fn commands_whose_codes_are_told_are_there() {
    let text = document("src/guide/errors.md").text;
    let rows = table(
        &section(&text, "What the codes of a command say"),
        "command",
    );
    let place = Place::new();
    for row in &rows {
        assert_eq!(row.len(), 3, "{row:?}");
        for command in codes(&row[0]) {
            let help = place.printed(&format!("cdn-meter {command} --help"));
            assert!(help.contains("Usage:"), "{command}");
        }
    }
    assert!(9 <= rows.len());
}
