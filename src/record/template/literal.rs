//! Literals of a template, compared in a register where they are short.

use std::ops::Deref;

use memchr::memchr_iter;

/// Bytes of a register.
const WORD: usize = 8;

/// Literal text; nearly all are short: a space, `] "`, `","status":`.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    text: Box<[u8]>,
    /// The first bytes of `text`, and which bits of a word they are.
    word: u64,
    mask: u64,
}

impl Literal {
    pub(super) fn new(text: &str) -> Self {
        let text: Box<[u8]> = text.as_bytes().into();
        let (mut word, mut mask) = ([0; WORD], [0; WORD]);
        for (at, &byte) in text.iter().take(WORD).enumerate() {
            (word[at], mask[at]) = (byte, u8::MAX);
        }
        Literal {
            text,
            word: u64::from_le_bytes(word),
            mask: u64::from_le_bytes(mask),
        }
    }

    /// Whether `rest` begins with it.
    #[inline(always)]
    pub(super) fn begins(&self, rest: &[u8]) -> bool {
        match rest.first_chunk::<WORD>() {
            Some(chunk) => {
                let differs = (u64::from_le_bytes(*chunk) ^ self.word) & self.mask;
                differs == 0 && (self.text.len() <= WORD || rest.starts_with(&self.text))
            }
            None => rest.starts_with(&self.text),
        }
    }

    /// Where it stands in `text`, from left to right; nowhere if it is empty.
    #[inline(always)]
    pub(super) fn places<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let (first, text) = match self.text.first() {
            Some(&first) => (first, text),
            None => (0, &text[..0]),
        };
        memchr_iter(first, text).filter(|&at| self.begins(&text[at..]))
    }
}

impl Deref for Literal {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.text
    }
}
