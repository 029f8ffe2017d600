//! Charts of amounts, as inline SVG.
//!
//! Places and lengths are hundredths of a percent, worked out from exact amounts with integers: a chart
//! is made of money too, and what costs anything has a bar. Percents of the width and no scaled drawing,
//! so that letters are as large on a telephone as on a desk.

use super::text::{columns, escaped, money, shortened};
use crate::billing::{Amount, Inexact};
use rust_decimal::Decimal;

/// Decimal places of the units that lengths are worked out from.
const PLACES: u32 = 8;
/// The whole width, in hundredths of a percent.
const WIDTH: i128 = 10_000;
/// The shortest bar, in the same.
const WIDTH_MIN: i128 = 25;
/// From the top of one row to the next in pixels, of charts with a row for each amount.
const ROW: i128 = 38;
/// Columns of a name that have room beside its amount: where the chart is narrow, and where it is wide.
const NAME_NARROW: usize = 24;
const NAME_WIDE: usize = 40;
/// Height of the bars of days in pixels.
const HEIGHT: i128 = 150;
/// Room for what stands over and under the bars of days.
const MARGIN: i128 = 22;
/// Days that have their number: the first, and each of so many.
const DAYS_NAMED: i128 = 5;

/// An amount with its name.
pub(super) struct ChartBar {
    pub(super) name: String,
    pub(super) amount: Decimal,
}

/// As much of `full` as `units` are of `most`; at least `least` if there are any.
fn length(units: i128, most: i128, least: i128, full: i128) -> i128 {
    match (units.abs(), most) {
        (0, _) | (_, ..=0) => 0,
        (units, most) => {
            let length = units.checked_mul(full).map_or(full, |units| units / most);
            length.clamp(least, full)
        }
    }
}

/// Hundredths of a percent as a length.
fn percent(hundredths: i128) -> String {
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

fn units(bars: &[ChartBar]) -> Result<Vec<i128>, Inexact> {
    let units = bars
        .iter()
        .map(|bar| Amount::new(bar.amount).scaled(PLACES));
    units.collect()
}

fn most(units: &[i128]) -> i128 {
    units.iter().map(|units| units.abs()).max().unwrap_or(0)
}

fn class(units: i128) -> &'static str {
    match units < 0 {
        true => "bar credit",
        false => "bar",
    }
}

/// A name in a row that begins at `y`: where it is too long, once for narrow and once for wide charts.
fn name_at(y: i128, name: &str) -> String {
    let text = |class: &str, columns| {
        let name = escaped(&shortened(name, columns));
        format!("<text x=\"0\" y=\"{y}\"{class}>{name}</text>")
    };
    match columns(name) <= NAME_NARROW {
        true => text("", NAME_NARROW),
        false => text(" class=\"narrow\"", NAME_NARROW) + &text(" class=\"wide\"", NAME_WIDE),
    }
}

/// A row for each amount: name and amount over a bar.
pub(super) fn rows(title: &str, bars: &[ChartBar], currency: &str) -> Result<String, Inexact> {
    let units = units(bars)?;
    let most = most(&units);
    let mut svg = open(title, bars, ROW * bars.len() as i128, currency);
    for ((at, bar), units) in (0..).zip(bars).zip(units) {
        let (text, line) = (ROW * at + 14, ROW * at + 20);
        let (name, amount) = (name_at(text, &bar.name), money(bar.amount, 2));
        let length = percent(length(units, most, WIDTH_MIN, WIDTH));
        let class = class(units);
        svg += &format!(
            "<g><title>{}: {amount}</title>{name}\
             <text x=\"100%\" y=\"{text}\" class=\"end\">{amount}</text>\
             <rect x=\"0\" y=\"{line}\" width=\"100%\" height=\"10\" class=\"track\"/>\
             <rect x=\"0\" y=\"{line}\" width=\"{length}\" height=\"10\" class=\"{class}\"/></g>\n",
            escaped(&bar.name)
        );
    }
    Ok(svg + "</svg></figure>\n")
}

