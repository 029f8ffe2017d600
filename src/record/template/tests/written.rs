//! What servers write for their variables, by a table of its own: whatever the template, a line of
//! theirs is metered as it was written, or rejected as `ambiguous`.

use proptest::prelude::*;

use super::super::*;
use super::servers::{By, INSTANTS, Is, Variable};
use super::{metered, read};

/// Pieces of several variables.
const JOINED: [&str; 4] = [
    "$scheme://$host$request_uri",
    "$host:$server_port",
    "$http_host:$server_port",
    "[$time_local]",
];
/// What stands before, between and behind the pieces of a template.
const LAYOUTS: [[&str; 3]; 7] = [
    ["", " ", ""],
    ["", " ", ""],
    ["", "\t", ""],
    ["", "|", ""],
    ["", ",", ""],
    ["{\"k\":", ",\"k\":", "}"],
    ["[", "] [", "]"],
];

/// A template, and a line that its server wrote by it.
#[derive(Debug)]
struct Case {
    by: By,
    text: String,
    line: Vec<u8>,
    expected: Expected,
    /// Whether it has to be metered: nothing free stands in it without quotes.
    is_certain: bool,
}

/// What the line says, by the order that `compile` documents.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    host: Vec<u8>,
    time: i64,
    status: u16,
    bytes: u64,
}

/// What stands for a variable in a line.
struct Text {
    variable: &'static Variable,
    text: Vec<u8>,
    /// The place of its value.
    pick: usize,
    /// Whether a port is behind it, and both are one text.
    has_port: bool,
}

/// Writes a line by a template, with the texts of its variables in their order.
fn write(by: By, template: &str, picks: &[prop::sample::Index]) -> (Vec<u8>, Vec<Text>) {
    let (mut line, mut texts, mut rest) = (Vec::new(), Vec::<Text>::new(), template);
    while let Some(next) = rest.chars().next() {
        let named = by.variables().iter();
        let named = named.filter(|one| rest.starts_with(one.name));
        let Some(variable) = named.max_by_key(|one| one.name.len()) else {
            line.extend(next.to_string().bytes());
            rest = &rest[next.len_utf8()..];
            continue;
        };
        rest = &rest[variable.name.len()..];
        let pick = picks[texts.len() % picks.len()].index(variable.values.len());
        let text = by.write(variable.name, variable.values[pick]);
        line.extend(&text);
        let is_port = rest.starts_with(":$server_port") || rest.starts_with(":%p");
        texts.push(Text {
            variable,
            text,
            pick,
            has_port: is_port && variable.name != "$http_host",
        });
    }
    (line, texts)
}

