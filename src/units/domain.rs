//! Host names as logs write them, and the one spelling under which their bytes are counted.

use std::fmt;

/// Longest host name, in bytes, without the trailing dot (RFC 1035, section 2.3.4).
const HOST_BYTES_MAX: usize = 253;
/// Longest label of a host name, in bytes.
const LABEL_BYTES_MAX: usize = 63;

/// A host name in its one spelling: lower case, no port, no trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Domain {
    /// The domain that `raw` names.
    ///
    /// Errors: as [`normalize_host`].
    pub fn parse(raw: &[u8]) -> Result<Self, HostError> {
        let mut name = String::new();
        normalize_host(raw, &mut name)?;
        Ok(Domain(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a host field names no domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The field is empty, `-`, or nginx's catch-all `_`.
    #[error("the host is missing")]
    Missing,
    /// The field is no host name.
    #[error("the host is no host name")]
    Malformed,
}

/// Writes the one spelling of `raw` into `name`, replacing what it held.
///
/// A port is cut off, one trailing dot too; letters become lower case. Host names may hold
/// letters, digits, `-`, `_` and dots between non-empty labels of up to 63 bytes, 253 in all.
/// IPv6 literals keep their brackets. Anything else is refused: the host is sent by the client,
/// and a name that cannot be one is no domain of ours.
///
/// Errors: [`HostError`].
pub fn normalize_host(raw: &[u8], name: &mut String) -> Result<(), HostError> {
    name.clear();
    let host = without_port(raw).ok_or(HostError::Malformed)?;
    if matches!(host, b"" | b"-" | b"_") {
        return Err(HostError::Missing);
    }
    let host = host.strip_suffix(b".").unwrap_or(host);
    if host.len() > HOST_BYTES_MAX {
        return Err(HostError::Malformed);
    }
    let is_name = match host {
        [b'[', inner @ .., b']'] => is_ipv6(inner),
        _ => host.split(|&byte| byte == b'.').all(is_label),
    };
    if !is_name {
        return Err(HostError::Malformed);
    }
    name.extend(
        host.iter()
            .map(|byte| char::from(byte.to_ascii_lowercase())),
    );
    Ok(())
}

/// The host before an optional `:port`; `None` where the port is no number.
fn without_port(raw: &[u8]) -> Option<&[u8]> {
    let from = match raw.first() {
        Some(b'[') => raw.iter().position(|&byte| byte == b']')?,
        _ => 0,
    };
    match raw[from..].iter().position(|&byte| byte == b':') {
        None => Some(raw),
        Some(colon) => {
            let (host, port) = (&raw[..from + colon], &raw[from + colon + 1..]);
            let is_port = (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
            is_port.then_some(host)
        }
    }
}

fn is_label(label: &[u8]) -> bool {
    let is_host_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.iter().all(is_host_byte)
}

fn is_ipv6(inner: &[u8]) -> bool {
    std::str::from_utf8(inner).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &str) -> Result<String, HostError> {
        Domain::parse(raw.as_bytes()).map(|domain| domain.as_str().to_owned())
    }

    #[test]
    fn one_spelling_per_domain() {
        for raw in [
            "live.example.com",
            "LIVE.Example.COM",
            "live.example.com.",
            "live.example.com:443",
        ] {
            assert_eq!(name(raw).as_deref(), Ok("live.example.com"), "{raw}");
        }
        assert_eq!(
            name("Live.example.com.:8080").as_deref(),
            Ok("live.example.com")
        );
        assert_eq!(name("[2001:DB8::1]:80").as_deref(), Ok("[2001:db8::1]"));
        assert_eq!(name("203.0.113.9").as_deref(), Ok("203.0.113.9"));
        assert_eq!(name("a_b.example.com").as_deref(), Ok("a_b.example.com"));
    }

    #[test]
    fn what_is_no_host_name_is_refused() {
        for raw in ["", "-", "_", "-:443", ":80"] {
            assert_eq!(name(raw), Err(HostError::Missing), "{raw:?}");
        }
        let long = format!("{}.com", "a".repeat(64));
        for raw in [
            ".",
            "..",
            "a..b",
            ".example.com",
            "a b",
            "a/b",
            "host:",
            "host:port",
            "host:123456",
            "[::1",
            "::1",
            "é.com",
            "a.com..",
            "*.example.com",
            &long,
        ] {
            assert_eq!(name(raw), Err(HostError::Malformed), "{raw:?}");
        }
    }
}
