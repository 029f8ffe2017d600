//! Every refusal, with its line and its reason.

use super::*;

/// Checks that a text is refused in `line`, in a message that holds `part`.
#[track_caller]
fn check(refused: Result<Registry, RegistryError>, line: usize, part: &str) {
    let message = refused.expect_err("refused").to_string();
    assert!(
        message.starts_with(&format!("r:{line}: ")),
        "not line {line}: {message}"
    );
    assert!(message.contains(part), "no `{part}` in: {message}");
    assert!(
        !message.ends_with('.') && !message.contains("Some("),
        "{message}"
    );
}

#[test]
fn r22_a_second_entry_is_refused_with_both_lines_and_what_differs() {
    let with = |line: &str| entry(&[A[0], A[1], line]);
    let (plain, mini) = (with(""), with("mini_program_since = 2020-05-15"));
    for (first, second, part) in [
        (
            &plain,
            &plain,
            "`a.com` is listed before, in line 1, with the same facts",
        ),
        (
            &plain,
            &entry(&["name = 'A.com.'", "account = '2'"]),
            "line 1, for another account",
        ),
        (
            &mini,
            &plain,
            "line 1, as mini-program domain: it never becomes standard again (R22)",
        ),
        (
            &plain,
            &mini,
            "line 1, as standard domain: mini_program_since alone",
        ),
        (
            &mini,
            &with("mini_program_since = 2020-05-16"),
            "line 1, with another date",
        ),
        (
            &mini,
            &with("mini_program_since = 2020-05-15T00:00:00+08:00"),
            "same facts",
        ),
        (&plain, &with("kind = 'push'"), "line 1, as the other kind"),
        (
            &plain,
            &with("app_id = 'wx1'"),
            "line 1, with another AppID",
        ),
    ] {
        check(toml(&format!("{first}{second}")), 5, part);
    }
    let wild = entry(&["name = '*.a.com'", A[1]]);
    check(
        toml(&format!("{wild}{wild}")),
        4,
        "`*.a.com` is listed before, in line 1",
    );
    assert_eq!(
        toml(&format!("{wild}{plain}")).map(|both| both.len()).ok(),
        Some(2)
    );
    let header = "Name,Type,IsMiniProgramLive,CreateTime";
    check(
        csv(&format!("{header}\r\na.com,1,0,\r\na.com,1,0,\r\n")),
        3,
        "in line 2, with the same",
    );
}

#[test]
fn r22_a_removal_is_refused_on_its_line_with_the_rule() {
    for key in [
        "removed",
        "mini_program_until",
        "deleted_at",
        "Unbound",
        "unbind_date",
    ] {
        let line = format!("{key} = 2020-06-01");
        check(
            toml(&entry(&[A[0], A[1], &line])),
            4,
            &format!("`{key}` is not possible"),
        );
        check(toml(&entry(&[A[0], A[1], &line])), 4, "(R22)");
    }
    check(toml("[removed]\nname = 'a.com'"), 1, "(R22)");
}

#[test]
fn dates_that_are_none_are_refused_on_their_line() {
    for date in [
        "'2026-02-30'",
        "'1999-12-31'",
        "'2100-01-01'",
        "'2099-12-31T16:00:00Z'",
        "'2026-10-15T00:00:00'",
        "2026-10-15T00:00:00",
        "'2026-10-15 '",
        "'2026-10'",
        "'20261015'",
        "'2026-10-15T00:00:00Z[Asia/Shanghai]'",
        "'soon'",
        "''",
        "09:30:00",
        "5",
    ] {
        check(toml(&one(date)), 4, "2026-10-15");
    }
    check(toml(&one("2026-02-30")), 4, "not readable as TOML");
    for date in [
        "2000-01-01",
        "2099-12-31",
        "2099-12-31T15:59:59Z",
        "1999-12-31T16:00:00Z",
    ] {
        assert!(toml(&one(date)).is_ok(), "{date}");
    }
}

#[test]
fn names_that_are_no_domain_are_refused_and_spellings_of_one_are_not() {
    for name in [
        "",
        "-",
        "a b",
        "*",
        "*.",
        "*.*.com",
        "a.*.com",
        "*.[::1]",
        "*.10.0.0.1",
        "a.com:80",
        " a.com",
    ] {
        let name_line = format!("name = '{name}'");
        check(
            toml(&entry(&["", &name_line, A[1]])),
            3,
            &format!("`{name}` is no domain"),
        );
    }
    for name in ["A.CoM", "a.com.", "*.COM"] {
        let registry = toml(&entry(&[&format!("name = '{name}'"), A[1]])).expect("a registry");
        assert_eq!(registry.account("a.com"), Some("1"), "{name}");
    }
}