fn expected(texts: &[Text]) -> Expected {
    let first = |wanted: Is| texts.iter().find(|text| text.variable.is == wanted);
    let number = |text: &Text| {
        let text = std::str::from_utf8(&text.text);
        text.expect("a number").parse::<u64>().unwrap_or(0)
    };
    let time = first(Is::Time).map(|time| INSTANTS[time.pick]);
    let status = first(Is::Status(0)).or(first(Is::Status(1)));
    let bytes = first(Is::Total).or(first(Is::Body));
    let mut hosts: Vec<(u8, Vec<u8>)> = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let Is::Host(turn) = text.variable.is else {
            continue;
        };
        if hosts.iter().all(|(other, _)| *other != turn) {
            let port = texts.get(at + 1).filter(|_| text.has_port);
            let port = port.map(|port| [b":", &port.text[..]].concat());
            hosts.push((turn, [&text.text[..], &port.unwrap_or_default()].concat()));
        }
    }
    hosts.sort();
    hosts.truncate(3);
    let is_host = |host: &[u8]| {
        !matches!(
            host,
            b"" | b"-" | b"_" | [b':', ..] | [b'-' | b'_', b':', ..]
        )
    };
    let host = hosts.iter().find(|(_, host)| is_host(host));
    let host = host.or(hosts.first()).map(|(_, host)| &host[..]);
    let host = host.unwrap_or_default();
    Expected {
        host: host.to_vec(),
        time: time.expect("a time"),
        status: status.map_or(0, number) as u16,
        bytes: bytes.map_or(0, number),
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let by =
        prop::sample::select(&[By::NginxDefault, By::NginxJson, By::NginxNone, By::Apache][..]);
    let piece = (any::<prop::sample::Index>(), any::<bool>());
    let pieces = prop::collection::vec(piece, 1..8);
    let picks = prop::collection::vec(any::<prop::sample::Index>(), 16);
    let layout = prop::sample::select(&LAYOUTS[..]);
    (by, pieces, picks, layout, any::<[prop::sample::Index; 4]>()).prop_map(
        |(by, pieces, picks, [before, between, behind], [time, bytes, ..])| {
            let variables = by.variables();
            let joined: &[&str] = if by == By::Apache {
                &["%v:%p"]
            } else {
                &JOINED
            };
            let mut is_certain = by != By::NginxNone;
            let is_apart = matches!(between, " " | "\t");
            let mut parts: Vec<String> = Vec::new();
            for (index, is_quoted) in pieces {
                let at = index.index(variables.len() + joined.len());
                let (text, is_exact) = match variables.get(at) {
                    Some(one) => (one.name, is_apart && is_exact(one)),
                    None => (joined[at - variables.len()], false),
                };
                // Of a host and a URL in it nobody knows where the first ends, nor of what is not escaped.
                let is_bounded = !text.contains("://") && !text.ends_with("}x");
                is_certain &= is_exact || is_quoted && is_bounded;
                parts.push(if is_quoted {
                    format!("\"{text}\"")
                } else {
                    text.to_owned()
                });
            }
            let of = |wanted: Is, index: prop::sample::Index| {
                let named: Vec<_> = variables.iter().filter(|one| one.is == wanted).collect();
                named[index.index(named.len())].name.to_owned()
            };
            parts.insert(time.index(parts.len() + 1), of(Is::Time, time));
            let kind = if bytes.index(2) == 0 {
                Is::Total
            } else {
                Is::Body
            };
            parts.insert(bytes.index(parts.len() + 1), of(kind, bytes));
            let text = format!("{before}{}{behind}", parts.join(between));
            let (line, texts) = write(by, &text, &picks);
            let expected = expected(&texts);
            Case {
                by,
                text,
                line,
                expected,
                is_certain: is_certain && is_apart,
            }
        },
    )
}

/// Whether nothing but its form can stand in its place, without quotes too.
fn is_exact(variable: &Variable) -> bool {
    !matches!(variable.is, Is::Free) && !matches!(variable.name, "$http_host" | "%{Host}i")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(20_000)))]

    #[test]
    fn a1_what_a_server_wrote_is_metered_as_it_was_written(case in cases()) {
        let Ok(template) = Template::new(&case.by.pasted(&case.text)) else {
            return Ok(());
        };
        let shown = || format!("{} of {:?} {}", case.line.escape_ascii(), case.by, case.text);
        let judged = template.judged(&case.line);
        match judged {
            Ok(record) => {
                let said = Expected {
                    host: record.host.to_vec(),
                    time: record.time.as_unix_secs(),
                    status: record.status,
                    bytes: record.bytes.as_u64(),
                };
                prop_assert_eq!(&said, &case.expected, "{}", shown());
            }
            Err(reason) => {
                prop_assert_eq!(reason, Reject::Ambiguous, "{}", shown());
                prop_assert!(!case.is_certain, "{}", shown());
            }
        }
        let expected = Template::fate(judged, &case.line);
        let fast = template.fast(&case.line, &mut Clock::default());
        prop_assert!(fast.is_none_or(|fast| fast == expected), "{fast:?}: {}", shown());
    }
}

