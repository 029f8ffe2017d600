//! Publishing by its front: what a command built goes in together or not at all, whoever else builds there, and
//! whenever it is killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cdn_meter::disk::PUBLISHING_FAILPOINTS;

use crate::program::{Said, Site, bytes, lines, read_folder};

pub const SIGKILL: i32 = 9;
const REGISTRY: &str = "[[domain]]\nname = \"*.example.cn\"\naccount = \"one\"\n";

/// Files of a folder that readers see, by their place in it.
pub fn seen(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    read_folder(out, &mut files);
    let files = files.into_iter().map(|(path, content)| {
        let place = path.strip_prefix(out).expect("below").to_owned();
        (place, content)
    });
    files
        .filter(|(place, _)| !place.to_string_lossy().starts_with('.'))
        .collect()
}

/// Names in a folder, hidden ones included, but for what tells what datasets were made of.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("listed");
    let names = entries.map(|entry| entry.expect("listed").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != ".made-of").collect();
    names.sort_unstable();
    names
}

/// A command with a registry, that publishes in `out`.
pub fn command(site: &Site, name: &str, out: &str, more: &[&str]) -> Command {
    fs::write(site.path("registry.toml"), REGISTRY).expect("written");
    let mut command = site.command(name);
    command.arg("--json").arg("--out").arg(site.path(out));
    command.arg("--registry").arg(site.path("registry.toml"));
    command.args(more);
    if name == "run" {
        command.arg(site.path("logs"));
    }
    command
}

pub fn run(site: &Site, name: &str, out: &str, more: &[&str]) -> Said {
    Site::run(&mut command(site, name, out, more))
}

/// Lines of November.
pub fn later(from: u64, count: u64) -> String {
    lines(from, count).replace("20261003", "20261103")
}

#[test]
fn d7_what_a_killed_build_of_the_same_process_number_left_is_never_published() {
    let site = Site::new();
    site.write("a.log", lines(0, 20));
    // In containers every command has the number 1: here the shell has that of the program that it becomes.
    let script = "mkdir -p $OUT/.building-summary-$$/summary/billing_month=2026-01-01 \
         && echo old > $OUT/.building-summary-$$/summary/billing_month=2026-01-01/part-00000.parquet \
         && exec \"$@\"";
    let mut shell = Command::new("sh");
    shell.env("OUT", site.path("out"));
    shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_cdn-meter"), "run"]);
    shell.arg("--store").arg(site.path("store"));
    shell.arg("--json").arg("--out").arg(site.path("out"));
    let said = Site::run(shell.arg(site.path("logs")));
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(
        names(&site.path("out/summary")),
        ["_SUCCESS", "billing_month=2026-10-01"]
    );
    assert!(said.stderr.contains("earlier version"), "{}", said.stderr);
}

#[test]
fn d7_a_live_build_of_anybody_is_left_alone_and_a_killed_one_is_removed() {
    let site = Site::new();
    site.write("a.log", lines(0, 20));
    let [live, dead] =
        ["live", "dead"].map(|name| site.path("out").join(format!(".building-{name}")));
    for build in [&live, &dead] {
        fs::create_dir_all(build.join("new/summary")).expect("made");
        fs::write(build.join("new/summary/part-00000.parquet"), "half").expect("written");
        fs::write(build.join("lock"), "").expect("written");
    }
    let lock = File::open(live.join("lock")).expect("opened");
    lock.lock().expect("locked");
    assert_eq!(run(&site, "run", "out", &[]).code, 0);
    assert!(live.join("new/summary/part-00000.parquet").exists());
    assert!(!dead.exists());
    drop(lock);
    assert_eq!(run(&site, "summary", "out", &[]).code, 0);
    assert_eq!(
        names(&site.path("out")),
        ["charges", "costs", "summary", "usage_5min"]
    );
}

