//! Templates: what they compile to, and what they read.

mod brute_force;
mod clients;
mod pasted;
mod servers;
mod written;

use super::*;

fn template(text: &str) -> Template {
    Template::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Bytes, host and status of a line, or why it is rejected; both parsers have to say so.
#[track_caller]
fn read(text: &str, line: &str) -> Result<(u64, String, u16), &'static str> {
    let template = template(text);
    let specified = template.specify(line.as_bytes());
    let fast = template.fast(line.as_bytes(), &mut Clock::default());
    assert!(
        fast.is_none_or(|fast| fast == specified),
        "{fast:?} against {specified:?}"
    );
    match specified {
        Fate::Metered(record) => {
            let host = String::from_utf8_lossy(record.host).into_owned();
            Ok((record.bytes.as_u64(), host, record.status))
        }
        Fate::Rejected(reason) => Err(reason.name()),
        Fate::Skipped(_) => Err("skipped"),
    }
}

fn metered(bytes: u64, host: &str, status: u16) -> Result<(u64, String, u16), &'static str> {
    Ok((bytes, host.to_owned(), status))
}

#[test]
fn the_formats_of_the_manuals_compile() {
    for (name, text) in Template::PRESETS {
        assert!(
            Template::new(name).is_ok() && Template::new(text).is_ok(),
            "{name}"
        );
    }
    let nginx = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "#;
    assert!(!template(nginx).has_host());
    let json = r#"{"h":"${host}","t":$msec,"s":$status,"b":$bytes_sent,"x":$body_bytes_sent}"#;
    let template = template(json);
    assert!(template.has_host() && template.bytes_in() == BytesIn::Total);
}

#[test]
fn what_cannot_be_metered_is_refused() {
    let refused = |text: &str| Template::new(text).expect_err("refused");
    assert_eq!(refused("%h %t"), TemplateError::NoBytes);
    assert_eq!(refused("$host $bytes_sent"), TemplateError::NoTime);
    let touching = TemplateError::Touching {
        before: "$host".into(),
        name: "$bytes_sent".into(),
    };
    assert_eq!(refused("$time_local $host$bytes_sent"), touching);
    assert_eq!(refused("%h %"), TemplateError::Syntax { rest: "%".into() });
    assert_eq!(
        refused("%{%H:%M}t %b"),
        TemplateError::TimeForm {
            name: "%{%H:%M}t".into()
        }
    );
    let many = format!("$time_local $bytes_sent{}", " $status".repeat(127));
    assert_eq!(refused(&many), TemplateError::TooMany);
}

#[test]
fn a1_lists_of_upstreams_are_not_taken_for_bytes() {
    let line = "[05/Oct/2026:10:00:01 +0800] 192.0.2.1 \"GET /a HTTP/1.1\" 200 502, 200 5000000 0.010 0.002, 0.008";
    let text = "[$time_local] $remote_addr \"$request\" $status $upstream_status $body_bytes_sent $request_time $upstream_response_time";
    assert_eq!(read(text, line), metered(5_000_000, "", 200));
}

#[test]
fn a1_a_client_does_not_choose_who_pays() {
    let text = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $http_x_forwarded_for $host $request_time"#;
    let line = |forwarded: &str| {
        format!(
            r#"192.0.2.1 - - [05/Oct/2026:10:00:02 +0800] "GET / HTTP/1.1" 200 1000 "-" "x" {forwarded} a.example.cn 0.001"#
        )
    };
    for forwarded in [
        "198.51.100.1",
        "198.51.100.1 victim.example.org",
        "198.51.100.1, 203.0.113.9",
        "198.51.100.1 victim.example.org 0.001",
    ] {
        assert_eq!(
            read(text, &line(forwarded)),
            metered(1000, "a.example.cn", 200)
        );
    }
    // With another free variable behind it, nobody can tell, and the template is warned of.
    let text = "$msec $status $bytes_sent $http_x_forwarded_for $host $cookie_id";
    let read_as = |rest: &str| read(text, &format!("1793498401.448 200 7 {rest}"));
    assert_eq!(read_as("- a.example.cn -"), metered(7, "a.example.cn", 200));
    assert_eq!(
        read_as("198.51.100.1 victim.example.org a.example.cn -"),
        Err("ambiguous")
    );
    let warning = template(text).warning().expect("a warning").to_string();
    for part in [
        "variable 4",
        "$http_x_forwarded_for",
        "$host",
        "$cookie_id",
        "in quotes",
    ] {
        assert!(warning.contains(part), "{warning}");
    }
}

