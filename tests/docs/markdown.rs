//! Markdown, as far as our documents use it, and parts of them by their headings.

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Heading(String),
    Paragraph(String),
    Item(String),
    /// Rows of cells; the first is the head.
    Table(Vec<Vec<String>>),
    Code {
        language: String,
        text: String,
    },
    /// `[name]: target`.
    Definition {
        name: String,
        target: String,
    },
}

/// The parts of a document, in their order.
pub fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let code = lines.by_ref().take_while(|line| *line != "```");
            parts.push(Part::Code {
                language: language.to_owned(),
                text: code.collect::<Vec<_>>().join("\n"),
            });
        } else if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim();
            parts.push(Part::Heading(heading.to_owned()));
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(cells(line));
            }
            rows.retain(|row| !row.iter().all(|cell| cell.starts_with("---")));
            parts.push(Part::Table(rows));
        } else if let Some((name, target)) = definition(line) {
            parts.push(Part::Definition { name, target });
        } else if !line.trim().is_empty() {
            let mut text = item(line).unwrap_or(line).to_owned();
            while let Some(line) = lines.next_if(|line| goes_on(line)) {
                text = format!("{text} {}", line.trim());
            }
            parts.push(match item(line) {
                Some(_) => Part::Item(text),
                None => Part::Paragraph(text),
            });
        }
    }
    parts
}

/// Whether a line belongs to the paragraph or item before it.
fn goes_on(line: &str) -> bool {
    let begins = ["```", "#", "|"]
        .iter()
        .any(|start| line.starts_with(start));
    !(line.trim().is_empty() || begins || item(line).is_some() || definition(line).is_some())
}

/// The text of an item of a list.
fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let numbered = || {
        let (number, text) = line.split_once(". ")?;
        let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        is_number.then_some(text)
    };
    line.strip_prefix("- ").or_else(numbered)
}

fn definition(line: &str) -> Option<(String, String)> {
    let (name, target) = line.strip_prefix('[')?.split_once("]: ")?;
    Some((name.to_owned(), target.trim().to_owned()))
}

/// The cells of a row; a bar in code is no border.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_code) = (vec![String::new()], false);
    for letter in line.trim().trim_matches('|').chars() {
        is_code ^= letter == '`';
        match cells.last_mut() {
            Some(cell) if letter != '|' || is_code => cell.push(letter),
            _ => cells.push(String::new()),
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// The parts below a heading, up to the next one.
#[track_caller]
pub fn section(text: &str, heading: &str) -> Vec<Part> {
    let mut parts = parts(text).into_iter();
    let found = parts.any(|part| part == Part::Heading(heading.to_owned()));
    assert!(found, "there is no section `{heading}`");
    parts
        .take_while(|part| !matches!(part, Part::Heading(_)))
        .collect()
}

/// The rows of the first table among `parts` of which the head begins with `first`, without the head.
#[track_caller]
pub fn table(parts: &[Part], first: &str) -> Vec<Vec<String>> {
    let mut tables = parts.iter().filter_map(|part| match part {
        Part::Table(rows) => rows.split_first(),
        _ => None,
    });
    let table = tables.find(|(head, _)| head[0] == first);
    table
        .unwrap_or_else(|| panic!("no table begins with `{first}`"))
        .1
        .to_vec()
}

/// What stands in code in a text, one after the other.
pub fn codes(text: &str) -> Vec<String> {
    let parts = text.split('`').enumerate();
    let codes = parts.filter(|(at, _)| at % 2 == 1);
    codes.map(|(_, code)| code.to_owned()).collect()
}

#[test]
fn all_that_our_documents_use_is_told_apart() {
    let text = "# A\n\nb\nc\n- d\n  e\n2. f\n\n| a | `b|c` |\n|---|---|\n| d | |\n```sh\ng\n```\n[h]: i.md\n";
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let expected = [
        Part::Heading("A".to_owned()),
        Part::Paragraph("b c".to_owned()),
        Part::Item("d e".to_owned()),
        Part::Item("f".to_owned()),
        Part::Table(vec![texts(&["a", "`b|c`"]), texts(&["d", ""])]),
        Part::Code {
            language: "sh".to_owned(),
            text: "g".to_owned(),
        },
        Part::Definition {
            name: "h".to_owned(),
            target: "i.md".to_owned(),
        },
    ];
    assert_eq!(parts(text), expected);
    assert_eq!(codes("a `b` c `d`"), ["b", "d"]);
}
