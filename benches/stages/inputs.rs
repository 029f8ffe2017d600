//! The inputs: made in memory, the same on every machine.
//!
//! | name | what |
//! |---|---|
//! | `typical` | 8 MB per format: three hours of the 2 GB corpus, 500 domains by Zipf's law |
//! | `rejects-5pct` | the same with a torn line behind every 19 lines |
//! | `one-host` | 8 MB of one domain |
//! | `million-hosts` | a million lines of a million domains |
//! | `month` | 150 MB over all of a month, 40 domains: some 200,000 rows of usage |
//!
//! An input whose id names none is `typical`. Of the two large ones only what the stage needs is
//! kept, not the text.

use std::io;

use cdn_meter::meter::{Domains, Meter, UsageRow};
use cdn_meter::record::{Clock, Fate, Layout, Record, scan};

use crate::lines::{Format, Lines, Share, Totals};

/// All formats, in the order of the table.
pub const FORMATS: [Format; 5] = [
    Format::TencentCdn,
    Format::TencentLive,
    Format::Cloudfront,
    Format::Cloudflare,
    Format::Nginx,
];

const SEED: u64 = 1;
const DOMAINS: usize = 500;
const TEXT_BYTES: u64 = 8_000_000;
/// The typical text is one such part of a month: as many lines per slot as 2 GB a month have.
const PARTS_OF_MONTH: u64 = 250;
/// Lines between two torn ones.
const LINES_PER_TORN: u64 = 19;
/// A torn line is its first quarter, which in no format reaches all fields that are needed.
const TORN_PART: usize = 4;
/// Gives a million lines of the Tencent CDN format.
const MILLION_HOSTS_BYTES: u64 = 292_800_000;
const MONTH_BYTES: u64 = 150_000_000;
const MONTH_DOMAINS: usize = 40;

/// A log text, and what is in it.
pub struct Text {
    /// Its format.
    pub format: Format,
    /// The lines.
    pub bytes: Vec<u8>,
    /// What must be metered.
    pub totals: Totals,
    /// Lines that must be rejected.
    pub rejected: u64,
}

impl Text {
    /// Its length.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Newlines in it: the lines of all fates.
    pub fn newlines(&self) -> u64 {
        let headers = if self.format == Format::Cloudfront {
            2
        } else {
            0
        };
        self.totals.lines + self.rejected + headers
    }
}

/// Records that were read from a text; their hosts stand side by side, as near to each other as
/// the meter finds them right after parsing.
pub struct Parsed {
    /// Length of the text.
    pub text_bytes: u64,
    /// What must be metered.
    pub totals: Totals,
    hosts: Vec<u8>,
    /// Records without host, and where their host ends.
    rows: Vec<(Record<'static>, usize)>,
}

impl Parsed {
    /// The records.
    pub fn records(&self) -> Vec<Record<'_>> {
        let mut from = 0;
        let record = |&(record, to): &(Record<'static>, usize)| {
            let host = &self.hosts[from..to];
            from = to;
            Record { host, ..record }
        };
        self.rows.iter().map(record).collect()
    }
}

/// Usage of a month, as the meter leaves it.
pub struct Month {
    /// Length of the text.
    pub text_bytes: u64,
    /// What must be in it.
    pub totals: Totals,
    /// The rows, every cell once.
    pub rows: Vec<UsageRow>,
    /// Names of domains by number.
    pub names: Vec<String>,
}

/// All inputs but the files of whole runs.
pub struct Inputs {
    /// `typical`, in the order of [`FORMATS`].
    pub typical: Vec<Text>,
    /// `rejects-5pct`, in the order of [`FORMATS`].
    pub rejects: Vec<Text>,
    /// `typical` as records.
    pub typical_records: Parsed,
    /// `one-host` as records.
    pub one_host: Parsed,
    /// `million-hosts` as records.
    pub million_hosts: Parsed,
    /// `month` as rows.
    pub month: Month,
}

