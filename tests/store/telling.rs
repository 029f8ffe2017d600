//! What commands say, and to whom: pages, names that are not there or that are hostile, months that are closed already.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use crate::program::{Site, lines};

/// A name that steers a terminal, ends lines and turns letters around.
const EVIL: &str = "x\nEVIL\u{1b}[2J\u{202e}\u{2028}\u{9b}31m\u{7f}y";

pub fn site() -> Site {
    let site = Site::new();
    site.write("a.log", lines(0, 30));
    assert_eq!(site.ingest().code, 0);
    let registry = "[[domain]]\nname = \"*.example.cn\"\naccount = \"one\"\n";
    fs::write(site.path("registry.toml"), registry).expect("written");
    site
}

/// A command that publishes with the registry.
pub fn priced(site: &Site, name: &str, more: &[&str]) -> Command {
    let mut command = site.command(name);
    command.arg("--registry").arg(site.path("registry.toml"));
    command.args(more);
    if ["bill", "summary", "run"].contains(&name) {
        command.arg("--out").arg(site.path("out"));
    }
    command
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn d8_a_page_follows_links_leaves_devices_and_knows_standard_output() {
    let site = site();
    let bill = |place: &str| {
        let mut command = priced(&site, "bill", &["--html", place]);
        command.current_dir(site.path("logs"));
        command.output().expect("started")
    };
    let path = |name: &str| site.path(name).display().to_string();
    // A link stays one, to a file that is there or not.
    fs::write(site.path("page.html"), "old").expect("written");
    fs::set_permissions(site.path("page.html"), fs::Permissions::from_mode(0o600)).expect("set");
    symlink("page.html", site.path("link.html")).expect("linked");
    symlink("later.html", site.path("early.html")).expect("linked");
    for (link, file) in [("link.html", "page.html"), ("early.html", "later.html")] {
        let output = bill(&path(link));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert!(site.path(link).is_symlink());
        let page = fs::read_to_string(site.path(file)).expect("read");
        assert!(page.starts_with("<!doctype html>"), "{link}");
    }
    let mode = fs::metadata(site.path("page.html"))
        .expect("there")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    // A pipe is written to.
    let made = Command::new("mkfifo").arg(site.path("pipe")).status();
    assert!(made.expect("started").success());
    let reader = {
        let pipe = site.path("pipe");
        std::thread::spawn(move || fs::read_to_string(pipe).expect("read"))
    };
    assert_eq!(bill(&path("pipe")).status.code(), Some(0));
    assert!(reader.join().expect("read").ends_with("</html>\n"));
    assert!(
        !fs::symlink_metadata(site.path("pipe"))
            .expect("there")
            .is_file()
    );
    // Standard output has the page and nothing else.
    let output = bill("-");
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        page.starts_with("<!doctype html>") && page.ends_with("</html>\n"),
        "{page}"
    );
    assert!(!site.path("logs/-").exists());
    let both = priced(&site, "bill", &["--html", "-", "--json"])
        .output()
        .expect("started");
    assert_eq!(both.status.code(), Some(2), "{}", text(&both));
}

#[test]
fn d8_a_page_that_cannot_be_written_is_told_before_or_after_publishing_as_it_is() {
    let site = site();
    let bill = |place: &str| {
        let output = priced(&site, "bill", &["--html", place])
            .output()
            .expect("started");
        (output.status.code(), text(&output))
    };
    let (code, said) = bill("/no/such/folder/page.html");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("nothing was published"), "{said}");
    assert!(!site.path("out/charges").exists());
    let (code, said) = bill(&site.path("logs").display().to_string());
    assert_eq!(code, Some(2), "{said}");
    // A full device is known only when it is written to.
    let (code, said) = bill("/dev/full");
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("all was published") && said.contains("only the statement is missing"),
        "{said}"
    );
    assert!(site.path("out/charges/_SUCCESS").exists());
}

