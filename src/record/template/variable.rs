//! The variables of nginx and Apache: what each is to us, what form its text has, who writes it.
//!
//! A variable that is not named here has the form `free`: it may hold anything.
//!
//! Source: the variable indexes of nginx.org and the format strings of mod_log_config and mod_logio,
//! read 2026-11.

use super::form::Form;
use super::time::{self, TimeKind};

/// What is metered of a variable, before the template is known as a whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    /// A host; a smaller rank is asked first.
    Host(u8),
    Time(TimeKind),
    /// A status; a smaller rank is asked first.
    Status(u8),
    BytesTotal,
    BytesBody,
    /// The port that a host may be followed by.
    Port,
    Nothing,
}

/// A variable by its name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    /// As the template writes it, `$host` or `%v`.
    pub(super) name: String,
    pub(super) meaning: Meaning,
    pub(super) form: Form,
    /// Whether its text is the client's choice.
    pub(super) is_client: bool,
    /// Whether nginx writes nothing for it although it escapes as usual: it finds the value, and that is
    /// empty (no `server_name`, a request that broke off, a socket without ports, a PROXY line without
    /// an address).
    pub(super) may_be_empty: bool,
}

impl Variable {
    /// The variable of nginx `$name`.
    pub(super) fn nginx(name: &str) -> Self {
        let (meaning, form) = nginx(name);
        let is_client = ["http_", "arg_", "cookie_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            || matches!(
                name,
                "host"
                    | "request"
                    | "request_method"
                    | "server_protocol"
                    | "request_uri"
                    | "uri"
                    | "document_uri"
                    | "args"
                    | "query_string"
                    | "is_args"
                    | "remote_user"
                    | "request_body"
                    | "request_filename"
                    | "content_type"
                    | "content_length"
                    | "proxy_add_x_forwarded_for"
            );
        let may_be_empty = matches!(
            name,
            "host"
                | "server_name"
                | "request_completion"
                | "remote_port"
                | "server_port"
                | "proxy_protocol_port"
                | "proxy_protocol_addr"
                | "proxy_protocol_server_port"
                | "proxy_protocol_server_addr"
        );
        Variable {
            name: format!("${name}"),
            meaning,
            form,
            is_client,
            may_be_empty,
        }
    }

    /// The directive of Apache `%…`, without its status list.
    pub(super) fn apache(is_final: bool, argument: Option<&str>, letter: &str) -> Self {
        let (meaning, form) = match (argument, letter) {
            (Some(argument), "t") => apache_time(argument),
            (Some(header), "i") if header.eq_ignore_ascii_case("host") => {
                (Meaning::Host(1), Form::Free)
            }
            (Some(_), "i" | "o" | "n" | "e" | "C" | "^ti" | "^to") => {
                (Meaning::Nothing, Form::Free)
            }
            // They are not escaped up to 2.4.63 (CVE-2024-47252), and clients choose what some of them hold.
            (Some(_), "x" | "c") => (Meaning::Nothing, Form::Raw),
            // Threads may be written in hexadecimal digits.
            (Some(_), "P") => (Meaning::Nothing, Form::Word),
            (_, letter) => apache(is_final, letter),
        };
        let sign = if is_final { ">" } else { "" };
        let braced = argument.map_or(String::new(), |argument| format!("{{{argument}}}"));
        Variable {
            name: format!("%{sign}{braced}{letter}"),
            is_client: matches!(
                letter,
                "i" | "C" | "^ti" | "r" | "U" | "q" | "u" | "f" | "m" | "H" | "x"
            ),
            may_be_empty: false,
            meaning,
            form,
        }
    }
}

