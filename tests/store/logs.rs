//! Logs for random sequences, and what is in them, read in the plainest way.

use std::sync::Arc;

use crate::model::Text;

/// 2026-10-03 in UTC.
const DAY: u64 = 1_790_985_600;
const BEIJING_SECS: u64 = 8 * 3_600;
const SLOT_SECS: u64 = 300;
/// Two orders of columns; a log changes from one to the other on its way.
const FIELDS: [&str; 2] = [
    "date time sc-bytes x-host-header cs-uri-stem sc-status",
    "time date cs-uri-stem x-host-header sc-bytes sc-status",
];

/// Numbers that a seed decides (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Whether one case in `count` happens.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// The formats that the sequences use: one that is read in ranges, and one with headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    TencentCdn,
    CloudFront,
}

/// The domain of lines without a host, once it is told.
pub const OWN: &str = "own.example.cn";

/// A line that is metered, or would be if its domain were known.
pub struct Record {
    /// Where it starts.
    pub at: usize,
    /// `None` where the line names none: it is rejected.
    pub domain: Option<String>,
    pub slot: u32,
    pub bytes: u64,
}

/// The lines of a text that can be metered.
pub fn records(text: &[u8]) -> impl Iterator<Item = Record> + '_ {
    let (mut at, mut columns) = (0, Vec::new());
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.filter_map(move |line| {
        at += line.len();
        let start = at - line.len();
        let line = std::str::from_utf8(line)
            .expect("ASCII")
            .trim_end_matches('\n');
        if let Some(names) = line.strip_prefix("#Fields: ") {
            columns = names.split(' ').map(str::to_owned).collect();
        }
        let (domain, seconds, bytes) = match columns.is_empty() {
            true => tencent_record(line)?,
            false => cloudfront_record(line, &columns)?,
        };
        Some(Record {
            at: start,
            domain: (domain != "-").then_some(domain),
            slot: (seconds / SLOT_SECS) as u32,
            bytes,
        })
    })
}

/// Lines that were cut before their status is whole are rejected.
fn is_status(text: &str) -> bool {
    text.len() == 3
}

fn tencent_record(line: &str) -> Option<(String, u64, u64)> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [time, _, domain, _, bytes, _, _, status, ..] = fields[..] else {
        return None;
    };
    let clock = seconds(&time[8..]);
    let whole = is_status(status);
    whole.then(|| (domain.to_owned(), clock - BEIJING_SECS, number(bytes)))
}

fn cloudfront_record(line: &str, columns: &[String]) -> Option<(String, u64, u64)> {
    let fields: Vec<&str> = line.split('\t').collect();
    if line.starts_with('#') || fields.len() < columns.len() {
        return None;
    }
    let field = |name: &str| {
        let place = columns.iter().position(|column| column == name);
        fields[place.expect("a column")]
    };
    let clock = seconds(&field("time").replace(':', ""));
    let (domain, bytes) = (field("x-host-header").to_owned(), field("sc-bytes"));
    is_status(field("sc-status")).then(|| (domain, clock, number(bytes)))
}

fn number(text: &str) -> u64 {
    text.parse().expect("digits")
}

/// `hhmmss` of the day.
fn seconds(text: &str) -> u64 {
    let clock = number(text);
    DAY + clock / 10_000 * 3_600 + clock / 100 % 100 * 60 + clock % 100
}

/// What makes the lines of a log.
struct Lines {
    format: Format,
    log: usize,
    /// Bytes that make every line longer.
    padding: usize,
    /// Its first line is of so many times two minutes after eight.
    begins: usize,
}

