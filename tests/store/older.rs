//! An older ledger, copied back by hand, with its own seal or with all files of its time, is noticed whatever was
//! committed since; a crash at any moment is not taken for one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cdn_meter::source::Seed;
use cdn_meter::store::{Access, Occasion, Store};

use crate::faults::{expect, filled, usage};
use crate::program::{Said, Site, bytes, copy_folder, lines, read_folder};
use crate::sealed::refused;
use crate::world::Difference;

/// The files by which a store knows what counts.
const FILES: [&str; 2] = ["ledger.sqlite", "ledger.seal"];

/// Puts the store of the call before over the newest one in parts, and the newest back; says what was tried, if
/// there was anything to try.
pub fn put_over(
    older: &mut Option<BTreeMap<PathBuf, Vec<u8>>>,
    place: &Path,
    parts: usize,
) -> Result<Option<&'static str>, Difference> {
    let ledger = place.join(FILES[0]);
    if !ledger.exists() {
        return Ok(None);
    }
    let mut newest = BTreeMap::new();
    read_folder(place, &mut newest);
    let older = older.replace(newest.clone());
    let Some(mut older) = older.filter(|older| older[&ledger] != newest[&ledger]) else {
        return Ok(None);
    };
    let kind = ["older ledger", "older ledger and seal", "older store"][parts % 3];
    if parts % 3 != 2 {
        let names = &FILES[..=parts % 3];
        older.retain(|path, _| names.iter().any(|name| *path == place.join(name)));
    }
    write(&older);
    let occasion = Occasion {
        at: "2026-11-23T00:00:00Z".to_owned(),
        command: "ingest".to_owned(),
    };
    let read = Store::open_to_read(place).map(drop);
    let written = Store::open_to_write(place, Seed(0), occasion, Access::default()).map(drop);
    for said in [read, written].map(|opened| opened.err().map(|error| error.to_string())) {
        if !said
            .as_ref()
            .is_some_and(|said| said.contains("older copy"))
        {
            return Err(format!("an {kind}: {said:?}"));
        }
    }
    let of_older = older.keys().filter(|path| !newest.contains_key(*path));
    of_older.for_each(|path| fs::remove_file(path).expect("removed"));
    write(&newest);
    Ok(Some(kind))
}

fn write(files: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, content) in files {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }
}

