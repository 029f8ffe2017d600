//! Places that are written to: a page, OUT, a store. None is what a command reads or keeps.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::program::{Site, lines, read_folder};

/// A store of one file, with all that a bill can be made of.
fn site() -> Site {
    let site = Site::new();
    site.write("a.log", lines(0, 30) + "what is this?\n");
    let said = site.ingest_with(&["--max-reject-ratio", "0.5"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let registry = "[[domain]]\nname = \"*.example.cn\"\naccount = \"one\"\n";
    let catalogue = include_str!("../../src/billing/catalogue/mini-program-live.toml");
    let events = "[[package]]\naccount = \"one\"\nat = \"2026-10-01\"\ngigabytes = 100\n";
    let services = "day,account,service,variant,zone,quantity\n2026-10-03,one,screenshot,,,5\n";
    for (name, text) in [
        ("registry.toml", registry),
        ("catalogue.toml", catalogue),
        ("events.toml", events),
        ("services.csv", services),
    ] {
        fs::write(site.path(name), text).expect("written");
    }
    site
}

/// `bill`, of all that there is.
fn bill(site: &Site, page: &str) -> Command {
    let mut command = site.command("bill");
    for (flag, name) in [
        ("--registry", "registry.toml"),
        ("--catalogue", "catalogue.toml"),
        ("--events", "events.toml"),
        ("--services", "services.csv"),
        ("--out", "out"),
    ] {
        command.arg(flag).arg(site.path(name));
    }
    command.args(["--html", page]);
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn all_files(site: &Site) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    read_folder(&site.path("."), &mut files);
    files
}

#[test]
fn d8_a_page_takes_the_place_of_nothing_that_is_read_or_kept() {
    let site = site();
    let output = bill(&site, "-").output().expect("started");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let mut backup = site.command("backup");
    assert!(
        backup
            .arg(site.path("backup"))
            .status()
            .is_ok_and(|of| of.success())
    );
    symlink("registry.toml", site.path("link")).expect("linked");
    symlink("store/segments", site.path("folder")).expect("linked");
    fs::hard_link(site.path("events.toml"), site.path("hard")).expect("linked");
    let early = tempfile::tempdir().expect("a folder");
    let early = early.path().join("early");
    symlink(site.path("store/new.html"), &early).expect("linked");
    let (segment, _) = site.kept().pop_first().expect("files");
    let before = all_files(&site);
    let places = [
        "store/ledger.sqlite",
        "store/new.html",
        "store/segments/new.html",
        "backup/ledger.sqlite",
        "backup/new.html",
        "out/charges/_SUCCESS",
        "out/charges/billing_month=2026-10-01/new.html",
        "out/summary",
        "out/focus/new.html",
        "out/quarantine.ndjson",
        "out/.made-of",
        "out/_PUBLISHING",
        "registry.toml",
        "catalogue.toml",
        "events.toml",
        "services.csv",
        "logs/a.log",
        "logs/../logs/a.log",
        "link",
        "folder/new.html",
        "hard",
    ];
    let places = places.map(|name| site.path(name));
    for place in places.iter().chain([&segment, &early]) {
        let output = bill(&site, &place.display().to_string()).output();
        let output = output.expect("started");
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{}: {said}", place.display());
        assert!(said.contains("nothing was published"), "{said}");
        assert!(all_files(&site) == before, "{}: {said}", place.display());
    }
    // Beside the datasets is room for a page.
    let output = bill(&site, &site.path("out/page.html").display().to_string()).output();
    assert_eq!(output.expect("started").status.code(), Some(0));
}

#[test]
fn d8_what_is_not_there_yet_is_held_apart_too() {
    let site = site();
    let before = all_files(&site);
    for name in ["out/charges", "out/costs/page.html", "store/a/page.html"] {
        let output = bill(&site, &site.path(name).display().to_string()).output();
        let output = output.expect("started");
        assert_eq!(output.status.code(), Some(2), "{name}: {}", text(&output));
        assert!(
            all_files(&site) == before && !site.path("out").exists(),
            "{name}"
        );
    }
}

#[test]
fn d8_standard_output_under_other_names_is_written_to_and_never_cut() {
    let site = site();
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"] {
        let place = match name {
            "link" => {
                symlink("/dev/stdout", site.path(name)).expect("linked");
                site.path(name).display().to_string()
            }
            name => name.to_owned(),
        };
        let file = site.path("said.txt");
        fs::write(&file, "kept\n").expect("written");
        let to = File::options().append(true).open(&file).expect("opened");
        let status = bill(&site, &place)
            .stdout(to)
            .stderr(Stdio::null())
            .status();
        assert_eq!(status.expect("started").code(), Some(0), "{name}");
        let said = fs::read_to_string(&file).expect("read");
        assert!(said.starts_with("kept\n<!doctype html>"), "{name}: {said}");
        assert!(said.ends_with("</html>\n"), "{name}: {said}");
        let both = bill(&site, &place).arg("--json").output().expect("started");
        assert_eq!(both.status.code(), Some(2), "{name}: {}", text(&both));
    }
}

#[test]
fn d8_a_file_behind_another_descriptor_keeps_what_it_has() {
    let site = site();
    let file = site.path("log.txt");
    fs::write(&file, "kept\n").expect("written");
    for (number, name) in [(3, "/dev/fd/3"), (2, "/dev/stderr")] {
        let command = bill(&site, name);
        let mut shell = Command::new("sh");
        let script = format!("exec \"$@\" {number}>>'{}'", file.display());
        shell.args(["-c", &script, "sh"]).arg(command.get_program());
        let output = shell.args(command.get_args()).output().expect("started");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let said = fs::read_to_string(&file).expect("read");
        assert!(said.starts_with("kept\n<!doctype html>"), "{name}: {said}");
        fs::write(&file, "kept\n").expect("written");
    }
}

#[test]
fn d8_a_plain_file_below_dev_is_a_file() {
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let site = site();
    let page = folder.path().join("page.html");
    fs::write(&page, "x".repeat(1 << 20)).expect("written");
    fs::set_permissions(&page, fs::Permissions::from_mode(0o600)).expect("set");
    let output = bill(&site, &page.display().to_string()).output();
    assert_eq!(output.expect("started").status.code(), Some(0));
    let said = fs::read_to_string(&page).expect("read");
    assert!(said.starts_with("<!doctype html>") && said.ends_with("</html>\n"));
    let mode = fs::metadata(&page).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn d8_out_and_stores_lie_in_no_other_store_and_in_no_dataset() {
    let site = site();
    assert_eq!(site.summary().code, 0);
    let before = all_files(&site);
    let path = |name: &str| site.path(name).display().to_string();
    let program = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        let output = command.args(args).output().expect("started");
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(all_files(&site) == before, "{args:?}: {said}");
    };
    let (logs, registry) = (&path("logs")[..], &path("registry.toml")[..]);
    for out in ["store", "store/out", "store/segments"] {
        let ends = ["--store", &path("store"), "--out", &path(out)];
        program(&[&["summary"][..], &ends].concat());
        program(&[&["bill", "--registry", registry][..], &ends].concat());
        program(&[&["run", logs][..], &ends].concat());
        let kept_nowhere = ["run", logs, "--no-store", "--out", &path(out)];
        program(&kept_nowhere);
    }
    for out in [
        "out/summary",
        "out/summary/more",
        "out/usage_5min/billing_month=2026-10-01",
    ] {
        let ends = ["--store", &path("store"), "--out", &path(out)];
        program(&[&["summary"][..], &ends].concat());
        program(&[&["bill", "--registry", registry][..], &ends].concat());
        program(&[&["run", logs][..], &ends].concat());
    }
    program(&["summary", "--store", &path("store"), "--out", registry]);
    // A store that this would make in OUT, or OUT in a store that this would make.
    for (store, out) in [("new", "new"), ("new", "new/out"), ("new/summary", "new")] {
        program(&["run", logs, "--store", &path(store), "--out", &path(out)]);
    }
    for store in [
        "out/summary/store",
        "out/summary",
        "store/closed/new",
        "store/new",
    ] {
        program(&["ingest", logs, "--store", &path(store)]);
        program(&["backup", &path(store), "--store", &path("store")]);
    }
    let made = site.command("backup").arg(site.path("backup")).status();
    assert!(made.is_ok_and(|of| of.success()));
    let before = all_files(&site);
    for store in ["backup/new", "out/summary/new"] {
        let output = Command::new(env!("CARGO_BIN_EXE_cdn-meter"))
            .args(["restore", &path("backup"), "--store", &path(store)])
            .output();
        let output = output.expect("started");
        assert_eq!(output.status.code(), Some(2), "{store}: {}", text(&output));
        assert!(all_files(&site) == before, "{store}");
    }
    assert!(!Path::new(&path("new")).exists());
}
