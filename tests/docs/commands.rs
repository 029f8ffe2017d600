//! Every shell block of README and guide runs, in the order of its document, and prints what is shown below it.
//!
//! A block `sh` is run line by line in a folder with the samples; a line that ends with `# exit code 1` has to end
//! so. A block `text` behind it, with no heading between, is what it prints: line for line, but for `…` on a line of
//! its own, which stands for any lines.

use super::markdown::{Part, parts};
use super::{Document, Place, for_users};

/// Commands that are run elsewhere, and why.
const NOT_HERE: [(&str, &str); 2] = [
    ("cargo test", "it is what runs this test"),
    ("cargo install", "it writes into the user's home"),
];

/// What is shown of an output and not in it.
fn missing(shown: &str, printed: &str) -> Option<String> {
    let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
    let mut at = 0;
    let mut groups = shown.split(|line| *line == "…").enumerate().peekable();
    while let Some((number, group)) = groups.next() {
        let is_last = groups.peek().is_none();
        let ends = (at..=printed.len()).filter(|at| printed[*at..].starts_with(group));
        let mut ends = ends.map(|at| at + group.len());
        at = match (number, is_last) {
            // Nothing is left out before the first lines, nor behind the last.
            (0, _) if !printed.starts_with(group) => return Some(group.join("\n")),
            (0, true) if printed.len() != group.len() => return Some("the end".to_owned()),
            (0, _) => group.len(),
            (_, true) if group.is_empty() => printed.len(),
            (_, true) => match ends.find(|end| *end == printed.len()) {
                Some(end) => end,
                None => return Some(group.join("\n")),
            },
            _ => match ends.next() {
                Some(end) => end,
                None => return Some(group.join("\n")),
            },
        };
    }
    None
}

/// Runs a block; what it prints, and what went wrong.
fn run(place: &Place, block: &str, wrong: &mut Vec<String>) -> String {
    let mut printed = String::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        if NOT_HERE.iter().any(|(word, _)| line.starts_with(word)) {
            continue;
        }
        let (line, wanted) = match line.split_once(" # exit code ") {
            Some((line, code)) => (line, code.parse().expect("an exit code")),
            None => (line, 0),
        };
        // The built program stands in for `cargo run`: same code, no second build.
        let line = line.replace("cargo run --release --", "cdn-meter");
        let (stdout, code, stderr) = place.run(&line);
        if code != wanted {
            wrong.push(format!("`{line}` ends with {code}: {stderr}"));
        }
        printed += &stdout;
    }
    printed
}

/// How many commands a document has, and what is wrong with them.
fn check(document: &Document) -> (usize, Vec<String>) {
    let place = Place::new();
    let (mut ran, mut wrong) = (0, Vec::new());
    let mut printed = None;
    for part in parts(&document.text) {
        match part {
            Part::Code { language, text } if language == "sh" => {
                ran += text.lines().count();
                printed = Some(run(&place, &text, &mut wrong));
            }
            Part::Code { language, text } if language == "text" => {
                let Some(printed) = printed.take() else {
                    continue;
                };
                if let Some(missing) = missing(&text, &printed) {
                    wrong.push(format!("not printed:\n{missing}\nbut\n{printed}"));
                }
            }
            Part::Heading(_) | Part::Code { .. } => printed = None,
            _ => {}
        }
    }
    let of = |wrong: String| format!("{}: {wrong}", document.name);
    (ran, wrong.into_iter().map(of).collect())
}

#[test]
fn commands_run_and_print_what_is_shown() {
    let documents = for_users();
    let checked = documents.iter().map(|document| {
        let (ran, wrong) = check(document);
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
        (document.name.clone(), ran)
    });
    let ran: Vec<(String, usize)> = checked.collect();
    let all: usize = ran.iter().map(|(_, ran)| ran).sum();
    assert!(10 <= ran[0].1 && 35 <= all, "{ran:?}");
}

#[test]
fn the_readme_builds_and_tests_with_two_commands() {
    let readme = super::document("README.md");
    let block = "```sh\ncargo run --release -- run samples/logs --registry samples/registry.toml --out out\ncargo test\n```";
    assert!(readme.text.contains(block), "{block}");
}

#[test]
fn what_is_not_printed_and_what_fails_is_found() {
    let document = |text: &str| Document {
        name: "a.md".to_owned(),
        text: text.to_owned(),
    };
    let failing = [
        "```sh\nfalse\n```\n",
        "```sh\ncdn-meter frmats\n```\n",
        "```sh\ntrue # exit code 1\n```\n",
        "```sh\necho a\n```\nIt prints:\n```text\nb\n```\n",
        "```sh\necho a; echo b\n```\n```text\na\n```\n",
        "```sh\necho a; echo b\n```\n```text\nb\n```\n",
        "```sh\necho a; echo b; echo c\n```\n```text\na\nc\n```\n",
        "```sh\necho a; echo b; echo c\n```\n```text\na\n…\nb\n```\n",
    ];
    for text in failing {
        assert_eq!(check(&document(text)).1.len(), 1, "{text}");
    }
    let sound = [
        "```sh\nfalse # exit code 1\necho a; echo b; echo c\n```\n```text\na\n…\n```\n",
        "```sh\necho a; echo b; echo c\n```\n```text\n…\nb\n…\n```\n",
        "```sh\necho a; echo b; echo b\n```\n```text\na\n…\nb\n```\n",
        "```sh\necho a\n```\n## Else\n```text\nb\n```\n",
    ];
    for text in sound {
        assert_eq!(check(&document(text)).1, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_registry_that_is_shown_is_read() {
    let billing = super::document("src/guide/billing.md");
    let registry = parts(&billing.text)
        .into_iter()
        .find_map(|part| match part {
            Part::Code { language, text } if language == "toml" => Some(text),
            _ => None,
        });
    let place = Place::new();
    std::fs::write(place.path().join("registry.toml"), registry.expect("one")).expect("written");
    place.printed("cdn-meter ingest samples/logs/tencent-live.gz");
    let printed = place.printed("cdn-meter summary --registry registry.toml");
    let row = printed
        .lines()
        .find(|line| line.contains("live.example.cn"));
    assert!(row.expect("a row").contains("mini_program"), "{printed}");
}
