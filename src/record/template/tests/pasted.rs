//! Text from configuration files, whole and in parts.

use super::super::*;
use super::{metered, read};

const LINE: &str = r#"a.example.cn [05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 200 7"#;

#[test]
fn a11_pieces_without_their_directive_are_read() {
    for text in [
        "'$host [$time_local] '\n    '\"$request\" $status '\n  '$bytes_sent';",
        "'$host [$time_local] \"$request\" $status $bytes_sent'",
        "main '$host [$time_local] ' '\"$request\" $status $bytes_sent';",
        "escape=default '$host [$time_local] ' '\"$request\" $status $bytes_sent';",
        r#""$host [$time_local] \"$request\" $status $bytes_sent";"#,
        "\"$host [$time_local] \"\n\"\\\"$request\\\" $status $bytes_sent\"",
        r#""%v %t \"%r\" %>s %O" main"#,
        r#""%v %t \"%r\" %>s %O""#,
        r#"'%v %t "%r" %>s %O' main"#,
        r#"$host [$time_local] "$request" $status $bytes_sent;"#,
        r#"escape=none $host [$time_local] "$request" $status $bytes_sent"#,
    ] {
        assert_eq!(read(text, LINE), metered(7, "a.example.cn", 200), "{text}");
    }
    let json = "escape=json '{\"t\":$msec,\"u\":\"$upstream_status\",'\n'\"b\":$bytes_sent}';";
    assert_eq!(
        read(json, r#"{"t":1791194401.000,"u":"","b":7}"#),
        metered(7, "", 0)
    );
}

#[test]
fn a11_comments_are_no_part_of_a_log_format() {
    for text in [
        "# ours\nlog_format main '$host [$time_local] '  # who\n # '$remote_addr '\n '\"$request\" $status $bytes_sent'; # end",
        "# ours\n$host [$time_local] \"$request\" $status $bytes_sent",
        "  # ours\n  LogFormat \"%v %t \\\"%r\\\" %>s %O\" main\n# end",
        "# ours\n'$host [$time_local] '\n# '$remote_addr '\n'\"$request\" $status $bytes_sent';",
    ] {
        assert_eq!(read(text, LINE), metered(7, "a.example.cn", 200), "{text}");
    }
    let commented = "#log_format main '$host [$time_local] '\n#  '$bytes_sent';";
    let refused = Template::new(commented).expect_err("refused").to_string();
    assert!(refused.contains("outside of comments"), "{refused}");
}

#[test]
fn a11_what_is_logged_itself_is_no_quote_and_no_end_of_a_directive() {
    let quoted = r#""$host" "$time_local" "$status" "$bytes_sent""#;
    let line = r#""a.example.cn" "05/Oct/2026:10:00:01 +0800" "200" "7""#;
    assert_eq!(read(quoted, line), metered(7, "a.example.cn", 200));
    let ended = "h=$host;t=$msec;b=$bytes_sent;";
    let line = "h=a.example.cn;t=1791194401.000;b=7;";
    assert_eq!(read(ended, line), metered(7, "a.example.cn", 0));
    let hash = "$msec $bytes_sent #$host";
    assert_eq!(
        read(hash, "1791194401.000 7 #a.example.cn"),
        metered(7, "a.example.cn", 0)
    );
}

#[test]
fn a11_what_is_not_understood_is_told() {
    for (text, rest) in [
        (
            "$host [$time_local]\n\"$request\" $bytes_sent",
            "`\"$request\" $bytes_sent`",
        ),
        ("'$host $msec ' '$bytes_sent", "`'$bytes_sent`"),
        (
            "'$host $msec $bytes_sent'; access_log /x main;",
            "`access_log /x main;`",
        ),
        (
            "log_format main '$msec $bytes_sent'; log_format b '$msec';",
            "`log_format b '$msec';`",
        ),
        ("main", "`main` has no variable"),
    ] {
        let refused = Template::new(text).expect_err("refused").to_string();
        assert!(refused.contains(rest), "{text}: {refused}");
    }
}

#[track_caller]
fn refused_with(text: &str, words: &[&str]) {
    let refused = Template::new(text).expect_err(text).to_string();
    for word in words {
        assert!(refused.contains(word), "{text}: {refused}");
    }
}

#[test]
fn a11_what_a_directive_lacks_is_told_with_what_to_paste_instead() {
    for (text, words) in [
        (
            "log_format combined;",
            &[
                "`log_format … combined` only names",
                "all of the log_format directive",
            ][..],
        ),
        ("log_format main", &["only names the log format main"]),
        ("LogFormat combined", &["all of the LogFormat directive"]),
        (
            "CustomLog logs/access.log vhost_combined",
            &[
                "only names the log format vhost_combined",
                "all of the LogFormat directive",
            ],
        ),
        (
            "CustomLog \"|/usr/bin/rotatelogs /x 86400\" common env=!dontlog",
            &["only names the log format common"],
        ),
        (
            "access_log /var/log/nginx/a.log main buffer=32k;",
            &[
                "only names the log format main",
                "all of the log_format directive",
            ],
        ),
    ] {
        refused_with(text, words);
    }
}

#[test]
fn a11_lines_that_go_on_and_unknown_escapes_are_told_with_what_to_paste_instead() {
    for (text, words) in [
        (
            "LogFormat \"%v %t \\\n %>s %O\" main",
            &["on another line", "`\\\n %>s", "without backslashes"][..],
        ),
        (
            "LogFormat \\\r\n  \"%v %t %>s %O\" main",
            &["on another line", "paste it as one line"],
        ),
        (
            "$host [$time_local]\n\"$request\" $bytes_sent",
            &["on another line", "paste it as one line"],
        ),
        (
            "log_format main escape=xml '$host $msec $bytes_sent';",
            &["escape=xml", "escape=default, escape=json and escape=none"],
        ),
        ("escape=xml '$host $msec $bytes_sent'", &["escape=xml"]),
        ("escape=xml $host $msec $bytes_sent", &["escape=xml"]),
        (
            "main escape=JSON '$host $msec $bytes_sent'",
            &["escape=JSON"],
        ),
    ] {
        refused_with(text, words);
    }
    // What a server logs itself is no way to escape.
    let logged = read(
        "escape=$host $msec $bytes_sent",
        "escape=a.example.cn 1791194401.000 7",
    );
    assert_eq!(logged, metered(7, "a.example.cn", 0));
}
