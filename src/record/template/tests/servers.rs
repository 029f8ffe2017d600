//! What servers can have for their variables, and how they write it: a table of its own, made by what
//! their sources say and not by `form`.

/// A variable, and values that a server can have for it.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) is: Is,
    pub(super) values: &'static [&'static str],
}

/// What is metered of a variable.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Is {
    /// A host, by the turn in which it is asked.
    Host(u8),
    /// A time: its values are the [`INSTANTS`].
    Time,
    /// A status, by the turn in which it is asked.
    Status(u8),
    Total,
    Body,
    /// Nothing, and no client can have it hold what stands beside it.
    Exact,
    /// Nothing, and it may be any text.
    Free,
}

/// The value that is not there.
const NONE: &str = "\0";
pub(super) const INSTANTS: [i64; 2] = [1_791_194_401, 1_791_194_402];

const fn v(name: &'static str, is: Is, values: &'static [&'static str]) -> Variable {
    Variable { name, is, values }
}

/// Texts that clients choose.
const CLIENTS: &[&str] = &[
    NONE,
    "",
    "-",
    "a",
    "a b",
    "x, y : z",
    "\"\"",
    "\"|200|5|",
    "x\" 200 7 \"y",
    "\\",
    "é\u{1}\u{7f}",
    "200 7",
    "192.0.2.7, 198.51.100.7",
    "a.example.cn 200 5",
    "GET /  /x HTTP/1.1",
    "GET /",
    "\",\"k\":5,\"k\":\"",
    "] [x",
    "a\tb",
];
const LIST: &[&str] = &[
    NONE,
    "192.0.2.1:80",
    "[2001:db8::1]:80, unix:/tmp/s",
    "u:1 : v:2",
    "u:1, v:2 : w:3 : ",
    "backend",
    "u:1 : , v:2",
];
const NUMBERS: &[&str] = &[
    NONE,
    "200",
    "502, 200",
    "0.010 : 0.002",
    "502 : ",
    "-, 0.1",
    "502 : -, 200",
];
const HOSTS: &[&str] = &[
    "a.example.cn",
    "b.example.cn:8080",
    "-",
    NONE,
    "",
    "a b",
    "x\"y",
];
const CHOSEN_HOSTS: &[&str] = &[
    "a.example.cn",
    "[2001:db8::1]",
    "",
    "x,y.example.cn",
    "a\"|200|5|",
    "a\\.cn",
    "b.example.cn*,a.cn",
];
const ADDRESSES: &[&str] = &["192.0.2.1", "2001:db8::1", "unix:"];
const PORTS: &[&str] = &["443", "", "8080"];

#[rustfmt::skip]
const NGINX: &[Variable] = &[
    v("$host", Is::Host(0), CHOSEN_HOSTS),
    v("$http_host", Is::Host(1), HOSTS),
    v("$server_name", Is::Host(4), &["s.example.cn", "_", "", "*.example.cn"]),
    v("$time_local", Is::Time, &["05/Oct/2026:18:00:01 +0800", "05/Oct/2026:10:00:02 +0000"]),
    v("$time_iso8601", Is::Time, &["2026-10-05T18:00:01+08:00", "2026-10-05T10:00:02+00:00"]),
    v("$msec", Is::Time, &["1791194401.000", "1791194402.999"]),
    v("$status", Is::Status(0), &["200", "499", "000", "009"]),
    v("$bytes_sent", Is::Total, &["0", "7", "5000000000"]),
    v("$body_bytes_sent", Is::Body, &["0", "5", "200"]),
    v("$server_port", Is::Exact, PORTS),
    v("$remote_port", Is::Exact, PORTS),
    v("$proxy_protocol_port", Is::Exact, &[NONE, "", "51022"]),
    v("$proxy_protocol_addr", Is::Exact, &[NONE, "", "192.0.2.1"]),
    v("$connection", Is::Exact, &["17"]),
    v("$connection_requests", Is::Exact, &["1"]),
    v("$connection_time", Is::Exact, &["0.123"]),
    v("$request_length", Is::Exact, &["0", "512"]),
    v("$request_time", Is::Exact, &["0.000", "12.345"]),
    v("$pid", Is::Exact, &["4711"]),
    v("$gzip_ratio", Is::Exact, &[NONE, "3.20"]),
    v("$proxy_port", Is::Exact, &[NONE, "80"]),
    v("$remote_addr", Is::Exact, ADDRESSES),
    v("$server_addr", Is::Exact, ADDRESSES),
    v("$realip_remote_addr", Is::Exact, ADDRESSES),
    v("$upstream_addr", Is::Exact, LIST),
    v("$upstream_status", Is::Exact, NUMBERS),
    v("$upstream_response_time", Is::Exact, NUMBERS),
    v("$upstream_connect_time", Is::Exact, NUMBERS),
    v("$upstream_header_time", Is::Exact, NUMBERS),
    v("$upstream_response_length", Is::Exact, NUMBERS),
    v("$upstream_bytes_received", Is::Exact, NUMBERS),
    v("$upstream_bytes_sent", Is::Exact, NUMBERS),
    v("$scheme", Is::Exact, &["http", "https"]),
    v("$request_id", Is::Exact, &["0123456789abcdef0123456789abcdef"]),
    v("$pipe", Is::Exact, &["p", "."]),
    v("$ssl_protocol", Is::Exact, &[NONE, "TLSv1.3"]),
    v("$ssl_cipher", Is::Exact, &[NONE, "TLS_AES_128_GCM_SHA256", "(NONE)"]),
    v("$hostname", Is::Exact, &["edge-1"]),
    v("$nginx_version", Is::Exact, &["1.27.0"]),
    v("$request_completion", Is::Exact, &["OK", ""]),
    // A method of HTTP/2 is any text, and is logged before it is refused.
    v("$request_method", Is::Free, CLIENTS),
    v("$server_protocol", Is::Free, &["HTTP/1.1", "HTTP/2.0", NONE, "HTTP/1.1  "]),
    v("$request_uri", Is::Free, &["/a?b=c", "/a b", "?x", "/\"x", "http://b.cn/", "*", NONE]),
    v("$uri", Is::Free, &["/a", "/a b\"|200|5|", "/\u{1}\\", NONE]),
    v("$request", Is::Free, CLIENTS),
    v("$remote_user", Is::Free, CLIENTS),
    v("$http_referer", Is::Free, CLIENTS),
    v("$http_x_forwarded_for", Is::Free, CLIENTS),
    v("$upstream_cache_status", Is::Free, &[NONE, "HIT", "MISS"]),
];

#[rustfmt::skip]
const APACHE: &[Variable] = &[
    v("%V", Is::Host(2), &["a.example.cn", "[2001:db8::1]", "a\"|200|5|", "a\\.cn"]),
    v("%v", Is::Host(3), &["s.example.cn", "2001:db8::1"]),
    v("%{Host}i", Is::Host(1), HOSTS),
    v("%t", Is::Time, &["[05/Oct/2026:18:00:01 +0800]", "[05/Oct/2026:10:00:02 +0000]"]),
    v("%{sec}t", Is::Time, &["1791194401", "1791194402"]),
    v("%{msec}t", Is::Time, &["1791194401000", "1791194402999"]),
    v("%{end:usec}t", Is::Time, &["1791194401000000", "1791194402999999"]),
    v("%{%Y-%m-%dT%H:%M:%S%z}t", Is::Time, &["2026-10-05T18:00:01+0800", "2026-10-05T10:00:02+0000"]),
    v("%>s", Is::Status(0), &["200", "408", "-"]),
    v("%s", Is::Status(1), &["301", "200"]),
    v("%O", Is::Total, &["0", "7", "5000000000"]),
    v("%b", Is::Body, &["-", "5", "200"]),
    v("%B", Is::Body, &["0", "5"]),
    v("%p", Is::Exact, &["443", "80"]),
    v("%h", Is::Exact, &["192.0.2.1", "2001:db8::1", "client.example.net", "192.0.2.1, 198.51.100.1"]),
    v("%a", Is::Exact, &["192.0.2.1", "2001:db8::1"]),
    v("%A", Is::Exact, &["198.51.100.1"]),
    v("%l", Is::Free, &["-", "john.doe", "u1:2", "unknown", "x\"y", "\"|9|", "a\\"]),
    v("%D", Is::Exact, &["120", "-12"]),
    v("%T", Is::Exact, &["0"]),
    v("%{ms}T", Is::Exact, &["12"]),
    v("%k", Is::Exact, &["0"]),
    v("%I", Is::Exact, &["512"]),
    v("%S", Is::Exact, &["700"]),
    v("%P", Is::Exact, &["4711"]),
    v("%{hextid}P", Is::Exact, &["7f3a9c00"]),
    v("%^FB", Is::Exact, &["-", "77"]),
    v("%X", Is::Exact, &["X", "+", "-"]),
    v("%L", Is::Exact, &["-", "VtUUZX8AAAEAAEZ5"]),
    v("%R", Is::Exact, &["-", "proxy-server"]),
    v("%u", Is::Free, CLIENTS),
    v("%r", Is::Free, CLIENTS),
    v("%H", Is::Free, &["HTTP/1.1", "HTTP/0.9", "b HTTP/1.1", "200 5 x", "\"|200|5|"]),
    v("%m", Is::Free, &["GET", NONE, "x y"]),
    v("%U", Is::Free, &["/a", "/a b", "*", NONE]),
    v("%q", Is::Free, &["", "?a=b c"]),
    v("%f", Is::Free, &["/srv/a b", "proxy:http://x/"]),
    v("%{Referer}i", Is::Free, CLIENTS),
    v("%{User-Agent}i", Is::Free, CLIENTS),
    v("%{X}o", Is::Free, CLIENTS),
    v("%{X}C", Is::Free, CLIENTS),
    v("%{SSL_TLS_SNI}x", Is::Free, CLIENTS),
];

/// How a server escapes what it writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum By {
    NginxDefault,
    NginxJson,
    NginxNone,
    Apache,
}

