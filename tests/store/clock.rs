//! What the clock alone brings about: no source has to come to its end for it.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Site, bytes, lines};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn d10_a_slow_input_does_not_hold_back_what_is_finished() {
    let site = Site::new();
    site.write("a.log", lines(0, 40));
    let feed = site.path("feed");
    let made = Command::new("mkfifo").arg(&feed).status();
    assert!(made.expect("mkfifo is there").success());
    let mut command = site.command("ingest");
    command
        .args(["--workers", "1"])
        .arg(site.path("logs"))
        .arg(&feed);
    command.env("CDN_METER_COMMIT_MILLIS", "50");
    let (quiet, silent) = (Stdio::null(), Stdio::null());
    let mut ingest = command
        .stdout(quiet)
        .stderr(silent)
        .spawn()
        .expect("started");
    // It is open from here on, and says no more for a while.
    let mut slow = File::options().write(true).open(&feed).expect("opened");
    slow.write_all(lines(100, 1).as_bytes()).expect("written");
    let since = Instant::now();
    loop {
        let verified = site.verify();
        if verified.json["bytes"].as_u64() == Some(bytes(0, 40)) {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "{}", verified.stderr);
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(slow);
    assert!(ingest.wait().expect("ended").success());
    assert_eq!(site.total().0, bytes(0, 40) + bytes(100, 1));
}
