//! Who may read a store, who writes to it, and at what time of the clock.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::faults::{expect, filled, run_bound};
use crate::program::{Site, bytes, lines, read_folder};

/// Modes of the store's folder and of all below it.
fn modes(site: &Site) -> BTreeMap<PathBuf, u32> {
    fn add(path: &Path, modes: &mut BTreeMap<PathBuf, u32>) {
        let found = fs::metadata(path).expect("there");
        modes.insert(path.to_owned(), found.permissions().mode() & 0o777);
        if found.is_dir() {
            for entry in fs::read_dir(path).expect("listed") {
                add(&entry.expect("listed").path(), modes);
            }
        }
    }
    let mut modes = BTreeMap::new();
    add(&site.path("store"), &mut modes);
    modes
}

/// The same but for the mark, whose name is another one after every commit.
fn modes_but_mark(site: &Site) -> BTreeMap<PathBuf, u32> {
    let mut modes = modes(site);
    modes.retain(|path, _| !path.to_string_lossy().contains("/commit-"));
    modes
}

fn expect_modes(site: &Site, folder: u32, file: u32) {
    for (path, mode) in modes(site) {
        let expected = if path.is_dir() { folder } else { file };
        assert_eq!(
            format!("{mode:o}"),
            format!("{expected:o}"),
            "{}",
            path.display()
        );
    }
}

