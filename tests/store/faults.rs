//! Disks that fill up, files that are damaged or gone: one clear message, nothing repaired in
//! silence, and never another figure than what was counted.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cdn_meter::store::{Store, StoreUsage, reseal};

use crate::program::{Said, Site, bytes, lines};

/// What [`filled`] counts.
const REQUESTS: u64 = 380;
/// The user whom permissions bind where the tests are run by root.
const NOBODY: u32 = 65_534;
const PAGE_BYTES: usize = 4_096;

/// A store of two commits: a file that grew, another one, and a rejected line.
pub fn filled() -> Site {
    let site = Site::new();
    site.write("a.log", lines(0, 180));
    assert_eq!(site.ingest().code, 0);
    site.write("a.log", lines(0, 300) + "this is no line\n");
    site.write("b.log", lines(300, 80));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total(), (bytes(0, REQUESTS), REQUESTS));
    site
}

fn ledger(site: &Site) -> PathBuf {
    site.path("store/ledger.sqlite")
}

fn segments(site: &Site) -> Vec<PathBuf> {
    let entries = fs::read_dir(site.path("store/segments")).expect("listed");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("listed").path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

/// The commands that only read.
pub fn readers(site: &Site) -> [Said; 3] {
    [site.summary(), site.verify(), site.explain("v1.example.cn")]
}

#[track_caller]
pub fn expect(said: &Said, code: i32, parts: &[&str]) {
    assert_eq!(said.code, code, "{}{}", said.stderr, said.json);
    assert!(said.stderr.starts_with("error: "), "{}", said.stderr);
    let lines = said.stderr.lines();
    let messages = lines
        .filter(|line| !line.starts_with("  because: "))
        .count();
    assert_eq!(messages, 1, "{}", said.stderr);
    for part in parts {
        let text = format!("{}{}", said.stderr, said.json);
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// What a store counts by the library, for faults too many for a process each.
pub fn usage(site: &Site) -> Result<(u64, u64), String> {
    let read = || -> Result<StoreUsage, cdn_meter::store::StoreError> {
        let store = Store::open_to_read(&site.path("store"))?;
        store.usage(store.slots()?, 1 << 20)
    };
    let total = read().map_err(|error| error.to_string())?.table.total();
    let total = total.expect("sums fit");
    Ok((total.bytes.as_u64(), total.requests))
}

/// What is wrong by the library, as one text; empty where nothing is.
pub fn wrong(site: &Site) -> String {
    let store = Store::open_to_read(&site.path("store"));
    match store.and_then(|store| store.verify()) {
        Err(error) => error.to_string(),
        Ok(verified) if verified.findings.is_empty() => String::new(),
        Ok(verified) => format!("{:?}", verified.findings),
    }
}

#[test]
fn a_disk_that_fills_up_at_any_byte_loses_and_doubles_nothing() {
    let site = filled();
    site.write("b.log", lines(300, 200) + "this is no line\n");
    // A domain for every line, so that the segment is larger than what SQLite keeps beside it.
    let many = lines(500, 2_500);
    let many = many.lines().enumerate().map(|(number, line)| {
        let domain = format!("-{number}.example.cn");
        line.replacen(".example.cn", &domain, 1) + "\n"
    });
    site.write("c.log", many.collect::<String>());
    let mut reasons = BTreeSet::new();
    for limit in (0..4_000).step_by(8) {
        // A limit on the size of files fails as a full disk does, for root as well.
        let program = site.command("ingest");
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "trap '' XFSZ; ulimit -f $0; exec \"$@\"",
            &limit.to_string(),
        ]);
        command.arg(program.get_program()).args(program.get_args());
        let said = Site::run(command.arg("--json").arg(site.path("logs")));
        if said.code == 0 {
            break;
        }
        let message = said.stderr.lines().last().expect("a message");
        assert_eq!(said.code, 3, "{message}");
        assert!(
            message.contains("what was committed before is unchanged"),
            "{message}"
        );
        reasons.insert(message.contains("the ledger"));
        let total = site.total_in_spite_of_orphans();
        assert_eq!(total, (bytes(0, REQUESTS), REQUESTS), "limit {limit}");
    }
    assert_eq!(reasons.len(), 2, "ledger and segments were hit");
    assert_eq!(site.total(), (bytes(0, 3_000), 3_000));
}

/// Lets nobody write to the store, or lets its owner again.
pub fn set_writable(site: &Site, is_writable: bool) {
    let write = if is_writable { 0o222 } else { 0 };
    for path in site.kept().keys() {
        fs::set_permissions(path, Permissions::from_mode(0o444 | write)).expect("set");
    }
    for folder in [
        "store/segments",
        "store/quarantine",
        "store/closed",
        "store",
    ] {
        let mode = Permissions::from_mode(0o555 | write);
        fs::set_permissions(site.path(folder), mode).expect("set");
    }
}

/// Runs the program as somebody whom permissions bind.
pub fn run_bound(site: &Site, command: &mut Command) -> Said {
    if !rustix::process::geteuid().is_root() {
        return Site::run(command);
    }
    // Nobody may not be allowed to go where the program was built.
    let copy = site.path("program");
    if !copy.is_file() {
        fs::copy(command.get_program(), &copy).expect("copied");
        for folder in [site.path(""), site.path("out")] {
            fs::create_dir_all(&folder).expect("made");
            fs::set_permissions(folder, Permissions::from_mode(0o777)).expect("set");
        }
    }
    let mut bound = Command::new(copy);
    bound.args(command.get_args()).uid(NOBODY).gid(NOBODY);
    Site::run(&mut bound)
}

#[test]
fn a_store_that_nobody_may_write_to_can_be_read() {
    for has_journal in [false, true] {
        let site = filled();
        let journal = site.path("store/ledger.sqlite-journal");
        assert_eq!(fs::read(&journal).expect("read"), b"");
        if !has_journal {
            fs::remove_file(journal).expect("removed");
        }
        set_writable(&site, false);
        let before = site.kept();
        let mut summary = site.command("summary");
        summary.arg("--json").arg("--out").arg(site.path("out/new"));
        let said = run_bound(&site, &mut summary);
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(said.json["usage"]["bytes"], bytes(0, REQUESTS));
        let said = run_bound(&site, site.command("verify").arg("--json"));
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(said.json["bytes"], bytes(0, REQUESTS));
        let mut explain = site.command("explain");
        let said = run_bound(&site, explain.args(["v1.example.cn", "--json"]));
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(said.json["parts"].as_array().map(Vec::len), Some(3));
        let mut ingest = site.command("ingest");
        let said = run_bound(&site, ingest.arg(site.path("logs")));
        expect(&said, 2, &["belongs to user 0", "nothing was changed"]);
        assert_eq!(site.kept(), before);
        set_writable(&site, true);
    }
}

#[test]
fn a_segment_with_any_bit_flipped_is_named_and_its_figures_are_not_published() {
    let site = filled();
    let total = usage(&site).expect("readable");
    for path in segments(&site) {
        let good = fs::read(&path).expect("read");
        for at in (0..good.len()).step_by(5) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at / 5 % 8);
            fs::write(&path, bad).expect("written");
            let name = name_of(&path);
            assert!(wrong(&site).contains(&name), "byte {at}: {}", wrong(&site));
            let refused = usage(&site).expect_err("refused");
            assert!(refused.contains(&name), "byte {at}: {refused}");
        }
        fs::write(&path, good).expect("written");
    }
    assert_eq!(usage(&site), Ok(total));
}

