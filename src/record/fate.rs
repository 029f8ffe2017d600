//! What becomes of a line: metered, skipped or rejected. All of it values, none of it text.

use crate::units::{Bytes, HostError, Region, Timestamp};

/// One metered log line, borrowed from the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The instant that the format logs; FORMATS §0.7 says which of the request that is.
    pub time: Timestamp,
    /// The host as written; `units::normalize_host` gives its domain or refuses it.
    pub host: &'a [u8],
    /// Downstream bytes.
    pub bytes: Bytes,
    /// HTTP status, or what the log has instead; 0 where it has none.
    pub status: u16,
    /// Region of the client, as far as the format tells.
    pub region: Region,
    /// Why this line's bytes deserve a second look, if they do.
    pub doubt: Option<Doubt>,
}

impl Record<'_> {
    /// Whether the response was an error: status 400 or above.
    pub fn is_error(&self) -> bool {
        self.status >= 400
    }
}

/// The one fate of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate<'a> {
    /// It counts.
    Metered(Record<'a>),
    /// It is no viewer's request.
    Skipped(Skip),
    /// It cannot be metered.
    Rejected(Reject),
}

impl Fate<'_> {
    /// Whether the line is a row of a log: one that counts, or that would if a viewer had sent the request.
    pub(super) fn is_row(&self) -> bool {
        matches!(self, Fate::Metered(_) | Fate::Skipped(Skip::NotViewer(_)))
    }
}

/// Why a metered line is doubtful. Doubtful lines count; they are also counted by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Doubt {
    /// The bytes field holds `-`, −1, null or nothing: metered as 0 bytes.
    NoBytes,
    /// The row does not say whether a viewer sent the request (Cloudflare without
    /// `ClientRequestSource` and `WorkerSubrequest`): sub-requests may be counted as traffic.
    NoViewerMark,
    /// The bytes with headers are 0 and those of the body are not: metered as 0 bytes.
    NoTotal,
    /// The row has no bytes field at all, as rows of JSON may: metered as 0 bytes. It is reported as
    /// [`Doubt::NoBytes`] and counted apart, because a file of nothing else is refused.
    NoBytesField,
}

impl Doubt {
    /// All kinds that are reported, each at its number.
    pub const ALL: [Doubt; 3] = [Doubt::NoBytes, Doubt::NoViewerMark, Doubt::NoTotal];

    /// The stable name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Doubt::NoBytes | Doubt::NoBytesField => "no-bytes",
            Doubt::NoViewerMark => "no-viewer-mark",
            Doubt::NoTotal => "no-total",
        }
    }

    /// The number of the kind that it is reported as.
    #[inline(always)]
    pub const fn index(self) -> usize {
        match self {
            Doubt::NoBytes | Doubt::NoBytesField => 0,
            Doubt::NoViewerMark => 1,
            Doubt::NoTotal => 2,
        }
    }
}

/// Why a line is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Nothing on it.
    Blank,
    /// A directive or comment of the format.
    Header,
    /// Written by another logger into the same file.
    OtherLogger,
    /// A request between machines (sub-request, shield, inner tier): these bytes went to no viewer.
    NotViewer(Bytes),
    /// A hole: zeros in front of a line, as a log has that was truncated under its writer. It counts as
    /// a line of its own, as if a newline stood behind it.
    Hole,
}

impl Skip {
    /// The names of all kinds, each at its number.
    pub const NAMES: [&'static str; 5] = ["blank", "header", "other-logger", "not-viewer", "hole"];

    /// The number of the kind.
    pub const fn index(self) -> usize {
        match self {
            Skip::Blank => 0,
            Skip::Header => 1,
            Skip::OtherLogger => 2,
            Skip::NotViewer(_) => 3,
            Skip::Hole => 4,
        }
    }
}

/// Why a line cannot be metered. The names are stable: dashboards and tests use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reject {
    /// Longer than the line limit.
    TooLong,
    /// Too few fields, shifted fields, or a field that no rule of the format allows.
    Fields,
    /// The time is no time of the format.
    Time,
    /// The time is outside 2000 to 2099.
    TimeRange,
    /// The host is missing, and none was configured.
    NoHost,
    /// The host is no host name.
    Host,
    /// The bytes are no number.
    Bytes,
    /// The header names no column of downstream bytes.
    NoBytesColumn,
    /// The status is no status of the format.
    Status,
    /// The line is no JSON object.
    Json,
    /// The line fits the template in several ways that differ in what is metered.
    Ambiguous,
    /// The header names columns of another program's log.
    OtherColumns,
    /// The bytes are a number over [`Bytes::LINE_MAX`]. What it says is the bound of the line.
    TooManyBytes,
    /// Another record stands in the line, behind a carriage return alone.
    LoneReturn,
}

impl Reject {
    /// All reasons, each at its number.
    pub const ALL: [Reject; 14] = [
        Reject::TooLong,
        Reject::Fields,
        Reject::Time,
        Reject::TimeRange,
        Reject::NoHost,
        Reject::Host,
        Reject::Bytes,
        Reject::NoBytesColumn,
        Reject::Status,
        Reject::Json,
        Reject::Ambiguous,
        Reject::OtherColumns,
        Reject::TooManyBytes,
        Reject::LoneReturn,
    ];

    /// The stable name in reports and quarantine files.
    pub const fn name(self) -> &'static str {
        match self {
            Reject::TooLong => "too-long",
            Reject::Fields => "fields",
            Reject::Time => "time",
            Reject::TimeRange => "time-range",
            Reject::NoHost => "no-host",
            Reject::Host => "host",
            Reject::Bytes => "bytes",
            Reject::NoBytesColumn => "no-bytes-column",
            Reject::Status => "status",
            Reject::Json => "json",
            Reject::Ambiguous => "ambiguous",
            Reject::OtherColumns => "other-columns",
            Reject::TooManyBytes => "too-many-bytes",
            Reject::LoneReturn => "lone-return",
        }
    }
}

impl Reject {
    /// What is wrong with the line, in words.
    pub const fn sentence(self) -> &'static str {
        match self {
            Reject::TooLong => "it is longer than a line may be",
            Reject::Fields => "it has too few fields, or others than the format has",
            Reject::Time => "its time is none of the format",
            Reject::TimeRange => "its time is outside of 2000 to 2099",
            Reject::NoHost => "it names no host",
            Reject::Host => "its host is no host name",
            Reject::Bytes => "its bytes are no number",
            Reject::NoBytesColumn => "its header names no column of downstream bytes",
            Reject::Status => "its status is none of the format",
            Reject::Json => "it is no JSON object",
            Reject::TooManyBytes => "it says more than 1 PiB",
            Reject::LoneReturn => {
                "other records stand in it behind carriage returns alone; make line feeds of those, as \
                 with tr '\\r' '\\n'"
            }
            Reject::Ambiguous => {
                "it fits the log format in several ways that differ in what is metered"
            }
            Reject::OtherColumns => "its header names columns of another program's log",
        }
    }
}

impl From<HostError> for Reject {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Missing => Reject::NoHost,
            HostError::Malformed => Reject::Host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_at_its_number() {
        for (place, doubt) in Doubt::ALL.iter().enumerate() {
            assert_eq!(doubt.index(), place);
        }
        for (place, reject) in Reject::ALL.iter().enumerate() {
            assert_eq!(*reject as usize, place);
        }
        for skip in [
            Skip::Blank,
            Skip::Header,
            Skip::OtherLogger,
            Skip::NotViewer(Bytes::ZERO),
            Skip::Hole,
        ] {
            assert!(skip.index() < Skip::NAMES.len());
        }
    }
}