impl By {
    pub(super) fn variables(self) -> &'static [Variable] {
        if self == By::Apache { APACHE } else { NGINX }
    }

    /// The template as it stands in the server's configuration.
    pub(super) fn pasted(self, text: &str) -> String {
        match self {
            By::NginxDefault => text.to_owned(),
            By::NginxJson => format!("log_format x escape=json '{text}';"),
            By::NginxNone => format!("log_format x escape=none '{text}';"),
            By::Apache => text.to_owned(),
        }
    }

    /// The text that is logged for a value.
    pub(super) fn write(self, name: &str, value: &str) -> Vec<u8> {
        match (self, value) {
            (By::NginxDefault | By::Apache, NONE) => return b"-".to_vec(),
            (By::NginxJson | By::NginxNone, NONE) => return Vec::new(),
            (By::Apache, "") if name == "%u" => return b"\"\"".to_vec(),
            // Not escaped up to 2.4.63.
            (By::Apache, value) if name.ends_with("}x") => return value.as_bytes().to_vec(),
            _ => {}
        }
        let mut text = Vec::new();
        for byte in value.bytes() {
            let is_special = matches!(byte, b'"' | b'\\');
            let is_odd = is_special || !(b' '..=b'~').contains(&byte);
            match self {
                By::NginxDefault if is_odd => text.extend(format!("\\x{byte:02X}").bytes()),
                By::Apache if byte == b'\t' => text.extend(b"\\t"),
                By::NginxJson if byte == b'\t' => text.extend(b"\\t"),
                By::Apache | By::NginxJson if is_special => text.extend([b'\\', byte]),
                By::Apache if is_odd => text.extend(format!("\\x{byte:02x}").bytes()),
                By::NginxJson if byte < b' ' => text.extend(format!("\\u{byte:04X}").bytes()),
                _ => text.push(byte),
            }
        }
        text
    }
}