#[test]
fn a1_raw_quotes_are_not_taken_for_the_end_of_the_request() {
    let line = r#"[05/Oct/2026:10:00:01 +0800] "GET /" 200 1 "x HTTP/1.1" 200 5000000 "-""#;
    let text = r#"[$time_local] "$request" $status $body_bytes_sent "$http_referer""#;
    assert_eq!(read(text, line), Err("ambiguous"));
    let declared = format!("log_format raw escape=none '{text}';");
    assert_eq!(read(&declared, line), Err("ambiguous"));
    let bound = template(&declared).bytes_at_most(line.as_bytes());
    assert_eq!(bound, Some(Bytes::new(5_000_000)));
    let warning = template(&declared)
        .warning()
        .expect("a warning")
        .to_string();
    assert!(warning.contains("without escape=none"), "{warning}");
    assert_eq!(template(text).warning(), None);
}

#[test]
fn a1_padding_does_not_shift_the_fields() {
    let line = "1793498401.448    120 192.0.2.1 TCP_MISS/200 900000000 GET http://a.example.cn/ -";
    let text = "$msec $request_time $remote_addr $squid_status $bytes_sent $request_method";
    assert_eq!(read(text, line), Err("fields"));
    let single = line.replace("    ", " ");
    assert_eq!(read(text, &single), metered(900_000_000, "", 0));
}

#[test]
fn a1_a_user_with_a_bracket_does_not_shift_the_time() {
    let text = r#"$host $remote_addr - $remote_user [$time_local] "$request" $status $bytes_sent"#;
    let line =
        r#"a.example.cn 192.0.2.1 - x [y [05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 200 7"#;
    assert_eq!(read(text, line), metered(7, "a.example.cn", 200));
}

#[test]
fn a1_a_user_with_fields_of_another_layout_does_not_tell_the_format() {
    for user in ["- -", "192.0.2.1 0.011 -"] {
        let line = format!(
            "a.example.cn - {user} [05/Oct/2026:10:00:01 +0800] \"GET / HTTP/1.1\" 200 7 \"-\" \"-\"\n"
        );
        let told = crate::record::detect(line.repeat(9).as_bytes(), true);
        let has_lost_host = told.is_ok_and(|told| told.is_some_and(|layout| !layout.has_host()));
        assert!(!has_lost_host, "{user}");
    }
}

#[test]
fn a1_what_a_server_lets_pass_is_among_the_fits() {
    // A host with a comma, which a wildcard server takes.
    let forwarded =
        r#"$msec "$http_user_agent" $http_x_forwarded_for $host $request_time $bytes_sent"#;
    let line = r#"1791165602.000 "x" 198.51.100.1 victim.example.org x,y.example.cn 0.001 9"#;
    assert_eq!(read(forwarded, line), metered(9, "x,y.example.cn", 0));
    let csv = r#"$msec,$host,$status,$bytes_sent,$request_time,"$request""#;
    let line =
        r#"1791165602.000,victim.example.org,200,1,x.example.cn,200,5000000,0.5,"GET / HTTP/1.1""#;
    let host = "victim.example.org,200,1,x.example.cn";
    assert_eq!(read(csv, line), metered(5_000_000, host, 200));
    // Values that are found and empty, though the server escapes as usual.
    let named =
        r#"$msec "$http_user_agent" $http_x_forwarded_for $server_name $request_time $bytes_sent"#;
    let line = r#"1791165602.000 "x" 198.51.100.1 victim.example.org  0.001 9"#;
    assert_eq!(read(named, line), metered(9, "", 0));
    let broken_off = "$msec $http_user_agent $request_completion $status $bytes_sent $http_referer";
    let line = "1791165602.000 a OK 200 1 b  499 5000000 -";
    assert_eq!(read(broken_off, line), Err("ambiguous"));
    let socket = "$msec $remote_addr $remote_port $host:$server_port $bytes_sent";
    let line = "1791165602.000 unix:  a.example.cn: 9";
    assert_eq!(read(socket, line), metered(9, "a.example.cn:", 0));
    // A target that was not found, and one of a query alone.
    let touching = "$msec $scheme://$host$request_uri $status $bytes_sent";
    let line = |target| format!("1791194401.000 http://a.example.cn{target} 400 157");
    assert_eq!(
        read(touching, &line("-")),
        metered(157, "a.example.cn", 400)
    );
    assert_eq!(
        read(touching, &line("?x")),
        metered(157, "a.example.cn", 400)
    );
    // What Apache writes for a user without a name, and for a thread.
    let line = r#"192.0.2.1 - "" [05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 401 381 "-" "-""#;
    assert_eq!(read("combined", line), metered(381, "", 401));
    let thread = "%t %{hextid}P %D %b";
    let line = "[05/Oct/2026:10:00:01 +0800] 7f3a9c00 -12 381";
    assert_eq!(read(thread, line), metered(381, "", 0));
    // A list whose last server is not known, and a host that brings its port.
    let upstream = "$msec $upstream_status $status $http_host:$server_port $bytes_sent";
    let line = "1791165602.000 502 :  200 a.example.cn:8080:443 9";
    assert_eq!(read(upstream, line), metered(9, "a.example.cn:8080", 200));
}

