//! Places in the text of a registry: on which line an offset is.

use std::fmt;

/// A line of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or whatever else the text was called.
    pub origin: String,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.origin, self.line)
    }
}

/// The lines of a text. They are found once, because a large registry asks for every entry's.
pub(super) struct Lines<'a> {
    origin: &'a str,
    /// Offset of the first byte of every line, ascending.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &[u8], origin: &'a str) -> Self {
        let breaks = text.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
        let starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at + 1))
            .collect();
        Lines { origin, starts }
    }

    /// The place of the byte at `offset`; past the end, the last line.
    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|&start| start <= offset);
        Place {
            origin: self.origin.to_owned(),
            line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_belongs_to_the_line_that_it_ends() {
        let lines = Lines::new(b"a\r\n\nb", "r.toml");
        for (offset, line) in [(0, 1), (1, 1), (2, 1), (3, 2), (4, 3), (99, 3)] {
            assert_eq!(
                lines.place(offset).to_string(),
                format!("r.toml:{line}"),
                "{offset}"
            );
        }
    }
}
