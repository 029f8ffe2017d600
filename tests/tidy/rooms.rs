//! Which room may use which, and which outside crate lives where: the table of the map, held against the code.

use std::collections::BTreeSet;
use std::fs;

use super::modules::Modules;
use super::{files, package, planted, src};

/// Rooms in reading order, with the rooms that each may use and the outside crates that live there.
const ROOMS: [(&str, &[&str], &[&str]); 16] = [
    ("units", &[], &["rust_decimal", "jiff", "thiserror"]),
    (
        "disk",
        &["units"],
        &["rayon", "rustix", "sha2", "thiserror"],
    ),
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
    ("columns", &[], &["parquet", "bytes", "rayon"]),
    (
        "scan",
        &["units", "source", "decode", "record", "meter"],
        &["memchr", "serde", "thiserror"],
    ),
    (
        "store",
        &["units", "disk", "source", "record", "meter", "columns"],
        &[
            "arrow",
            "parquet",
            "rayon",
            "rusqlite",
            "serde_json",
            "sha2",
            "thiserror",
        ],
    ),
    (
        "ingest",
        &[
            "units", "source", "decode", "record", "meter", "scan", "store",
        ],
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
        &["units", "disk"],
        &["toml", "csv", "sha2", "jiff", "thiserror"],
    ),
    (
        "summary",
        &["units", "meter", "registry"],
        &["rayon", "thiserror"],
    ),
    (
        "billing",
        &["units", "disk", "meter", "registry", "summary"],
        &[
            "arrow",
            "parquet",
            "csv",
            "rust_decimal",
            "serde",
            "toml",
            "jiff",
            "sha2",
            "thiserror",
        ],
    ),
    (
        "report",
        &[
            "units", "disk", "record", "meter", "columns", "store", "ingest", "registry",
            "summary", "billing",
        ],
        &[
            "arrow",
            "parquet",
            "csv",
            "rust_decimal",
            "rayon",
            "serde",
            "sha2",
            "thiserror",
            "unicode_width",
        ],
    ),
    (
        "months",
        &[
            "units", "disk", "meter", "store", "ingest", "registry", "summary", "billing", "report",
        ],
        &[
            "rayon",
            "rust_decimal",
            "serde",
            "serde_json",
            "strsim",
            "thiserror",
        ],
    ),
    (
        "cli",
        &[
            "units", "disk", "source", "decode", "record", "meter", "columns", "scan", "store",
            "ingest", "registry", "summary", "billing", "report", "months",
        ],
        &[
            "clap",
            "indicatif",
            "nom",
            "serde",
            "serde_json",
            "signal_hook",
        ],
    ),
];

/// What of a crate breaks the table: uses of rooms that stand below, and crates that live elsewhere.
fn offences(modules: &Modules, dependencies: &[String]) -> Vec<String> {
    let mut offences = Vec::new();
    for module in modules.all() {
        let Some(room) = module.path.first() else {
            continue;
        };
        let row = ROOMS.iter().find(|(name, ..)| name == room);
        let (_, may_use, crates) = row.unwrap_or(&("", &[], &[]));
        let used = modules.used_by(module);
        for used in used.iter().filter_map(|path| path.first()) {
            if used != room && !may_use.contains(&&used[..]) {
                offences.push(format!("{} uses {used}", module.path.join("/")));
            }
        }
        for used in modules.crates_of(module, dependencies) {
            if !crates.contains(&used) {
                offences.push(format!("{} uses the crate {used}", module.path.join("/")));
            }
        }
    }
    offences
}

/// Outside crates that `Cargo.toml` names.
fn dependencies() -> Vec<String> {
    let text = fs::read_to_string(package().join("Cargo.toml")).expect("read");
    let manifest: toml::Table = text.parse().expect("TOML");
    let names = manifest["dependencies"].as_table().expect("a table").keys();
    names.map(|name| name.replace('-', "_")).collect()
}

#[test]
fn a_room_uses_what_the_table_says() {
    let offences = offences(&Modules::read(&src()), &dependencies());
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn a_use_that_runs_up_is_found_whatever_way_it_is_spelt() {
    let units = "use crate::{store, record::Line as Other};\nfn name() -> super::super::cli::Name { todo!() }";
    let folder = planted(&[
        ("lib.rs", "mod cli; mod record; mod store; mod units;"),
        ("cli/mod.rs", "pub struct Name;"),
        ("record/mod.rs", "mod line;\npub use line::Line;"),
        (
            "record/line.rs",
            "pub struct Line;\nfn all() { vec![rayon::spawn]; }",
        ),
        ("store/mod.rs", "use crate::record::Line;"),
        ("units/mod.rs", "mod name;"),
        ("units/name.rs", units),
    ]);
    let found = offences(&Modules::read(folder.path()), &["rayon".to_owned()]);
    let expected = [
        "record/line uses the crate rayon",
        "units/name uses cli",
        "units/name uses record",
        "units/name uses store",
    ];
    assert_eq!(found, expected);
}

#[test]
fn no_outside_crate_is_there_for_nothing() {
    let (modules, dependencies) = (Modules::read(&src()), dependencies());
    let used = modules
        .all()
        .flat_map(|module| modules.crates_of(module, &dependencies));
    let used: BTreeSet<&str> = used.collect();
    let unused = dependencies.iter().filter(|name| !used.contains(&name[..]));
    assert_eq!(unused.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_room_is_in_the_table_and_in_the_map() {
    let folders = fs::read_dir(src()).expect("listed");
    let folders = folders.map(|entry| entry.expect("listed").path());
    // A folder without code, such as the guide, is no room.
    let folders = folders.filter(|path| path.is_dir() && !files(path).is_empty());
    let name = |path: std::path::PathBuf| {
        path.file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    };
    let folders: BTreeSet<String> = folders.map(name).collect();
    let table: BTreeSet<String> = ROOMS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(folders, table);
}

#[test]
fn the_map_says_what_the_table_says() {
    let map = fs::read_to_string(src().join("architecture.md")).expect("read");
    for (room, may_use, crates) in ROOMS {
        let row = map
            .lines()
            .find(|line| line.starts_with(&format!("| `{room}` |")));
        let row = row.unwrap_or_else(|| panic!("{room} is not in the map"));
        let cells: Vec<&str> = row
            .split(" | ")
            .map(|cell| cell.trim_matches(['|', ' ']))
            .collect();
        let [_, _, map_uses, map_crates] = cells[..] else {
            panic!("{row}");
        };
        let names = |text: &str| -> BTreeSet<String> {
            let names = text.split(", ").map(|name| name.replace('-', "_"));
            names.filter(|name| name != "–").collect()
        };
        let above = ROOMS
            .iter()
            .map(|(name, ..)| *name)
            .take_while(|name| *name != room);
        let may_use: BTreeSet<String> = may_use.iter().map(|name| (*name).to_owned()).collect();
        let expected = match map_uses {
            "all" => above.map(str::to_owned).collect(),
            text => names(text),
        };
        assert_eq!(may_use, expected, "what {room} may use");
        // Every room has errors.
        let crates = crates.iter().filter(|name| **name != "thiserror");
        let crates: BTreeSet<String> = crates.map(|name| (*name).to_owned()).collect();
        assert_eq!(crates, names(map_crates), "crates of {room}");
    }
}