fn nginx(name: &str) -> (Meaning, Form) {
    let nothing = |form| (Meaning::Nothing, form);
    match name {
        "host" => (Meaning::Host(0), Form::Host),
        "http_host" => (Meaning::Host(1), Form::Free),
        "server_name" => (Meaning::Host(4), Form::Host),
        "time_local" => (Meaning::Time(TimeKind::Local), Form::Time(TimeKind::Local)),
        "time_iso8601" => (Meaning::Time(TimeKind::Iso), Form::Time(TimeKind::Iso)),
        "msec" => (
            Meaning::Time(TimeKind::Seconds),
            Form::Time(TimeKind::Seconds),
        ),
        "status" => (Meaning::Status(0), Form::Status),
        "bytes_sent" => (Meaning::BytesTotal, Form::Bytes),
        "body_bytes_sent" => (Meaning::BytesBody, Form::Bytes),
        "server_port" => (Meaning::Port, Form::Number),
        "remote_port"
        | "connection"
        | "connection_requests"
        | "connection_time"
        | "request_length"
        | "request_time"
        | "pid"
        | "gzip_ratio"
        | "proxy_port"
        | "proxy_protocol_port"
        | "proxy_protocol_server_port" => nothing(Form::Number),
        "remote_addr"
        | "server_addr"
        | "realip_remote_addr"
        | "proxy_protocol_addr"
        | "proxy_protocol_server_addr" => nothing(Form::Addresses),
        "upstream_addr" => nothing(Form::Words),
        "upstream_status"
        | "upstream_response_time"
        | "upstream_connect_time"
        | "upstream_header_time"
        | "upstream_response_length"
        | "upstream_bytes_received"
        | "upstream_bytes_sent"
        | "upstream_first_byte_time"
        | "upstream_session_time" => nothing(Form::Numbers),
        "scheme" => nothing(Form::Authority),
        "request_id" | "pipe" | "ssl_protocol" | "ssl_cipher" | "hostname" | "nginx_version"
        | "request_completion" => nothing(Form::Word),
        // A request line that ends in spaces has them in its protocol; a method of HTTP/2 is any text, and is
        // logged before it is refused.
        "server_protocol" | "request_method" => nothing(Form::Free),
        "request_uri" | "uri" | "document_uri" => nothing(Form::Target),
        _ => nothing(Form::Free),
    }
}

fn apache(is_final: bool, letter: &str) -> (Meaning, Form) {
    let nothing = |form| (Meaning::Nothing, form);
    match letter {
        "V" => (Meaning::Host(2), Form::Host),
        "v" => (Meaning::Host(3), Form::Host),
        "t" => (Meaning::Time(TimeKind::Local), Form::Time(TimeKind::Local)),
        "s" => (Meaning::Status(u8::from(!is_final)), Form::Status),
        "O" => (Meaning::BytesTotal, Form::Bytes),
        "b" | "B" => (Meaning::BytesBody, Form::Bytes),
        "p" => (Meaning::Port, Form::Number),
        "h" | "a" | "A" => nothing(Form::Addresses),
        "l" => nothing(Form::Ident),
        "u" => nothing(Form::User),
        "I" | "S" | "D" | "T" | "k" | "P" | "^FB" | "^FU" => nothing(Form::Number),
        "X" | "L" | "R" => nothing(Form::Word),
        "U" => nothing(Form::Target),
        // `%H` too: before 2.4.25 it is all that a client wrote behind the second space.
        _ => nothing(Form::Free),
    }
}

/// `%{…}t`: of the start of the request, or with `end:` of its end; fractions alone are no time.
fn apache_time(argument: &str) -> (Meaning, Form) {
    let format = ["begin:", "end:"]
        .iter()
        .find_map(|prefix| argument.strip_prefix(prefix))
        .unwrap_or(argument);
    let kind = match format {
        "sec" => TimeKind::Seconds,
        "msec" => TimeKind::Millis,
        "usec" => TimeKind::Micros,
        "msec_frac" | "usec_frac" => return (Meaning::Nothing, Form::Number),
        pattern if time::is_readable(pattern) => TimeKind::Pattern(pattern.into()),
        _ => return (Meaning::Nothing, Form::Free),
    };
    (Meaning::Time(kind.clone()), Form::Time(kind))
}
