//! Host names as logs write them, and the one spelling under which their bytes are counted.

use std::fmt;

/// Longest host name, in bytes, without the trailing dot (RFC 1035, section 2.3.4).
const HOST_BYTES_MAX: usize = 253;
/// Longest label of a host name, in bytes.
const LABEL_BYTES_MAX: usize = 63;
/// Most digits of a port.
const PORT_DIGITS_MAX: usize = 5;

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
    let (host, _) = host_and_port(raw)?;
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

/// Splits `host[:port]`: the one reader of it, for the hosts of all formats.
///
/// ```text
/// text = ( "[" address "]" | *( any except "[", "]" and ":" ) ) [ ":" port ]     port = *5 digits
/// ```
/// Nobody can tell whether the last group of an IPv6 address without brackets is one, or a port that is
/// glued to it, so such an address is refused, with and without a port. A format that writes host and
/// port as two variables (`%v:%p`) has to give both as one text, because a split at its first colon
/// takes the first group of an address for the host. Whether the host is a host name is told by
/// [`normalize_host`], which this is the first step of.
///
/// Errors: `Malformed`.
/// Source: RFC 3986, sections 3.2.2 (brackets) and 3.2.3 (a port may be empty, and is none then).
pub fn host_and_port(text: &[u8]) -> Result<(&[u8], Option<&[u8]>), HostError> {
    let host_len = match text.first() {
        Some(b'[') => text.iter().position(|&byte| byte == b']').map(|at| at + 1),
        _ => text.iter().position(|&byte| byte == b':'),
    };
    let (host, rest) = text.split_at(host_len.unwrap_or(text.len()));
    match rest {
        [] => Ok((host, None)),
        b":" => Ok((host, None)),
        [b':', port @ ..] if is_port(port) => Ok((host, Some(port))),
        _ => Err(HostError::Malformed),
    }
}

fn is_port(text: &[u8]) -> bool {
    (1..=PORT_DIGITS_MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
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
            "live.example.com:",
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
    fn a3_host_and_port_are_split_where_only_one_split_is_possible() {
        let split = |text: &'static str| {
            host_and_port(text.as_bytes()).map(|(host, port)| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                (text(host), port.map(text))
            })
        };
        let is = |host: &str, port: Option<&str>| Ok((host.to_owned(), port.map(str::to_owned)));
        assert_eq!(split("a.example.cn"), is("a.example.cn", None));
        assert_eq!(split("a.example.cn:443"), is("a.example.cn", Some("443")));
        assert_eq!(split("[2001:db8::1]"), is("[2001:db8::1]", None));
        assert_eq!(split("[2001:db8::1]:443"), is("[2001:db8::1]", Some("443")));
        assert_eq!(split("a:"), is("a", None));
        assert_eq!(split("[2001:db8::1]:"), is("[2001:db8::1]", None));
        assert_eq!(split(""), is("", None));
        assert_eq!(split("-:443"), is("-", Some("443")));
        for text in [
            "2001:db8::1:443",
            "2001:db8::1",
            "::1",
            "::",
            "a:x",
            "a:1:2",
            "a:123456",
            "[2001:db8::1]x",
            "[2001:db8::1]443",
            "[::1]]:443",
        ] {
            assert_eq!(split(text), Err(HostError::Malformed), "{text}");
        }
        // What lacks its end is given as it is, and is no host name.
        assert_eq!(split("[2001:db8::1"), is("[2001:db8::1", None));
        assert_eq!(name("[2001:db8::1"), Err(HostError::Malformed));
    }

    #[test]
    fn what_is_no_host_name_is_refused() {
        for raw in ["", "-", "_", "-:443", ":80", ":"] {
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
