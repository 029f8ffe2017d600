//! The registry rules, by their ids; what is refused, and where, is in `refusals`.

mod refusals;

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
        ("2020-05-31T23:59:59.999+08:00", Class::MiniProgram),
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
fn r16_the_app_id_does_not_make_a_domain_mini_program() {
    let registry = registry("[[domain]]\nname='a.com'\naccount='1'\napp_id='wx1'\n");
    let attribution = registry.attribution("a.com", month("2026-10"));
    assert_eq!(
        (attribution.class, attribution.app_id),
        (Class::Standard, Some("wx1"))
    );
}

#[test]
fn a_date_is_a_day_of_the_billing_zone() {
    let text = one("2020-06-01");
    for (zone, instant) in [
        (Zone::CHINA, "2020-05-31T16:00:00Z"),
        (Zone::UTC, "2020-06-01T00:00:00Z"),
    ] {
        let digest = |text: &str| {
            Registry::from_toml(text, "r.toml", zone)
                .expect("a registry")
                .digest()
        };
        assert_eq!(digest(&text), digest(&one(instant)), "{zone}");
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

fn toml(text: &str) -> Result<Registry, RegistryError> {
    Registry::from_toml(text, "r", Zone::CHINA)
}

fn csv(text: &str) -> Result<Registry, RegistryError> {
    Registry::from_csv(text, "r", Zone::CHINA)
}

/// An entry of which `lines` are lines 2 and following.
fn entry(lines: &[&str]) -> String {
    format!("[[domain]]\n{}\n", lines.join("\n"))
}

const A: [&str; 2] = ["name = 'a.com'", "account = '1'"];

const CSV: &str = "\u{feff}CreateTime,Name,Type,IsMiniProgramLive,PlayType,Account,AppId\r\n\
    2020-05-31 23:59:59,mini.example.com,1,1,1,100001,wx0123456789abcdef\r\n\
    2020-06-01 00:00:00,next.example.com,1,1,1,100001,wx0123456789abcdef\r\n\
    2020-05-31 23:59:59,www.example.com,1,0,2,100001,\r\n\
    2020-05-31 23:59:59,push.example.com,0,1,2,,\r\n";

#[test]
fn r27_a_listing_of_the_provider_is_a_registry_and_its_clock_is_beijings() {
    for (zone, next_in_may) in [
        (Zone::CHINA, Class::Standard),
        (Zone::UTC, Class::MiniProgram),
    ] {
        let listed = Registry::from_csv(CSV, "r", zone).expect("a registry");
        assert_eq!(
            class(&listed, "mini.example.com", "2020-05"),
            Class::MiniProgram
        );
        assert_eq!(
            class(&listed, "mini.example.com", "2020-04"),
            Class::Standard
        );
        assert_eq!(
            class(&listed, "next.example.com", "2020-05"),
            next_in_may,
            "{zone}"
        );
        assert_eq!(
            class(&listed, "www.example.com", "2020-06"),
            Class::Standard
        );
        assert_eq!(class(&listed, "push.example.com", "2020-06"), Class::Push);
        let push = listed.attribution("push.example.com", month("2020-06"));
        assert_eq!((push.account, push.app_id), (None, None));
    }
}

#[test]
fn the_digest_is_of_the_facts_and_not_of_the_file() {
    let digest = |text: &str| toml(text).expect("a registry").digest();
    let (a, b) = (entry(&A), entry(&["name = '*.b.com'", A[1]]));
    assert_eq!(
        digest(&format!("{a}{b}")),
        digest(&format!("# note\n{b}\n{a}"))
    );
    assert_eq!(
        digest(&a),
        digest(&a.replace("a.com", "A.com.").replace("'1'", "' 1 '"))
    );
    let listed = "Type,Name,AppId,IsMiniProgramLive,CreateTime,Account\n1,a.com,wx1,1,2020-05-15 00:00:00,1\n";
    let facts = [
        "app_id = 'wx1'",
        "mini_program_since = 2020-05-15",
        "kind = 'play'",
    ];
    let written = entry(&[&A[..], &facts].concat());
    assert_eq!(
        csv(listed).map(|csv| csv.digest()).ok(),
        Some(digest(&written))
    );
    // Every fact counts, and so does which of them it is.
    let others = [
        String::new(),
        a.clone(),
        b,
        entry(&["name = '*.a.com'", A[1]]),
        entry(&[A[0], "account = '2'"]),
        entry(&[&A[..], &facts[..1]].concat()),
        entry(&[&A[..], &facts[1..2]].concat()),
        entry(&[A[0], A[1], "kind = 'push'"]),
        written,
    ];
    let distinct: std::collections::BTreeSet<_> = others.iter().map(|text| digest(text)).collect();
    assert_eq!(distinct.len(), others.len());
    assert!(distinct.iter().all(|digest| digest.len() == 64));
}

#[test]
fn a_file_that_cannot_be_read_says_so_and_a_name_in_csv_is_csv() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        Registry::load(&path, Zone::CHINA)
    };
    assert_eq!(
        write("r.CSV", CSV.as_bytes())
            .map(|registry| registry.len())
            .ok(),
        Some(4)
    );
    assert_eq!(
        write("r.toml", TOML.as_bytes())
            .map(|registry| registry.len())
            .ok(),
        Some(5)
    );
    let refused = write("gbk.csv", b"Name\n\xd3\xf2\n")
        .expect_err("refused")
        .to_string();
    assert!(
        refused.contains("gbk.csv:2: not readable as UTF-8"),
        "{refused}"
    );
    let absent = Registry::load(&folder.path().join("absent.toml"), Zone::CHINA);
    let refused = absent.expect_err("refused").to_string();
    assert!(refused.starts_with("cannot read the registry ") && refused.contains("absent.toml"));
    assert!(Registry::empty(Zone::CHINA).is_empty());
}

