//! What no code and no name says.

use std::fs;
use std::path::Path;

use super::{files, src};

/// The code before a file's tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("read");
    let is_tests = path.file_name().is_some_and(|name| name == "tests.rs");
    match text.split_once("#[cfg(test)]\nmod tests {") {
        _ if is_tests => String::new(),
        Some((code, _)) => code.to_owned(),
        None => text,
    }
}

#[test]
fn nothing_billed_is_a_float() {
    for room in [
        "units", "disk", "source", "decode", "record", "meter", "columns", "scan", "store",
        "ingest", "registry", "summary", "billing", "report", "months", "cli",
    ] {
        for path in files(&src().join(room)) {
            let code = code(&path);
            let lines = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for line in lines {
                assert!(
                    !line.contains("f64") && !line.contains("f32"),
                    "{}: {line}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn names_that_say_nothing_are_not_used() {
    for path in files(&src()) {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        for word in [
            "util", "utils", "helper", "helpers", "manager", "common", "misc", "data", "info",
        ] {
            assert_ne!(name, word, "{}", path.display());
        }
    }
}

#[test]
fn months_need_no_terminal() {
    for path in files(&src().join("months")) {
        let code = code(&path);
        for word in ["stdout()", "stderr()", "stdin()", "std::env", "\"--", " --"] {
            assert!(!code.contains(word), "{}: {word}", path.display());
        }
    }
}
