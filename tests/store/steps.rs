//! What may happen to log files and a store, one step at a time.

use crate::model::Text;

/// One thing that happens. Places in lists are taken modulo their length, so any steps can follow
/// each other, and steps can be left out.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A file comes, or is replaced: the start of a log.
    Deliver(usize, usize, Cut),
    /// The same comes again.
    Redeliver(usize),
    /// More of the same log, or less of it.
    Resize(usize, Cut),
    Rename(usize, usize),
    Copy(usize, usize),
    /// Every name of a rotation moves on by one, and a new log begins.
    Rotate(usize, Cut),
    /// The log is copied to the next name and begins anew, as a program does that keeps it open.
    RotateByCopy(usize, Cut),
    /// The log moves to a name that nothing takes again for long, as by date, and a new one begins.
    RotateByDate(usize, Cut),
    /// The file is packed, or unpacked.
    Pack(usize),
    Delete(usize),
    /// Cut in its packed form.
    Corrupt(usize),
    Ingest(Run),
    /// The run is given up after so many sources.
    Kill(Run, usize),
    /// The first open month is closed; what comes for it from then on is late.
    Close,
    Compact,
    /// The ledger of the step of this kind before is put in the place of the newest, alone, with its seal, or with
    /// all files of then, and the newest is put back.
    RestoreOlder(usize),
    /// The file is counted anew, by the same format.
    Recount(usize, Run),
    /// What the name holds is taken out of the store.
    Forget(usize),
    /// Rejected lines are read again.
    Retry,
}

/// How much of a log.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Whole lines.
    Lines(usize),
    /// Without the last newline.
    NoNewline(usize),
    /// Anywhere.
    Bytes(usize),
    /// At the end of a chunk of digests, or beside it.
    Chunk(usize),
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub workers: usize,
    /// A bit for every name that is an input.
    pub names: usize,
    /// Whether files that look unchanged are passed over.
    pub is_trusting: bool,
    pub is_rehash: bool,
    /// Whether what can be read of damaged archives counts.
    pub is_salvage: bool,
    /// Whether an earlier run had left files that no commit names.
    pub has_orphans: bool,
}

impl Cut {
    /// So much of `log`.
    pub fn of(self, log: &[u8]) -> Text {
        let ends: Vec<usize> = (1..=log.len()).filter(|at| log[at - 1] == b'\n').collect();
        let len = match self {
            Cut::Lines(at) => ends[at % ends.len()],
            Cut::NoNewline(at) => ends[at % ends.len()] - 1,
            Cut::Bytes(at) => at % (log.len() + 1),
            Cut::Chunk(at) => ((at / 3 % 9 + 1) << 20) - 1 + at % 3,
        };
        Text::from(&log[..len.min(log.len())])
    }
}