#[test]
fn a_segment_that_is_damaged_cut_or_gone_stops_every_figure() {
    let site = filled();
    let path = segments(&site).remove(1);
    let good = fs::read(&path).expect("read");
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 4;
    let cut = good[..good.len() / 2].to_vec();
    for bad in [Some(flipped), Some(cut), Some(Vec::new()), None] {
        match &bad {
            Some(bad) => fs::write(&path, bad).expect("written"),
            None => fs::remove_file(&path).expect("removed"),
        }
        let before = site.kept();
        let said = readers(&site);
        expect(&said[0], 3, &[&name_of(&path), "restore it from a copy"]);
        expect(&said[1], 3, &[&name_of(&path), "restore it from a copy"]);
        expect(&said[2], 3, &[&name_of(&path), "restore it from a copy"]);
        assert_eq!(said[1].json["findings"].as_array().map(Vec::len), Some(1));
        assert_eq!(site.kept(), before);
    }
}

#[test]
fn a_quarantine_file_that_is_gone_is_named_and_the_figures_stand() {
    let site = filled();
    let file = fs::read_dir(site.path("store/quarantine")).expect("listed");
    let file = file.last().expect("one").expect("listed").path();
    fs::remove_file(&file).expect("removed");
    let before = site.kept();
    let said = site.verify();
    expect(&said, 3, &[&name_of(&file), "it is missing"]);
    assert_eq!(site.summary().code, 0);
    assert_eq!(usage(&site), Ok((bytes(0, REQUESTS), REQUESTS)));
    assert_eq!(site.kept(), before);
}

#[test]
fn a_ledger_that_is_gone_cut_or_overwritten_stops_every_command_and_changes_nothing() {
    let site = filled();
    let good = fs::read(ledger(&site)).expect("read");
    let mut overwritten = good.clone();
    overwritten[..100].fill(b'x');
    let states = [
        None,
        Some(Vec::new()),
        Some(good[..100].to_vec()),
        Some(good[..good.len() / 2].to_vec()),
        Some(good[..good.len() - PAGE_BYTES].to_vec()),
        Some(overwritten),
        Some(vec![0; good.len()]),
    ];
    for (number, state) in states.iter().enumerate() {
        match state {
            None => fs::remove_file(ledger(&site)).expect("removed"),
            Some(state) => fs::write(ledger(&site), state).expect("written"),
        }
        let before = site.kept();
        for said in readers(&site).iter().chain([&site.ingest()]) {
            expect(said, 3, &["restore ledger.sqlite from a copy"]);
        }
        assert_eq!(site.kept(), before, "state {number}");
    }
    fs::write(ledger(&site), good).expect("written");
    assert_eq!(site.total(), (bytes(0, REQUESTS), REQUESTS));
}