/// Makes files of all kinds: segments, rejects, a closed month, what no commit names.
fn fill(site: &Site, more: &[&str]) {
    site.write("a.log", lines(0, 120) + "no line\n");
    let said = site.ingest_with(more);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = site.with_registry("close", &["--month", "2026-10"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    fs::write(site.path("store/segments/00000003-0009.parquet"), "PAR1").expect("written");
    let set = Permissions::from_mode(
        fs::metadata(site.path("store/lock"))
            .expect("there")
            .permissions()
            .mode(),
    );
    fs::set_permissions(site.path("store/segments/00000003-0009.parquet"), set).expect("set");
    site.write("b.log", lines(200, 10));
    assert_eq!(site.ingest().code, 0);
}

#[test]
fn d24_a_store_is_its_owners_alone_unless_its_group_may_read_it() {
    let site = Site::new();
    fill(&site, &[]);
    expect_modes(&site, 0o700, 0o600);
    let site = Site::new();
    fill(&site, &["--group-readable"]);
    expect_modes(&site, 0o750, 0o640);
}

#[test]
fn d24_a_store_that_is_there_keeps_its_modes_and_says_so() {
    let site = Site::new();
    fill(&site, &[]);
    let before = modes_but_mark(&site);
    let said = site.ingest_with(&["--group-readable"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stderr.contains("keeps its modes; `chmod -R g+rX"),
        "{}",
        said.stderr
    );
    assert_eq!(modes_but_mark(&site), before);
    // What is made later may be read by whom the folder may be read by.
    fs::set_permissions(site.path("store"), Permissions::from_mode(0o755)).expect("set");
    for folder in ["store/segments", "store/quarantine", "store/closed"] {
        fs::set_permissions(site.path(folder), Permissions::from_mode(0o755)).expect("set");
    }
    site.write("c.log", lines(300, 10));
    assert_eq!(site.ingest().code, 0);
    let new: Vec<u32> = modes_but_mark(&site)
        .into_iter()
        .filter(|(path, _)| !before.contains_key(path))
        .map(|(_, mode)| mode)
        .collect();
    assert_eq!(new, [0o644]);
}

#[test]
fn d24_the_rejected_lines_of_a_run_are_its_owners_alone() {
    for (more, mode) in [(&[][..], 0o600), (&["--group-readable"][..], 0o640)] {
        let site = Site::new();
        site.write("a.log", lines(0, 120) + "no line\n");
        let mut run = site.command("run");
        run.arg("--out")
            .arg(site.path("out"))
            .args(more)
            .arg(site.path("logs"));
        assert_eq!(Site::run(&mut run).code, 0);
        let file = fs::metadata(site.path("out/quarantine.ndjson")).expect("there");
        assert_eq!(file.permissions().mode() & 0o777, mode);
    }
}

#[test]
fn d13_a_reader_leaves_nothing_beside_the_ledger_and_its_owner_goes_on() {
    let site = filled();
    // A group that may write: whatever a reader made would be the reader's.
    for path in modes(&site).into_keys() {
        let mode = if path.is_dir() { 0o777 } else { 0o644 };
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
    }
    let names = || {
        let mut files = BTreeMap::new();
        read_folder(&site.path("store"), &mut files);
        files.into_keys().collect::<Vec<_>>()
    };
    let before = names();
    let mut summary = site.command("summary");
    summary.arg("--json").arg("--out").arg(site.path("out/new"));
    let said = run_bound(&site, &mut summary);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["usage"]["bytes"], bytes(0, 380));
    let said = run_bound(&site, site.command("verify").arg("--json"));
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(names(), before);
    site.write("c.log", lines(380, 20));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total(), (bytes(0, 400), 400));
}

/// An ingest that waits for its input, and so holds the lock.
fn writer(site: &Site) -> std::process::Child {
    let mut command = site.command("ingest");
    let child = command
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = child.spawn().expect("started");
    let lock = site.path("store/lock");
    while !fs::read_to_string(&lock).is_ok_and(|text| text.contains("command ingest\n")) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn d26_the_lock_says_who_holds_it_and_a_command_may_wait_for_it() {
    let site = filled();
    let mut child = writer(&site);
    let said = site.ingest();
    let process = format!("`ingest`, process {} on ", child.id());
    expect(&said, 2, &[&process, ", since 20", "--wait SECONDS"]);
    // It is gone in a second.
    let started = Instant::now();
    let input = child.stdin.take();
    let ends = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        drop(input);
        child.wait().expect("ended")
    });
    let said = site.ingest_with(&["--wait", "60"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(Duration::from_millis(900) < started.elapsed());
    ends.join().expect("waited");
    assert_eq!(fs::read(site.path("store/lock")).expect("read"), b"");
    // It says so after that time, too.
    let mut child = writer(&site);
    expect(
        &site.ingest_with(&["--wait", "1"]),
        2,
        &["another cdn-meter"],
    );
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert_eq!(site.ingest().code, 0);
}

#[test]
fn d14_a_clock_that_cannot_be_right_starts_nothing() {
    for secs in [0i64, 946_684_799, 4_102_444_800, -1, 253_402_300_800] {
        let site = Site::new();
        site.write("a.log", lines(0, 120));
        let mut ingest = site.command("ingest");
        ingest
            .arg(site.path("logs"))
            .env("CDN_METER_CLOCK", secs.to_string());
        expect(
            &Site::run(&mut ingest),
            2,
            &["the clock of this machine is wrong", "2000 and 2099"],
        );
        assert!(!site.path("store").exists());
    }
    for secs in [946_684_800i64, 4_102_444_799] {
        let site = Site::new();
        site.write("a.log", lines(0, 120));
        let mut ingest = site.command("ingest");
        ingest
            .arg(site.path("logs"))
            .env("CDN_METER_CLOCK", secs.to_string());
        assert_eq!(Site::run(&mut ingest).code, 0);
        let said = site.with_registry("close", &["--month", "2026-10"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
}

/// The user whom permissions bind.
const NOBODY: u32 = 65_534;

#[test]
fn d24_what_root_writes_into_the_store_of_a_user_is_that_users() {
    // Only root can give a store away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for more in [&[][..], &["--group-readable"]] {
        let site = Site::new();
        fill(&site, more);
        for path in modes(&site).into_keys() {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("given away");
        }
        site.write("c.log", lines(300, 20) + "no line\n");
        assert_eq!(site.ingest().code, 0);
        let said = site.with_registry("close", &["--early", "--month", "2026-11"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        for path in modes(&site).into_keys() {
            let found = fs::metadata(&path).expect("there");
            assert_eq!(
                (found.uid(), found.gid()),
                (NOBODY, NOBODY),
                "{}",
                path.display()
            );
        }
        // Its owner goes on.
        site.write("d.log", lines(400, 20));
        let mut ingest = site.command("ingest");
        ingest.arg("--json").arg(site.path("logs"));
        let said = run_bound(&site, &mut ingest);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let said = run_bound(&site, site.command("verify").arg("--json"));
        assert_eq!(
            (said.code, &said.json["requests"]),
            (0, &170.into()),
            "{}",
            said.stderr
        );
    }
}

#[test]
fn d24_who_would_make_files_that_the_owner_cannot_read_starts_nothing() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let site = filled();
    // Everybody may write, and not read.
    for (path, _) in modes(&site) {
        let mode = if path.is_dir() { 0o773 } else { 0o664 };
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
    }
    site.write("c.log", lines(380, 20));
    let mut ingest = site.command("ingest");
    ingest.arg("--json").arg(site.path("logs"));
    let before = site.kept();
    let said = run_bound(&site, &mut ingest);
    expect(
        &said,
        2,
        &["belongs to user 0", "this is user 65534", "as root"],
    );
    assert_eq!(site.kept(), before);
    // A group of both may.
    for path in modes(&site).into_keys() {
        let mode = if path.is_dir() { 0o770 } else { 0o660 };
        chown(&path, None, Some(NOBODY)).expect("given");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
    }
    let said = run_bound(&site, &mut ingest);
    assert_eq!(said.code, 0, "{}", said.stderr);
    for path in modes(&site).into_keys() {
        let found = fs::metadata(&path).expect("there");
        assert_eq!(found.gid(), NOBODY, "{}", path.display());
        assert_eq!(found.mode() & 0o060, 0o060, "{}", path.display());
    }
    assert_eq!(site.total(), (bytes(0, 400), 400));
}