/// What makes one commit, and what counts after it.
type Commit = (&'static str, fn(&Site) -> Said, (u64, u64));

fn commits() -> Vec<Commit> {
    fn another(site: &Site) -> Said {
        site.write("c.log", lines(380, 20));
        site.ingest()
    }
    fn renamed(site: &Site) -> Said {
        fs::rename(site.log("b.log"), site.log("c.log")).expect("renamed");
        site.ingest()
    }
    fn known(site: &Site) -> Said {
        fs::copy(site.log("b.log"), site.log("c.log")).expect("copied");
        site.ingest()
    }
    fn forgotten(site: &Site) -> Said {
        let mut forget = site.command("forget");
        forget.args(["--json", "--reason", "a test log"]);
        Site::run(forget.arg(site.log("b.log")))
    }
    fn closed(site: &Site) -> Said {
        site.with_registry("close", &["--month", "2026-10"])
    }
    fn retried(site: &Site) -> Said {
        site.write("c.log", lines(380, 20).replace(".example.cn", ""));
        let mut ingest = site.command("ingest");
        let format = [
            "--json",
            "--format",
            "tencent-cdn",
            "--max-reject-ratio",
            "1",
        ];
        Site::run(ingest.args(format).arg(site.path("logs")))
    }
    let before = (bytes(0, 380), 380);
    vec![
        ("a new file", another, (bytes(0, 400), 400)),
        ("a file that was renamed", renamed, before),
        ("a copy", known, before),
        ("what was forgotten", forgotten, (bytes(0, 300), 300)),
        ("a closed month", closed, before),
        ("another file", retried, (bytes(0, 400), 400)),
    ]
}

fn copy_back(older: &Site, site: &Site) {
    for name in FILES {
        let name = format!("store/{name}");
        fs::copy(older.path(&name), site.path(&name)).expect("copied");
    }
}

#[test]
fn d3_an_older_ledger_with_its_own_seal_is_noticed_whatever_the_one_commit_was_that_it_misses() {
    for (name, commit, after) in commits() {
        let (site, older, newest) = (filled(), Site::new(), Site::new());
        copy_folder(&site.path("store"), &older.path("store"));
        let said = commit(&site);
        assert_eq!(said.code, 0, "{name}: {}", said.stderr);
        copy_folder(&site.path("store"), &newest.path("store"));
        copy_back(&older, &site);
        refused(
            &site,
            &[
                "older copy",
                "has commit 2",
                "has made 3 by commit-00000003",
            ],
        );
        // The newest put back is as if nothing had been.
        copy_back(&newest, &site);
        assert_eq!(usage(&site), Ok(after), "{name}");
        // The older one is believed if that is asked for, and it is said what is lost by that.
        copy_back(&older, &site);
        let mut repair = site.command("repair");
        let said = Site::run(repair.args(["--json", "--dry-run"]));
        expect(&said, 3, &["has commit 2 and 3 were made"]);
        refused(&site, &["older copy"]);
        let said = Site::run(site.command("repair").arg("--json"));
        expect(
            &said,
            3,
            &["has commit 2 and 3 were made", "ingest their logs again"],
        );
        assert_eq!(usage(&site), Ok((bytes(0, 380), 380)), "{name}");
        assert_eq!(Site::run(&mut site.command("repair")).code, 0, "{name}");
        assert_eq!(site.ingest().code, 0, "{name}");
    }
}

#[test]
fn d3_all_of_an_older_store_or_of_a_backup_copied_over_the_store_is_noticed() {
    for (name, commit, _) in commits() {
        let (site, older) = (filled(), Site::new());
        copy_folder(&site.path("store"), &older.path("store"));
        let said = Site::run(site.command("backup").arg(site.path("backup")));
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(commit(&site).code, 0, "{name}");
        copy_folder(&older.path("store"), &site.path("store"));
        refused(&site, &["older copy", "by commit-00000003"]);
        fs::remove_file(site.path("backup/backup.manifest")).expect("removed");
        copy_folder(&site.path("backup"), &site.path("store"));
        refused(&site, &["older copy", "by commit-00000003"]);
        // Both marks are there; it is believed all the same, if that is asked for.
        let said = Site::run(site.command("repair").arg("--json"));
        expect(&said, 3, &["has commit 2 and 3 were made"]);
        assert_eq!(usage(&site), Ok((bytes(0, 380), 380)), "{name}");
        assert_eq!(Site::run(&mut site.command("repair")).code, 0, "{name}");
        assert_eq!(site.ingest().code, 0, "{name}");
    }
}

#[test]
fn d3_a_mark_that_is_gone_is_made_again_and_one_that_is_not_ours_is_named() {
    let site = filled();
    let mark = site.path("store/commit-00000002");
    assert_eq!(fs::read(&mark).expect("there"), b"");
    fs::remove_file(&mark).expect("removed");
    let before = site.kept();
    assert_eq!(usage(&site), Ok((bytes(0, 380), 380)));
    assert_eq!(site.kept(), before);
    assert_eq!(site.ingest().code, 0);
    let mark = site.path("store/commit-00000003");
    assert!(mark.is_file());
    // A damaged name is no other commit, and what stands in the file says nothing.
    let damaged = site.path("store/commit-0000000\u{1}");
    fs::rename(&mark, &damaged).expect("renamed");
    assert_eq!(usage(&site), Ok((bytes(0, 380), 380)));
    fs::rename(&damaged, &mark).expect("renamed");
    fs::write(&mark, "commit 9").expect("written");
    assert_eq!(usage(&site), Ok((bytes(0, 380), 380)));
    let foreign = site.path("store/commit-00000900");
    fs::write(&foreign, "").expect("written");
    refused(&site, &["has made 900 by commit-00000900"]);
    fs::remove_file(foreign).expect("removed");
    assert_eq!(site.ingest().code, 0);
    // A store of which the ledger is gone is not made anew.
    for name in FILES.into_iter().chain(["segments", "quarantine"]) {
        let path = site.path("store").join(name);
        match path.is_dir() {
            true => fs::remove_dir_all(path).expect("removed"),
            false => fs::remove_file(path).expect("removed"),
        }
    }
    expect(&site.ingest(), 3, &["is gone or empty"]);
}

#[test]
fn d3_a_close_that_an_older_ledger_misses_is_noticed_without_the_mark() {
    let (site, older) = (filled(), Site::new());
    copy_folder(&site.path("store"), &older.path("store"));
    assert_eq!(site.with_registry("close", &["--month", "2026-10"]).code, 0);
    copy_back(&older, &site);
    fs::remove_file(site.path("store/commit-00000003")).expect("removed");
    refused(&site, &["older copy", "closed/2026-10"]);
}

#[test]
fn d3_a_close_that_is_killed_anywhere_is_no_older_copy_and_loses_nothing() {
    let mut kills = 0;
    for place in cdn_meter::disk::FAILPOINTS {
        for visit in 1.. {
            let site = filled();
            let mut close = site.command("close");
            let registry = "[[domain]]\nname = \"*.example.cn\"\naccount = \"one\"\n";
            fs::write(site.path("registry.toml"), registry).expect("written");
            close.arg("--registry").arg(site.path("registry.toml"));
            close.args(["--month", "2026-10"]);
            close.env("CDN_METER_KILL_AT", format!("{place}:{visit}"));
            if close.output().expect("started").status.code().is_some() {
                break;
            }
            kills += 1;
            let when = format!("{place}:{visit}");
            assert_eq!(usage(&site), Ok((bytes(0, 380), 380)), "{when}");
            let said = site.with_registry("close", &["--month", "2026-10"]);
            assert_eq!(said.code, 0, "{when}: {}", said.stderr);
            assert_eq!(site.total(), (bytes(0, 380), 380), "{when}");
        }
    }
    assert!(20 < kills, "{kills} kills");
}

#[test]
fn d3_verify_names_what_is_in_lost_and_found() {
    let site = filled();
    fs::write(site.path("store/segments/00000003-0000.parquet"), "PAR1").expect("written");
    assert_eq!(site.ingest().code, 0);
    let said = site.verify();
    assert_eq!(said.code, 0, "{}", said.json);
    let held = "lost+found holds 1 file, 4 B, which count nowhere: segments/00000003-0000.parquet";
    assert!(said.stderr.contains(held), "{}", said.stderr);
    assert_eq!(
        said.json["lost_and_found"][0],
        "segments/00000003-0000.parquet"
    );
}
