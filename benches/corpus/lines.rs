//! The lines of a corpus: one writer per format, all from the same drawn events.

use std::io::{self, Write};

use clap::ValueEnum;

/// First second of the corpus month: 2026-10-01T00:00:00+08:00.
const MONTH_FROM_SECS: u64 = 1_790_784_000;
const MONTH_SECS: u64 = 31 * 86_400;
const UTC_PLUS_8_SECS: u64 = 8 * 3_600;

/// The formats that can be written.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq, Debug)]
pub enum Format {
    /// Tencent Cloud CDN offline log, 16 fields
    TencentCdn,
    /// Tencent Cloud Live playback log, 20 fields
    TencentLive,
    /// CloudFront standard log, 33 columns
    Cloudfront,
    /// Cloudflare Logpush HTTP requests
    Cloudflare,
    /// Apache vhost_combined, which nginx can write too
    Nginx,
}

impl Format {
    /// The name that `--format` takes here and in cdn-meter.
    pub fn name(self) -> &'static str {
        match self {
            Format::TencentCdn => "tencent-cdn",
            Format::TencentLive => "tencent-live",
            Format::Cloudfront => "cloudfront",
            Format::Cloudflare => "cloudflare",
            Format::Nginx => "nginx",
        }
    }
}

/// What a reader of the corpus must find: lines that count, and their downstream bytes.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Lines, header lines not counted.
    pub lines: u64,
    /// Downstream bytes.
    pub bytes: u64,
}

impl Totals {
    /// Adds the totals of another file.
    pub fn add(&mut self, other: Totals) {
        self.lines += other.lines;
        self.bytes += other.bytes;
    }
}

/// Which part of the corpus a file is.
#[derive(Clone, Copy)]
pub struct Share {
    /// Position of the file, from 0.
    pub index: u64,
    /// Files in all.
    pub count: u64,
    /// Bytes of log text that the file is to have.
    pub bytes: u64,
}

/// One request, as every format tells it.
struct Event<'a> {
    secs: u64,
    domain: &'a str,
    bytes: u64,
    status: u16,
    client: u32,
    path: u64,
    millis: u64,
    agent: &'static str,
}

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.49 NetType/WIFI Language/zh_CN",
    "okhttp/4.12.0 (Linux; Android 14; player build 7781; channel live) HttpClient/2.0",
    "Lavf/60.16.100 (Linux; Android 14; player build 7781) ExoPlayerLib/2.19.1 HLS/TS segment fetcher (live)",
];

/// A seeded stream of lines.
pub struct Lines {
    format: Format,
    domains: Vec<String>,
    cumulative: Vec<f64>,
    state: u64,
}

impl Lines {
    /// A stream over `domains` names, the k-th drawn in proportion to 1/k.
    pub fn new(format: Format, domains: usize, seed: u64) -> Self {
        let names = (0..domains)
            .map(|k| format!("play-{k:04}.live{}.example.com", k % 7))
            .collect();
        let mut sum = 0.0;
        let cumulative = (1..=domains)
            .map(|k| {
                sum += 1.0 / k as f64;
                sum
            })
            .collect();
        Lines {
            format,
            domains: names,
            cumulative,
            state: seed,
        }
    }