impl Lines {
    /// Line `n`: no other line of this or another log has its bytes.
    fn line(&self, n: usize) -> String {
        let (minute, second) = (8 * 60 + (self.begins + n) * 2, n % 60);
        let (hour, minute) = (minute / 60 % 24, minute % 60);
        let bytes = 100_000 * (self.log + 1) + n;
        let domain = match n % 11 {
            10 => "-".to_owned(),
            _ => format!("v{}.example.cn", n % 3),
        };
        let path = format!("/{}/{n}{}", self.log, "x".repeat(self.padding));
        match self.format {
            Format::TencentCdn => format!(
                "20261003{hour:02}{minute:02}{second:02} 203.0.113.9 {domain} {path} \
                 {bytes} 22 2 200 NULL 41\n"
            ),
            Format::CloudFront if n < 7 => format!(
                "2026-10-03\t{hour:02}:{minute:02}:{second:02}\t{bytes}\t{domain}\t\
                 {path}\t200\n"
            ),
            Format::CloudFront => format!(
                "{hour:02}:{minute:02}:{second:02}\t2026-10-03\t{path}\t{domain}\t\
                 {bytes}\t200\n"
            ),
        }
    }

    fn text(&self, count: usize) -> String {
        let header = |n: usize| match (self.format, n) {
            (Format::CloudFront, 0) => format!("#Version: 1.0\n#Fields: {}\n", FIELDS[0]),
            (Format::CloudFront, 7) => format!("#Fields: {}\n", FIELDS[1]),
            _ => String::new(),
        };
        (0..count).map(|n| header(n) + &self.line(n)).collect()
    }
}

/// Some logs of which files are starts: each of its own, or like an earlier one up to some place.
pub fn logs(random: &mut Random, format: Format) -> Vec<Text> {
    let mut logs: Vec<String> = Vec::new();
    for log in 0..2 + random.below(3) {
        let like = (log != 0).then(|| logs[random.below(log)].clone());
        logs.push(match (like, random.below(5)) {
            (Some(like), 0) => another_line(random, like),
            (Some(like), 1) => another_end(&like),
            (Some(like), 2) => another_branch(
                random,
                &like,
                Lines {
                    format,
                    log,
                    padding: 0,
                    begins: 0,
                },
            ),
            _ => {
                let (count, padding) = size(random);
                // Some begin where another one ends, or after it.
                let begins = log * [0, 20, 40][random.below(3)];
                Lines {
                    format,
                    log,
                    padding,
                    begins,
                }
                .text(count.min(450 - begins))
            }
        });
    }
    logs.into_iter()
        .map(|log| Arc::from(log.into_bytes()))
        .collect()
}

/// Lines, and how much longer than needed they are: now and then more than a chunk of digests
/// (1 MiB), seldom more than what is read as one range (8 MiB).
fn size(random: &mut Random) -> (usize, usize) {
    match random.below(400) {
        0 => (450, 20_000),
        1..=6 => (300 + random.below(100), 5_000),
        7..=14 => (40 + random.below(80), 20_000 + random.below(5_000)),
        15..=60 => (1 + random.below(4), 0),
        _ => (1 + random.below(40), 0),
    }
}

/// The same but for one digit in the middle of it.
fn another_line(random: &mut Random, log: String) -> String {
    let paths: Vec<usize> = log.match_indices("/").map(|(at, _)| at + 1).collect();
    let at = paths[random.below(paths.len())];
    let digit = if &log[at..=at] == "8" { "9" } else { "8" };
    format!("{}{digit}{}", &log[..at], &log[at + 1..])
}

/// The same but for its last digit.
fn another_end(log: &str) -> String {
    let at = log.rfind(|c: char| c.is_ascii_digit()).expect("a digit");
    let digit = (log.as_bytes()[at] - b'0' + 1) % 10;
    format!("{}{digit}{}", &log[..at], &log[at + 1..])
}

/// The same up to some line, then other lines.
fn another_branch(random: &mut Random, log: &str, lines: Lines) -> String {
    let ends: Vec<usize> = log.match_indices('\n').map(|(at, _)| at + 1).collect();
    let kept = random.below(ends.len());
    let other = lines.text(kept + 1 + random.below(20));
    let rest: Vec<&str> = other.split_inclusive('\n').skip(kept + 1).collect();
    format!("{}{}", &log[..ends[kept]], rest.concat())
}