#[test]
fn a_large_registry_is_read_in_time_that_grows_with_its_size() {
    // With a line count from the top for every entry, this takes minutes.
    let text: String = (0..50_000)
        .map(|n| entry(&[&format!("name = 'd{n}.com'"), A[1]]))
        .collect();
    assert_eq!(
        toml(&text).map(|registry| registry.len()).ok(),
        Some(50_000)
    );
}

const MENDED: [&str; 4] = [
    "name = 'a.com'",
    "wrong_mini_program_since = 2026-10-15",
    "on = '2026-11-03'",
    "reason = 'b.com was meant'",
];

/// An entry that was mended, of which `lines` are lines 5 and following.
fn mended(lines: &[&str]) -> String {
    format!("{}[[correction]]\n{}\n", entry(&A), lines.join("\n"))
}

#[test]
fn c2_a_wrong_entry_is_mended_by_a_dated_correction_with_a_reason() {
    let registry = registry(&mended(&MENDED));
    let found = registry.mended("a.com", month("2026-10")).next();
    let found = found.expect("a correction");
    assert_eq!(found.reason, "b.com was meant");
    let text = crate::units::day_text;
    assert_eq!(
        (&text(found.wrong_since)[..], &text(found.on)[..]),
        ("2026-10-15", "2026-11-03")
    );
    assert!(registry.mended("a.com", month("2026-12")).next().is_some());
    assert_eq!(
        registry.mended("a.com", month("2026-09")).next(),
        None,
        "before it was wrong"
    );
    assert_eq!(registry.mended("b.com", month("2026-10")).next(), None);
    assert_eq!(registry.mended("www.a.com", month("2026-10")).next(), None);
    assert_eq!(class(&registry, "a.com", "2026-10"), Class::Standard);
    let wild = mended(&["name = '*.a.com'", MENDED[1], MENDED[2], MENDED[3]]);
    let wild = toml(&wild).expect("a registry");
    assert!(wild.mended("www.a.com", month("2026-10")).next().is_some());
    for other in ["a.com", "aa.com"] {
        assert_eq!(wild.mended(other, month("2026-10")).next(), None, "{other}");
    }
}

