//! The layout of the code is what `src/architecture.md` says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms in reading order, with the rooms that each may use and the outside crates that live there.
const ROOMS: [(&str, &[&str], &[&str]); 13] = [
    ("units", &[], &["rust_decimal", "jiff", "thiserror"]),
    (
        "source",
        &["units"],
        &[
            "walkdir",
            "glob",
            "memchr",
            "rustix",
            "twox_hash",
            "thiserror",
        ],
    ),
    (
        "decode",
        &["units", "source"],
        &["flate2", "zstd", "memchr", "thiserror"],
    ),
    (
        "record",
        &["units"],
        &["nom", "memchr", "jiff", "smallvec", "thiserror"],
    ),
    (
        "meter",
        &["units", "record"],
        &[
            "hdrhistogram",
            "hashbrown",
            "foldhash",
            "rayon",
            "thiserror",
        ],
    ),
    ("columns", &[], &["parquet", "bytes"]),
    (
        "store",
        &["units", "source", "record", "meter", "columns"],
        &[
            "arrow",
            "parquet",
            "rayon",
            "rusqlite",
            "rustix",
            "serde_json",
            "sha2",
            "thiserror",
        ],
    ),
    (
        "ingest",
        &["units", "source", "decode", "record", "meter", "store"],
        &[
            "rust_decimal",
            "crossbeam",
            "serde",
            "serde_json",
            "memchr",
            "thiserror",
        ],
    ),
    (
        "registry",
        &["units"],
        &["toml", "csv", "sha2", "jiff", "thiserror"],
    ),
    (
        "summary",
        &["units", "meter", "registry"],
        &["rayon", "thiserror"],
    ),
    (
        "billing",
        &["units", "meter", "registry", "summary"],
        &["rust_decimal", "serde", "toml", "jiff", "sha2", "thiserror"],
    ),
    (
        "report",
        &[
            "units", "record", "meter", "columns", "store", "ingest", "registry", "summary",
            "billing",
        ],
        &[
            "arrow",
            "parquet",
            "csv",
            "rust_decimal",
            "rustix",
            "rayon",
            "serde",
            "sha2",
            "thiserror",
        ],
    ),
    (
        "cli",
        &[
            "units", "source", "decode", "record", "meter", "store", "ingest", "registry",
            "summary", "billing", "report",
        ],
        &[
            "clap",
            "indicatif",
            "nom",
            "rayon",
            "rust_decimal",
            "serde",
            "serde_json",
            "signal_hook",
            "strsim",
        ],
    ),
];

/// Lines of a file, its tests included.
const FILE_LINES_MAX: usize = 500;

/// Lines of a function, from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 60;

/// Functions that are longer, by file and name, with the reason.
const LONG_FUNCTIONS: [(&str, &str); 0] = [];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All Rust files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

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

fn rooms_used(code: &str) -> BTreeSet<String> {
    let code_lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code_lines
        .flat_map(|line| {
            line.match_indices("crate::")
                .map(move |(at, word)| &line[at + word.len()..])
        })
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect()
        })
        .filter(|name: &String| !name.is_empty())
        .collect()
}

/// Outside crates that `Cargo.toml` names.
fn dependencies() -> Vec<String> {
    let text = fs::read_to_string(src().join("../Cargo.toml")).expect("read");
    let manifest: toml::Table = text.parse().expect("TOML");
    let names = manifest["dependencies"].as_table().expect("a table").keys();
    names.map(|name| name.replace('-', "_")).collect()
}

