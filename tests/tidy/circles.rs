//! No two files of a room need each other, by whatever way: a file can be read, and taken out, after those that it
//! uses. A file that has others below it is left out: it declares them, and they use what stands at its top.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::Modules;
use super::src;

/// What uses what, by the names of files.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// What the files of a room use of one another.
fn uses(modules: &Modules) -> Uses {
    let paths = || modules.all().map(|module| &module.path);
    let parents: BTreeSet<&[String]> = paths()
        .filter_map(|path| Some(path.split_last()?.1))
        .collect();
    let is_leaf = |path: &[String]| !parents.contains(path);
    let mut uses = Uses::new();
    for module in modules.all().filter(|module| is_leaf(&module.path)) {
        let used = modules.used_by(module).into_iter();
        let of_room = used.filter(|path| path.first() == module.path.first() && is_leaf(path));
        let of_room = of_room.map(|path| path.join("/")).collect();
        uses.insert(module.path.join("/"), of_room);
    }
    uses
}

/// All that a file leads to.
fn reached<'a>(from: &str, uses: &'a Uses) -> BTreeSet<&'a str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(name) = next.pop() {
        for used in uses.get(&name).into_iter().flatten() {
            if reached.insert(&used[..]) {
                next.push(used.clone());
            }
        }
    }
    reached
}

/// The circles, each as its files.
fn circles(uses: &Uses) -> BTreeSet<Vec<&str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = uses
        .keys()
        .map(|name| (&name[..], reached(name, uses)))
        .collect();
    let circle = |name: &&str| {
        let both = reached[name]
            .iter()
            .filter(|other| reached.get(*other).is_some_and(|of| of.contains(name)));
        both.copied().collect::<Vec<&str>>()
    };
    let circles = reached.keys().map(circle);
    circles.filter(|circle| !circle.is_empty()).collect()
}

#[test]
fn no_file_needs_one_that_needs_it() {
    let uses = uses(&Modules::read(&src()));
    assert_eq!(circles(&uses), BTreeSet::new());
}

#[test]
fn circles_are_found_and_what_leads_to_them_is_not() {
    let uses = |pairs: &[(&str, &str)]| {
        let mut uses = Uses::new();
        for (name, used) in pairs {
            uses.entry((*used).to_owned()).or_default();
            uses.entry((*name).to_owned())
                .or_default()
                .insert((*used).to_owned());
        }
        uses
    };
    let line = [("a", "b"), ("b", "c"), ("a", "c")];
    assert!(circles(&uses(&line)).is_empty());
    let more = [("c", "d"), ("d", "b"), ("d", "e"), ("e", "f"), ("f", "e")];
    let uses = uses(&[&line[..], &more].concat());
    let expected = [vec!["b", "c", "d"], vec!["e", "f"]];
    assert_eq!(circles(&uses), BTreeSet::from(expected));
}
