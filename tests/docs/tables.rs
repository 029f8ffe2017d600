//! Tables of names are those of the program: formats, what becomes of lines, items of bills, flags and commands.

use std::collections::BTreeSet;

use cdn_meter::billing::{Item, StandardMode};
use cdn_meter::record::{Doubt, FORMATS, Reject, Skip, Template};

use super::markdown::{Part, codes, section, table};
use super::{Place, document, files_of_code, for_users};

/// The first column of a table, out of code.
fn firsts(rows: &[Vec<String>]) -> Vec<String> {
    let firsts = rows.iter().flat_map(|row| codes(&row[0]));
    firsts.collect()
}

/// The names that a table has below a heading, and what of them differs from `names`.
fn differing(text: &str, (heading, first): (&str, &str), names: &[&str]) -> Vec<String> {
    let told: BTreeSet<String> = firsts(&table(&section(text, heading), first))
        .into_iter()
        .collect();
    let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    told.symmetric_difference(&names).cloned().collect()
}

#[test]
fn formats_are_those_that_are_read() {
    let names = FORMATS.map(|format| format.name);
    for page in ["README.md", "src/guide/formats.md"] {
        let text = document(page).text;
        let place = ("Formats", "format");
        assert_eq!(differing(&text, place, &names), [""; 0], "{page}");
        let planted = text.replace("| `nginx` |", "| `apache` |");
        assert_eq!(differing(&planted, place, &names), ["apache", "nginx"]);
    }
    let rows = |page: &str| table(&section(&document(page).text, "Formats"), "format");
    assert_eq!(rows("README.md"), rows("src/guide/formats.md"));
    let printed = Place::new().printed("cdn-meter formats");
    let printed: Vec<&str> = printed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(printed, names);
}

#[test]
fn presets_are_those_that_are_known_by_name() {
    let text = document("src/guide/formats.md").text;
    let rows = table(&section(&text, "Log formats of nginx and Apache"), "name");
    let told: Vec<(String, String)> = rows
        .iter()
        .map(|row| (codes(&row[0]).concat(), codes(&row[1]).concat()))
        .collect();
    let known = Template::PRESETS.map(|(name, form)| (name.to_owned(), form.to_owned()));
    assert_eq!(told, known);
}

#[test]
fn fates_of_lines_are_those_of_the_program() {
    let text = document("src/guide/formats.md").text;
    let fates = section(&text, "What becomes of a line");
    let tables: Vec<Vec<String>> = fates
        .iter()
        .filter(|part| matches!(part, Part::Table(_)))
        .map(|part| firsts(&table(std::slice::from_ref(part), "reason")))
        .collect();
    let expected = [
        Skip::NAMES.map(str::to_owned).to_vec(),
        Doubt::ALL.map(|doubt| doubt.name().to_owned()).to_vec(),
        Reject::ALL.map(|reject| reject.name().to_owned()).to_vec(),
    ];
    assert_eq!(tables, expected);
}

#[test]
fn items_have_their_units() {
    let text = document("src/guide/datasets.md").text;
    let rows = table(&section(&text, "Items and units"), "item");
    let told: Vec<(String, String)> = rows
        .iter()
        .map(|row| (codes(&row[0]).concat(), row[1].clone()))
        .collect();
    let items = Item::ALL.map(|item| (item.name().to_owned(), item.unit().to_owned()));
    let told: BTreeSet<_> = told.into_iter().collect();
    assert_eq!(told, items.into_iter().collect());
}

#[test]
fn modes_are_those_that_can_be_asked_for() {
    let text = document("src/guide/billing.md").text;
    let names = StandardMode::ALL.map(StandardMode::name);
    let differing = differing(&text, ("Standard traffic", "mode"), &names);
    assert_eq!(differing, [""; 0]);
}

