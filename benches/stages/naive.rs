//! The rivals: how one would write it in ten lines, without checks.
//!
//! They read host and bytes only: no time, no slot, no region, no rejects. So they do less than
//! the stage they are compared with.

use std::collections::HashMap;
use std::io::BufRead;

use crate::lines::Format;

/// Bytes per host, and lines read, header lines not counted.
pub struct Found {
    /// Bytes per host.
    pub bytes: HashMap<String, u64>,
    /// Lines.
    pub lines: u64,
}

/// Sums the bytes per host of `text`.
pub fn usage(format: Format, text: &[u8]) -> Found {
    match format {
        Format::TencentCdn | Format::TencentLive => split(text, ' ', 2, 4),
        Format::Cloudfront => split(text, '\t', 15, 3),
        Format::Nginx => split(text, ' ', 0, 10),
        Format::Cloudflare => json(text),
    }
}

fn split(text: &[u8], separator: char, host_at: usize, bytes_at: usize) -> Found {
    let mut found = Found {
        bytes: HashMap::new(),
        lines: 0,
    };
    for line in text.lines() {
        let line = line.expect("the corpus is UTF-8");
        if line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split(separator).collect();
        let bytes: u64 = fields[bytes_at]
            .parse()
            .expect("the corpus has digits here");
        *found.bytes.entry(fields[host_at].to_owned()).or_default() += bytes;
        found.lines += 1;
    }
    found
}

fn json(text: &[u8]) -> Found {
    let mut found = Found {
        bytes: HashMap::new(),
        lines: 0,
    };
    for line in text.lines() {
        let line = line.expect("the corpus is UTF-8");
        let row: serde_json::Value = serde_json::from_str(&line).expect("the corpus is JSON");
        let host = row["ClientRequestHost"].as_str().expect("a host");
        let bytes = row["EdgeResponseBytes"].as_u64().expect("bytes");
        *found.bytes.entry(host.to_owned()).or_default() += bytes;
        found.lines += 1;
    }
    found
}
