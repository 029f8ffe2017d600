//! Every fit of a line, found by brute force: what the rule of the head of `template` is held against.

use proptest::prelude::*;

use super::super::*;

/// All fits, found without any of the code above but the forms: every split of the line.
fn by_brute_force<'a>(
    fields: &[Field],
    reading: Reading,
    rest: &'a [u8],
    texts: Texts<'a>,
    found: &mut Vec<Texts<'a>>,
) {
    let Some((field, others)) = fields.split_first() else {
        if reading.is_open || rest.is_empty() {
            found.push(texts);
        }
        return;
    };
    for len in 0..=rest.len() {
        let (text, behind) = rest.split_at(len);
        let is_free = reading.is_raw || has_no_quotes(text);
        let has_separator = text.contains(&field.separator);
        let is_allowed = match field.form {
            Form::Free => is_free,
            Form::Raw => true,
            Form::Target => is_free && field.holds(text),
            Form::Time(_) | Form::Words | Form::Numbers => field.holds(text),
            // In a list of addresses spaces are no separators.
            Form::Addresses => {
                let is_spaced = text.split(|&byte| byte == b' ').rev().skip(1);
                let is_spaced = is_spaced.into_iter().all(|item| item.ends_with(b","));
                is_spaced && (field.separator == b' ' || !has_separator) && field.holds(text)
            }
            _ => !has_separator && field.holds(text),
        } || field.may_be_empty && text.is_empty();
        let Some(behind) = behind.strip_prefix(&*field.end) else {
            continue;
        };
        if is_allowed && (!field.is_whole || behind.is_empty()) {
            let mut texts = texts;
            texts.take(field.role, text);
            by_brute_force(others, reading, behind, texts, found);
        }
    }
}

fn has_no_quotes(text: &[u8]) -> bool {
    let mut is_escaped = false;
    for &byte in text {
        match (is_escaped, byte) {
            (true, _) => is_escaped = false,
            (false, b'\\') => is_escaped = true,
            (false, b'"') => return false,
            (false, _) => {}
        }
    }
    !is_escaped
}

/// What the rule of the head of `template` says of a line, by brute force.
fn ruled<'a>(template: &Template, line: &'a [u8]) -> Result<Record<'a>, Reject> {
    for (fields, reading) in template.readings() {
        let mut found = Vec::new();
        if let Some(rest) = line.strip_prefix(&*template.head) {
            by_brute_force(fields, reading, rest, Texts::default(), &mut found);
        }
        let mut records = found.iter().map(|texts| template.record(texts));
        if let Some(first) = records.next() {
            return match records.all(|other| other == first) {
                true => first,
                false => Err(Reject::Ambiguous),
            };
        }
    }
    Err(template.misfit(line))
}

/// Whether the line has more ways than the bounds of the search let it look at: it is ambiguous then,
/// whatever its fits are.
fn is_too_much(template: &Template, line: &[u8]) -> bool {
    let mut found = template
        .readings()
        .map(|(fields, reading)| fits::fits(&template.head, fields, reading, line));
    let judged = found.find(|fits| !matches!(fits, Fits::Known(texts) if texts.is_empty()));
    judged == Some(Fits::TooMany)
}

/// Variables with texts that they, their neighbours and clients write.
const VARIABLES: [(&str, &[&str]); 16] = [
    ("$host", &["a.cn", "b.cn", "-"]),
    ("$http_host", &["a.cn", "b.cn:80", "x y", "-"]),
    ("$server_name", &["s.cn", "_"]),
    ("$msec", &["1791194401", "1791194401.25"]),
    ("$time_iso8601", &["2026-10-05T10:00:01Z"]),
    (
        "[$time_local]",
        &[
            "[05/Oct/2026:10:00:01 +0800]",
            "[5/Oct/2026:10:00:01 +0800]",
        ],
    ),
    ("$status", &["200", "-", "404"]),
    ("$bytes_sent", &["7", "500", "0"]),
    ("$body_bytes_sent", &["5", "200", "-"]),
    ("$remote_addr", &["192.0.2.1", "192.0.2.1, 192.0.2.2"]),
    ("$remote_user", &["-", "x [y", "- -"]),
    ("$upstream_status", &["200", "502, 200", "502 : 200"]),
    ("$upstream_addr", &["u:1, v:2", "u:1 : v:2", "-"]),
    (
        "\"$request\"",
        &[
            "\"GET / HTTP/1.1\"",
            "\"\\\" 200 7 \\\"\"",
            "\"x\" 200 7 \"y\"",
        ],
    ),
    ("$http_x", &["", "200 7", "a.cn 200 500", "\\\" \\"]),
    (
        "$scheme://$host$request_uri",
        &["http://a.cn/x", "http://a.cnhttp://b.cn/"],
    ),
];

/// The ends of templates, and of lines that they write.
const ENDS: [(&str, &str); 5] = [
    ("$status $bytes_sent", "200 9"),
    ("$bytes_sent $status", "9 200"),
    ("$bytes_sent $time_local", "9 05/Oct/2026:10:00:01 +0800"),
    ("$bytes_sent $body_bytes_sent", "0 9"),
    ("$status $bytes_sent $remote_user", "200 9 -"),
];

/// A template of some variables, a line that is nearly written by it, and its parts mixed up.
fn template_and_line() -> impl Strategy<Value = (String, Vec<u8>)> {
    let variable = (0..VARIABLES.len(), any::<prop::sample::Index>());
    let between = prop::sample::select(&[" ", " ", " ", "\t", " - ", "|", "\""][..]);
    let parts = prop::collection::vec((variable, between), 1..6);
    let escape = prop::sample::select(&["", "escape=json ", "escape=none "][..]);
    let noise = prop::collection::vec(
        (
            any::<prop::sample::Index>(),
            prop::sample::select(&b" \"\\-,:0[]\t"[..]),
        ),
        0..3,
    );
    let end = prop::sample::select(&ENDS[..]);
    let more = prop::sample::select(&["", "", "", " more \"x\"", "1", "x", " 7", "\\"][..]);
    (parts, escape, end, more, noise).prop_map(|(parts, escape, end, more, noise)| {
        let (mut text, mut line) = (String::from("$msec "), String::from("1791194401 "));
        for ((variable, sample), between) in &parts {
            let (name, samples) = VARIABLES[*variable];
            text.push_str(name);
            line.push_str(samples[sample.index(samples.len())]);
            text.push_str(between);
            line.push_str(between);
        }
        text.push_str(end.0);
        line.push_str(end.1);
        line.push_str(more);
        let mut line = line.into_bytes();
        for (at, byte) in noise {
            let at = at.index(line.len());
            line[at] = byte;
        }
        let pasted = match escape {
            "" => text,
            escape => format!("log_format x {escape}'{text}';"),
        };
        (pasted, line)
    })
}

proptest! {
    // A longer run is asked for by the environment (PROPTEST_CASES).
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(20_000)))]

    #[test]
    fn a1_a_line_is_metered_if_and_only_if_all_its_fits_agree((text, line) in template_and_line()) {
        let Ok(template) = Template::new(&text) else {
            return Ok(());
        };
        let specified = template.judged(&line);
        // Rare, or the run fails for want of lines.
        prop_assume!(!is_too_much(&template, &line));
        prop_assert_eq!(specified, ruled(&template, &line), "{} of {}", line.escape_ascii(), text);
        let expected = Template::fate(specified, &line);
        let fast = template.fast(&line, &mut Clock::default());
        prop_assert!(fast.is_none_or(|fast| fast == expected), "{fast:?}: {}", line.escape_ascii());
    }
}
