//! `cdn-meter verify`: everything that a store promises, worked out again.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use super::metering::StoreArgs;
use super::{Failure, Finish, print_json};
use crate::store::Store;

/// Work out again everything that a store promises, and say exactly what is wrong
///
/// Exit code 0: all is as promised. 3: something is not, and what to do stands beside it.
#[derive(Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn verify(args: &VerifyArgs) -> Result<Finish, Failure> {
    let verification = Store::open_to_read(&args.store.store)?.verify()?;
    let usage = verification.usage;
    if args.json {
        let findings: Vec<_> = verification
            .findings
            .iter()
            .map(|finding| {
                json!({ "promise": finding.promise, "subject": finding.subject, "problem": finding.problem })
            })
            .collect();
        print_json(&json!({
            "segments": verification.segments,
            "contents": verification.contents,
            "rows": verification.rows,
            "bytes": usage.bytes.as_u64(),
            "requests": usage.requests,
            "findings": findings,
        }))?;
    } else {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for finding in &verification.findings {
            writeln!(
                out,
                "{}  {}: {}",
                finding.promise, finding.subject, finding.problem
            )?;
        }
        writeln!(
            out,
            "{} contents, {} rows in {} segments: {}, {} requests; {} findings",
            verification.contents,
            verification.rows,
            verification.segments,
            usage.bytes,
            usage.requests,
            verification.findings.len()
        )?;
        out.flush()?;
    }
    match verification.findings.len() {
        0 => Ok(Finish::Done),
        findings => Err(Failure::state(format!(
            "the store {} is not what it promises to be: {findings} findings",
            args.store.store.display()
        ))),
    }
}