#[test]
fn keys_and_values_out_of_shape_are_refused_on_their_line() {
    let with = |line: &str| entry(&[A[0], A[1], line]);
    for (text, line, part) in [
        (
            with("colour = 1"),
            4,
            "`colour` is no key of the registry; the keys are name",
        ),
        (with("kind = 'pull'"), 4, "`kind` is neither"),
        (with("kind = 1"), 4, "`kind` is no text"),
        (with("app_id = ' '"), 4, "`app_id` is empty"),
        (
            with("app_id = \"a\\tb\""),
            4,
            "`app_id` holds a control character",
        ),
        (
            with("kind = 'push'\nmini_program_since = 2020-01-01"),
            5,
            "(R17)",
        ),
        (
            with("name = 'b.com'"),
            4,
            "not readable as TOML: duplicate key",
        ),
        (entry(&[A[0], "account = ' '"]), 3, "`account` is empty"),
        (
            format!("\n{}", entry(&[A[0]])),
            2,
            "`account` is missing; say whose",
        ),
        (format!("\n{}", entry(&[A[1]])), 2, "`name` is missing"),
        ("domain = 1".into(), 1, "`domain` is no list"),
        ("\n[domain]\nname = 'a.com'".into(), 2, "[[domain]]"),
        ("domain = [\n1]".into(), 2, "[[domain]]"),
        (
            "\n[[domains]]".into(),
            2,
            "`domains` is no key of the registry; list domains",
        ),
        ("\n[[domain]".into(), 2, "not readable as TOML"),
    ] {
        check(toml(&text), line, part);
    }
}

#[test]
fn a_bad_listing_is_refused_with_its_line_however_lines_end() {
    let header = "Name,Type,IsMiniProgramLive,CreateTime,Account";
    for (row, part) in [
        (
            "a.com,1,2,2020-01-01 00:00:00,",
            "`IsMiniProgramLive` is neither 0 (standard)",
        ),
        (
            "a.com,x,1,2020-01-01 00:00:00,",
            "`Type` is neither 0 (push)",
        ),
        (
            "a.com,1,1,2020-01-01,",
            "write Beijing time like 2026-10-15 09:30:00",
        ),
        ("a.com,1,1,2020-1-1 0:0:0,", "is no date"),
        ("a.com,1,1,2020-02-30 00:00:00,", "is no date"),
        ("a.com,1,1,2020-01-01 23:59:60,", "is no date"),
        ("a.com,1,1,1999-12-31 00:00:00,", "is no date"),
        ("a b,1,0,,", "`a b` is no domain"),
        ("a.com,1,0,,\"x\ny\"", "`Account` holds a control character"),
        ("a.com,1", "the row has 2 columns, the header 5"),
    ] {
        check(csv(&format!("{header}\nok.com,1,0,,\n{row}\n")), 3, part);
        check(
            csv(&format!("{header}\r\nok.com,1,0,,\r\n{row}\r\n")),
            3,
            part,
        );
        check(
            csv(&format!("{header}\r\nok.com,1,0,,\r\n\r\n\r\n{row}\r\n")),
            5,
            part,
        );
        check(
            csv(&format!(
                "\u{feff}\n{header}\n\"ok.com\",1,0,\"\n\",\n{row}\n"
            )),
            5,
            part,
        );
    }
    check(
        csv("\nName,Type\n"),
        2,
        "the header has no column IsMiniProgramLive",
    );
    check(csv(""), 1, "the header has no column Name");
    check(
        csv("Name,Name,Type,IsMiniProgramLive,CreateTime\n"),
        1,
        "two columns Name",
    );
}

#[test]
fn c2_a_correction_that_does_not_say_what_was_wrong_when_and_why_is_refused() {
    for (at, lines, part) in [
        (1, 4, "`wrong_mini_program_since` is missing; write the"),
        (2, 4, "`on` is missing; say on which day"),
        (3, 4, "`reason` is missing; say what was wrong"),
        (0, 4, "`name` is missing"),
    ] {
        let mut keys = MENDED.to_vec();
        keys.remove(at);
        check(toml(&mended(&keys)), lines, part);
    }
    for (at, line, part) in [
        (3, "reason = ' '", "`reason` is empty"),
        (2, "on = 'soon'", "`soon` is no date"),
        (2, "on = 3", "`on` is no date; write one like"),
        (0, "name = 'a com'", "`a com` is no domain"),
        (3, "until = '2026-12-01'", "`until` is not possible"),
        (
            3,
            "why = 'typo'",
            "`why` is no key of the registry; the keys are name, wrong_mini",
        ),
    ] {
        let mut keys = MENDED.to_vec();
        keys[at] = line;
        check(toml(&mended(&keys)), 5 + at, part);
    }
    check(
        toml("correction = 1"),
        1,
        "`correction` is no list of tables; head every entry with [[correction]]",
    );
    let still = entry(&[A[0], A[1], "mini_program_since = 2026-10-15"]);
    let correction = mended(&MENDED).replace(&entry(&A), "");
    check(
        toml(&format!("{still}{correction}")),
        7,
        "is what the entry of this name still says; mend the [[domain]], too",
    );
}
