//! Sizes on the command line: `512MB`, `2 GiB`, `1000000`.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{space0, u64 as number};
use nom::combinator::{all_consuming, value};
use nom::error::Error;
use nom::sequence::separated_pair;

use crate::units::shown;

/// A number of bytes from text. Decimal prefixes are powers of 1000, `Ki` and so on of 1024.
///
/// Errors: a sentence for the user.
pub(in crate::cli) fn parse_size(text: &str) -> Result<u64, String> {
    let unit = alt((
        value(1u64, tag("B")),
        value(1 << 10, tag("KiB")),
        value(1 << 20, tag("MiB")),
        value(1 << 30, tag("GiB")),
        value(1_000, alt((tag("kB"), tag("KB")))),
        value(1_000_000, tag("MB")),
        value(1_000_000_000, tag("GB")),
        value(1, tag("")),
    ));
    let mut size = all_consuming(separated_pair(number::<_, Error<&str>>, space0, unit));
    let refusal = || {
        format!(
            "`{}` is no size; write bytes, or a number with kB, MB, GB, MiB, GiB",
            shown(text)
        )
    };
    let (_, (number, unit)) = size.parse(text).map_err(|_| refusal())?;
    number.checked_mul(unit).ok_or_else(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in [
            ("0", 0),
            ("17 B", 17),
            ("2kB", 2_000),
            ("3 MB", 3_000_000),
            ("4GiB", 4 << 30),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "MB", "1.5GB", "-1", "1 TBs", "99999999999GB", "1GBx"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
