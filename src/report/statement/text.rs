//! Texts and numbers as a page shows them.

use rust_decimal::Decimal;
use unicode_width::UnicodeWidthChar as _;

use crate::billing::Amount;
use crate::units::is_steering;

/// Between groups of three digits: narrow, and no line breaks at it.
const GROUP: char = '\u{202f}';

/// Text that a browser shows as it is, in elements and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Nothing that a name holds may turn the page around or end it.
            char if is_steering(char) => safe.push('\u{fffd}'),
            char => safe.push(char),
        }
    }
    safe
}

/// A number that is rounded to so many places as bills are, and its digits in groups.
pub(super) fn money(number: Decimal, places: usize) -> String {
    // What has too many digits to be rounded has them all before the point.
    let rounded = Amount::new(number).round(places as u32).unwrap_or(number);
    grouped(&format!("{rounded:.places$}"))
}

/// How many lines.
pub(super) fn lines(count: u64) -> String {
    match count {
        1 => "1 line".to_owned(),
        count => format!("{} lines", grouped(&count.to_string())),
    }
}

/// A number with the places that it needs, and its digits in groups.
pub(super) fn quantity(number: Decimal) -> String {
    grouped(&number.normalize().to_string())
}

/// The digits before the point in groups of three, and a real minus.
pub(super) fn grouped(number: &str) -> String {
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => ("\u{2212}", number),
        None => ("", number),
    };
    let (whole, places) = number.split_once('.').unwrap_or((number, ""));
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at != 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(GROUP);
        }
        text.push(digit);
    }
    if !places.is_empty() {
        text.push('.');
        text.push_str(places);
    }
    text
}

/// How many columns a text takes: letters of East Asia take two, marks that stand on others none.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

fn char_columns(char: char) -> usize {
    char.width().unwrap_or(0)
}

/// A text that takes at most so many columns: its beginning and its end, if it is longer.
pub(super) fn shortened(text: &str, columns_max: usize) -> String {
    if columns(text) <= columns_max {
        return text.to_owned();
    }
    let room = columns_max.saturating_sub(1);
    let fits = |room: usize, chars: &mut dyn Iterator<Item = char>| -> Vec<char> {
        let mut taken = 0;
        let within = chars.take_while(|char| {
            taken += char_columns(*char);
            taken <= room
        });
        within.collect()
    };
    let start = fits(room.div_ceil(2), &mut text.chars());
    let end = fits(room / 2, &mut text.chars().rev());
    let start = start.into_iter().chain(['\u{2026}']);
    start.chain(end.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_keep_both_ends_and_their_room() {
        for (text, room, shown) in [
            ("short.example.cn", 16, "short.example.cn"),
            ("0123456789abcdef", 9, "0123\u{2026}cdef"),
            ("0123456789abcdef", 10, "01234\u{2026}cdef"),
            ("北京直播科技有限公司", 20, "北京直播科技有限公司"),
            ("北京直播科技有限公司", 11, "北京\u{2026}公司"),
            ("ﾊﾝｶｸ.example.cn", 15, "ﾊﾝｶｸ.example.cn"),
            ("cafe\u{301}.example.cn", 15, "cafe\u{301}.example.cn"),
            ("😀😀😀", 5, "😀\u{2026}😀"),
        ] {
            assert_eq!(shortened(text, room), shown);
            assert!(columns(shown) <= room, "{shown}");
        }
    }

    #[test]
    fn names_stay_text() {
        let evil = "<script>\"a\" & 'b'\u{202e}\n";
        let safe = "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;\u{fffd}\u{fffd}";
        assert_eq!(escaped(evil), safe);
        assert_eq!(escaped("直播.example.cn"), "直播.example.cn");
    }

    #[test]
    fn digits_stand_in_groups() {
        for (number, shown) in [
            ("0", "0"),
            ("123", "123"),
            ("1234.5", "1\u{202f}234.5"),
            ("-1234567.25", "\u{2212}1\u{202f}234\u{202f}567.25"),
        ] {
            let number = Decimal::from_str_exact(number).expect("a number");
            assert_eq!(quantity(number), shown);
        }
        assert_eq!(money(Decimal::new(100_000, 2), 2), "1\u{202f}000.00");
    }

    #[test]
    fn b6_amounts_are_rounded_and_not_cut() {
        for (amount, shown) in [
            ("10.996", "11.00"),
            ("0.994", "0.99"),
            ("-0.996", "\u{2212}1.00"),
        ] {
            let amount = Decimal::from_str_exact(amount).expect("a number");
            assert_eq!(money(amount, 2), shown);
        }
    }
}