    /// Writes one file: events in time order over its part of the month.
    pub fn write_share(
        &mut self,
        share: Share,
        mut write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Totals> {
        let part_secs = MONTH_SECS / share.count;
        let from_secs = MONTH_FROM_SECS + share.index * part_secs;
        let mut line = Vec::with_capacity(2048);
        let mut totals = Totals::default();
        let mut written = header(self.format).len() as u64;
        write(header(self.format).as_bytes())?;
        while written < share.bytes {
            let secs = from_secs + written * part_secs / share.bytes;
            line.clear();
            totals.bytes += self.push_line(secs.min(from_secs + part_secs - 1), &mut line)?;
            totals.lines += 1;
            write(&line)?;
            written += line.len() as u64;
        }
        Ok(totals)
    }

    /// Appends one line; answers its downstream bytes.
    fn push_line(&mut self, secs: u64, out: &mut Vec<u8>) -> io::Result<u64> {
        let [pick, a, b] = [self.next(), self.next(), self.next()];
        let whole = self.cumulative.last().copied().unwrap_or(1.0);
        let point = (pick >> 11) as f64 / (1u64 << 53) as f64 * whole;
        let index = self.cumulative.partition_point(|sum| *sum < point);
        let event = Event {
            secs,
            domain: &self.domains[index.min(self.domains.len() - 1)],
            bytes: if a.is_multiple_of(29) {
                0
            } else {
                512 + (a >> 8) % 4_000_000
            },
            status: [200, 200, 200, 206, 206, 304, 404, 502][(a % 8) as usize],
            client: (b >> 32) as u32,
            path: b & 0xffff_ffff,
            millis: (b >> 20) % 9_000,
            agent: AGENTS[((a >> 3) % 4) as usize],
        };
        match self.format {
            Format::TencentCdn => tencent_cdn(&event, out)?,
            Format::TencentLive => tencent_live(&event, out)?,
            Format::Cloudfront => cloudfront(&event, out)?,
            Format::Cloudflare => cloudflare(&event, out)?,
            Format::Nginx => vhost_combined(&event, out)?,
        }
        Ok(event.bytes)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): enough for a corpus, and the same everywhere.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

const CLOUDFRONT_HEADER: &str = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end\n";

fn header(format: Format) -> &'static str {
    match format {
        Format::Cloudfront => CLOUDFRONT_HEADER,
        _ => "",
    }
}

/// Civil date and time of an event: year, month, day, hour, minute, second.
fn civil(secs: u64) -> (i16, i8, i8, u64, u64, u64) {
    let day = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days((secs / 86_400) as i64);
    (
        day.year(),
        day.month(),
        day.day(),
        secs / 3_600 % 24,
        secs / 60 % 60,
        secs % 60,
    )
}

/// An address of the documentation ranges of RFC 5737.
fn client(event: &Event) -> String {
    let net = [[192, 0, 2], [198, 51, 100], [203, 0, 113]][(event.client % 3) as usize];
    format!("{}.{}.{}.{}", net[0], net[1], net[2], event.client >> 24)
}

fn tencent_cdn(event: &Event, out: &mut Vec<u8>) -> io::Result<()> {
    let (year, month, day, hour, minute, second) = civil(event.secs + UTC_PLUS_8_SECS);
    writeln!(
        out,
        "{year}{month:02}{day:02}{hour:02}{minute:02}{second:02} {} {} /live/room-{:05}/{:010x}.ts?token={:016x}{:016x} {} {} {} {} NULL {} \"{}\" \"bytes=0-{}\" GET HTTP/1.1 hit {}",
        client(event),
        event.domain,
        event.path % 65_536,
        event.path,
        event.path.wrapping_mul(0x9e37_79b9_97f4_a7c1),
        event.bytes.wrapping_mul(0xbf58_476d_1ce4_e5b9),
        event.bytes,
        event.path % 32 + 1,
        [2, 26, 38, 1046][(event.path % 4) as usize],
        event.status,
        event.millis,
        event.agent,
        event.bytes,
        10_000 + event.client % 50_000,
    )
}

fn tencent_live(event: &Event, out: &mut Vec<u8>) -> io::Result<()> {
    let (year, month, day, hour, minute, second) = civil(event.secs + UTC_PLUS_8_SECS);
    writeln!(
        out,
        "{year}{month:02}{day:02}{hour:02}{minute:02}{second:02} {} {} http://{}/live/room-{:05}.flv?txSecret={:016x} {} 1 {} 1 {} - {} \"{}\" - GET room-{:05} hit 198.51.100.4 CN 1 {}",
        client(event),
        event.domain,
        event.domain,
        event.path % 65_536,
        event.path.wrapping_mul(0x9e37_79b9_97f4_a7c1),
        event.bytes,
        event.path % 32 + 1,
        event.status,
        event.millis,
        event.agent,
        event.path % 65_536,
        10_000 + event.client % 50_000,
    )
}

fn cloudfront(event: &Event, out: &mut Vec<u8>) -> io::Result<()> {
    let (year, month, day, hour, minute, second) = civil(event.secs);
    let agent = event.agent.replace(' ', "%20");
    writeln!(
        out,
        "{year}-{month:02}-{day:02}\t{hour:02}:{minute:02}:{second:02}\tFRA56-P1\t{}\t{}\tGET\td111111abcdef8.cloudfront.net\t/live/room-{:05}/{:010x}.ts\t{}\t-\t{agent}\ttoken={:016x}\t-\tHit\t{:032x}==\t{}\thttps\t512\t0.{:03}\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tHit\tHTTP/2.0\t-\t-\t{}\t0.041\tHit\tvideo/mp2t\t{}\t-\t-",
        event.bytes,
        client(event),
        event.path % 65_536,
        event.path,
        event.status,
        event.path.wrapping_mul(31),
        event.path,
        event.domain,
        event.millis % 1_000,
        10_000 + event.client % 50_000,
        event.bytes,
    )
}

fn cloudflare(event: &Event, out: &mut Vec<u8>) -> io::Result<()> {
    let (year, month, day, hour, minute, second) = civil(event.secs);
    writeln!(
        out,
        "{{\"CacheCacheStatus\":\"hit\",\"CacheResponseBytes\":{},\"ClientASN\":4134,\"ClientCountry\":\"cn\",\"ClientIP\":\"{}\",\"ClientRequestBytes\":{},\"ClientRequestHost\":\"{}\",\"ClientRequestMethod\":\"GET\",\"ClientRequestPath\":\"/live/room-{:05}/{:010x}.ts\",\"ClientRequestProtocol\":\"HTTP/2\",\"ClientRequestReferer\":\"\",\"ClientRequestSource\":\"eyeball\",\"ClientRequestURI\":\"/live/room-{:05}/{:010x}.ts?token={:016x}\",\"ClientRequestUserAgent\":\"{}\",\"EdgeColoCode\":\"SIN\",\"EdgeEndTimestamp\":\"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\",\"EdgeResponseBodyBytes\":{},\"EdgeResponseBytes\":{},\"EdgeResponseContentType\":\"video/mp2t\",\"EdgeResponseStatus\":{},\"EdgeStartTimestamp\":\"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\",\"OriginResponseBytes\":0,\"OriginResponseStatus\":0,\"RayID\":\"{:016x}\",\"ZoneID\":1234}}",
        event.bytes + 77,
        client(event),
        event.path % 4_000,
        event.domain,
        event.path % 65_536,
        event.path,
        event.path % 65_536,
        event.path,
        event.path.wrapping_mul(31),
        event.agent,
        event.bytes / 2,
        event.bytes,
        event.status,
        event.path,
    )
}

fn vhost_combined(event: &Event, out: &mut Vec<u8>) -> io::Result<()> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (year, month, day, hour, minute, second) = civil(event.secs + UTC_PLUS_8_SECS);
    writeln!(
        out,
        "{}:443 {} - - [{day:02}/{}/{year}:{hour:02}:{minute:02}:{second:02} +0800] \"GET /live/room-{:05}/{:010x}.ts?token={:016x} HTTP/1.1\" {} {} \"https://www.example.com/watch?v={}\" \"{}\"",
        event.domain,
        client(event),
        MONTHS[(month - 1) as usize],
        event.path % 65_536,
        event.path,
        event.path.wrapping_mul(31),
        event.status,
        event.bytes,
        event.path,
        event.agent,
    )
}
