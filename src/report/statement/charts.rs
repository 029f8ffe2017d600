//! Charts of amounts, as inline SVG.
//!
//! Places and lengths are whole pixels, worked out from exact amounts with integers: a chart is made of
//! money too, and a bar that is a pixel long is not nothing.

use super::text::{escaped, money};
use crate::billing::{Amount, Inexact};
use rust_decimal::Decimal;

/// Decimal places of the units that lengths are worked out from.
const PLACES: u32 = 8;
const WIDTH: i128 = 440;
/// From the top of one row to the next, of charts with a row for each amount.
const ROW: i128 = 34;
const BAR: i128 = 12;
/// Characters of a name that have room.
const NAME_CHARS: usize = 34;
/// Height of the bars of days.
const HEIGHT: i128 = 150;
/// Room for what stands over and under the bars of days.
const MARGIN: i128 = 18;

/// An amount with its name.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) amount: Decimal,
}

/// So many pixels of `full` as `units` are of `most`; at least one if there are any.
fn length(units: i128, most: i128, full: i128) -> i128 {
    match (units.abs(), most) {
        (0, _) | (_, ..=0) => 0,
        (units, most) => {
            let length = units.checked_mul(full).map_or(full, |units| units / most);
            length.clamp(1, full)
        }
    }
}

fn units(bars: &[Bar]) -> Result<Vec<i128>, Inexact> {
    let units = bars
        .iter()
        .map(|bar| Amount::new(bar.amount).scaled(PLACES));
    units.collect()
}

fn most(units: &[i128]) -> i128 {
    units.iter().map(|units| units.abs()).max().unwrap_or(0)
}

/// A name that leaves room for its amount: its beginning and its end.
fn short(name: &str) -> String {
    let count = name.chars().count();
    if count <= NAME_CHARS {
        return name.to_owned();
    }
    let half = NAME_CHARS / 2;
    let (start, end) = (name.chars().take(half), name.chars().skip(count - half));
    start.chain(['…']).chain(end).collect()
}

fn class(units: i128) -> &'static str {
    match units < 0 {
        true => "bar credit",
        false => "bar",
    }
}

/// A row for each amount: name and amount over a bar.
pub(super) fn rows(title: &str, bars: &[Bar], currency: &str) -> Result<String, Inexact> {
    let units = units(bars)?;
    let most = most(&units);
    let height = ROW * bars.len() as i128;
    let mut svg = open(title, bars, WIDTH, height, currency);
    for ((at, bar), units) in (0..).zip(bars).zip(units) {
        let top = ROW * at;
        let (text, line) = (top + 14, top + 19);
        let (name, amount) = (escaped(&short(&bar.name)), money(bar.amount, 2));
        let length = length(units, most, WIDTH);
        let class = class(units);
        svg += &format!(
            "<text x=\"0\" y=\"{text}\">{name}</text>\
             <text x=\"{WIDTH}\" y=\"{text}\" class=\"end\">{amount}</text>\
             <rect x=\"0\" y=\"{line}\" width=\"{WIDTH}\" height=\"{BAR}\" class=\"track\"/>\
             <rect x=\"0\" y=\"{line}\" width=\"{length}\" height=\"{BAR}\" class=\"{class}\"/>\n"
        );
    }
    Ok(svg + "</svg></figure>\n")
}

/// A bar for each day, which `bars` are named by.
pub(super) fn days(title: &str, bars: &[Bar], currency: &str) -> Result<String, Inexact> {
    let units = units(bars)?;
    let most = most(&units);
    let count = bars.len().max(1) as i128;
    let step = WIDTH / count;
    let base = MARGIN + HEIGHT;
    let mut svg = open(title, bars, WIDTH, base + MARGIN, currency);
    let top = bars.iter().map(|bar| bar.amount).max().unwrap_or_default();
    svg += &format!(
        "<text x=\"0\" y=\"12\" class=\"small\">highest day: {} {}</text>\
         <line x1=\"0\" y1=\"{base}\" x2=\"{WIDTH}\" y2=\"{base}\" class=\"axis\"/>\n",
        money(top, 2),
        escaped(currency)
    );
    for ((at, bar), units) in (0..).zip(bars).zip(units) {
        let (length, class) = (length(units, most, HEIGHT), class(units));
        let (left, top, width) = (step * at, base - length, (step - 3).max(1));
        svg += &format!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{length}\" class=\"{class}\"/>"
        );
        if at % 5 == 0 {
            let (middle, under) = (left + width / 2, base + 14);
            let name = escaped(&bar.name);
            svg +=
                &format!("<text x=\"{middle}\" y=\"{under}\" class=\"small middle\">{name}</text>");
        }
        svg.push('\n');
    }
    Ok(svg + "</svg></figure>\n")
}

/// The beginning of a chart: what it shows stands in words, too, for those who cannot see it.
fn open(title: &str, bars: &[Bar], width: i128, height: i128, currency: &str) -> String {
    let (title, currency) = (escaped(title), escaped(currency));
    let amounts = bars.iter().filter(|bar| !bar.amount.is_zero());
    let said: Vec<String> = amounts
        .map(|bar| format!("{} {}", escaped(&bar.name), money(bar.amount, 2)))
        .collect();
    format!(
        "<figure><figcaption>{title}, {currency}</figcaption>\
         <svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}, {currency}: {}\">\n",
        said.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bars_are_in_proportion_and_within_the_chart(
            units in -1_000_000_000_000_i128..1_000_000_000_000,
            most in 0_i128..1_000_000_000_000,
        ) {
            let most = most.max(units.abs());
            let length = length(units, most, WIDTH);
            prop_assert!((0..=WIDTH).contains(&length));
            prop_assert_eq!(length == 0, units == 0);
            if 1 < length {
                prop_assert!((length * most - units.abs() * WIDTH).abs() < most);
            }
        }
    }

    #[test]
    fn long_names_keep_both_ends() {
        let long = "a-very-long-name-of-a-live-stream.with.many.labels.example.cn";
        assert_eq!(short(long), "a-very-long-name-…labels.example.cn");
        assert_eq!(short("short.example.cn"), "short.example.cn");
    }

    #[test]
    fn charts_of_nothing_and_of_credits_are_drawn() {
        let bar = |name: &str, amount: i64| Bar {
            name: name.to_owned(),
            amount: amount.into(),
        };
        assert!(
            rows("Nothing", &[], "CNY")
                .expect("drawn")
                .ends_with("</figure>\n")
        );
        let both = rows("Both", &[bar("a<b", -3), bar("c", 6)], "CNY").expect("drawn");
        assert!(
            both.contains("a&lt;b") && both.contains("\u{2212}3.00"),
            "{both}"
        );
        assert!(
            both.contains("width=\"220\" height=\"12\" class=\"bar credit\""),
            "{both}"
        );
        assert!(
            both.contains("width=\"440\" height=\"12\" class=\"bar\"/>"),
            "{both}"
        );
    }
}
