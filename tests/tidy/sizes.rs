//! Files have one subject and functions fit a screen.

use std::fs;
use std::path::Path;

use syn::visit::Visit;

use super::{files, package};

/// Lines of a file, its tests included.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function, from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 60;
/// The same of tests, which tell a story.
const TEST_LINES_MAX: usize = 100;

/// Functions of a file that are longer than `max` lines, closures in them included: name and lines.
fn long_functions(text: &str, max: usize) -> Vec<(String, usize)> {
    struct Reader(Vec<(String, usize)>);

    impl Reader {
        fn take(&mut self, signature: &syn::Signature, end: proc_macro2::Span) {
            let lines = end.end().line - signature.fn_token.span.start().line + 1;
            self.0.push((signature.ident.to_string(), lines));
        }
    }

    impl<'a> Visit<'a> for Reader {
        fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
            self.take(&item.sig, item.block.brace_token.span.close());
            syn::visit::visit_item_fn(self, item);
        }

        fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
            self.take(&item.sig, item.block.brace_token.span.close());
            syn::visit::visit_impl_item_fn(self, item);
        }

        fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
            let end = match (&item.default, &item.semi_token) {
                (Some(block), _) => block.brace_token.span.close(),
                (None, semicolon) => semicolon.as_ref().expect("an end").span,
            };
            self.take(&item.sig, end);
            syn::visit::visit_trait_item_fn(self, item);
        }
    }

    let mut reader = Reader(Vec::new());
    reader.visit_file(&syn::parse_file(text).expect("Rust"));
    reader.0.retain(|(_, lines)| max < *lines);
    reader.0
}

fn name_of(path: &Path) -> String {
    let path = path.strip_prefix(package()).unwrap_or(path);
    path.display().to_string()
}

#[test]
fn files_say_what_they_are_and_stay_small() {
    let all = ["src", "tests", "benches"].map(|folder| files(&package().join(folder)));
    for path in all.into_iter().flatten() {
        let text = fs::read_to_string(&path).expect("read");
        let name = name_of(&path);
        assert!(text.starts_with("//! "), "{name} does not say what it is");
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{name} has {lines} lines");
    }
}

#[test]
fn functions_fit_a_screen() {
    let mut long = Vec::new();
    for (folder, max) in [("src", FUNCTION_LINES_MAX), ("tests", TEST_LINES_MAX)] {
        for path in files(&package().join(folder)) {
            let text = fs::read_to_string(&path).expect("read");
            for (function, lines) in long_functions(&text, max) {
                long.push(format!("{} {function}: {lines}", name_of(&path)));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn long_functions_are_found_wherever_they_stand() {
    let text = "\
pub(super) const fn one() -> u8 { 1 }
impl A {
    /// Comments and attributes are no lines of it.
    #[inline]
    fn two<'a>(
        of: &'a str,
    ) -> &'a str {
        fn within() {
        }
        \"\"
    }
}
trait B {
    fn three(
        of: &str,
    ) -> u8;
}
";
    let named = |name: &str, lines| (name.to_owned(), lines);
    let found = long_functions(text, 1);
    assert_eq!(
        found,
        [named("two", 7), named("within", 2), named("three", 3)]
    );
    assert_eq!(long_functions(text, 6), [named("two", 7)]);
}
