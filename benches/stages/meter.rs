//! From records to rows of usage: metering alone, and together with parsing.

use cdn_meter::meter::{Domains, Meter, UsageRow};
use cdn_meter::record::{Clock, Fate, Judged, scan};

use super::inputs::{Inputs, Parsed, Text, layout};
use super::stage::Stage;
use crate::lines::Totals;

/// The stages of this room.
pub fn stages(inputs: &Inputs) -> Vec<Stage<'_>> {
    let mut stages = vec![
        meter(&inputs.typical_records, "typical"),
        meter(&inputs.one_host, "one-host"),
        meter(&inputs.million_hosts, "million-hosts"),
    ];
    for (text, torn) in inputs.typical.iter().zip(&inputs.rejects) {
        let name = text.format.name();
        let rival = format!("parse/{name}/naive");
        stages.push(parse_and_meter(text, name.to_owned()).against(rival));
        stages.push(parse_and_meter(torn, format!("{name}/rejects-5pct")));
    }
    stages
}

/// Every pass starts with an empty table and closes all rows at the end: what a worker does once
/// per run is done once per pass here.
fn meter<'a>(parsed: &'a Parsed, input: &'static str) -> Stage<'a> {
    let records = parsed.records();
    assert_eq!(
        records.len() as u64,
        parsed.totals.lines,
        "the input is parsed whole"
    );
    Stage::new("meter", input, parsed.text_bytes, move || {
        let domains = Domains::new();
        let mut meter = Meter::new(&domains, None);
        for record in &records {
            meter.add(record).expect("a host of the generator");
        }
        check(meter, parsed.totals);
    })
}

fn parse_and_meter(text: &Text, input: String) -> Stage<'_> {
    let (format, mut clock) = (layout(text.format), Clock::default());
    Stage::new("parse+meter", input, text.len(), move || {
        let domains = Domains::new();
        let mut meter = Meter::new(&domains, None);
        let (mut layout, mut lines, mut rejected) = (format.clone(), 0, 0);
        scan(
            &mut layout,
            &text.bytes,
            &mut clock,
            |judged: Judged<'_>| {
                lines += 1;
                rejected += match judged.fate {
                    Fate::Metered(record) => u64::from(meter.add(&record).is_err()),
                    Fate::Skipped(_) => 0,
                    Fate::Rejected(_) => 1,
                };
            },
        );
        assert_eq!((lines, rejected), (text.newlines(), text.rejected));
        check(meter, text.totals);
    })
}

/// Closes the table and holds its rows against the generator's totals.
fn check(mut meter: Meter<'_>, expected: Totals) {
    let mut rows: Vec<UsageRow> = Vec::new();
    meter
        .take_rows(&mut rows)
        .expect("fewer domains than the limit");
    let bytes = rows.iter().map(|row| row.tally.bytes).sum();
    let lines = rows.iter().map(|row| u64::from(row.tally.requests)).sum();
    assert_eq!(Totals { lines, bytes }, expected);
}