#[test]
fn a1_a_quote_in_a_host_does_not_end_it() {
    let line = r#"1791194401.000 "a\"|200|5|"|200|5000000|"#;
    let json = r#"log_format x escape=json '$msec "$host"|$status|$bytes_sent|';"#;
    assert_eq!(read(json, line), metered(5_000_000, r#"a\"|200|5|"#, 200));
    let apache = r#"%{sec}t "%V"|%>s|%O|"#;
    let line = line.replace(".000", "");
    assert_eq!(
        read(apache, &line),
        metered(5_000_000, r#"a\"|200|5|"#, 200)
    );
    let touching = "$msec $scheme://$host$request_uri $bytes_sent";
    let line = "1791194401.000 http://b.example.cn*,a.example.cn/x 7";
    assert_eq!(
        read(touching, line),
        metered(7, "b.example.cn*,a.example.cn", 0)
    );
}

#[test]
fn a1_requests_and_protocols_of_old_servers_are_read() {
    let at = r#"192.0.2.1 - - [05/Oct/2026:10:00:01 +0800]"#;
    for request in [
        "GET  /a b  HTTP/1.1",
        "GET /a",
        "-",
        "",
        r"\x16\x03\x01",
        "GET / HTTP/1.1 ",
    ] {
        let line = format!(r#"{at} "{request}" 200 7 "-" "-""#);
        assert_eq!(read("combined", &line), metered(7, "", 200), "{request}");
    }
    // All that stands behind the second space, which the client chooses.
    let apache = "%t %m %U %H %>s %O";
    let line = |protocol: &str| {
        let line = format!("[05/Oct/2026:10:00:01 +0800] GET /x {protocol} 200 7000");
        read(apache, &line)
    };
    assert_eq!(line("HTTP/1.1"), metered(7000, "", 200));
    assert_eq!(line("b HTTP/1.1"), metered(7000, "", 200));
    assert_eq!(line("HTTP/1.1 200 5 x"), metered(7000, "", 200));
    assert_eq!(
        read(
            "%t %H %>s %O %U",
            "[05/Oct/2026:10:00:01 +0800] x 200 5 x 200 7000 /"
        ),
        Err("ambiguous")
    );
    let quoted = r#"%t "%m" "%U" "%H" %>s %O"#;
    let line = r#"[05/Oct/2026:10:00:01 +0800] "GET" "/x" "HTTP/1.1 200 5 x" 200 7000"#;
    assert_eq!(read(quoted, line), metered(7000, "", 200));
    let nginx = "$msec $server_protocol $status $bytes_sent";
    assert_eq!(
        read(nginx, "1791194401.000 HTTP/1.1   200 7"),
        metered(7, "", 200)
    );
}

#[test]
fn a1_the_identity_of_a_client_is_read_where_the_layout_is_given() {
    let at = r#"[05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 200 7"#;
    for identity in ["-", "john.doe", "u1", "a:b", "10.0.0"] {
        let line = format!("192.0.2.1 {identity} - {at}");
        assert_eq!(
            read(r#"%h %l %u %t "%r" %>s %b"#, &line),
            metered(7, "", 200)
        );
    }
    // An address stands there in lines of other layouts, on which presets are tried too.
    let other = format!("a.example.cn 192.0.2.1 - - {at}");
    for text in [r#"%h %l %u %t "%r" %>s %b"#, "common"] {
        assert_eq!(read(text, &other), Err("fields"), "{text}");
    }
}

#[test]
fn a1_a_bare_template_of_json_reads_what_is_missing() {
    let text = r#"{"t":$msec,"h":"$host","u":"$upstream_addr","s":$upstream_response_time,"b":$bytes_sent}"#;
    for (address, secs) in [("", ""), ("-", "-"), ("u:1", "0.1")] {
        let line = format!(
            r#"{{"t":1791194401.000,"h":"a.example.cn","u":"{address}","s":{secs},"b":7}}"#
        );
        assert_eq!(read(text, &line), metered(7, "a.example.cn", 0));
    }
}
