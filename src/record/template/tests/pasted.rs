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
