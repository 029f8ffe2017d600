//! What clients write into lines so that these say something else, and what that costs.

use super::*;

#[test]
fn a1_long_lists_are_read_alike_by_both_parsers() {
    let line = format!(
        r#"{}a - - [05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 200 5 "-" "-""#,
        "a, ".repeat(2_000)
    );
    assert_eq!(read("combined", &line), metered(5, "", 200));
}

#[test]
fn a1_what_a_client_piles_up_is_bounded() {
    let combined = |user: &str| {
        format!(r#"192.0.2.1 - {user} [05/Oct/2026:10:00:01 +0800] "GET / HTTP/1.1" 200 7 "-" "-""#)
    };
    assert_eq!(
        read("combined", &combined(&"x [".repeat(4_000))),
        metered(7, "", 200)
    );
    // Three free texts in a row, and spaces wherever one could end: too many ways to look at.
    let text = "$msec $http_a $http_b $http_c $status $bytes_sent $http_d $http_e";
    let line = format!(
        "1791194401 {} 200 7 {}",
        "200 7 ".repeat(500),
        "x ".repeat(500)
    );
    assert_eq!(read(text, &line), Err("ambiguous"));
}

#[test]
fn a1_what_clients_choose_is_no_word() {
    // A method of HTTP/2.
    let method = "[$time_local] $host $request_method $status $bytes_sent $http_user_agent";
    let line = "[05/Oct/2026:10:00:01 +0800] a.cn GET 200 900000000 x 400 150 -";
    assert_eq!(read(method, line), Err("ambiguous"));
    assert!(template(method).warning().is_some());
    let raw = r#"log_format x escape=none '$host [$time_local] "$request_method" $status $bytes_sent "$http_user_agent"';"#;
    let line = r#"a.cn [05/Oct/2026:10:00:01 +0800] "GET" 200 9000 "x" 400 150 "curl""#;
    assert_eq!(read(raw, line), Err("ambiguous"));
    // An identity in quotes, and what Apache does not escape.
    let identity = r#"%V|"%l"|%B|"%r"|%t"#;
    let line = r#"a.cn|"\"|9|"|7|"GET / HTTP/1.1"|[05/Oct/2026:10:00:01 +0800]"#;
    assert_eq!(read(identity, line), metered(7, "a.cn", 0));
    let name = r#"%t;%B;"%{SSL_TLS_SNI}x";"%{Host}i";%v"#;
    let line = r#"[05/Oct/2026:10:00:01 +0800];5;"a";"victim.org";x";"t2.cn";sn.cn"#;
    assert_eq!(read(name, line), Err("ambiguous"));
}

#[test]
fn a1_lists_beside_what_clients_send_are_warned_of() {
    // A request that was tried twice is ambiguous although nobody meant it to be.
    let text = "$http_host $upstream_status [$time_local] $status $bytes_sent";
    let line = "a.cn 502, 200 [05/Oct/2026:10:00:01 +0800] 200 7";
    assert_eq!(read(text, line), Err("ambiguous"));
    assert!(template(text).warning().is_some());
    let quoted = r#""$http_host" $upstream_status [$time_local] $status $bytes_sent"#;
    let line = r#""a.cn" 502, 200 [05/Oct/2026:10:00:01 +0800] 200 7"#;
    assert_eq!(read(quoted, line), metered(7, "a.cn", 200));
    assert_eq!(template(quoted).warning(), None);
    // What touches cannot be quoted, and ends at the path.
    let touching = "[$time_local] $scheme://$host$request_uri $status $bytes_sent";
    assert_eq!(template(touching).warning(), None);
}