#[test]
fn reasons_of_refusals_are_names_in_the_code() {
    let text = document("src/guide/errors.md").text;
    let rows = table(&section(&text, "Messages"), "in JSON");
    let names = firsts(&rows);
    let code = files_of_code().concat();
    for name in &names {
        assert!(code.contains(&format!("=> \"{name}\"")), "{name}");
    }
    assert_eq!(names.len(), 13);
}

/// Flags of programs that are not ours.
const OF_OTHERS: [&str; 6] = ["release", "path", "locked", "no-deps", "open", "features"];

/// What stands behind every `--` of a text.
fn flags(text: &str) -> BTreeSet<String> {
    let flags = text.split("--").skip(1).map(|rest| {
        let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
        rest[..end.unwrap_or(rest.len())].trim_end_matches('-')
    });
    let flags = flags.filter(|flag| flag.starts_with(|letter: char| letter.is_ascii_lowercase()));
    flags.map(str::to_owned).collect()
}

/// The commands of the program, and those that are below others.
fn commands(place: &Place) -> Vec<String> {
    let listed = |of: &str| {
        let help = place.printed(&format!("cdn-meter {of} --help"));
        let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let lines = lines.take_while(|line| !line.is_empty());
        // What goes on with a description is further in.
        let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        let names = names.filter(|name| !name.is_empty() && *name != "help");
        names
            .map(|name| format!("{of} {name}").trim().to_owned())
            .collect::<Vec<String>>()
    };
    let mut commands = listed("");
    for of in ["catalogue", "licence"] {
        commands.extend(listed(of));
    }
    commands
}

#[test]
fn flags_that_are_told_are_there_and_all_are_told() {
    let place = Place::new();
    let commands = commands(&place);
    let helps = commands
        .iter()
        .map(|command| place.printed(&format!("cdn-meter {command} --help")));
    let mut known: BTreeSet<String> = helps.flat_map(|help| flags(&help)).collect();
    let texts: String = for_users().into_iter().map(|page| page.text).collect();
    let untold: Vec<String> = known.difference(&flags(&texts)).cloned().collect();
    assert_eq!(untold, [""; 0]);
    known.extend(OF_OTHERS.map(str::to_owned));
    for document in for_users() {
        let unknown = flags(&document.text);
        let unknown: Vec<&String> = unknown.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", document.name);
    }
    assert!(!known.contains("no-such-flag"));
    assert_eq!(
        flags("`--no-such-flag=1` -- --b"),
        BTreeSet::from(["no-such-flag", "b"].map(str::to_owned))
    );
}

#[test]
fn every_command_is_in_the_guide() {
    let commands = commands(&Place::new());
    assert!(20 <= commands.len(), "{commands:?}");
    let texts: String = super::guide().into_iter().map(|page| page.text).collect();
    let in_code = codes(&texts);
    for command in &commands {
        let is_run = texts.contains(&format!("cdn-meter {command}"));
        assert!(is_run || in_code.contains(command), "{command}");
    }
}

#[test]
fn what_a_rejected_line_is_kept_with_is_told() {
    let text = document("src/guide/datasets.md").text;
    let rows = table(&section(&text, "Rejected lines"), "member");
    let told: BTreeSet<String> = firsts(&rows).into_iter().collect();
    let place = Place::new();
    let mut log = std::fs::read("samples/rejects/tencent-cdn.log").expect("read");
    log.extend(b"20261001081502 203.0.113.9 v.example.cn /\xff a 1000 22 2 206 NULL 41\n");
    std::fs::write(place.path().join("bytes.log"), log).expect("written");
    let inputs = "bytes.log samples/rejects/cloudfront.log samples/rejects/vhost-combined.log";
    place.printed(&format!("cdn-meter run {inputs} --max-reject-ratio 1"));
    let lines = std::fs::read_to_string(place.path().join("out/quarantine.ndjson")).expect("lines");
    let mut found = BTreeSet::new();
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        found.extend(line.as_object().expect("an object").keys().cloned());
    }
    assert_eq!(found, told);
}
