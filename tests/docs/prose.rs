//! Texts for users stay short: paragraphs of 100 words, items of 40.

use super::markdown::{Part, parts};
use super::{Document, document, for_users};

/// Words of a paragraph.
const PARAGRAPH_WORDS_MAX: usize = 100;
/// Words of an item of a list.
const ITEM_WORDS_MAX: usize = 40;

/// Paragraphs and items that are too long.
fn long(document: &Document) -> Vec<String> {
    let long = parts(&document.text)
        .into_iter()
        .filter_map(|part| match part {
            Part::Paragraph(text) => Some((text, PARAGRAPH_WORDS_MAX)),
            Part::Item(text) => Some((text, ITEM_WORDS_MAX)),
            _ => None,
        });
    let long = long.filter(|(text, max)| *max < text.split_whitespace().count());
    let named = long.map(|(text, max)| format!("{}: over {max} words: {text}", document.name));
    named.collect()
}

#[test]
fn paragraphs_and_items_are_short() {
    let mut documents = for_users();
    documents.push(document("CHANGELOG.md"));
    let long: Vec<String> = documents.iter().flat_map(long).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn the_longest_paragraph_and_item_pass_and_a_word_more_is_found() {
    let found = |start: &str, words: usize| {
        long(&Document {
            name: "a.md".to_owned(),
            text: format!("{start}{}\n", "word ".repeat(words)),
        })
        .len()
    };
    assert_eq!((found("", 100), found("", 101)), (0, 1));
    assert_eq!((found("- ", 40), found("- ", 41)), (0, 1));
    assert_eq!((found("1. ", 40), found("1. ", 41)), (0, 1));
}
