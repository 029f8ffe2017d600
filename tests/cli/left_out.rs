//! What the program wrote itself is no log, wherever it is met.

use std::fs;
use std::process::{Command, Output};

use crate::program::Place;

const LINE: &str = "20261001081502 203.0.113.9 v.example.cn /a/1.ts 1000 22 2 206 NULL 41\n";

/// Runs it in the folder of the logs, over `inputs`, as one does at first.
fn run_here(place: &Place, inputs: &[&str]) -> (i32, String, serde_json::Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    command
        .args(["run", "--json", "--max-reject-ratio", "0.5"])
        .args(inputs);
    let output: Output = command.current_dir(place.path()).output().expect("started");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap_or(-1), stderr, json)
}

#[test]
fn d17_a_run_over_the_folder_that_it_runs_in_reads_no_store_and_no_datasets() {
    let place = Place::new();
    place.write("a.log", LINE.repeat(5) + "nonsense\n");
    let (code, stderr, json) = run_here(&place, &["."]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(json["usage"]["bytes"], 5000);
    assert!(
        !stderr.contains("left out"),
        "there is nothing yet: {stderr}"
    );
    // As a build is left behind by a run that was killed, and as one renames what is to be kept.
    place.write("out/.building-summary-1/summary/part-00000.parquet", "PAR1");
    let copy = place.path().join("before");
    fs::create_dir(&copy).expect("made");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(place.out().join("summary"))
        .arg(copy.join("old"))
        .status();
    assert!(copied.expect("cp is there").success());
    let (code, stderr, json) = run_here(&place, &["."]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(json["usage"]["bytes"], 5000);
    assert_eq!(json["files"]["refused"], serde_json::json!([]));
    let said: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("left out "))
        .collect();
    let [said] = said[..] else {
        panic!("{stderr}");
    };
    for part in [
        "./usage-store (a store)",
        "./out/summary (a dataset)",
        "./out/usage_5min (a dataset)",
        "./out/quarantine.ndjson (rejected lines)",
        "./out/.building-summary-1 (a dataset that is being built)",
        "./before/old (a dataset)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(json["files"]["left_out"], 6);
}

#[test]
fn d17_what_a_shell_names_is_left_out_too_and_other_marks_are_none() {
    let place = Place::new();
    place.write("a.log", LINE.repeat(5));
    assert_eq!(run_here(&place, &["a.log"]).0, 0);
    let names = ["a.log", "out", "usage-store", "out/*"];
    let (code, stderr, json) = run_here(&place, &names);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(json["usage"]["bytes"], 5000);
    assert_eq!(json["files"]["left_out"], 3, "{stderr}");
    // What another program marks as done holds logs.
    place.write("hadoop/_SUCCESS", "");
    place.write("hadoop/part-00000", LINE.replace("081502", "081503"));
    let (code, stderr, json) = run_here(&place, &["hadoop"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(json["usage"]["bytes"], 6000);
    let (code, stderr, _) = run_here(&place, &["usage-store"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("there are no files in the inputs"),
        "{stderr}"
    );
}
