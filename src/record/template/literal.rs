//! Literals of a template, compared in a register where they are short.

use std::ops::Deref;

use crate::record::field::find;

/// Bytes of a register.
const WORD: usize = 8;

/// Literal text; nearly all are short: a space, `] "`, `","status":`.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    text: Box<[u8]>,
    /// The first bytes of `text`, and which bits of a word they are.
    word: u64,
    mask: u64,
    /// The byte that it is looked for by, and its place in `text`. Spaces are everywhere; what else is in
    /// it finds it faster.
    marker: u8,
    marker_at: usize,
}

impl Literal {
    pub(super) fn new(text: &str) -> Self {
        let text: Box<[u8]> = text.as_bytes().into();
        let (mut word, mut mask) = ([0; WORD], [0; WORD]);
        for (at, &byte) in text.iter().take(WORD).enumerate() {
            (word[at], mask[at]) = (byte, u8::MAX);
        }
        let marker_at = text.iter().position(|&byte| byte != b' ').unwrap_or(0);
        Literal {
            marker: text.get(marker_at).copied().unwrap_or_default(),
            marker_at,
            text,
            word: u64::from_le_bytes(word),
            mask: u64::from_le_bytes(mask),
        }
    }

    /// Whether `rest` begins with it.
    #[inline(always)]
    pub(super) fn begins(&self, rest: &[u8]) -> bool {
        match (rest.first_chunk::<WORD>(), &*self.text) {
            (Some(chunk), text) => {
                let differs = (u64::from_le_bytes(*chunk) ^ self.word) & self.mask;
                differs == 0 && (text.len() <= WORD || rest.starts_with(text))
            }
            // The end of a line, where a call would cost more than all else.
            (None, []) => true,
            (None, [byte]) => rest.first() == Some(byte),
            (None, text) => rest.starts_with(text),
        }
    }

    /// Where it stands in `text`, from left to right. It must not be empty.
    #[inline(always)]
    pub(super) fn places<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            let at = self.next_place(text, from)?;
            from = at + 1;
            Some(at)
        })
    }

    /// Where it first stands in `text` at `from` or behind that.
    #[inline(always)]
    pub(super) fn next_place(&self, text: &[u8], mut from: usize) -> Option<usize> {
        debug_assert!(!self.text.is_empty());
        loop {
            let markers = text.get(from + self.marker_at..)?;
            let at = from + find(self.marker, markers)?;
            if self.begins(&text[at..]) {
                return Some(at);
            }
            from = at + 1;
        }
    }
}

impl Deref for Literal {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.text
    }
}
