//! Nothing but the room `disk` calls what writes to the file system. `.clippy.toml` names those calls, and clippy
//! refuses them as methods, too; here they are looked for as paths, whatever lints a file allows itself.

use std::collections::BTreeSet;
use std::fs;

use super::modules::Modules;
use super::{package, planted, src};

/// The only room that may.
const ROOM: &str = "disk";

/// The calls of the file system that `.clippy.toml` names.
fn calls() -> BTreeSet<String> {
    let text = fs::read_to_string(package().join(".clippy.toml")).expect("read");
    let table: toml::Table = text.parse().expect("TOML");
    let calls = table["disallowed-methods"].as_array().expect("a list");
    let path = |call: &toml::Value| call["path"].as_str().expect("a path").to_owned();
    let calls = calls.iter().map(path);
    let is_written = |path: &String| path.contains("::fs::");
    calls.filter(is_written).collect()
}

/// Modules outside of the room that spell such a call.
fn offences(modules: &Modules) -> Vec<String> {
    let (calls, mut offences) = (calls(), Vec::new());
    for module in modules.all() {
        if module.path.first().is_some_and(|room| room == ROOM) {
            continue;
        }
        let spelt = modules.outside_of(module).into_iter();
        let spelt = spelt.map(|names| names.join("::"));
        let found = spelt.filter(|path| calls.contains(path));
        offences.extend(found.map(|path| format!("{} calls {path}", module.path.join("/"))));
    }
    offences
}

#[test]
fn s2_only_the_room_of_the_disk_writes_to_it() {
    let offences = offences(&Modules::read(&src()));
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn s2_a_write_elsewhere_is_found_whatever_way_it_is_spelt() {
    let store = "use std::fs::{self, File as Handle};\nfn keep() { fs::write(place(), text()); Handle::create(place()); }";
    let folder = planted(&[
        ("lib.rs", "mod disk; mod report; mod store; mod units;"),
        (
            "disk/mod.rs",
            "fn keep() { std::fs::write(place(), text()); }",
        ),
        (
            "report/mod.rs",
            "use std::fs::*;\nfn keep() { assert!(rename(old(), new())); }",
        ),
        ("store/mod.rs", store),
        (
            "units/mod.rs",
            "use std::fs;\nfn read() { fs::read(place()); }\n#[cfg(test)]\nmod tests { fn keep() { std::fs::write(a(), b()); } }",
        ),
    ]);
    let expected = [
        "report calls std::fs::rename",
        "store calls std::fs::File::create",
        "store calls std::fs::write",
    ];
    assert_eq!(offences(&Modules::read(folder.path())), expected);
}