#[test]
fn c2_the_same_correction_twice_is_refused() {
    let again =
        |lines: &[&str]| format!("{}[[correction]]\n{}\n", mended(&MENDED), lines.join("\n"));
    for reason in [MENDED[3], "reason = 'c.com was meant'"] {
        let twice = again(&[MENDED[0], MENDED[1], MENDED[2], reason]);
        let refused = toml(&twice).expect_err("twice").to_string();
        assert!(
            refused.contains("stands in an earlier [[correction]]"),
            "{refused}"
        );
    }
    // It may have been wrong again, and found again.
    assert!(
        toml(&again(&[
            MENDED[0],
            MENDED[1],
            "on = '2026-12-03'",
            MENDED[3]
        ]))
        .is_ok()
    );
}

#[test]
fn c2_a_registry_is_read_back_from_its_facts() {
    let text = mended(&MENDED)
        + "[[domain]]\nname = '*.b.com'\naccount = '7'\napp_id = 'wx1'\n\
        mini_program_since = '2026-10-15T09:30:00+08:00'\n[[domain]]\nname = 'p.com'\naccount = '7'\nkind = 'push'\n";
    let said = registry(&text);
    let (facts, zone) = (said.facts(), said.zone());
    let back = Registry::from_facts(&facts, &said.digest(), zone).expect("facts");
    assert_eq!(back.len(), said.len());
    for name in ["a.com", "x.b.com", "p.com", "b.com"] {
        let (said, back) = (&said, &back);
        let of =
            |registry: &Registry| format!("{:?}", registry.attribution(name, month("2026-11")));
        assert_eq!(of(said), of(back));
    }
    assert!(Registry::from_facts(&facts.replace("play", "push"), &said.digest(), zone).is_none());
}

#[test]
fn c2_a_correction_is_a_fact_of_the_registry() {
    let digest = |text: &str| toml(text).expect("a registry").digest();
    let all = [
        entry(&A),
        mended(&MENDED),
        mended(&MENDED).replace("2026-11-03", "2026-11-04"),
        mended(&MENDED).replace("2026-10-15", "2026-10-16"),
        mended(&MENDED).replace("b.com was", "c.com was"),
        mended(&MENDED).replace(
            "[[correction]]\nname = 'a.com'",
            "[[correction]]\nname = '*.a.com'",
        ),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().map(|text| digest(text)).collect();
    assert_eq!(distinct.len(), all.len());
}

proptest! {
    #[test]
    fn r22_the_class_never_goes_back(
        year in 2000i16..2100, month in 1u8..13, day in 1u8..29, hour in 0u8..24, wild in any::<bool>(),
    ) {
        let since = format!("{year}-{month:02}-{day:02}T{hour:02}:00:00+08:00");
        let name = if wild { "*.a.com" } else { "b.a.com" };
        let registry = registry(&one(&since).replace("a.example.com", name));
        let months = (2000..2100).flat_map(|year| (1..13).filter_map(move |month| Month::new(year, month)));
        for at in months {
            let mini = (year, month) <= (at.year(), at.month().unsigned_abs());
            let expected = if mini { Class::MiniProgram } else { Class::Standard };
            prop_assert_eq!(registry.attribution("b.a.com", at).class, expected);
        }
    }

    #[test]
    fn any_text_is_a_registry_or_a_refusal_with_a_line_of_it(
        parts in prop::collection::vec(prop_oneof![
            any::<String>(),
            "[\\[\\]a-z=\"\r\n.,*0-9: -]{0,30}",
            Just("[[domain]]\n".to_owned()),
            Just("\nname = \"é.com\"\n".to_owned()),
            Just("\naccount = \"1\"\n".to_owned()),
            Just("\nmini_program_since = ".to_owned()),
            Just("Name,Type,IsMiniProgramLive,CreateTime\r\n".to_owned()),
            Just("a.com,1,1,".to_owned()),
        ], 0..8),
    ) {
        let text = parts.concat();
        let lines = text.matches('\n').count() + 1;
        for refused in [toml(&text), csv(&text)].into_iter().filter_map(Result::err) {
            let message = refused.to_string();
            let line = message.strip_prefix("r:").and_then(|rest| rest.split_once(": ")?.0.parse().ok());
            prop_assert!(line.is_some_and(|line: usize| 1 <= line && line <= lines), "{}", message);
        }
    }
}
