//! Links and paths lead somewhere, on the pages of a repository and in the library's documentation.

use std::path::Path;

use super::markdown::{Part, codes, parts};
use super::{Document, document, guide, package};

/// Folders of which a path in code is looked for.
const FOLDERS: [&str; 5] = ["src/", "tests/", "benches/", "samples/", ".ci/"];

/// Where a document leads to: links in their order.
fn targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for part in parts(text) {
        let texts = match part {
            Part::Definition { target, .. } => {
                targets.push(target);
                continue;
            }
            Part::Paragraph(text) | Part::Item(text) => vec![text],
            Part::Table(rows) => rows.concat(),
            Part::Heading(_) | Part::Code { .. } => continue,
        };
        for text in texts {
            let links = text.split("](").skip(1);
            let links = links.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
            targets.extend(links);
        }
    }
    targets
}

/// A heading as part of an address.
fn anchor(heading: &str) -> String {
    let letters = heading.to_lowercase().replace(' ', "-");
    let kept = |letter: &char| letter.is_alphanumeric() || ['-', '_'].contains(letter);
    letters.chars().filter(kept).collect()
}

/// Links of a document that lead nowhere.
fn broken(document: &Document) -> Vec<String> {
    let folder = package().join(&document.name);
    let folder = folder.parent().expect("a folder");
    let leads = |target: &str| {
        let (path, part) = target.split_once('#').unwrap_or((target, ""));
        let text = match path {
            "" => Some(document.text.clone()),
            path => std::fs::read_to_string(folder.join(path)).ok(),
        };
        let Some(text) = text else {
            return part.is_empty() && folder.join(path).exists();
        };
        let mut headings = parts(&text).into_iter().filter_map(|part| match part {
            Part::Heading(heading) => Some(anchor(&heading)),
            _ => None,
        });
        part.is_empty() || headings.any(|heading| heading == part)
    };
    let is_of_others = |target: &str| target.contains("://");
    let targets = targets(&document.text).into_iter();
    let broken = targets.filter(|target| !is_of_others(target) && !leads(target));
    let named = broken.map(|target| format!("{}: {target}", document.name));
    named.collect()
}

/// Paths in code that are not there: those of the map, which are below `src` if nothing stands in front, and those of
/// others that begin with one of our folders. Capitals stand for a name of one's own.
fn paths_that_are_gone(document: &Document) -> Vec<String> {
    let is_map = document.name.ends_with("architecture.md");
    let text: Vec<&str> = document.text.split("```").step_by(2).collect();
    let gone = codes(&text.concat()).into_iter().filter(|code| {
        let is_path = code.contains('/') && !code.contains([' ', '*', '<', '…', '(']);
        let is_file = is_map
            && [".rs", ".toml", ".md"]
                .iter()
                .any(|end| code.ends_with(end));
        let is_ours = is_file || FOLDERS.iter().any(|folder| code.starts_with(folder));
        let is_there = |folder: &Path| folder.join(code).exists();
        let is_named = code.contains("NAME");
        is_path && is_ours && !is_named && !is_there(package()) && !is_there(&package().join("src"))
    });
    gone.map(|code| format!("{}: {code}", document.name))
        .collect()
}

/// All documents whose links are checked.
fn documents() -> Vec<Document> {
    let mut all = ["README.md", "CHANGELOG.md", "src/architecture.md"]
        .map(document)
        .into_iter()
        .collect::<Vec<_>>();
    all.extend(guide());
    all
}

#[test]
fn links_lead_somewhere() {
    let broken: Vec<String> = documents().iter().flat_map(broken).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn paths_are_there() {
    let gone: Vec<String> = documents().iter().flat_map(paths_that_are_gone).collect();
    assert!(gone.is_empty(), "{gone:#?}");
}

/// A page names another by a definition, which `lib.rs` leads to the page of the library's documentation.
#[test]
fn pages_of_the_guide_lead_to_each_other_in_the_library_too() {
    let library = document("src/lib.rs").text;
    let pages = guide();
    for page in &pages {
        let file = page.name.trim_start_matches("src/");
        assert!(library.contains(&format!("\"{file}\"")), "{file}");
        let readme = document("README.md").text;
        assert!(readme.contains(&format!("({})", page.name)), "{file}");
        for part in parts(&page.text) {
            if let Part::Definition { name, target } = part {
                assert_eq!(target, format!("{name}.md"), "{file}");
                let there = format!("[{name}]: crate::guide::{name}");
                assert!(library.contains(&there), "{there}");
            }
        }
        let inline = page.text.split("](").skip(1);
        let inline: Vec<&str> = inline.filter(|link| !link.starts_with("http")).collect();
        assert!(inline.is_empty(), "{file}: {inline:?}");
    }
    assert!(6 <= pages.len());
}

#[test]
fn links_and_paths_that_lead_nowhere_are_found() {
    let found = |name: &str, text: &str| {
        let document = Document {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        (
            broken(&document).len(),
            paths_that_are_gone(&document).len(),
        )
    };
    assert_eq!(
        found(
            "README.md",
            "# A b\n[a](README.md) [b](#a-b) [c](https://d.example)\n"
        ),
        (0, 0)
    );
    assert_eq!(found("README.md", "[a](nowhere.md)\n"), (1, 0));
    assert_eq!(found("README.md", "[a](#nowhere)\n"), (1, 0));
    assert_eq!(
        found("README.md", "| a |\n|---|\n| [b](samples/none.md) |\n"),
        (1, 0)
    );
    assert_eq!(
        found(
            "src/guide/store.md",
            "[operations]\n\n[operations]: none.md\n"
        ),
        (1, 0)
    );
    assert_eq!(
        found("README.md", "`src/nowhere.rs` and `src/lib.rs`\n"),
        (0, 1)
    );
    assert_eq!(
        found(
            "src/architecture.md",
            "`units/nowhere.rs`, `units/mod.rs`, `record/NAME.rs`\n"
        ),
        (0, 1)
    );
}
