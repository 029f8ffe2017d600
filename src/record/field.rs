//! Primitives of the fast paths: finding the end of a field, reading numbers.
//!
//! Each answers `None` where it is not sure; the grammar then decides the line. What keeps this
//! right is not care but the property tests that compare every format with its grammar.

use memchr::memchr;

/// Position of `byte` in `text`, tuned for fields of up to some 30 bytes.
///
/// The first 32 bytes are looked at eight at a time, without a call; a longer field is `memchr`'s.
#[inline(always)]
pub(super) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let Some((head, tail)) = text.split_first_chunk::<32>() else {
        return text.iter().position(|&other| other == byte);
    };
    let pattern = LOW * u64::from(byte);
    for (word, chunk) in head.as_chunks::<8>().0.iter().enumerate() {
        // Classic zero-byte test: the lowest high bit marks the first equal byte exactly.
        let x = u64::from_le_bytes(*chunk) ^ pattern;
        let hits = x.wrapping_sub(LOW) & !x & HIGH;
        if hits != 0 {
            return Some(word * 8 + (hits.trailing_zeros() / 8) as usize);
        }
    }
    memchr(byte, tail).map(|at| at + 32)
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
        fn digits_agree_with_the_standard_library(text in "[0-9a+]{0,22}") {
            let expected = match text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= 19 {
                true => text.parse::<u64>().ok(),
                false => None,
            };
            prop_assert_eq!(digits(text.as_bytes()), expected);
        }
    }
}
