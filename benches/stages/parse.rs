//! From text to the fate of each line: splitting, parsing, telling the format.

use std::hint::black_box;

use cdn_meter::ingest::SAMPLE_BYTES;
use cdn_meter::record::{Clock, Fate, Judged, Layout, detect, scan};
use memchr::memchr_iter;

use super::inputs::{FORMATS, Inputs, Text, layout};
use super::naive;
use super::stage::Stage;

/// The stages of this room.
pub fn stages(inputs: &Inputs) -> Vec<Stage<'_>> {
    let mut stages = splits(inputs.tencent_cdn());
    for (text, torn) in inputs.typical.iter().zip(&inputs.rejects) {
        let name = text.format.name();
        stages.push(parse(text, name.to_owned()).against(format!("parse/{name}/naive")));
        stages.push(parse(torn, format!("{name}/rejects-5pct")));
        stages.push(grammar(text));
        stages.push(rival(text));
    }
    stages.extend(
        FORMATS
            .into_iter()
            .zip(&inputs.typical)
            .map(|(_, text)| told(text)),
    );
    stages
}

/// The fates of the lines of one pass.
#[derive(Default)]
struct Fates {
    lines: u64,
    metered: u64,
    rejected: u64,
    bytes: u64,
}

impl Fates {
    #[inline(always)]
    fn count(&mut self, fate: &Fate<'_>) {
        self.lines += 1;
        match fate {
            Fate::Metered(record) => {
                self.metered += 1;
                self.bytes += record.bytes.as_u64();
                // All of the record is needed, as the meter needs it.
                black_box(record);
            }
            Fate::Rejected(_) => self.rejected += 1,
            Fate::Skipped(_) => {}
        }
    }

    fn check(&self, text: &Text) {
        assert_eq!(self.lines, text.newlines(), "lines read");
        assert_eq!(self.metered, text.totals.lines, "lines metered");
        assert_eq!(self.rejected, text.rejected, "lines rejected");
        assert_eq!(self.bytes, text.totals.bytes, "bytes metered");
    }
}

/// The floor under every parser: finding the line ends, one by one as `scan` does, and all at
/// once as the count that `LINE-1` is checked with.
fn splits(text: &Text) -> Vec<Stage<'_>> {
    let one_by_one = move || {
        let (mut lines, mut from) = (0, 0);
        for to in memchr_iter(b'\n', &text.bytes) {
            black_box(&text.bytes[from..to]);
            lines += 1;
            from = to + 1;
        }
        assert_eq!((lines, from as u64), (text.newlines(), text.len()));
    };
    let count = move || {
        let lines = memchr_iter(b'\n', black_box(&text.bytes)).count() as u64;
        assert_eq!(lines, text.newlines());
    };
    vec![
        Stage::new("split", "newlines", text.len(), one_by_one),
        Stage::new("split", "newlines/count", text.len(), count),
    ]
}

fn parse(text: &Text, input: String) -> Stage<'_> {
    let (format, mut clock) = (layout(text.format), Clock::default());
    Stage::new("parse", input, text.len(), move || {
        let (mut layout, mut fates) = (format.clone(), Fates::default());
        scan(
            &mut layout,
            &text.bytes,
            &mut clock,
            |judged: Judged<'_>| fates.count(&judged.fate),
        );
        fates.check(text);
    })
}

/// The readable parser, line by line.
fn grammar(text: &Text) -> Stage<'_> {
    let format = layout(text.format);
    let input = format!("{}/grammar", text.format.name());
    Stage::new("parse", input, text.len(), move || {
        let (mut from, mut fates) = (0, Fates::default());
        for to in memchr_iter(b'\n', &text.bytes) {
            fates.count(&format.specify(&text.bytes[from..to]));
            from = to + 1;
        }
        fates.check(text);
    })
}

fn rival(text: &Text) -> Stage<'_> {
    let input = format!("{}/naive", text.format.name());
    Stage::new("parse", input, text.len(), move || {
        let found = naive::usage(text.format, &text.bytes);
        assert_eq!(found.lines, text.totals.lines);
        assert_eq!(found.bytes.values().sum::<u64>(), text.totals.bytes);
    })
}

/// Telling the format from what a worker looks at.
fn told(text: &Text) -> Stage<'_> {
    let sample = &text.bytes[..SAMPLE_BYTES];
    Stage::new(
        "detect",
        text.format.name(),
        sample.len() as u64,
        move || {
            let told = detect(sample, false).expect("one format is certain");
            assert_eq!(told.as_ref().map(Layout::name), Some(text.format.name()));
        },
    )
}