#[test]
fn a_ledger_with_any_page_overwritten_is_found_and_publishes_nothing_else() {
    let site = filled();
    let total = usage(&site).expect("readable");
    let good = fs::read(ledger(&site)).expect("read");
    let pages = good.len() / PAGE_BYTES;
    let mut refused = 0;
    for (page, byte) in (0..pages).flat_map(|page| [(page, 0), (page, 0xff), (page, 0x0d)]) {
        let mut bad = good.clone();
        bad[page * PAGE_BYTES..][..PAGE_BYTES].fill(byte);
        fs::write(ledger(&site), &bad).expect("written");
        assert_ne!(wrong(&site), "", "page {page} of {byte}");
        match usage(&site) {
            Ok(found) => assert_eq!(found, total, "page {page} of {byte}"),
            Err(_) => refused += 1,
        }
        assert_eq!(fs::read(ledger(&site)).expect("read"), bad);
    }
    assert!(0 < refused, "no page mattered");
}

#[test]
fn a_ledger_with_any_bit_flipped_is_found_where_that_changes_a_figure() {
    let site = filled();
    let total = usage(&site).expect("readable");
    let good = fs::read(ledger(&site)).expect("read");
    for at in (0..good.len()).step_by(61) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(ledger(&site), &bad).expect("written");
        if usage(&site).is_ok_and(|found| found != total) {
            assert_ne!(wrong(&site), "", "byte {at}");
        }
    }
    fs::write(ledger(&site), good).expect("written");
    // What makes readers pass a segment over.
    for set in [
        "slot_to = slot_from",
        "slot_from = slot_to",
        "slot_to = -slot_to",
    ] {
        let site = filled();
        let open = rusqlite::Connection::open(ledger(&site)).expect("opened");
        let sql = format!("UPDATE segment SET {set} WHERE id = 2");
        assert_eq!(open.execute(&sql, []), Ok(1));
        drop(open);
        expect(
            &site.verify(),
            3,
            &["ledger.sqlite", "not those of commit 2"],
        );
        reseal(&site.path("store")).expect("sealed");
        let name = name_of(&segments(&site)[1]);
        expect(&site.verify(), 3, &[&name, "restore ledger.sqlite"]);
    }
}

#[test]
fn files_are_not_removed_on_the_word_of_a_damaged_ledger() {
    let site = filled();
    // The index of the names of segments becomes an empty page: no file is named any more.
    let open = rusqlite::Connection::open(ledger(&site)).expect("opened");
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_segment_1'";
    let page: u32 = open.query_row(sql, [], |row| row.get(0)).expect("an index");
    drop(open);
    let mut bad = fs::read(ledger(&site)).expect("read");
    let page = &mut bad[(page as usize - 1) * PAGE_BYTES..][..PAGE_BYTES];
    page.fill(0);
    page[..8].copy_from_slice(&[0x0a, 0, 0, 0, 0, 0x10, 0, 0]);
    fs::write(ledger(&site), bad).expect("written");
    let before = site.kept();
    expect(&site.ingest(), 3, &["restore ledger.sqlite from a copy"]);
    assert_eq!(site.kept(), before);
}

#[test]
fn a_ledger_of_a_newer_version_is_left_to_newer_programs() {
    let site = filled();
    let newer = rusqlite::Connection::open(ledger(&site)).expect("opened");
    newer.pragma_update(None, "user_version", 99).expect("set");
    drop(newer);
    reseal(&site.path("store")).expect("sealed");
    let before = site.kept();
    for said in readers(&site).iter().chain([&site.ingest()]) {
        expect(said, 2, &["version 99", "or a newer one"]);
    }
    assert_eq!(site.kept(), before);
}

#[test]
fn a_folder_that_is_no_store_is_not_made_one_over_other_things() {
    let site = Site::new();
    site.write("a.log", lines(0, 5));
    for said in readers(&site) {
        expect(&said, 2, &["is no store", "`cdn-meter ingest` makes one"]);
    }
    assert!(!site.path("store").exists());
    fs::create_dir(site.path("store")).expect("made");
    fs::write(site.path("store/thesis.txt"), "precious").expect("written");
    let before = site.kept();
    for said in readers(&site) {
        expect(&said, 2, &["is no store"]);
    }
    expect(
        &site.ingest(),
        2,
        &["is in the way", "choose another --store"],
    );
    assert_eq!(site.kept(), before);
}