#[test]
fn every_room_is_in_the_table_and_in_the_map() {
    let folders: BTreeSet<String> = fs::read_dir(src())
        .expect("listed")
        .map(|entry| entry.expect("listed").path())
        .filter(|path| path.is_dir())
        .map(|path| {
            path.file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let table: BTreeSet<String> = ROOMS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(folders, table);
    let map = fs::read_to_string(src().join("architecture.md")).expect("read");
    for (room, ..) in ROOMS {
        assert!(
            map.contains(&format!("| `{room}` |")),
            "{room} is not in the map"
        );
    }
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    for (room, may_use, _) in ROOMS {
        for path in files(&src().join(room)) {
            for used in rooms_used(&code(&path)) {
                let is_allowed = used == room || may_use.contains(&&used[..]);
                assert!(is_allowed, "{} uses {used}", path.display());
            }
        }
    }
}

#[test]
fn an_outside_crate_lives_where_the_table_says() {
    let dependencies = dependencies();
    let mut used_at_all = BTreeSet::new();
    for (room, _, crates) in ROOMS {
        for path in files(&src().join(room)) {
            let code = code(&path);
            let is_used = |name: &&String| {
                let word = format!("{name}::");
                code.match_indices(&word).any(|(at, _)| {
                    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                })
            };
            for name in dependencies.iter().filter(is_used) {
                if crates.contains(&&name[..]) {
                    used_at_all.insert(name.clone());
                    continue;
                }
                // A module of the room may have a crate's name.
                let module = src().join(room).join(format!("{name}.rs"));
                assert!(module.is_file(), "{} uses {name}", path.display());
            }
        }
    }
    let unused: Vec<_> = dependencies
        .iter()
        .filter(|name| !used_at_all.contains(*name))
        .collect();
    assert!(
        unused.is_empty(),
        "in Cargo.toml and in no room: {unused:?}"
    );
}

#[test]
fn files_say_what_they_are_and_stay_small() {
    for path in files(&src()) {
        let text = fs::read_to_string(&path).expect("read");
        assert!(
            text.starts_with("//! "),
            "{} does not say what it is",
            path.display()
        );
        let lines = text.lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{} has {lines} lines",
            path.display()
        );
    }
}

/// Names and lines of the functions in `code`, which is formatted: what begins with `fn` ends with the first brace
/// that stands as far from the margin, and one without a body ends with a semicolon before that.
fn functions(code: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        let words: Vec<&str> = text.split(' ').collect();
        let is_modifier = |word: &&&str| {
            word.starts_with("pub") || ["const", "unsafe", "async", "extern"].contains(*word)
        };
        let modifiers = words.iter().take_while(is_modifier).count();
        // `pub(in path)` is not used here.
        let ["fn", name, ..] = words[modifiers..] else {
            continue;
        };
        let name = name.split(['(', '<']).next().unwrap_or(name);
        let margin = &line[..line.len() - text.len()];
        let ends = |of: &&str| {
            let rest = of.strip_prefix(margin).unwrap_or(" ");
            rest.starts_with('}') || rest.starts_with(')') && rest.ends_with(';')
        };
        let is_one_line = line.ends_with('}') || line.ends_with(';');
        let len = match is_one_line {
            true => 1,
            false => {
                let rest = lines[at + 1..].iter().position(ends);
                rest.unwrap_or_else(|| panic!("{name} does not end")) + 2
            }
        };
        found.push((name, len));
    }
    found
}

#[test]
fn functions_are_measured_from_their_name_to_their_brace() {
    let code = "\
pub(super) const fn one() -> u8 { 1 }
impl A {
    fn two<'a>(
        of: &'a str,
    ) -> &'a str {
        if true {
            \"\"
        }
    }

    fn three(
        of: &str,
    ) -> u8;
}
";
    assert_eq!(functions(code), [("one", 1), ("two", 7), ("three", 3)]);
}

#[test]
fn functions_fit_a_screen() {
    let mut long = Vec::new();
    for path in files(&src()) {
        let code = code(&path);
        let of_file = path.strip_prefix(src()).expect("in src").to_string_lossy();
        for (name, lines) in functions(&code) {
            if FUNCTION_LINES_MAX < lines {
                long.push(format!("{of_file} {name} {lines}"));
            }
        }
    }
    let is_excepted = |of: &String| {
        let mut excepted = LONG_FUNCTIONS.iter();
        excepted.any(|(file, name)| of.starts_with(&format!("{file} {name} ")))
    };
    let (excepted, long): (Vec<_>, Vec<_>) = long.into_iter().partition(is_excepted);
    assert!(long.is_empty(), "over {FUNCTION_LINES_MAX} lines: {long:?}");
    assert_eq!(
        excepted.len(),
        LONG_FUNCTIONS.len(),
        "no more too long: {excepted:?}"
    );
}

#[test]
fn nothing_billed_is_a_float() {
    for room in [
        "units", "source", "record", "meter", "columns", "store", "ingest", "registry", "summary",
        "billing", "report",
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
