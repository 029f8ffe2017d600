//! Primitives of the fast paths: finding the end of a field, reading numbers.
//!
//! Each answers `None` where it is not sure; the grammar then decides the line. What keeps this
//! right is not care but the property tests that compare every format with its grammar.

use memchr::memchr;

/// The line without the `\r` that may stand before its newline.
#[inline(always)]
pub(super) fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Position of `byte` in `text`, tuned for fields of up to some 30 bytes.
///
/// The first 32 bytes are looked at eight at a time, without a call; a longer field is `memchr`'s.
#[inline(always)]
pub(super) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let Some((head, tail)) = text.split_first_chunk::<32>() else {
        return find_short(byte, text);
    };
    let words = head.as_chunks::<8>().0;
    first_in(byte, words).or_else(|| memchr(byte, tail).map(|at| at + 32))
}

/// As [`find`], at the end of a line: the last word may overlap the one before it.
#[inline(always)]
fn find_short(byte: u8, text: &[u8]) -> Option<usize> {
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().position(|&other| other == byte);
    };
    let at = text.len() - last.len();
    first_in(byte, text.as_chunks::<8>().0).or_else(|| Some(at + first_in(byte, &[*last])?))
}

#[inline(always)]
fn first_in(byte: u8, words: &[[u8; 8]]) -> Option<usize> {
    let pattern = u64::from_le_bytes([byte; 8]);
    words.iter().enumerate().find_map(|(word, chunk)| {
        let hits = zero_bytes(u64::from_le_bytes(*chunk) ^ pattern);
        (hits != 0).then(|| word * 8 + (hits.trailing_zeros() / 8) as usize)
    })
}

/// Splits at the first `separator`: the field before it, and what follows it.
#[inline(always)]
pub(super) fn until(separator: u8, text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = find(separator, text)?;
    Some((&text[..at], &text[at + 1..]))
}

/// As [`until`], for fields that are usually long.
#[inline(always)]
pub(super) fn until_far(separator: u8, text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr(separator, text)?;
    Some((&text[..at], &text[at + 1..]))
}

/// The value of one to nineteen ASCII digits, which cannot overflow 64 bits.
#[inline(always)]
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || 19 < text.len() {
        return None;
    }
    let mut value = 0u64;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if 9 < digit {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

/// Splits at the first space: the value of the one to nineteen digits before it, and the rest.
///
/// Up to seven digits are found and converted together, in a register and without a branch per
/// digit; longer fields go the long way.
#[inline(always)]
pub(super) fn number_until_space(text: &[u8]) -> Option<(u64, &[u8])> {
    const SPACES: u64 = 0x2020_2020_2020_2020;
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const HIGH_NIBBLES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const SIXES: u64 = 0x0606_0606_0606_0606;
    if let Some(chunk) = text.first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let spaces = zero_bytes(word ^ SPACES);
        let len = (spaces.trailing_zeros() / 8) as usize;
        if (1..8).contains(&len) {
            // Digits go to the high end, behind leading zeros: eight digits, last one highest.
            let digits = word << (64 - 8 * len) | ZEROS >> (8 * len);
            let is_number = digits & HIGH_NIBBLES == ZEROS
                && digits.wrapping_add(SIXES) & HIGH_NIBBLES == ZEROS;
            return is_number.then(|| (eight_digits(digits), &text[len + 1..]));
        }
    }
    let (field, rest) = until(b' ', text)?;
    Some((digits(field)?, rest))
}

/// The value of eight ASCII digits, the first in the lowest byte: pairs, then fours, then all.
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    let values = digits & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (values.wrapping_mul(10 * 0x100 + 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 * 0x1_0000 + 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 * 0x1_0000_0000 + 1) >> 32
}

/// A high bit in the lowest byte of `word` that is zero, exact up to there.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    word.wrapping_sub(LOW) & !word & HIGH
}

/// The value of exactly two ASCII digits.
#[inline(always)]
pub(super) fn two_digits(text: [u8; 2]) -> Option<u8> {
    let [tens, ones] = text.map(|byte| byte.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| tens * 10 + ones)
}

/// The value of exactly three ASCII digits.
#[inline(always)]
pub(super) fn three_digits(text: &[u8]) -> Option<u16> {
    let &[a, b, c] = text else { return None };
    let [a, b, c] = [a, b, c].map(|byte| u16::from(byte.wrapping_sub(b'0')));
    (a <= 9 && b <= 9 && c <= 9).then(|| a * 100 + b * 10 + c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn find_agrees_with_position(text in proptest::collection::vec(0u8..4, 0..80), byte in 0u8..4) {
            prop_assert_eq!(find(byte, &text), text.iter().position(|&other| other == byte));
        }

        #[test]
        fn numbers_agree_with_the_plain_way(text in "[0-9: /-]{0,24}") {
            let plain = |text: &[u8]| {
                let at = text.iter().position(|&byte| byte == b' ')?;
                Some((digits(&text[..at])?, text.len() - at - 1))
            };
            let fast = number_until_space(text.as_bytes()).map(|(value, rest)| (value, rest.len()));
            prop_assert_eq!(fast, plain(text.as_bytes()));
        }

        #[test]
        fn digits_agree_with_the_standard_library(text in "[0-9a+]{0,22}") {
            let expected = match text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= 19 {
                true => text.parse::<u64>().ok(),
                false => None,
            };
            prop_assert_eq!(digits(text.as_bytes()), expected);
        }
    }
}
