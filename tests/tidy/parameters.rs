//! Parameters have names and types of their own: a tuple that is taken apart in a parameter list is two of them in one
//! place, or a type that nobody named.

use std::fs;

use syn::visit::Visit;

use super::{files, src};

/// Rooms and files whose functions still take tuples, by the beginning of their paths in `src`.
const YET: [&str; 10] = [
    "cli/",
    "disk/",
    "months/",
    "ingest/",
    "store/",
    "report/made_of.rs",
    "report/origin.rs",
    "report/plan.rs",
    "report/publish.rs",
    "report/standing.rs",
];

/// Functions with a name that take a tuple apart in their parameter list.
fn takers(text: &str) -> Vec<String> {
    struct Reader(Vec<String>);

    impl<'a> Visit<'a> for Reader {
        fn visit_signature(&mut self, signature: &'a syn::Signature) {
            let is_tuple = |input: &syn::FnArg| match input {
                syn::FnArg::Typed(typed) => matches!(*typed.pat, syn::Pat::Tuple(_)),
                syn::FnArg::Receiver(_) => false,
            };
            if signature.inputs.iter().any(is_tuple) {
                self.0.push(signature.ident.to_string());
            }
        }
    }

    let mut reader = Reader(Vec::new());
    reader.visit_file(&syn::parse_file(text).expect("Rust"));
    reader.0
}

#[test]
fn no_function_takes_a_tuple_apart() {
    let mut found = Vec::new();
    for path in files(&src()) {
        let name = path.strip_prefix(src()).expect("in src");
        let name = name.display().to_string();
        if !YET.iter().any(|yet| name.starts_with(yet)) {
            let text = fs::read_to_string(&path).expect("read");
            let takers = takers(&text).into_iter();
            found.extend(takers.map(|function| format!("{name} {function}")));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn tuples_are_found_in_functions_of_any_kind_and_closures_may_have_them() {
    let text = "\
fn one((a, b): (u8, u8)) -> u8 { a + b }
fn none(a: (u8, u8)) -> u8 { let add = |(a, b): (u8, u8)| a + b; add(a) }
impl A {
    fn two(&self, (_, b): &(u8, u8)) -> u8 { *b }
}
trait B {
    fn three((a, b): (u8, u8)) -> u8 { a + b }
}
";
    assert_eq!(takers(text), ["one", "two", "three"]);
}