#[test]
fn a1_another_layout_is_not_told_by_a_users_name() {
    let at = r#"[05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 200 10"#;
    for user in ["x y", "- -", "- u", "HIT -"] {
        let text = format!("192.0.2.1 - {user} {at}\n").repeat(3);
        let told = crate::record::detect(text.as_bytes(), true);
        assert!(told.is_err(), "{user}: {told:?}");
        // Among others it changes nothing.
        let mixed = format!("192.0.2.1 - - {at}\n").repeat(9) + &text;
        let told = crate::record::detect(mixed.as_bytes(), true).expect("certain");
        assert_eq!(
            told.and_then(|layout| layout.notation()).as_deref(),
            Some("common")
        );
    }
    let other = format!("192.0.2.1 HIT 10 {at}\n");
    assert!(crate::record::detect(other.repeat(9).as_bytes(), true).is_err());
}

#[test]
fn a1_templates_in_which_clients_make_lines_ambiguous_are_warned_of() {
    for (text, is_warned) in [
        (
            "[$time_local] $sent_http_content_type $host $status $bytes_sent $http_user_agent",
            true,
        ),
        (
            "$time_iso8601|$http_user_agent|$host|$bytes_sent|$request_id",
            true,
        ),
        (
            "$host|$status|$bytes_sent|$http_user_agent|$time_iso8601|$scheme",
            true,
        ),
        ("%v|[%{x}C]|%t|%O", true),
        ("combined", false),
        ("vhost_combined", false),
        (
            r#"$remote_addr - $remote_user [$time_local] "$request" $status $bytes_sent "$http_x""#,
            false,
        ),
        (
            "$msec $http_x_forwarded_for $host $request_time $bytes_sent",
            false,
        ),
        (
            "$msec $http_x_forwarded_for $status $bytes_sent $upstream_addr",
            false,
        ),
    ] {
        let warning = template(text).warning();
        assert_eq!(warning.is_some(), is_warned, "{text}: {warning:?}");
    }
}

