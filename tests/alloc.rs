//! Metering a line allocates nothing.

use cdn_meter::meter::{Domains, Meter};
use cdn_meter::record::{Clock, Fate, Layout, scan};

/// Lines of every format, all accepted.
fn block(layout: &str) -> String {
    let mut text = String::new();
    for number in 0..1_000u32 {
        let (minute, second, domain) = (number / 60 % 60, number % 60, number % 7);
        let host = format!("d{domain}.example.com");
        let line = match layout {
            "tencent-cdn" => format!(
                "2026100108{minute:02}{second:02} 203.0.113.9 {host} /a?k=9 {number} 22 2 206 NULL 41"
            ),
            "tencent-live" => format!(
                "2026100108{minute:02}{second:02} 203.0.113.9 {host} http://x/y {number} 1 19 1 200 - 6"
            ),
            "cloudfront" => format!(
                "2026-10-01\t08:{minute:02}:{second:02}\tFRA\t{number}\t203.0.113.9\tGET\tx\t/\t200\t-\t-\t-\t-\tHit\tid\t{host}\thttps"
            ),
            "cloudflare" => format!(
                r#"{{"ClientRequestHost":"{host}","EdgeStartTimestamp":"2026-10-01T08:{minute:02}:{second:02}Z","EdgeResponseBytes":{number},"EdgeResponseStatus":200,"ClientRequestSource":"eyeball"}}"#
            ),
            _ => format!(
                r#"{host}:443 203.0.113.9 - - [01/Oct/2026:08:{minute:02}:{second:02} +0800] "GET / HTTP/1.1" 200 {number} "-" "x""#
            ),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[test]
fn the_second_pass_over_known_domains_allocates_nothing() {
    for name in [
        "tencent-cdn",
        "tencent-live",
        "cloudfront",
        "cloudflare",
        "nginx",
    ] {
        let text = block(name);
        let mut layout = Layout::by_name(name, Some("vhost_combined")).expect("a format of ours");
        let domains = Domains::new();
        let mut meter = Meter::new(&domains, None);
        let mut clock = Clock::default();
        let mut rows = Vec::new();
        let mut metered = 0;
        let mut pass = |rows: &mut Vec<_>| {
            scan(
                &mut layout,
                text.as_bytes(),
                &mut clock,
                |judged| match judged.fate {
                    Fate::Metered(record) => {
                        meter.add(&record).expect("a domain");
                        metered += 1;
                    }
                    other => panic!("{name}: {other:?}"),
                },
            );
            rows.clear();
            meter.take_rows(rows).expect("few domains");
        };
        pass(&mut rows);
        let counted = allocation_counter::measure(|| pass(&mut rows));
        assert_eq!(counted.count_total, 0, "{name}: {counted:?}");
        assert_eq!(metered, 2_000, "{name}");
    }
}
