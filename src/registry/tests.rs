//! The registry rules, by their ids, and every refusal with its line.

use super::*;
use proptest::prelude::*;

const TOML: &str = r#"
[[domain]]
name = "mini.example.com"
account = "100001"
app_id = "wx0123456789abcdef"
mini_program_since = "2020-05-15"

[[domain]]
name = "*.cdn.example.com"
account = "100002"

[[domain]]
name = "*.hot.cdn.example.com"
account = "100003"
mini_program_since = 2020-05-31T23:59:59+08:00

[[domain]]
name = "a.hot.cdn.example.com"
account = "100004"

[[domain]]
name = "push.example.com"
account = "100001"
kind = "push"
"#;

fn month(text: &str) -> Month {
    text.parse().expect("a month")
}

fn registry(text: &str) -> Registry {
    Registry::from_toml(text, "registry.toml", Zone::CHINA).expect("a registry")
}

fn class(registry: &Registry, domain: &str, text: &str) -> Class {
    registry.attribution(domain, month(text)).class
}

fn refusal(text: &str) -> String {
    Registry::from_toml(text, "r.toml", Zone::CHINA)
        .expect_err("refused")
        .to_string()
}

fn one(date: &str) -> String {
    format!("[[domain]]\nname = \"a.example.com\"\naccount = \"1\"\nmini_program_since = {date}\n")
}

#[test]
fn r19_the_whole_month_of_the_addition_is_mini_program_and_none_before() {
    let registry = registry(TOML);
    assert_eq!(
        class(&registry, "mini.example.com", "2020-04"),
        Class::Standard
    );
    assert_eq!(
        class(&registry, "mini.example.com", "2020-05"),
        Class::MiniProgram
    );
    assert_eq!(
        class(&registry, "mini.example.com", "2030-01"),
        Class::MiniProgram
    );
}

#[test]
fn r20_the_last_second_of_a_month_decides_by_the_billing_clock() {
    for (since, may) in [
        ("\"2020-05-31T23:59:59+08:00\"", Class::MiniProgram),
        ("\"2020-06-01T00:00:00+08:00\"", Class::Standard),
        ("\"2020-05-31T15:59:59Z\"", Class::MiniProgram),
        ("\"2020-05-31T16:00:00Z\"", Class::Standard),
        ("\"2020-05-31\"", Class::MiniProgram),
        ("\"2020-06-01\"", Class::Standard),
        ("2020-05-31", Class::MiniProgram),
    ] {
        let registry = registry(&one(since));
        assert_eq!(class(&registry, "a.example.com", "2020-05"), may, "{since}");
        assert_eq!(
            class(&registry, "a.example.com", "2020-06"),
            Class::MiniProgram,
            "{since}"
        );
    }
}

#[test]
fn r23_a_domain_that_is_not_listed_is_unknown() {
    let registry = registry(TOML);
    for domain in [
        "other.example.com",
        "cdn.example.com",
        "example.com",
        "xcdn.example.com",
    ] {
        let attribution = registry.attribution(domain, month("2020-05"));
        assert_eq!(
            (attribution.class, attribution.account),
            (Class::Unknown, None),
            "{domain}"
        );
    }
}

#[test]
fn r17_a_push_domain_is_no_playback() {
    assert_eq!(
        class(&registry(TOML), "push.example.com", "2020-05"),
        Class::Push
    );
}

#[test]
fn an_exact_name_wins_over_wildcards_and_the_longest_wildcard_over_others() {
    let registry = registry(TOML);
    for (domain, account) in [
        ("x.cdn.example.com", "100002"),
        ("y.x.cdn.example.com", "100002"),
        ("hot.cdn.example.com", "100002"),
        ("b.hot.cdn.example.com", "100003"),
        ("a.hot.cdn.example.com", "100004"),
    ] {
        assert_eq!(registry.account(domain), Some(account), "{domain}");
    }
}

#[test]
fn r22_and_contradictions_are_refused_with_line_and_reason() {
    let head = "[[domain]]\nname = \"a.example.com\"\naccount = \"1\"\n";
    let twice = |tail: &str, second: &str| refusal(&format!("{head}{tail}{second}"));
    let again = "[[domain]]\nname = \"A.example.com\"\naccount = \"1\"\n";
    let other = "[[domain]]\nname = \"a.example.com\"\naccount = \"2\"\n";
    let since = "mini_program_since = \"2020-05-15\"\n";
    for (message, parts) in [
        (twice("", other), ["r.toml:4: ", "line 1", "one account"]),
        (twice(since, again), ["r.toml:5: ", "line 1", "R22"]),
        (twice("", again), ["r.toml:4: ", "line 1", "same facts"]),
        (
            twice("removed = \"2020-06-01\"\n", ""),
            ["r.toml:1: ", "removed", "R22"],
        ),
        (
            twice("mini_program_until = \"2020-06-01\"\n", ""),
            ["r.toml:1: ", "until", "R22"],
        ),
    ] {
        assert!(
            parts.iter().all(|part| message.contains(part)),
            "{message} lacks one of {parts:?}"
        );
    }
}

