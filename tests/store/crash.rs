//! Killing a real ingest, at every named place and at any moment: the totals are right afterwards.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use cdn_meter::store::FAILPOINTS;

use crate::program::{Site, lines, metered};

/// Kills at random moments, unless `CDN_METER_KILLS` says how many.
const KILLS: u64 = 40;
const SIGKILL: i32 = 9;

/// Logs that every way of reading meets: plain and packed, with headers, rejects and doubts.
fn fill(site: &Site) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/logs");
    for entry in fs::read_dir(samples).expect("listed") {
        let path = entry.expect("listed").path();
        if path.is_file() {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            fs::copy(&path, site.log(&name)).expect("copied");
        }
    }
}

fn ingest(site: &Site, kill_at: Option<&str>) -> Command {
    let mut command = site.command("ingest");
    command.arg(site.path("logs"));
    command.args(["--max-reject-ratio", "1"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(place) = kill_at {
        command.env("CDN_METER_KILL_AT", place);
    }
    command
}

fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(SIGKILL)
}

#[test]
fn a_kill_at_any_named_place_loses_and_doubles_nothing() {
    let mut kills = 0;
    for place in FAILPOINTS {
        let site = Site::new();
        site.write("first.log", lines(0, 20));
        for visit in 1.. {
            // A grown file and a new one, so that every visit has something to lose.
            site.write("first.log", lines(0, 20 + visit));
            site.write(&format!("{visit}.log"), lines(10_000 * visit, 5));
            let mut command = ingest(&site, Some(&format!("{place}:{visit}")));
            if !is_killed(command.status().expect("started")) {
                break;
            }
            kills += 1;
            let said = site.ingest();
            assert_eq!(said.code, 0, "{place}:{visit}: {}", said.stderr);
            assert_eq!(
                site.total(),
                metered(&[&site.path("logs")]),
                "killed at {place}:{visit}"
            );
        }
    }
    assert!(FAILPOINTS.len() - 1 <= kills, "{kills} kills");
}

#[test]
fn kills_at_any_moment_lose_and_double_nothing() {
    let count = std::env::var("CDN_METER_KILLS").ok();
    let count = count.map_or(KILLS, |count| count.parse().expect("a number"));
    let site = Site::new();
    fill(&site);
    // The time of a whole ingest, to spread the kills over.
    let trial = Site::new();
    fill(&trial);
    let started = std::time::Instant::now();
    assert!(
        ingest(&trial, None)
            .status()
            .expect("started")
            .code()
            .is_some()
    );
    let whole = started.elapsed();
    let (mut kills, mut seed) = (0, 0x2545_f491_4f6c_dd1d_u64);
    for round in 0..count {
        site.write("growing.log", lines(0, 10 * (round + 1)));
        site.write(&format!("new-{round}.log"), lines(100_000 + 100 * round, 7));
        let mut child = ingest(&site, None).spawn().expect("started");
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        std::thread::sleep(Duration::from_nanos(seed % (whole.as_nanos() as u64 + 1)));
        child.kill().expect("killed or gone");
        kills += u64::from(is_killed(child.wait().expect("waited for")));
    }
    let status = ingest(&site, None).status().expect("started");
    assert_eq!(status.code(), Some(0));
    let out = tempfile::tempdir().expect("a folder");
    let mut oracle = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    oracle.args([
        "run",
        "--no-store",
        "--json",
        "--max-reject-ratio",
        "1",
        "--out",
    ]);
    oracle.arg(out.path()).arg(site.path("logs"));
    let oracle = oracle.output().expect("started");
    let oracle: serde_json::Value = serde_json::from_slice(&oracle.stdout).expect("JSON");
    let count = |name: &str| oracle["usage"][name].as_u64().expect("a count");
    assert_eq!(site.total(), (count("bytes"), count("requests")));
    assert!(0 < kills, "no ingest was killed");
}
