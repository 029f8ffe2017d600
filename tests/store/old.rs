//! Stores that earlier versions made: they can be read, and counting goes on in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::program::{Site, copy_folder};
use crate::support::{Stated, read_summary};

#[derive(Deserialize)]
struct Expected {
    summary: Vec<Stated>,
}

/// Figures by (month, domain, region): bytes, requests, those of errors, bytes of the peak.
pub type Figures = BTreeMap<(String, String, String), [i64; 5]>;

/// Accounts and classes depend on a registry, and are no matter of the store.
fn figures(rows: Vec<Stated>) -> Figures {
    let figure = |row: Stated| {
        let figures = [
            row.bytes,
            row.requests,
            row.error_bytes,
            row.error_requests,
            row.peak_slot_bytes,
        ];
        ((row.month, row.domain, row.region), figures)
    };
    rows.into_iter().map(figure).collect()
}

pub fn stated(folder: &Path) -> Figures {
    let text = fs::read_to_string(folder.join("expected.toml")).expect("read");
    figures(toml::from_str::<Expected>(&text).expect("TOML").summary)
}

pub fn published(site: &Site) -> Figures {
    let said = site.summary();
    assert_eq!(said.code, 0, "{}", said.stderr);
    figures(read_summary(&site.path("out")))
}

/// The folders of all versions.
pub fn versions() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/old");
    let entries = fs::read_dir(folder).expect("listed");
    let paths = entries.map(|entry| entry.expect("listed").path());
    paths.filter(|path| path.is_dir()).collect()
}

pub fn site_of(version: &Path) -> Site {
    let site = Site::new();
    copy_folder(&version.join("store"), &site.path("store"));
    site
}

#[test]
fn a_store_of_every_version_is_read_as_it_was_and_not_touched() {
    assert!(!versions().is_empty());
    for version in versions() {
        let site = site_of(&version);
        let before = site.kept();
        assert_eq!(published(&site), stated(&version.join("before")));
        let verified = site.verify();
        assert_eq!(verified.code, 0, "{}: {}", version.display(), verified.json);
        let explained = site.explain("live.example.cn");
        assert_eq!(explained.code, 0, "{}", explained.stderr);
        assert_eq!(site.kept(), before, "{}", version.display());
    }
}

#[test]
fn counting_goes_on_in_a_store_of_every_version() {
    for version in versions() {
        let site = site_of(&version);
        for step in ["before", "after"] {
            copy_folder(&version.join(step).join("logs"), &site.path("logs"));
            let said = site.ingest();
            assert_eq!(said.code, 0, "{}: {}", said.stderr, said.json);
            assert_eq!(published(&site), stated(&version.join(step)), "{step}");
            let verified = site.verify();
            assert_eq!(verified.code, 0, "{}: {}", version.display(), verified.json);
        }
    }
}