#[test]
fn d7_many_commands_at_once_publish_whole_states_in_one_folder() {
    let site = Site::new();
    site.write("a.log", lines(0, 40));
    assert_eq!(site.ingest().code, 0);
    let commands = (0..12).map(|turn| {
        let mut command = command(&site, ["summary", "bill"][turn % 2], "out", &[]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    });
    // Their registry is written by then.
    let mut commands: Vec<Command> = commands.collect();
    let children = commands.iter_mut();
    let children: Vec<_> = children
        .map(|command| command.spawn().expect("started"))
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("waited for");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    assert_eq!(
        names(&site.path("out")),
        ["charges", "costs", "summary", "usage_5min"]
    );
}

/// A store with a published state in `out`, and one more file that was not published: what is there, and what a
/// whole `run` makes of it.
pub fn half_way(env: &[(&str, &str)]) -> (Site, [BTreeMap<PathBuf, Vec<u8>>; 2]) {
    let site = Site::new();
    site.write("a.log", lines(0, 30) + "garbage\n");
    let ratio = ["--max-reject-ratio", "1"];
    let with_env = |name, out, more: &[&str]| {
        let mut command = command(&site, name, out, more);
        let said = Site::run(command.envs(env.iter().copied()));
        assert_eq!(said.code, 0, "{}", said.stderr);
    };
    with_env("run", "out", &ratio);
    with_env("bill", "out", &["--focus"]);
    let before = seen(&site.path("out"));
    site.write("b.log", later(0, 30) + "rubbish\n");
    with_env("run", "whole", &ratio);
    let after = seen(&site.path("whole"));
    assert!(before.keys().any(|path| path.starts_with("focus")));
    assert_ne!(before, after);
    (site, [before, after])
}

#[test]
fn d7_d23_a_kill_at_any_place_of_publishing_leaves_what_the_next_command_puts_right() {
    for env in [&[][..], &[("CDN_METER_NO_EXCHANGE", "1")]] {
        let (site, [before, after]) = half_way(env);
        let (mut kills, mut mixed) = (0, 0);
        for place in PUBLISHING_FAILPOINTS {
            for visit in 1.. {
                let at = format!("{place}:{visit}");
                let mut killed = command(&site, "run", "out", &["--max-reject-ratio", "1"]);
                killed
                    .envs(env.iter().copied())
                    .env("CDN_METER_KILL_AT", &at);
                killed.stdout(Stdio::null()).stderr(Stdio::null());
                let status = killed.status().expect("started");
                if status.signal() != Some(SIGKILL) {
                    break;
                }
                kills += 1;
                let mut left = seen(&site.path("out"));
                let is_cut_short = left.remove(Path::new("_PUBLISHING")).is_some();
                // Empty files that tell new from old until all is published; the next command removes them, too.
                left.retain(|path, _| !path.to_string_lossy().contains("/.new-of"));
                let is_mixture = left != before && left != after;
                mixed += u32::from(is_mixture);
                assert!(
                    is_cut_short || !is_mixture,
                    "{at} {env:?}: a mixture, and nothing says so"
                );
                // It publishes nothing, and takes back what was swapped.
                let next = run(&site, "summary", "out", &["--month", "2020-01"]);
                assert_eq!(next.code, 1, "{at}: {}", next.stderr);
                let is_said = next.stderr.contains("are as they were before it");
                assert!(is_said || !is_mixture, "{at}: {}", next.stderr);
                let next = seen(&site.path("out"));
                let expected = match is_cut_short || left == before {
                    true => &before,
                    false => &after,
                };
                assert!(next == *expected, "{at} {env:?}");
                let names = names(&site.path("out"));
                assert!(names.iter().all(|name| !name.starts_with('.')), "{at}");
                restore(&site, &before);
            }
            assert_eq!(seen(&site.path("out")), after, "{place}");
            restore(&site, &before);
        }
        assert!(
            20 < kills && 2 < mixed,
            "{kills} kills, {mixed} of them in between"
        );
    }
}

/// Puts a state into `out` by hand, with what it was made of.
fn restore(site: &Site, state: &BTreeMap<PathBuf, Vec<u8>>) {
    let (out, made_of) = (site.path("out"), site.path("out/.made-of"));
    let text = fs::read(&made_of).expect("read");
    fs::remove_dir_all(&out).expect("removed");
    for (place, content) in state {
        let path = out.join(place);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }
    fs::write(made_of, text).expect("written");
}

#[test]
fn d7_a_failure_at_any_place_of_publishing_changes_nothing_and_says_so() {
    let (site, [before, after]) = half_way(&[]);
    let mut failures = 0;
    for place in PUBLISHING_FAILPOINTS {
        if ["publish.undo", "publish.committed"].contains(&place) {
            continue;
        }
        for visit in 1.. {
            let mut failing = command(&site, "run", "out", &["--max-reject-ratio", "1"]);
            let said = Site::run(failing.env("CDN_METER_FAIL_AT", format!("{place}:{visit}")));
            if said.code == 0 {
                break;
            }
            failures += 1;
            assert_eq!(said.code, 3, "{place}:{visit}: {}", said.stderr);
            assert!(
                said.stderr
                    .contains("nothing was published, what was there before is unchanged"),
                "{place}:{visit}: {}",
                said.stderr
            );
            assert_eq!(seen(&site.path("out")), before, "{place}:{visit}");
            assert!(
                names(&site.path("out"))
                    .iter()
                    .all(|name| !name.starts_with('.'))
            );
        }
        assert_eq!(seen(&site.path("out")), after, "{place}");
        restore(&site, &before);
    }
    assert!(15 < failures, "{failures}");
}

#[test]
fn d7_where_nothing_can_be_taken_back_the_message_says_what_is_new_and_the_next_command_goes_on() {
    let (site, [before, after]) = half_way(&[]);
    let mut failing = command(&site, "run", "out", &["--max-reject-ratio", "1"]);
    failing.env("CDN_METER_FAIL_AT", "publish.swap:5");
    failing.env("CDN_METER_KILL_AT", "publish.undo:3");
    failing.stdout(Stdio::null()).stderr(Stdio::null());
    // It is killed while it takes back.
    assert_eq!(failing.status().expect("started").signal(), Some(SIGKILL));
    assert!(site.path("out/_PUBLISHING").exists());
    let said = run(&site, "summary", "out", &["--month", "2020-01"]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert_eq!(seen(&site.path("out")), before);
    // All is published, and only its durability is in doubt.
    let mut failing = command(&site, "run", "out", &["--max-reject-ratio", "1"]);
    let said = Site::run(failing.env("CDN_METER_FAIL_AT", "publish.committed"));
    assert_eq!(said.code, 3);
    assert!(said.stderr.contains("all was published"), "{}", said.stderr);
    assert_eq!(seen(&site.path("out")), after);
}

#[test]
fn b2_with_a_month_only_its_folders_change() {
    let site = Site::new();
    site.write("a.log", lines(0, 30));
    site.write("b.log", later(0, 30));
    assert_eq!(run(&site, "run", "out", &[]).code, 0);
    assert_eq!(run(&site, "bill", "out", &["--focus"]).code, 0);
    let before = seen(&site.path("out"));
    site.write("c.log", lines(5_000, 10));
    site.write("d.log", later(5_000, 10));
    assert_eq!(site.ingest().code, 0);
    let is_of = |month: &str, path: &Path| path.to_string_lossy().contains(month);
    let parts = |of: &BTreeMap<PathBuf, Vec<u8>>, month: &str| {
        let mut of = of.clone();
        of.retain(|path, _| is_of(month, path));
        of
    };
    let said = run(&site, "summary", "out", &["--month", "2026-11"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let after = seen(&site.path("out"));
    assert_eq!(parts(&before, "=2026-10"), parts(&after, "=2026-10"));
    let summary = Path::new("summary/billing_month=2026-11-01/part-00000.parquet");
    assert_ne!(before[summary], after[summary]);
    // What that month's bill was made of is not what counts now.
    assert!(!site.path("out/charges/billing_month=2026-11-01").exists());
    assert!(
        said.stderr
            .contains("charges/billing_month=2026-11-01 was of"),
        "{}",
        said.stderr
    );

    let said = run(&site, "bill", "out", &["--month", "2026-11"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let billed = seen(&site.path("out"));
    assert_eq!(parts(&before, "=2026-10"), parts(&billed, "=2026-10"));
    assert!(site.path("out/charges/billing_month=2026-11-01").exists());
    assert_eq!(after[summary], billed[summary]);
}

#[test]
fn b2_a_month_without_usage_is_said_and_touches_nothing() {
    let site = Site::new();
    site.write("a.log", lines(0, 30));
    assert_eq!(run(&site, "run", "out", &[]).code, 0);
    let before = seen(&site.path("out"));
    for name in ["summary", "bill"] {
        let said = run(&site, name, "out", &["--month", "2031-05"]);
        assert_eq!(said.code, 1, "{name}: {}", said.stderr);
        assert!(said.stderr.contains("2031-05"), "{name}: {}", said.stderr);
        assert!(
            said.stderr.contains("stays as it is"),
            "{name}: {}",
            said.stderr
        );
        assert_eq!(seen(&site.path("out")), before, "{name}");
        // Nor is a folder made for nothing.
        assert_eq!(run(&site, name, "none", &["--month", "2031-05"]).code, 1);
        assert!(!site.path("none").exists(), "{name}");
    }
}

#[test]
fn b3_what_derives_from_older_usage_is_removed_and_named() {
    let site = Site::new();
    site.write("a.log", lines(0, 30));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(run(&site, "bill", "out", &["--focus"]).code, 0);
    // Of the same usage by the same registry all stays, in any order.
    assert_eq!(run(&site, "summary", "out", &[]).code, 0);
    let all = [
        "charges",
        "costs",
        "focus",
        "focus_csv",
        "summary",
        "usage_5min",
    ];
    assert_eq!(names(&site.path("out")), all);
    assert_eq!(run(&site, "bill", "out", &["--focus"]).code, 0);
    assert_eq!(names(&site.path("out")), all);
    let removed = |said: &Said, names: &[&str]| {
        for name in names {
            let text = format!("out/{name} was of an earlier command");
            assert!(said.stderr.contains(&text), "{name}: {}", said.stderr);
        }
        assert_eq!(
            said.stderr.matches("was of an earlier").count(),
            names.len()
        );
    };

    // Late data, and usage alone: the bill is of what was before.
    site.write("b.log", lines(1_000, 3));
    assert_eq!(site.ingest().code, 0);
    let said = run(&site, "summary", "out", &[]);
    removed(&said, &["charges", "costs", "focus", "focus_csv"]);
    assert_eq!(names(&site.path("out")), ["summary", "usage_5min"]);
    assert_eq!(run(&site, "bill", "out", &["--focus"]).code, 0);
    assert_eq!(names(&site.path("out")), all);

    // The bill alone: usage is of what was before.
    site.write("c.log", lines(2_000, 3));
    assert_eq!(site.ingest().code, 0);
    let said = run(&site, "bill", "out", &["--focus"]);
    removed(&said, &["summary", "usage_5min"]);

    // A run publishes usage and bill together, and FOCUS is of the bill before.
    site.write("d.log", lines(3_000, 3));
    let said = run(&site, "run", "out", &[]);
    removed(&said, &["focus", "focus_csv"]);
    assert_eq!(
        names(&site.path("out")),
        ["charges", "costs", "summary", "usage_5min"]
    );

    // Without a registry nothing is priced, and everybody is somebody else.
    let mut bare = site.command("run");
    bare.arg("--out")
        .arg(site.path("out"))
        .arg(site.path("logs"));
    removed(&Site::run(&mut bare), &["charges", "costs"]);
    assert_eq!(names(&site.path("out")), ["summary", "usage_5min"]);
    assert_eq!(
        site.total(),
        (
            bytes(0, 30) + bytes(1_000, 3) + bytes(2_000, 3) + bytes(3_000, 3),
            39
        )
    );
}

#[test]
fn b3_every_folder_that_commands_publish_is_in_the_table_of_datasets() {
    use cdn_meter::report::Dataset;
    let site = Site::new();
    site.write("a.log", lines(0, 30));
    site.write("b.log", later(0, 30));
    assert_eq!(site.ingest().code, 0);
    let close = site.with_registry("close", &["--month", "2026-10", "--early"]);
    assert_eq!(close.code, 0, "{}", close.stderr);
    site.write("late.log", lines(900, 5));
    assert_eq!(run(&site, "run", "out", &[]).code, 0);
    assert_eq!(run(&site, "bill", "out", &["--focus"]).code, 0);
    let mut known = Dataset::ALL.map(|dataset| dataset.name().to_owned());
    known.sort_unstable();
    assert_eq!(names(&site.path("out")), known);
}

#[test]
fn d18_a_second_run_leaves_the_rejected_lines_that_the_store_holds() {
    let site = Site::new();
    site.write("a.log", lines(0, 200) + "garbage\n");
    let quarantine = site.path("out/quarantine.ndjson");
    assert_eq!(run(&site, "run", "out", &[]).code, 0);
    let first = fs::read_to_string(&quarantine).expect("written");
    assert_eq!(first.lines().count(), 1);
    let said = run(&site, "run", "out", &[]);
    assert!(
        said.stderr.contains("rejected lines are in"),
        "{}",
        said.stderr
    );
    assert_eq!(fs::read_to_string(&quarantine).expect("still there"), first);

    // Those of a later file come to them, and of a refused one while it is refused.
    site.write("b.log", lines(1_000, 200) + "rubbish\n");
    site.write("refused.log", lines(2_000, 100) + &"nonsense\n".repeat(9));
    assert_eq!(run(&site, "run", "out", &[]).code, 1);
    let text = fs::read_to_string(&quarantine).expect("written");
    for (word, count) in [("garbage", 1), ("rubbish", 1), ("nonsense", 9)] {
        assert_eq!(
            text.matches(&format!("\"raw\":\"{word}")).count(),
            count,
            "{text}"
        );
    }
    // What counts no more is in quarantine no more.
    fs::remove_file(site.log("refused.log")).expect("removed");
    site.write("a.log", lines(0, 200).replace("/a/", "/new/"));
    assert_eq!(run(&site, "run", "out", &["--names", "deliveries"]).code, 0);
    let text = fs::read_to_string(&quarantine).expect("written");
    assert!(
        !text.contains("garbage") && text.contains("rubbish"),
        "{text}"
    );
}