#[test]
fn d19_a_folder_above_that_may_be_passed_and_not_read_does() {
    if !rustix::process::geteuid().is_root() {
        // Who is not root cannot own a folder that it cannot read.
        eprintln_skipped();
        return;
    }
    let site = Site::new();
    site.write("a.log", lines(0, 30));
    const NOBODY: u32 = 65_534;
    let own = |name: &str, mode: u32, owner: u32| {
        let path = site.path(name);
        fs::create_dir_all(&path).expect("made");
        std::os::unix::fs::chown(&path, Some(owner), Some(owner)).expect("given");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
    };
    // The folder that all tests are in belongs to root, too.
    fs::set_permissions(site.path("."), fs::Permissions::from_mode(0o711)).expect("set");
    own("closed", 0o711, 0);
    own("closed/mine", 0o755, NOBODY);
    own("closed/blind", 0o300, NOBODY);
    for parent in ["closed/mine", "closed/blind"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        command.arg("run").arg(site.log("a.log"));
        command.arg("--store").arg(site.path(parent).join("store"));
        command.arg("--out").arg(site.path(parent).join("out"));
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
        let output = command.output().expect("started");
        assert_eq!(output.status.code(), Some(0), "{parent}: {}", text(&output));
    }
    // The store itself stands in a folder of others.
    own("closed/store", 0o755, NOBODY);
    own("closed/out", 0o755, NOBODY);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    command.arg("run").arg(site.log("a.log"));
    command.arg("--store").arg(site.path("closed/store"));
    command.arg("--out").arg(site.path("closed/out"));
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    let output = command.output().expect("started");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

/// Says that a test did not run.
#[allow(clippy::print_stderr)]
fn eprintln_skipped() {
    eprintln!("SKIPPED: only root can make folders of others, so d19 was not tested");
}

#[test]
fn b5_names_that_are_not_there_are_told_with_the_nearest() {
    let site = site();
    let nobody = Site::run(site.command("explain").arg("v1.exmaple.cn"));
    assert_eq!(nobody.code, 1, "{}", nobody.stderr);
    assert!(
        nobody
            .stderr
            .contains("no usage of v1.exmaple.cn; the nearest"),
        "{}",
        nobody.stderr
    );
    assert!(
        nobody.stderr.contains("`v1.example.cn`"),
        "{}",
        nobody.stderr
    );
    // It is there, and not then.
    let then = Site::run(
        site.command("explain")
            .args(["v1.example.cn", "--month", "2020-01"]),
    );
    assert_eq!(then.code, 1);
    let near = "in that time; the nearest month is 2026-10";
    assert!(then.stderr.contains(near), "{}", then.stderr);
    let nothing = Site::run(site.command("explain").arg(""));
    assert_eq!(nothing.code, 2);
    assert!(
        nothing.stderr.contains("the domain is empty"),
        "{}",
        nothing.stderr
    );

    let events = "[[balance]]\naccount = \"acct-live\"\nat = \"2026-10-01T00:00\"\namount = \"5\"\n\
         [[licence]]\naccount = \"acct-live\"\napp_id = \"wx1\"\nat = \"2026-10-01T00:00\"\nstate = \"active\"\n";
    fs::write(site.path("events.toml"), events).expect("written");
    let events = site.path("events.toml").display().to_string();
    let arrears = |account: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        command.args(["arrears", "--events", &events, "--at", "2026-10-05T00:00"]);
        command
            .args(["--account", account])
            .output()
            .expect("started")
    };
    assert_eq!(arrears("acct-live").status.code(), Some(0));
    let typo = arrears("acct-life");
    assert_eq!(typo.status.code(), Some(1));
    let said = text(&typo);
    assert!(
        said.contains("the nearest is `acct-live`") && !said.contains("in credit"),
        "{said}"
    );

    let mut refund = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    refund.args([
        "licence",
        "refund",
        "--account",
        "acct-life",
        "--events",
        &events,
    ]);
    refund
        .args(["--at", "2026-10-05T00:00", "--store"])
        .arg(site.path("store"));
    refund.arg("--registry").arg(site.path("registry.toml"));
    let output = refund.output().expect("started");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("the nearest is `acct-live`"),
        "{}",
        text(&output)
    );

    let bill = priced(&site, "bill", &["--explain", "v1.exmaple.cn"])
        .output()
        .expect("started");
    assert_eq!(bill.status.code(), Some(1), "{}", text(&bill));
    assert!(text(&bill).contains("`v1.example.cn`"), "{}", text(&bill));
}

