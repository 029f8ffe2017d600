//! Names of files that are no text: each is a name of its own, and leads back to its file.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::program::{Said, Site, bytes, lines};

/// Names of which two differ only in what is no UTF-8, and one looks like what another is written as.
const NAMES: [&[u8]; 4] = [
    b"a\xff.log",
    b"a\xfe.log",
    b"a\\xff.log",
    b"bytes:a\\xff.log",
];

fn ingest(site: &Site, inputs: &[OsString], more: &[&str]) -> Said {
    let mut command = site.command("ingest");
    Site::run(command.arg("--json").args(more).args(inputs))
}

fn site() -> (Site, Vec<PathBuf>) {
    let site = Site::new();
    let paths = NAMES.iter().enumerate().map(|(number, name)| {
        let path = site.path("logs").join(OsStr::from_bytes(name));
        fs::write(&path, lines(100 * number as u64, 10 + number as u64)).expect("written");
        path
    });
    let paths = paths.collect();
    (site, paths)
}

fn all() -> u64 {
    (0..4).map(|number| bytes(100 * number, 10 + number)).sum()
}

#[test]
fn d9_files_whose_names_are_no_text_count_each_for_itself() {
    let (site, paths) = site();
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total().0, all());
    let again = site.ingest();
    assert_eq!(again.json["files"]["changes"]["unchanged"], 4);
    // They can be given themselves, and grow.
    fs::write(&paths[0], lines(0, 30)).expect("written");
    let inputs: Vec<OsString> = paths.iter().map(|path| path.clone().into()).collect();
    let said = ingest(&site, &inputs, &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["files"]["changes"]["grown"], 1);
    assert_eq!(said.json["files"]["changes"]["unchanged"], 3);
    assert_eq!(site.total().0, all() - bytes(0, 10) + bytes(0, 30));
    // One that is renamed is looked for by its name.
    fs::rename(&paths[1], site.path("logs/b.log")).expect("moved");
    let said = site.ingest();
    assert_eq!(said.json["files"]["changes"]["renamed"], 1, "{}", said.json);
}

#[test]
fn d9_globs_match_names_that_are_no_text() {
    let (site, _) = site();
    let pattern = site.path("logs/a*.log").into_os_string();
    let said = ingest(&site, &[pattern], &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["files"]["committed"], 3);
}

#[test]
fn d9_the_name_that_is_said_is_a_name_that_can_be_given() {
    let (site, paths) = site();
    fs::write(&paths[0], "nonsense\n").expect("written");
    let said = site.ingest();
    assert_eq!(said.code, 1);
    let refused = said.json["files"]["refused"][0]["name"]
        .as_str()
        .expect("a name");
    assert!(refused.starts_with("bytes:/"), "{refused}");
    assert!(refused.ends_with("/logs/a\\xff.log"), "{refused}");
    assert!(said.stderr.contains(refused), "{}", said.stderr);
    fs::write(&paths[0], lines(0, 10)).expect("written");
    let said = ingest(&site, &[refused.into()], &[]);
    assert_eq!(
        (said.code, &said.json["files"]["committed"]),
        (0, &1.into())
    );
    assert_eq!(site.total().0, all());
    let said = ingest(&site, &[refused.into()], &["--recount"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let mut command = site.command("explain");
    let said = Site::run(command.arg("v0.example.cn").args(["--lines", "--json"]));
    assert_eq!(said.code, 0, "{}", said.stderr);
}
