//! The table at the end: every stage in decimal GB/s.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use super::stage::Stage;

/// Rounds through all stages, so that what slows the machine for a while slows all of them.
const ROUNDS: usize = 7;
/// Time that a stage may take in one round; it takes at least one pass.
const ROUND_TIME_MAX: Duration = Duration::from_millis(40);

/// Measures all stages in turn and prints the median of each.
pub fn print(stages: &mut [Stage<'_>]) -> io::Result<()> {
    let mut took: Vec<Vec<Duration>> = stages.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (stage, took) in stages.iter_mut().zip(&mut took) {
            let mut spent = Duration::ZERO;
            while spent < ROUND_TIME_MAX {
                let pass = stage.pass();
                spent += pass;
                took.push(pass);
            }
        }
    }
    // Bytes per nanosecond are gigabytes per second, both decimal.
    let speed = |(stage, took): (&Stage<'_>, &mut Vec<Duration>)| {
        let per_pass = median(took).as_nanos();
        (stage.id(), stage.bytes as f64 / per_pass as f64)
    };
    let speeds: HashMap<String, f64> = stages.iter().zip(&mut took).map(speed).collect();

    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\nGB/s of decompressed log text (10^9 bytes); medians over {ROUNDS} rounds\n"
    )?;
    for stage in stages.iter() {
        let id = stage.id();
        let speed = speeds[&id];
        let scope = match stage.workers {
            1 => "per core".to_owned(),
            workers => format!("on {workers} cores"),
        };
        write!(out, "{id:<36} {speed:>6.2} GB/s {scope:<10}")?;
        if let Some(rival) = &stage.rival {
            let last = rival.rsplit('/').next().unwrap_or(rival);
            write!(out, "  (x{:.1} of {last})", speed / speeds[rival])?;
        }
        writeln!(out)?;
    }
    out.flush()
}

fn median(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}
