//! Killing a real ingest, at every named place and at any moment: the totals are right afterwards.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use cdn_meter::disk::FAILPOINTS;

use crate::logs::Random;
use crate::program::{Site, bytes, lines, metered};

/// Kills of the last test, unless `CDN_METER_KILLS` says how many.
const KILLS: u64 = 40;
/// Rounds until it begins with a new store, so that checking all of it stays fast.
const ROUNDS_MAX: u64 = 50;
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

/// What comes in, round by round, and what of it has to count.
struct Deliveries {
    site: Site,
    /// Bytes and requests of what every round leaves as it is.
    samples: (u64, u64),
    round: u64,
}

impl Deliveries {
    fn begin() -> Self {
        let site = Site::new();
        fill(&site);
        let samples = metered(&[&site.path("logs")]);
        Deliveries {
            site,
            samples,
            round: 0,
        }
    }

    /// One file grows, one is replaced, one name moves on, one file is new.
    fn next(&mut self) {
        self.round += 1;
        let round = self.round;
        self.site.write("growing.log", lines(0, 10 * round));
        let newer = lines(50_000, 400 + round).replace(" /a/", &format!(" /{round}/"));
        self.site.write("replaced.log", newer);
        self.site
            .write("rotated.log", lines(60_000 + 400 * round, 320));
        self.site
            .write(&format!("new-{round}.log"), lines(100_000 + 10 * round, 7));
    }

    /// What has to count after the round, by the numbers of its lines.
    fn oracle(&self, round: u64) -> (u64, u64) {
        if round == 0 {
            return (0, 0);
        }
        let new = (1..=round).map(|round| bytes(100_000 + 10 * round, 7));
        let replaced = bytes(50_000, 400 + round);
        let rotated = (1..=round).map(|round| bytes(60_000 + 400 * round, 320));
        let sent = bytes(0, 10 * round) + replaced + rotated.sum::<u64>() + new.sum::<u64>();
        let requests = 10 * round + 400 + round + 320 * round + 7 * round;
        (self.samples.0 + sent, self.samples.1 + requests)
    }

    /// What a reader finds after a kill: all of the round, or nothing of it.
    fn check_as_it_was_left(&self, when: &str) {
        let total = match self.site.verify().code {
            // It was killed before there was a store.
            2 => (0, 0),
            _ => self.site.total_in_spite_of_orphans(),
        };
        let either = [self.oracle(self.round - 1), self.oracle(self.round)];
        assert!(either.contains(&total), "{when}: {total:?} of {either:?}");
    }

    fn check_after_restart(&self, when: &str) {
        let status = ingest(&self.site, None).status().expect("started");
        assert_eq!(status.code(), Some(0), "{when}");
        assert_eq!(self.site.total(), self.oracle(self.round), "{when}");
    }
}

/// A moment in an ingest.
#[derive(Debug)]
enum Moment {
    Place(String),
    After(Duration),
}

impl Moment {
    /// Any; an ingest takes `whole`.
    fn any(random: &mut Random, whole: Duration) -> Self {
        match random.one_in(2) {
            true => {
                let place = FAILPOINTS[random.below(FAILPOINTS.len())];
                Moment::Place(format!("{place}:{}", 1 + random.below(3)))
            }
            false => {
                let nanos = random.below(whole.as_nanos() as usize + 1);
                Moment::After(Duration::from_nanos(nanos as u64))
            }
        }
    }

    /// Whether an ingest was killed then, or had come to its end.
    fn kill(&self, site: &Site) -> bool {
        let status = match self {
            Moment::Place(place) => ingest(site, Some(place)).status(),
            Moment::After(time) => {
                let mut child = ingest(site, None).spawn().expect("started");
                std::thread::sleep(*time);
                child.kill().expect("killed or gone");
                child.wait()
            }
        };
        is_killed(status.expect("waited for"))
    }
}

#[test]
fn after_every_kill_a_restart_has_lost_and_doubled_nothing() {
    let wanted = std::env::var("CDN_METER_KILLS").ok();
    let wanted = wanted.map_or(KILLS, |count| count.parse().expect("a number"));
    // The time of a whole ingest, to spread the kills over.
    let trial = Deliveries::begin();
    let started = std::time::Instant::now();
    let status = ingest(&trial.site, None).status().expect("started");
    assert_eq!(status.code(), Some(0));
    let whole = started.elapsed();
    let (mut random, mut deliveries) = (Random(1), Deliveries::begin());
    let (mut at_places, mut at_random, mut ended) = (0, 0, 0);
    while at_places + at_random < wanted {
        if ROUNDS_MAX <= deliveries.round {
            deliveries = Deliveries::begin();
        }
        deliveries.next();
        let moment = Moment::any(&mut random, whole);
        let when = format!("round {}, {moment:?}", deliveries.round);
        match (moment.kill(&deliveries.site), &moment) {
            (false, _) => ended += 1,
            (true, Moment::Place(_)) => at_places += 1,
            (true, Moment::After(_)) => at_random += 1,
        }
        deliveries.check_as_it_was_left(&when);
        deliveries.check_after_restart(&when);
    }
    let said = format!(
        "{} kills: {at_places} at named places, {at_random} at random moments; \
         {ended} ingests came to their end before",
        at_places + at_random
    );
    writeln!(std::io::stderr(), "{said}").expect("said");
    assert!(0 < at_places && 0 < at_random, "{said}");
}

#[test]
fn a_kill_between_the_commits_of_one_ingest_keeps_the_committed_files_whole() {
    const FILES: u64 = 12;
    let (mut kills, mut partial) = (0, 0);
    for place in ["transaction.commit", "transaction.committed", "file.rename"] {
        for visit in 1.. {
            let site = Site::new();
            for file in 0..FILES {
                site.write(&format!("{file}.log"), lines(100 * file, 10));
            }
            let mut command = ingest(&site, Some(&format!("{place}:{visit}")));
            command.env("CDN_METER_COMMIT_ROWS", "1");
            if !is_killed(command.status().expect("started")) {
                break;
            }
            kills += 1;
            let left = match site.verify().code {
                // It was killed before there was a store.
                2 => 0,
                _ => site.total_in_spite_of_orphans().1,
            };
            assert_eq!(
                left % 10,
                0,
                "{place}:{visit}: files count whole or not at all"
            );
            partial += u64::from(0 < left && left < 10 * FILES);
            assert_eq!(site.ingest().code, 0, "{place}:{visit}");
            let all = (0..FILES).map(|file| bytes(100 * file, 10)).sum();
            assert_eq!(site.total(), (all, 10 * FILES), "{place}:{visit}");
        }
    }
    assert!(
        20 < kills && 10 < partial,
        "{kills} kills, {partial} in the middle"
    );
}
