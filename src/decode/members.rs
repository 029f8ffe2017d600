//! All members of a gzip file, and the zeros behind them.
//!
//! A file may be filled up with zeros behind its last member, as tapes and some object stores do:
//! `gzip -t` accepts that, and so do we. Anything else there is damage, also a member behind zeros.
//!
//! One decoder is reset from member to member: a file of many small ones (nginx writes one per flush of
//! its buffer) costs no allocation for each.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Decompresses the members of a gzip file one after another.
pub(super) struct Members<R> {
    decoder: GzDecoder<Slot<R>>,
    is_at_end: bool,
}

/// Holds the stored bytes, so that they can be taken out of a decoder and put back.
struct Slot<R>(Option<R>);

impl<R: BufRead> Members<R> {
    /// The members of what `stored` holds, which begins with one.
    pub(super) fn new(stored: R) -> Self {
        Members {
            decoder: GzDecoder::new(Slot(Some(stored))),
            is_at_end: false,
        }
    }

    /// Goes on to the next member; `false` where there is none.
    ///
    /// Errors: those of reading; `InvalidData` where something else than zeros stands there.
    fn go_on(&mut self) -> io::Result<bool> {
        let stored = self.decoder.get_mut();
        let mut zeros = 0u64;
        loop {
            let ready = match stored.fill_buf() {
                Ok(ready) => ready,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let len = match ready.iter().position(|&byte| byte != 0) {
                None if ready.is_empty() => return Ok(false),
                None => ready.len(),
                Some(0) if zeros == 0 => break,
                Some(_) => {
                    let what = "something stands behind the zeros behind its last gzip member";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
            };
            zeros += len as u64;
            stored.consume(len);
        }
        let stored = Slot(stored.0.take());
        self.decoder.reset(stored);
        Ok(true)
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_at_end && !buffer.is_empty() {
            let read = match self.decoder.read(buffer) {
                Ok(0) => self.go_on().map(|is_more| self.is_at_end = !is_more),
                Ok(len) => return Ok(len),
                Err(error) => Err(error),
            };
            if let Err(error) = read {
                // After an error a decoder says that it is at its end, which is not that of a member.
                self.is_at_end = error.kind() != io::ErrorKind::Interrupted;
                return Err(error);
            }
        }
        Ok(0)
    }
}

impl<R: BufRead> Slot<R> {
    fn stored(&mut self) -> io::Result<&mut R> {
        // It is out only while the decoder is reset, which reads nothing.
        self.0.as_mut().ok_or_else(|| io::ErrorKind::Other.into())
    }
}

impl<R: BufRead> Read for Slot<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stored()?.read(buffer)
    }
}

impl<R: BufRead> BufRead for Slot<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.stored()?.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        if let Some(stored) = &mut self.0 {
            stored.consume(len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::{BufReader, Write};

    fn member(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("packed");
        encoder.finish().expect("packed")
    }

    /// The content, however few stored bytes are at hand at a time.
    fn read(stored: &[u8]) -> io::Result<Vec<u8>> {
        let read = |capacity| {
            let mut content = Vec::new();
            let mut members = Members::new(BufReader::with_capacity(capacity, stored));
            members.read_to_end(&mut content).map(|_| content)
        };
        let (small, large) = (read(1), read(1 << 16));
        match (&small, &large) {
            (Ok(small), Ok(large)) => assert_eq!(small, large),
            (small, large) => assert_eq!(small.is_ok(), large.is_ok()),
        }
        large
    }

    #[test]
    fn a7_zeros_behind_the_last_member_are_no_damage_and_anything_else_is() {
        let (a, b, empty) = (member(b"a\n"), member(b"b\n"), member(b""));
        let zeros = [0; 40];
        let is = |parts: &[&[u8]]| read(&parts.concat()).map_err(|error| error.kind());
        assert_eq!(is(&[&a, &b]), Ok(b"a\nb\n".to_vec()));
        for len in 0..zeros.len() {
            let zeros = &zeros[..len];
            assert_eq!(is(&[&a, &b, zeros]), Ok(b"a\nb\n".to_vec()), "{len}");
            assert_eq!(is(&[&a, &empty, zeros]), Ok(b"a\n".to_vec()), "{len}");
            assert!(is(&[&a, zeros, b"x"]).is_err(), "{len}");
            assert_eq!(is(&[&a, zeros, &b]).is_ok(), len == 0);
        }
        // The last bytes of a member may be zeros too, and are needed.
        for cut in 1..8 {
            assert!(is(&[&a, &empty[..empty.len() - cut]]).is_err(), "{cut}");
        }
    }
}