/// A bar for each day, which `bars` are named by.
pub(super) fn days(title: &str, bars: &[ChartBar], currency: &str) -> Result<String, Inexact> {
    let units = units(bars)?;
    let most = most(&units);
    let count = bars.len().max(1) as i128;
    let base = MARGIN + HEIGHT;
    let mut svg = open(title, bars, base + MARGIN, currency);
    let top = bars.iter().map(|bar| bar.amount).max().unwrap_or_default();
    svg += &format!(
        "<text x=\"0\" y=\"12\" class=\"small\">highest day: {} {}</text>\
         <line x1=\"0\" y1=\"{base}\" x2=\"100%\" y2=\"{base}\" class=\"axis\"/>\n",
        money(top, 2),
        escaped(currency)
    );
    for ((at, bar), units) in (0..).zip(bars).zip(units) {
        let (height, class) = (length(units, most, 1, HEIGHT), class(units));
        // Each day from its own share of the width, so that what divisions lose does not add up.
        let (left, right) = (WIDTH * at / count, WIDTH * (at + 1) / count);
        let (wide, middle) = ((right - left) * 4 / 5, (left + right) / 2);
        let (name, amount) = (escaped(&bar.name), money(bar.amount, 2));
        svg += &format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{height}\" class=\"{class}\">\
             <title>{name}: {amount}</title></rect>",
            percent(middle - wide / 2),
            base - height,
            percent(wide),
        );
        if at == 0 || (at + 1) % DAYS_NAMED == 0 {
            let (middle, under) = (percent(middle), base + 16);
            svg +=
                &format!("<text x=\"{middle}\" y=\"{under}\" class=\"small middle\">{name}</text>");
        }
        svg.push('\n');
    }
    Ok(svg + "</svg></figure>\n")
}

/// The beginning of a chart: what it shows stands in words, too, for those who cannot see it.
fn open(title: &str, bars: &[ChartBar], height: i128, currency: &str) -> String {
    let (title, currency) = (escaped(title), escaped(currency));
    let amounts = bars.iter().filter(|bar| !bar.amount.is_zero());
    let said: Vec<String> = amounts
        .map(|bar| format!("{} {}", escaped(&bar.name), money(bar.amount, 2)))
        .collect();
    format!(
        "<figure><figcaption>{title}, {currency}</figcaption>\
         <svg width=\"100%\" height=\"{height}\" role=\"img\" aria-label=\"{title}, {currency}: {}\">\n",
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
            let length = length(units, most, WIDTH_MIN, WIDTH);
            prop_assert!((0..=WIDTH).contains(&length));
            prop_assert_eq!(length == 0, units == 0);
            if WIDTH_MIN < length {
                prop_assert!((length * most - units.abs() * WIDTH).abs() < most);
            }
        }
    }

    fn bar(name: &str, amount: i64) -> ChartBar {
        ChartBar {
            name: name.to_owned(),
            amount: amount.into(),
        }
    }

    #[test]
    fn charts_of_nothing_and_of_credits_are_drawn() {
        let nothing = rows("Nothing", &[], "CNY").expect("drawn");
        assert!(nothing.contains("height=\"0\"") && !nothing.contains("<rect"));
        let both = rows("Both", &[bar("a<b", -3), bar("c", 6), bar("d", 0)], "CNY");
        let both = both.expect("drawn");
        for part in [
            "a&lt;b",
            "\u{2212}3.00",
            "width=\"50.00%\" height=\"10\" class=\"bar credit\"",
            "width=\"100.00%\" height=\"10\" class=\"bar\"/>",
            "width=\"0.00%\" height=\"10\" class=\"bar\"/>",
        ] {
            assert!(both.contains(part), "{part}: {both}");
        }
    }

    /// An attribute of all bars, in hundredths of a percent.
    fn values(svg: &str, attribute: &str) -> Vec<i128> {
        svg.split("<rect ")
            .skip(1)
            .map(|rect| {
                let (_, value) = rect
                    .split_once(&format!("{attribute}=\""))
                    .expect("an attribute");
                let (value, _) = value.split_once("%\"").expect("percents");
                value.replace('.', "").parse().expect("a number")
            })
            .collect()
    }

    #[test]
    fn days_of_a_month_stand_beside_each_other_within_the_chart() {
        for count in [28, 29, 30, 31] {
            let bars: Vec<ChartBar> = (1..=count).map(|day| bar(&day.to_string(), day)).collect();
            let svg = days("Days", &bars, "CNY").expect("drawn");
            let (lefts, widths) = (values(&svg, "x"), values(&svg, "width"));
            assert_eq!(lefts.len(), bars.len());
            let mut end = 0;
            for (left, width) in lefts.into_iter().zip(widths) {
                assert!(end <= left && 0 < width, "{svg}");
                end = left + width;
            }
            assert!(end <= WIDTH, "{svg}");
            for named in [">1<", ">5<", ">25<"] {
                assert!(svg.contains(named), "{named}");
            }
            assert!(!svg.contains(">6<"), "{svg}");
        }
    }

    #[test]
    fn long_names_are_there_for_narrow_and_for_wide_charts() {
        let long = "a-very-long-name-of-a-live-stream.with.many.labels.example.cn";
        let svg = rows("Long", &[bar(long, 1), bar("short.example.cn", 1)], "CNY").expect("drawn");
        for part in [
            "class=\"narrow\">a-very-long-\u{2026}.example.cn<",
            "class=\"wide\">a-very-long-name-of-\u{2026}y.labels.example.cn<",
            "<title>a-very-long-name-of-a-live-stream.with.many.labels.example.cn: 1.00<",
            "y=\"52\">short.example.cn<",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }
}
