//! Every format reads `host[:port]` alike: as the one reader in `units` does.

use cdn_meter::meter::{Domains, Meter};
use cdn_meter::record::{Clock, Fate, Layout, Reject, scan};
use cdn_meter::units::{Domain, HostError};
use proptest::prelude::*;

/// A line of each format, `HOST` in the place of the host.
const LINES: [(&str, Option<&str>, &str); 6] = [
    (
        "tencent-cdn",
        None,
        "20261001081502 203.0.113.9 HOST /a 1 22 2 206 NULL",
    ),
    (
        "tencent-live",
        None,
        "20261001081502 203.0.113.9 HOST /a 1 1 19 1 200 -",
    ),
    (
        "cloudfront",
        None,
        "2026-10-01\t08:15:02\tFRA\t1\t203.0.113.9\tGET\tx\t/\t200\t-\t-\t-\t-\tHit\tid\tHOST\thttps",
    ),
    (
        "cloudflare",
        None,
        r#"{"ClientRequestHost":"HOST","EdgeStartTimestamp":1791165600,"EdgeResponseBytes":1,"ClientRequestSource":"eyeball"}"#,
    ),
    (
        "nginx",
        Some(r#"$remote_addr "$host" [$time_local] $status $bytes_sent "$request""#),
        r#"203.0.113.9 "HOST" [01/Oct/2026:08:15:02 +0800] 200 1 "x""#,
    ),
    (
        "nginx",
        Some(r#"{"h":"$http_host","t":"$time_iso8601","b":"$bytes_sent"}"#),
        r#"{"h":"HOST","t":"2026-10-01T08:15:02+08:00","b":"1"}"#,
    ),
];

/// The domain that a line of a format is counted for.
fn domain(line: &(&str, Option<&str>, &str), host: &str) -> Result<String, Reject> {
    let (name, template, line) = *line;
    let mut layout = Layout::by_name(name, template).expect("a format of ours");
    let domains = Domains::new();
    let mut meter = Meter::new(&domains, None);
    let mut found = Err(Reject::Fields);
    let line = line.replace("HOST", host);
    scan(
        &mut layout,
        line.as_bytes(),
        &mut Clock::default(),
        |judged| {
            found = match judged.fate {
                Fate::Metered(record) => meter.add(&record),
                Fate::Rejected(reason) => Err(reason),
                Fate::Skipped(_) => panic!("{line}"),
            };
        },
    );
    found.map(|()| domains.names().concat())
}

fn check(host: &str) {
    let expected = Domain::parse(host.as_bytes())
        .map(|domain| domain.to_string())
        .map_err(|error| match error {
            HostError::Missing => Reject::NoHost,
            HostError::Malformed => Reject::Host,
        });
    for line in &LINES {
        let found = domain(line, host);
        // A template may see earlier, and say otherwise, that a text is no host.
        let is_alike = match line.1 {
            Some(_) => found.as_ref().ok() == expected.as_ref().ok(),
            None => found == expected,
        };
        assert!(is_alike, "{}: {host}: {found:?}, not {expected:?}", line.0);
    }
}

#[test]
fn a3_ports_and_addresses_are_read_alike_by_every_format() {
    for (host, domain) in [
        ("v.example.cn:443", Some("v.example.cn")),
        ("[2001:db8::1]:443", Some("[2001:db8::1]")),
        ("[2001:DB8::1]", Some("[2001:db8::1]")),
        ("192.0.2.1:80", Some("192.0.2.1")),
        ("2001:db8::1:443", None),
        ("2001:db8::1", None),
        ("::1:443", None),
        ("::1", None),
        ("[2001:db8::1", None),
        ("[2001:db8::1]443", None),
        ("[v.example.cn]:443", None),
        ("v.example.cn:443:443", None),
        ("v.example.cn:", Some("v.example.cn")),
    ] {
        assert_eq!(
            Domain::parse(host.as_bytes())
                .ok()
                .map(|domain| domain.to_string()),
            domain.map(str::to_owned),
            "{host}"
        );
        check(host);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a3_any_host_is_read_alike_by_every_format(
        host in r"(\[?[a-z0-9:.]{0,12}\]?|[A-Za-z.]{1,9})(:[0-9]{0,6}){0,2}",
    ) {
        prop_assume!(!host.is_empty());
        check(&host);
    }
}