#[test]
fn b7_a_month_that_is_closed_already_is_said_and_nothing_changes() {
    let site = site();
    let close = |more: &[&str]| {
        let mut command = priced(&site, "close", &["--month", "2026-10", "--early", "--json"]);
        Site::run(command.args(more))
    };
    let first = close(&[]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let kept = site.kept();
    let second = close(&[]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(
        second.stderr.contains("2026-10 is closed since"),
        "{}",
        second.stderr
    );
    assert_eq!(second.json["digest"], first.json["digest"]);
    // A registry may have grown; other factors were asked for, and are not there.
    let more = "[[domain]]\nname = \"*.example.com\"\naccount = \"two\"\n";
    let registry = fs::read_to_string(site.path("registry.toml")).expect("read");
    fs::write(site.path("registry.toml"), registry + more).expect("written");
    let third = close(&[]);
    assert_eq!(third.code, 0, "{}", third.stderr);
    assert!(
        third.stderr.contains("the registry is another one"),
        "{}",
        third.stderr
    );
    for other in [&["--overhead-factor", "1.1"][..], &["--no-bill"]] {
        let said = close(other);
        assert_eq!(said.code, 1, "{}", said.stderr);
        assert!(said.stderr.contains("are given now"), "{}", said.stderr);
    }
    let after = site.kept();
    assert!(kept == after, "nothing changes");
}

#[test]
fn d16_cells_of_csv_are_no_formulas() {
    let site = site();
    let registry = "[[domain]]\nname = \"*.example.cn\"\naccount = \"=cmd|' /C calc'!A0\"\napp_id = \"@SUM(A1)\"\n";
    fs::write(site.path("registry.toml"), registry).expect("written");
    let output = priced(&site, "bill", &["--csv", "--focus"])
        .output()
        .expect("started");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let focus = site.path("out/focus_csv/billing_month=2026-10-01/part-00000.csv");
    let focus = fs::read_to_string(focus).expect("read");
    for csv in [String::from_utf8_lossy(&output.stdout).into_owned(), focus] {
        let mut rows = csv::Reader::from_reader(csv.as_bytes());
        let mut is_seen = false;
        for row in rows.records() {
            for cell in row.expect("a row").iter() {
                is_seen |= cell.starts_with("'=cmd");
                let is_number = cell.parse::<f64>().is_ok();
                assert!(
                    is_number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                    "{cell}"
                );
            }
        }
        assert!(is_seen, "{csv}");
    }
}

/// Nothing that steers is in it, and no line begins with what a name held.
#[track_caller]
fn check_harmless(what: &str, output: &Output) {
    let said = text(output);
    assert!(output.status.code().is_some(), "{what}");
    let steers = |char: char| !['\n', '\t'].contains(&char) && cdn_meter::units::is_steering(char);
    assert!(!said.contains(steers), "{what}: {said:?}");
    let is_forged = |line: &str| line.trim_start().starts_with("EVIL");
    assert!(!said.lines().any(is_forged), "{what}: {said}");
}

#[test]
fn d15_names_of_others_steer_no_terminal() {
    let site = Site::new();
    let name = EVIL.replace('\u{2028}', "");
    site.write(&format!("{name}.log"), lines(0, 30) + &lines(40, 400));
    site.write(&format!("bad-{name}.log"), "what is this?\n".repeat(5));
    let half = format!("{}{}\n", lines(500, 2), EVIL.replace('\n', " ")).repeat(3);
    site.write("half.log", half);
    let quoted = serde_json::to_string(EVIL).expect("a text");
    // TOML has the same escapes, but for one.
    let quoted = quoted.replace('\u{7f}', "\\u007f");
    // A registry has no control characters.
    let turned = "x\u{202e}\u{2028}EVIL\u{2066}y";
    let registry = format!(
        "[[domain]]\nname = \"*.example.cn\"\naccount = \"{turned}\"\napp_id = \"{turned}\"\n\
         mini_program_since = \"2026-09-01\"\n"
    );
    fs::write(site.path("registry.toml"), registry).expect("written");
    let events = format!(
        "[[balance]]\naccount = {quoted}\nat = \"2026-10-01T00:00\"\namount = \"5\"\n\
         [[licence]]\naccount = {quoted}\napp_id = {quoted}\nat = \"2026-10-01T00:00\"\nstate = \"active\"\n"
    );
    fs::write(site.path("events.toml"), events).expect("written");
    let events = site.path("events.toml").display().to_string();
    let logs = site.path("logs").display().to_string();
    let check = |what: &str, command: &mut Command| {
        check_harmless(what, &command.output().expect("started"));
    };
    let run = priced(&site, "run", &["--events", &events])
        .arg(&logs)
        .output()
        .expect("started");
    // It did its work: the names are in what it says.
    let said = text(&run);
    assert_eq!(run.status.code(), Some(1), "{said}");
    let names = ["refused", "account   x\\u{202e}\\u{2028}EVIL"];
    assert!(names.iter().all(|name| said.contains(name)), "{said}");
    check_harmless("run", &run);
    check("ingest", site.command("ingest").arg(&logs));
    check(
        "ingest",
        site.command("ingest").arg(format!("{logs}/none-{EVIL}")),
    );
    check("summary", &mut priced(&site, "summary", &[]));
    check("bill", &mut priced(&site, "bill", &["--events", &events]));
    check(
        "bill",
        &mut priced(&site, "bill", &["--explain", "v1.example.cn"]),
    );
    check("bill", &mut priced(&site, "bill", &["--explain", EVIL]));
    check(
        "bill",
        &mut priced(&site, "bill", &["--what-if", "mode=daily-peak"]),
    );
    check("bill", &mut priced(&site, "bill", &["--catalogue", EVIL]));
    check(
        "explain",
        site.command("explain").args(["v1.example.cn", "--lines"]),
    );
    check("explain", site.command("explain").arg(EVIL));
    check("verify", &mut site.command("verify"));
    check("verify", site.command("verify").args(["--against", &logs]));
    check(
        "close",
        &mut priced(&site, "close", &["--month", "2026-10", "--early"]),
    );
    check(
        "formats",
        Command::new(env!("CARGO_BIN_EXE_cdn-meter")).args(["formats", "--log-format", EVIL]),
    );
    check(
        "reconcile",
        site.command("reconcile").arg(format!("/none/{EVIL}")),
    );
    for name in ["arrears", "licence"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        command.arg(name);
        match name {
            "arrears" => command.args(["--account", EVIL]),
            _ => command.arg("status"),
        };
        check(
            name,
            command.args(["--events", &events, "--at", "2026-10-02T00:00"]),
        );
    }
    let mut refund = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    refund.args(["licence", "refund", "--account", EVIL, "--events", &events]);
    refund
        .args(["--at", "2026-10-05T00:00", "--store"])
        .arg(site.path("store"));
    check(
        "refund",
        refund.arg("--registry").arg(site.path("registry.toml")),
    );
}

#[test]
fn b8_one_is_one_and_nothing_has_no_brackets() {
    let site = Site::new();
    fs::write(site.path("registry.toml"), "").expect("written");
    site.write("one.log", lines(0, 1));
    let output = priced(&site, "run", &[]).arg(site.path("logs")).output();
    let said = text(&output.expect("started"));
    let explained = text(
        &site
            .command("explain")
            .arg("v0.example.cn")
            .output()
            .expect("started"),
    );
    let verified = text(&site.command("verify").output().expect("started"));
    site.write("empty.log", "");
    site.write("bad.log", "what is this?\n");
    let bad = text(
        &site
            .command("ingest")
            .arg(site.path("logs"))
            .output()
            .expect("started"),
    );
    for said in [&said, &explained, &verified, &bad] {
        for wrong in [
            "()",
            " 1 lines",
            " 1 files",
            " 1 requests",
            " 1 parts",
            " 1 contents",
            " 1 rows",
            " 1 segments",
            " 1 days",
            " 1 findings",
            "of 1 lines",
        ] {
            assert!(!format!(" {said}").contains(wrong), "{wrong}: {said}");
        }
    }
    assert!(explained.contains("1 request in 1 part"), "{explained}");
    assert!(
        verified.contains("1 content, 1 row in 1 segment:"),
        "{verified}"
    );
}
