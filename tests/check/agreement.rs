//! Fast path and grammar give every line of a block the same fate (D9), headers learned on the
//! way, and every line has one fate (`LINE-1`).
#![allow(dead_code)] // the property tests bring their own formats and lines

use cdn_meter::meter::Counts;
use cdn_meter::record::{Clock, Fate, Layout, Skip, Template, learn_headers, scan};
use cdn_meter::units::Bytes;

/// Holds the comparison for a format by its name.
pub fn check_format(name: &str, block: &[u8]) {
    check_block(
        &Layout::by_name(name, None).expect("a format of ours"),
        block,
    );
}

/// Holds the comparison for a template that the input names.
///
/// ```text
/// input = preset block                  preset = "0" … "3", at its place in the list
///       | any template "\n" block       any    = every other byte
/// ```
pub fn check_template(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    let preset = Template::PRESETS.get(usize::from(first.wrapping_sub(b'0')));
    let (template, block) = match preset {
        Some((name, _)) => ((*name).to_owned(), rest),
        None => {
            let at = rest
                .iter()
                .position(|&byte| byte == b'\n')
                .unwrap_or(rest.len());
            let block = rest.get(at + 1..).unwrap_or_default();
            (String::from_utf8_lossy(&rest[..at]).into_owned(), block)
        }
    };
    if let Ok(layout) = Layout::by_name("nginx", Some(&template)) {
        check_block(&layout, block);
    }
}

/// Scans `block` and compares every fate with the grammar's, line by line.
pub fn check_block(layout: &Layout, block: &[u8]) {
    let mut slow = layout.clone();
    let specified = specified(&mut slow, block);
    let mut fast = layout.clone();
    let mut counts = Counts {
        lines: lines_in(block),
        ..Counts::default()
    };
    let mut expected = specified.iter();
    scan(&mut fast, block, &mut Clock::default(), |judged| {
        let answer = (judged.at, judged.fate, judged.bytes_at_most);
        let text = judged.line.escape_ascii();
        assert_eq!(
            Some(&answer),
            expected.next(),
            "{layout}, fast against grammar: {text}"
        );
        count(&mut counts, answer);
    });
    let text = block.escape_ascii();
    assert_eq!(
        None,
        expected.next(),
        "{layout}, a line without a fate: {text}"
    );
    counts.reconcile().expect("LINE-1");
    assert!(
        fast.reads_like(&slow),
        "{layout}, headers taught otherwise: {text}"
    );
    let mut learned = layout.clone();
    learn_headers(&mut learned, block);
    assert!(
        learned.reads_like(&slow),
        "{layout}, headers found otherwise: {text}"
    );
}

/// Where a line stands, its fate, and the bound of a reject.
type Answer<'a> = (usize, Fate<'a>, Option<Bytes>);

/// The answers of the grammar, which sees one line at a time and has no memory but headers.
fn specified<'a>(layout: &mut Layout, block: &'a [u8]) -> Vec<Answer<'a>> {
    let mut answers = Vec::new();
    let mut at = 0;
    for line in block.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        // Zeros in front of a line are a line of their own.
        let hole = text.iter().take_while(|byte| **byte == 0).count();
        if hole != 0 {
            answers.push((at, Fate::Skipped(Skip::Hole), None));
        }
        let (end, text) = (at + line.len(), &text[hole..]);
        at += hole;
        if at == block.len() {
            break;
        }
        let fate = layout.specify(text);
        let bytes_at_most = match fate {
            Fate::Rejected(_) => layout.bytes_at_most(text),
            Fate::Metered(_) | Fate::Skipped(_) => None,
        };
        answers.push((at, fate, bytes_at_most));
        if fate == Fate::Skipped(Skip::Header) {
            scan(layout, text, &mut Clock::default(), |_| {});
        }
        at = end;
    }
    answers
}

fn count(counts: &mut Counts, (_, fate, bytes_at_most): Answer<'_>) {
    match fate {
        Fate::Metered(_) => counts.metered += 1,
        Fate::Skipped(skip) => counts.skip(skip),
        Fate::Rejected(reason) => counts.reject(reason, bytes_at_most),
    }
}

/// Lines counted without a parser: as if a newline stood behind every hole.
fn lines_in(block: &[u8]) -> u64 {
    let mut text = Vec::new();
    for line in block.split_inclusive(|&byte| byte == b'\n') {
        let hole = line.iter().take_while(|byte| **byte == 0).count();
        if hole != 0 {
            text.extend_from_slice(b"hole\n");
        }
        text.extend_from_slice(&line[hole..]);
    }
    text.split_inclusive(|&byte| byte == b'\n').count() as u64
}