#[test]
fn a2_a_host_that_is_empty_is_asked_no_more() {
    let json = r#"log_format j escape=json '{"t":"$time_iso8601","host":"$host","server":"$server_name","b":$bytes_sent}';"#;
    let line = |host: &str, server: &str| {
        format!(r#"{{"t":"2026-10-05T10:00:01+08:00","host":"{host}","server":"{server}","b":10}}"#)
    };
    assert_eq!(
        read(json, &line("a.example.cn", "")),
        metered(10, "a.example.cn", 0)
    );
    assert_eq!(
        read(json, &line("", "s.example.cn")),
        metered(10, "s.example.cn", 0)
    );
    let plain = r#"$msec $host "$server_name" $bytes_sent"#;
    assert_eq!(
        read(plain, r#"1791194401 a.example.cn "" 10"#),
        metered(10, "a.example.cn", 0)
    );
}

#[test]
fn a2_a_port_without_a_host_is_no_host() {
    let text = r#""%{Host}i" %v %t %>s %O"#;
    let line =
        |asked: &str| format!(r#""{asked}" s.example.cn [05/Oct/2026:10:00:01 +0800] 200 7"#);
    for asked in [":2", ":", "-", "", "_:80"] {
        assert_eq!(
            read(text, &line(asked)),
            metered(7, "s.example.cn", 200),
            "{asked}"
        );
    }
}

#[test]
fn a2_the_host_that_was_asked_for_comes_first() {
    let json = r#"{"t":"$time_iso8601","sn":"$server_name","h":"$host","hh":"$http_host","s":$status,"b":$bytes_sent}"#;
    let line = |name: &str, host: &str, asked: &str| {
        format!(
            r#"{{"t":"2026-10-05T10:00:01+08:00","sn":"{name}","h":"{host}","hh":"{asked}","s":200,"b":7}}"#
        )
    };
    let host = |name, host, asked| read(json, &line(name, host, asked)).map(|(_, host, _)| host);
    assert_eq!(host("_", "a.example.cn", "-"), Ok("a.example.cn".into()));
    assert_eq!(
        host("s.example.cn", "a.example.cn", "b.example.cn"),
        Ok("a.example.cn".into())
    );
    assert_eq!(
        host("s.example.cn", "-", "b.example.cn"),
        Ok("b.example.cn".into())
    );
    assert_eq!(host("s.example.cn", "_", "-"), Ok("s.example.cn".into()));
    assert!(
        template(json)
            .takes()
            .starts_with("domain from $host, else $http_host, else $server_name;")
    );
    let apache = r#"%t %v %V %{Host}i %s %>s %b %O"#;
    let line =
        "[05/Oct/2026:10:00:01 +0800] v.example.cn V.example.cn asked.example.cn 301 200 5 99";
    assert_eq!(read(apache, line), metered(99, "asked.example.cn", 200));
    assert_eq!(
        read(apache, &line.replace("asked.example.cn", "-")),
        metered(99, "V.example.cn", 200)
    );
}

#[test]
fn a3_hosts_with_ports_and_ipv6() {
    let line = |host: &str| {
        format!(
            r#"{host} 192.0.2.1 - - [05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 200 7 "-" "-""#
        )
    };
    let domain = |host: &str| {
        let (_, host, _) = read("vhost_combined", &line(host)).expect("read");
        crate::units::Domain::parse(host.as_bytes()).map(|domain| domain.as_str().to_owned())
    };
    assert_eq!(domain("v.example.cn:443").as_deref(), Ok("v.example.cn"));
    assert_eq!(domain("[2001:db8::1]:443").as_deref(), Ok("[2001:db8::1]"));
    assert!(domain("2001:db8::1:443").is_err());
}

#[test]
fn a9_times_as_servers_write_them() {
    let secs = |text: &str, line: &str| match template(text).specify(line.as_bytes()) {
        Fate::Metered(record) => Ok(record.time.as_unix_secs()),
        other => Err(format!("{other:?}")),
    };
    for (text, line) in [
        ("$time_iso8601 $bytes_sent", "2026-10-05T10:00:01.25Z 7"),
        (
            "$time_iso8601 $bytes_sent",
            "2026-10-05T18:00:01.123456789+08:00 7",
        ),
        ("$time_iso8601 $bytes_sent", "2026-10-05T18:00:01+0800 7"),
        ("$msec $bytes_sent", "1791194401 7"),
        ("$msec $bytes_sent", "1791194401.1 7"),
        ("$msec $bytes_sent", "1791194401.123456789 7"),
        ("%t %b", "[5/Oct/2026:18:00:01 +0800] 7"),
        (
            "[$time_local] $bytes_sent",
            "[05/Oct/2026:18:00:01 +0800] 7",
        ),
        ("%{sec}t %b", "1791194401 7"),
        ("%{msec}t %b", "1791194401999 7"),
        ("%{end:usec}t %b", "1791194401999999 7"),
        (
            "[%{%Y-%m-%d %H:%M:%S %z}t] %b",
            "[2026-10-05 18:00:01 +0800] 7",
        ),
        ("%{%Y-%m-%dT%H:%M:%S%z}t %b", "2026-10-05T18:00:01+0800 7"),
        ("%{%s}t %b", "1791194401 7"),
    ] {
        assert_eq!(secs(text, line), Ok(1_791_194_401), "{text}: {line}");
    }
}

#[test]
fn a9_no_bytes_in_all_and_some_in_the_body_is_a_doubt() {
    let doubt = |line: &str| match template("%t %>s %b %O").specify(line.as_bytes()) {
        Fate::Metered(record) => (record.bytes.as_u64(), record.doubt),
        other => panic!("{other:?}"),
    };
    let at = "[05/Oct/2026:10:00:01 +0800] 200";
    assert_eq!(doubt(&format!("{at} 5000 0")), (0, Some(Doubt::NoTotal)));
    assert_eq!(doubt(&format!("{at} - 0")), (0, None));
    assert_eq!(doubt(&format!("{at} 5000 5300")), (5300, None));
}

#[test]
fn a9_lists_of_addresses_without_brackets() {
    let line =
        r#"198.51.100.1, 203.0.113.9 - - [05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 200 7"#;
    assert_eq!(read("common", line), metered(7, "", 200));
    let hosted = format!("a.example.cn {line}");
    assert_eq!(
        read("vhost_common", &hosted),
        metered(7, "a.example.cn", 200)
    );
    let told = crate::record::detect(format!("{line}\n").repeat(9).as_bytes(), true);
    let told = told.expect("certain").expect("lines");
    assert!(!told.has_host(), "common");
}

#[test]
fn a10_presets_do_not_say_what_their_bytes_count() {
    for (name, text) in Template::PRESETS {
        assert_eq!(template(name).bytes_in(), BytesIn::Unknown, "{name}");
        assert_ne!(template(text).bytes_in(), BytesIn::Unknown, "{name}");
    }
    let line = r#"v.example.cn:443 192.0.2.1 - - [05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 200 7 "-" "-""#;
    let told = crate::record::detect(line.as_bytes(), true).expect("certain");
    assert_eq!(told.expect("lines").bytes_in(), BytesIn::Unknown);
}

#[test]
fn a11_pasted_configuration_is_read() {
    let line = r#"a.example.cn [05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 200 7"#;
    for text in [
        "log_format main '$host [$time_local] '\n    '\"$request\" $status '\n  '$bytes_sent';",
        "log_format  main  escape=default  \"$host [$time_local] \\\"$request\\\" $status $bytes_sent\";",
        r#"LogFormat "%v %t \"%r\" %>s %O" main"#,
        r#"CustomLog logs/access_log "%v %t \"%r\" %>s %O" env=!quiet"#,
    ] {
        assert_eq!(read(text, line), metered(7, "a.example.cn", 200), "{text}");
    }
    let json = r#"log_format j escape=json '{"t":$msec,"h":"$host","u":"$upstream_status","b":$bytes_sent}';"#;
    let line = r#"{"t":1791194401.000,"h":"a.example.cn","u":"","b":7}"#;
    assert_eq!(read(json, line), metered(7, "a.example.cn", 0));
    assert!(Template::new("log_format main $host;").is_err());
}

#[test]
fn a11_variables_that_touch() {
    let text = "$msec $scheme://$host$request_uri $bytes_sent";
    let line = |url: &str| read(text, &format!("1791194401.000 {url} 7"));
    assert_eq!(
        line("https://a.example.cn/x y"),
        metered(7, "a.example.cn", 0)
    );
    assert_eq!(
        line("https://a.example.cn/http://b.example.cn/"),
        metered(7, "a.example.cn", 0)
    );
    assert_eq!(
        line("https://a.example.cnhttp://b.example.cn/"),
        Err("ambiguous")
    );
    let ported = "$msec $host:$server_port$request_uri $bytes_sent %^FB";
    assert!(Template::new(ported).is_ok());
    let refused = Template::new("$msec $http_host$request_uri $bytes_sent").expect_err("refused");
    assert!(
        refused
            .to_string()
            .contains("$request_uri` directly behind `$http_host"),
        "{refused}"
    );
    assert!(Template::new("%t %^FB %b").is_ok());
}
