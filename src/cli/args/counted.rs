//! What is said of files that are counted already, and otherwise than what is given now asks for.
//!
//! A file whose content is known stays as it is counted, whatever `--format` and `--domain` say now: it may
//! have been counted anew, or be one of a folder of many. So it is no refusal, but it is said, with the way
//! to count it anew. Of a `--log-format` nothing can be said, as no ledger notes by which template lines
//! were read; of a `--domain` only where lines name none, since for them alone it is asked.

use std::collections::BTreeMap;

use crate::cli::Failure;
use crate::cli::progress::say;
use crate::ingest::{Ingested, Options, Outcome, SourceReport, names_no_domain};
use crate::record::Layout;
use crate::source::Source;
use crate::store::Store;

/// Files of a run that the store is asked about: where the first are counted as asked, the others are.
const FILES_ASKED_MAX: usize = 32;

/// Says which of `sources` are counted already, or in part, by another format or for other domains.
///
/// It is no more than advice: what was committed is reported, whether this can be told or not.
pub(in crate::cli) fn say_counted_otherwise(
    store: &Store,
    options: &Options,
    sources: &[Source],
    ingested: &Ingested,
) {
    if let Err(failure) = try_to_say(store, options, sources, ingested) {
        say(&format!(
            "cannot tell as what known files are counted: {failure}"
        ));
    }
}

fn try_to_say(
    store: &Store,
    options: &Options,
    sources: &[Source],
    ingested: &Ingested,
) -> Result<(), Failure> {
    if options.layout.is_none() && options.fallback_domain.is_none() {
        return Ok(());
    }
    let is_known = |report: &&SourceReport| match report.outcome {
        Outcome::Known(_) => true,
        Outcome::Committed(_) => report.is_resumed,
        Outcome::Refused(_) => false,
    };
    let known = ingested.sources.iter().filter(is_known);
    let known = known.filter_map(|of| sources.get(of.index));
    let known: Vec<&Source> = known.take(FILES_ASKED_MAX).collect();
    let (mut by_format, mut rest) = (Groups::default(), Vec::new());
    for source in known {
        let formats = store.formats_of(&source.identity)?;
        let asked = options.layout.as_ref().map(Layout::name);
        match asked.and_then(|asked| formats.iter().find(|format| *format != asked)) {
            Some(other) => by_format.add(source, other, format!("as {other}")),
            None if formats.iter().any(|format| Layout::may_lack_host(format)) => rest.push(source),
            None => {}
        }
    }
    if let Some(layout) = &options.layout {
        by_format.say(&format!("not as {}", layout.given_name()));
    }
    match &options.fallback_domain {
        Some(domain) => say_of_domains((store, options), &rest, domain),
        None => Ok(()),
    }
}

/// Says which sources whose lines name no domain are counted for others than `domain`.
fn say_of_domains(
    (store, options): (&Store, &Options),
    sources: &[&Source],
    domain: &str,
) -> Result<(), Failure> {
    let names: Vec<&str> = sources.iter().map(|of| &of.identity[..]).collect();
    let domains = store.domains_of(&names)?;
    let mut by_domain = Groups::default();
    for source in sources {
        let mut others = domains.get(&source.identity[..]).into_iter().flatten();
        let other = others.find(|other| *other != domain);
        if let Some(other) = other.filter(|_| names_no_domain(source, options)) {
            by_domain.add(source, "", format!("for {other}"));
        }
    }
    by_domain.say(&format!("not for {domain}"));
    Ok(())
}

/// Files that are counted otherwise in one way.
struct Group<'a> {
    count: usize,
    /// The name of the first, and as what it is counted.
    first: (&'a str, String),
    /// Whether others are counted as something else.
    is_several: bool,
}

/// What is said of files: one line by format, and one for all domains, of which there may be many.
#[derive(Default)]
struct Groups<'a>(BTreeMap<String, Group<'a>>);

impl<'a> Groups<'a> {
    fn add(&mut self, source: &'a Source, key: &str, counted: String) {
        let first = (&source.name[..], counted.clone());
        let group = self.0.entry(key.to_owned()).or_insert(Group {
            count: 0,
            first,
            is_several: false,
        });
        group.count += 1;
        group.is_several |= group.first.1 != counted;
    }

    /// Says of each group that it is counted so, and `not` as was asked.
    fn say(&self, not: &str) {
        for group in self.0.values() {
            let (name, counted) = &group.first;
            let files = match group.count {
                1 => format!("{name} has"),
                FILES_ASKED_MAX.. => {
                    format!("{} files or more, {name} is the first, have", group.count)
                }
                count => format!("{count} files, {name} is the first, have"),
            };
            let others = if group.is_several { " and others" } else { "" };
            say(&format!(
                "{files} lines that count {counted}{others} and {not}, and that stays; `cdn-meter ingest --recount` \
                 counts files anew by what is given"
            ));
        }
    }
}