#[test]
fn bad_dates_names_and_keys_are_refused_with_their_line() {
    for date in [
        "\"2026-02-30\"",
        "\"1999-01-01\"",
        "\"2100-01-01\"",
        "\"2026-10-15T00:00:00\"",
        "2026-10-15T00:00:00",
        "\"soon\"",
        "\"\"",
    ] {
        assert!(refusal(&one(date)).starts_with("r.toml:1: "), "{date}");
    }
    for text in [
        "[[domain]]\nname = \"a b\"\naccount = \"1\"\n",
        "[[domain]]\nname = \"*.*.com\"\naccount = \"1\"\n",
        "[[domain]]\nname = \"a.example.com\"\naccount = \" \"\n",
        "[[domain]]\nname = \"a.example.com\"\n",
        "[[domain]]\nname = \"a.example.com\"\naccount = \"1\"\ncolour = 1\n",
        "[[domain]]\nname = \"a.example.com\"\naccount = \"1\"\nkind = \"pull\"\n",
    ] {
        assert!(
            refusal(&format!("\n\n{text}")).starts_with("r.toml:3: "),
            "{text}"
        );
    }
    assert!(refusal("domain = 1").starts_with("r.toml:1: "));
    assert!(refusal("[[domains]]").starts_with("r.toml:1: "));
}

const CSV: &str = "\u{feff}CreateTime,Name,Type,IsMiniProgramLive,PlayType,Account,AppId\r\n\
    2020-05-31 23:59:59,mini.example.com,1,1,1,100001,wx0123456789abcdef\r\n\
    2020-05-31 23:59:59,www.example.com,1,0,2,100001,\r\n\
    2020-05-31 23:59:59,push.example.com,0,0,2,,\r\n";

#[test]
fn r27_a_listing_of_the_provider_is_a_registry_and_beijing_time_is_beijing_time() {
    let listed = Registry::from_csv(CSV, "d.csv", Zone::UTC).expect("a registry");
    // By UTC months the addition is in May, at 15:59:59.
    assert_eq!(
        class(&listed, "mini.example.com", "2020-05"),
        Class::MiniProgram
    );
    assert_eq!(
        class(&listed, "mini.example.com", "2020-04"),
        Class::Standard
    );
    assert_eq!(
        class(&listed, "www.example.com", "2020-06"),
        Class::Standard
    );
    assert_eq!(class(&listed, "push.example.com", "2020-06"), Class::Push);
    assert_eq!(listed.account("push.example.com"), None);
}

#[test]
fn a_bad_listing_is_refused_with_its_line() {
    let refusal = |text: &str| {
        Registry::from_csv(text, "d.csv", Zone::CHINA)
            .expect_err("refused")
            .to_string()
    };
    assert!(refusal("Name,Type\n").contains("d.csv:1: the header has no column IsMiniProgramLive"));
    for bad in [
        "a,1,2,2020-01-01 00:00:00",
        "a,x,1,2020-01-01 00:00:00",
        "a,1,1,2020-01-01",
        "a b,1,0,",
        "a,1",
    ] {
        let text = format!("Name,Type,IsMiniProgramLive,CreateTime\nok,1,0,\n{bad}\n");
        assert!(
            refusal(&text).starts_with("d.csv:3: "),
            "{}",
            refusal(&text)
        );
    }
}

#[test]
fn the_digest_is_of_the_facts_and_not_of_the_file() {
    let (a, b) = (
        "[[domain]]\nname=\"a.com\"\naccount=\"1\"\n",
        "[[domain]]\nname=\"b.com\"\naccount=\"1\"\n",
    );
    let digest = |text: &str| registry(text).digest();
    assert_eq!(
        digest(&format!("{a}{b}")),
        digest(&format!("# note\n{b}\n{a}"))
    );
    assert_ne!(digest(a), digest(b));
    assert_eq!(digest(a).len(), 64);
}

proptest! {
    #[test]
    fn r22_the_class_never_goes_back(year in 2000i16..2100, month in 1u8..13, day in 1u8..29) {
        let registry = registry(&one(&format!("\"{year}-{month:02}-{day:02}\"")));
        let months = (2000..2100).flat_map(|year| (1..13).filter_map(move |month| Month::new(year, month)));
        let classes: Vec<_> = months.map(|month| registry.attribution("a.example.com", month).class).collect();
        let turns = classes.windows(2).filter(|pair| pair[0] != pair[1]).count();
        prop_assert!(turns <= 1);
        prop_assert_eq!(classes.last(), Some(&Class::MiniProgram));
    }

    #[test]
    fn any_text_is_a_registry_or_a_refusal(text in "[\\[\\]a-z=\"\n.,*0-9: -]{0,80}") {
        let _ = Registry::from_toml(&text, "x", Zone::CHINA).map(|registry| registry.digest());
        let _ = Registry::from_csv(&text, "x", Zone::CHINA).map(|registry| registry.digest());
    }
}