impl Inputs {
    /// Makes them.
    pub fn new() -> Self {
        let typical: Vec<Text> = FORMATS.into_iter().map(|format| text(format, 0)).collect();
        let part = Share {
            index: 0,
            count: PARTS_OF_MONTH,
            bytes: TEXT_BYTES,
        };
        let whole = Share {
            index: 0,
            count: 1,
            bytes: MILLION_HOSTS_BYTES,
        };
        let lines = |domains| Lines::new(Format::TencentCdn, domains, SEED);
        Inputs {
            rejects: typical.iter().map(with_torn_lines).collect(),
            typical,
            typical_records: parsed(lines(DOMAINS), part, |_, _| {}),
            one_host: parsed(lines(1), part, |_, _| {}),
            million_hosts: parsed(lines(1), whole, name_by_number),
            month: month(),
        }
    }

    /// The typical text of Tencent CDN.
    pub fn tencent_cdn(&self) -> &Text {
        &self.typical[0]
    }
}

/// The layout of a format's corpus.
pub fn layout(format: Format) -> Layout {
    let template = (format == Format::Nginx).then_some("vhost_combined");
    Layout::by_name(format.name(), template).expect("a format of ours")
}

/// The `index`-th part of the month of the typical corpus.
pub fn text(format: Format, index: u64) -> Text {
    let share = Share {
        index,
        count: PARTS_OF_MONTH,
        bytes: TEXT_BYTES,
    };
    let mut bytes = Vec::with_capacity(TEXT_BYTES as usize + 4096);
    let mut lines = Lines::new(format, DOMAINS, SEED + index);
    let totals = written(lines.write_share(share, |line| {
        bytes.extend_from_slice(line);
        Ok(())
    }));
    Text {
        format,
        bytes,
        totals,
        rejected: 0,
    }
}

fn with_torn_lines(text: &Text) -> Text {
    let mut bytes = Vec::with_capacity(text.bytes.len() * 21 / 20);
    let mut rejected = 0;
    for (number, line) in (1..).zip(text.bytes.split_inclusive(|&byte| byte == b'\n')) {
        bytes.extend_from_slice(line);
        if number % LINES_PER_TORN == 0 {
            bytes.extend_from_slice(&line[..line.len() / TORN_PART]);
            bytes.push(b'\n');
            rejected += 1;
        }
    }
    Text {
        format: text.format,
        bytes,
        totals: text.totals,
        rejected,
    }
}

/// The records of lines that `change` has changed, given the number of each.
fn parsed(mut lines: Lines, share: Share, change: impl Fn(u64, &mut [u8])) -> Parsed {
    let (mut layout, mut clock) = (layout(Format::TencentCdn), Clock::default());
    let (mut hosts, mut rows) = (Vec::new(), Vec::new());
    let (mut text_bytes, mut number) = (0, 0);
    let mut changed = Vec::new();
    let totals = written(lines.write_share(share, |line| {
        if line.is_empty() {
            // This format has no header.
            return Ok(());
        }
        changed.clear();
        changed.extend_from_slice(line);
        change(number, &mut changed);
        scan(&mut layout, &changed, &mut clock, |judged| {
            let Fate::Metered(record) = judged.fate else {
                return;
            };
            hosts.extend_from_slice(record.host);
            rows.push((
                Record {
                    host: b"",
                    ..record
                },
                hosts.len(),
            ));
        });
        text_bytes += changed.len() as u64;
        number += 1;
        Ok(())
    }));
    Parsed {
        text_bytes,
        totals,
        hosts,
        rows,
    }
}

/// Writes `number` over the first label of the line's domain, `play-0000`, which is as long.
fn name_by_number(number: u64, line: &mut [u8]) {
    let at = memchr::memmem::find(line, b"play-").expect("a domain of the generator");
    line[at..at + 9].copy_from_slice(format!("{number:09}").as_bytes());
}

fn month() -> Month {
    let share = Share {
        index: 0,
        count: 1,
        bytes: MONTH_BYTES,
    };
    let parsed = parsed(
        Lines::new(Format::TencentCdn, MONTH_DOMAINS, SEED),
        share,
        |_, _| {},
    );
    let domains = Domains::new();
    let mut meter = Meter::new(&domains, None);
    for record in parsed.records() {
        meter.add(&record).expect("a host of the generator");
    }
    let mut rows = Vec::new();
    meter.take_rows(&mut rows).expect("few domains");
    drop(meter);
    let (text_bytes, totals) = (parsed.text_bytes, parsed.totals);
    Month {
        text_bytes,
        totals,
        rows,
        names: domains.names(),
    }
}

fn written(totals: io::Result<Totals>) -> Totals {
    totals.expect("memory can be written to")
}
