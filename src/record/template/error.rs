//! Why a text is no template.

/// Most variables of a template.
pub(super) const FIELDS_MAX: usize = 128;

/// Why a `log_format` string is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// It is no `log_format` at this place.
    #[error("the log format cannot be read from `{rest}` on")]
    Syntax {
        /// What is left.
        rest: String,
    },
    /// A directive that names a format and holds none.
    #[error(
        "`{directive} … {name}` only names the log format {name}: paste all of the {formats} that defines it, or give {name} alone if `cdn-meter formats` lists it"
    )]
    NameOnly {
        /// The directive.
        directive: &'static str,
        /// The name.
        name: String,
        /// What defines formats where it is used.
        formats: &'static str,
    },
    /// Apache's directive with a path and nothing behind it.
    #[error(
        "`CustomLog` with a path alone names no log format: paste the LogFormat directive that defines the one that it uses, or that which stands before it without a name"
    )]
    PathOnly,
    /// Something stands behind a quoted text.
    #[error(
        "behind the quoted log format stands `{rest}`, which is no part of it: leave it out, or put it between the quotes"
    )]
    Behind {
        /// What is left.
        rest: String,
    },
    /// It goes on on another line where a configuration file's reader would put both together.
    #[error(
        "the log format goes on on another line, and cannot be read from `{rest}` on: paste it as one line, without backslashes at the ends of lines"
    )]
    Continued {
        /// What is left.
        rest: String,
    },
    /// It is escaped in a way that nginx does not know.
    #[error(
        "the log format has escape={name}, and nginx knows escape=default, escape=json and escape=none only: paste it with the one that the server logs by"
    )]
    UnknownEscape {
        /// What stands behind `escape=`.
        name: String,
    },
    /// It is no `log_format`, and no name of one.
    #[error(
        "the log format `{text}` has no variable ($host, %h …) outside of comments, and is no name of one that `cdn-meter formats` lists"
    )]
    NoVariable {
        /// What was given.
        text: String,
    },
    /// Two variables touch, so nobody can tell where the first ends.
    #[error(
        "the log format has `{name}` directly behind `{before}`, and nobody can tell where the first ends; put a separator between (only a host or port and the path behind it may touch)"
    )]
    Touching {
        /// The first variable.
        before: String,
        /// The second variable.
        name: String,
    },
    /// It names no time.
    #[error(
        "the log format has no time that can be read ($time_local, $time_iso8601, $msec, %t, %{{sec}}t, %{{msec}}t, %{{usec}}t)"
    )]
    NoTime,
    /// Its only time is written in a way that is not read.
    #[error(
        "the log format writes its time as `{name}`, which names no instant by itself; it needs date, time and zone in one variable, such as %{{%Y-%m-%dT%H:%M:%S%z}}t"
    )]
    TimeForm {
        /// The variable.
        name: String,
    },
    /// It names no downstream bytes.
    #[error("the log format has no downstream bytes ($bytes_sent, $body_bytes_sent, %O, %b, %B)")]
    NoBytes,
    /// It has more variables than a line could be laid on.
    #[error("the log format has more than {FIELDS_MAX} variables")]
    TooMany,
}
