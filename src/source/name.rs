//! Names of files as text, reversibly: two files never have one name.
//!
//! ```text
//! path                               name
//! UTF-8, not beginning with bytes:   the path itself
//! any other                          bytes: and the path, with \xHH for each byte that is no UTF-8 there, and
//!                                    \\ for \
//! ```
//! So `a\xff.log` as eight characters and `a`, the byte FF, `.log` are two names: `a\xff.log` and
//! `bytes:a\xff.log`. The paths that a store knows begin with `/`, so those that are UTF-8 are named as they
//! always were. A name is taken in the place of its path wherever a file can be given.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::units::hex;

/// What a name begins with that is not the path itself.
const BYTES: &str = "bytes:";

/// The name of a path.
pub fn name_of(path: &Path) -> String {
    match path.to_str().filter(|path| !path.starts_with(BYTES)) {
        Some(path) => path.to_owned(),
        None => {
            let mut name = BYTES.to_owned();
            for chunk in path.as_os_str().as_bytes().utf8_chunks() {
                name.push_str(&chunk.valid().replace('\\', "\\\\"));
                for byte in chunk.invalid() {
                    name.push_str("\\x");
                    name.push_str(&hex(&[*byte]));
                }
            }
            name
        }
    }
}

/// The path that has this name.
pub fn path_of(name: &str) -> PathBuf {
    let unescaped = name.strip_prefix(BYTES).and_then(unescape);
    unescaped.map_or_else(|| PathBuf::from(name), PathBuf::from)
}

/// Whether there is a file with this name.
pub fn is_there(name: &str) -> bool {
    path_of(name).exists()
}

/// What an escaped text stands for; `None` where it is none.
fn unescape(text: &str) -> Option<OsString> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('\\') {
            bytes.push(b'\\');
            rest = behind;
        } else {
            let digits = rest.strip_prefix('x')?.get(..2)?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[3..];
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;

    proptest! {
        #[test]
        fn d9_a_name_leads_back_to_its_path(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(b'\\'), Just(b'x'), Just(b'f'), Just(0xff)], 0..12),
            is_prefixed: bool,
        ) {
            let prefix: &[u8] = if is_prefixed { b"bytes:" } else { b"" };
            let bytes = [prefix, &bytes].concat();
            let path = Path::new(OsStr::from_bytes(&bytes));
            prop_assert_eq!(path_of(&name_of(path)), path);
        }
    }

    #[test]
    fn d9_what_looks_like_an_escape_is_another_name() {
        let name = |bytes: &[u8]| name_of(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(name(b"/l/a\xff.log"), "bytes:/l/a\\xff.log");
        assert_eq!(name(b"/l/a\\xff.log"), "/l/a\\xff.log");
        assert_eq!(name(b"/l/\\a\xff"), "bytes:/l/\\\\a\\xff");
        assert_eq!(name(b"bytes:a"), "bytes:bytes:a");
        assert_eq!(name("/l/ü.log".as_bytes()), "/l/ü.log");
    }
}
