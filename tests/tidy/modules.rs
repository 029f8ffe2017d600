//! The modules of the crate as Rust's own parser reads them, and which of them uses what of which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Item, UseTree};

/// A path by which code names a module or something in it: `crate::store::Store`.
type Names = Vec<String>;

/// A module that has a file of its own.
pub struct Module {
    /// Its names below the crate: `["store", "commit"]`; none for the crate itself.
    pub path: Names,
    /// What it defines.
    items: BTreeSet<String>,
    /// What it brings in by `use`, by the name that it has then.
    imports: BTreeMap<String, Names>,
    /// Modules of which it brings in all.
    globs: Vec<Names>,
    /// All paths that its code spells, those of `use` included.
    spelt: BTreeSet<Names>,
}

/// All modules, by their names.
pub struct Modules(BTreeMap<Names, Module>);

impl Modules {
    /// Reads the crate whose sources stand in `src`, its tests left out.
    pub fn read(src: &Path) -> Modules {
        let mut modules = BTreeMap::new();
        read(src, Vec::new(), src.join("lib.rs"), &mut modules);
        Modules(modules)
    }

    pub fn all(&self) -> impl Iterator<Item = &Module> {
        self.0.values()
    }

    /// The modules that a module uses something of, itself left out.
    pub fn used_by(&self, module: &Module) -> BTreeSet<&Names> {
        let found = module.spelt.iter();
        let found = found.filter_map(|names| self.resolve(&module.path, names, 0));
        found.filter(|path| **path != module.path).collect()
    }

    /// The outside crates among `dependencies` of which a module spells a path.
    pub fn crates_of<'a>(&self, module: &Module, dependencies: &'a [String]) -> BTreeSet<&'a str> {
        let mut used = BTreeSet::new();
        for names in &module.spelt {
            let found = names
                .first()
                .and_then(|first| dependencies.iter().find(|name| *name == first));
            // A module, or something that was brought in, may have a crate's name.
            if let Some(found) =
                found.filter(|name| 1 < names.len() && !self.is_known(&module.path, name))
            {
                used.insert(&found[..]);
            }
        }
        used
    }

    /// Paths that a module spells, each from the crate that it leads to: `fs::write` as `std::fs::write`.
    pub fn outside_of(&self, module: &Module) -> BTreeSet<Names> {
        let mut paths = BTreeSet::new();
        for names in &module.spelt {
            let import = names.first().and_then(|first| module.imports.get(first));
            paths.insert(match import {
                Some(import) => [import, &names[1..]].concat(),
                None => names.clone(),
            });
            let globs = module.globs.iter();
            paths.extend(globs.map(|glob| [&glob[..], names].concat()));
        }
        paths
    }

    /// The module that defines what `names` mean in the module `at`; `None` for what is not of this crate.
    fn resolve(&self, at: &[String], names: &[String], depth: usize) -> Option<&Names> {
        // A name that is brought in by its own name leads nowhere.
        if depth == 16 {
            return None;
        }
        let (first, rest) = names.split_first()?;
        match &first[..] {
            "crate" => self.walk(&[], rest, depth),
            "self" => self.walk(at, rest, depth),
            "super" => self.resolve_above(at, rest, depth),
            _ => self
                .is_known(at, first)
                .then(|| self.walk(at, names, depth))?,
        }
    }

    fn resolve_above(&self, at: &[String], rest: &[String], depth: usize) -> Option<&Names> {
        let (_, above) = at.split_last()?;
        match rest.first().is_some_and(|name| name == "super") {
            true => self.resolve_above(above, &rest[1..], depth),
            false => self.walk(above, rest, depth),
        }
    }

    /// Whether a module has something of this name that is not of another crate, as far as its own text says.
    fn is_known(&self, at: &[String], name: &str) -> bool {
        let Some(module) = self.0.get(at) else {
            return false;
        };
        module.imports.contains_key(name) || self.0.contains_key(&joined(at, name))
    }

    /// Goes from a module down the names.
    fn walk(&self, at: &[String], names: &[String], depth: usize) -> Option<&Names> {
        let module = self.0.get(at)?;
        let Some((name, rest)) = names.split_first() else {
            return Some(&module.path);
        };
        let below = joined(at, name);
        if self.0.contains_key(&below) {
            return self.walk(&below, rest, depth);
        }
        if module.items.contains(name) {
            return Some(&module.path);
        }
        if let Some(import) = module.imports.get(name) {
            return self.resolve(at, &[&import[..], rest].concat(), depth + 1);
        }
        let mut globs = module.globs.iter();
        globs.find_map(|glob| self.resolve(at, &[&glob[..], names].concat(), depth + 1))
    }
}

fn joined(at: &[String], name: &str) -> Names {
    [at, &[name.to_owned()]].concat()
}

/// Reads a module and those below it.
fn read(src: &Path, path: Names, file: PathBuf, modules: &mut BTreeMap<Names, Module>) {
    let text =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let syntax =
        syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut reader = Reader::default();
    reader.visit_file(&syntax);
    for name in reader.below {
        let below = joined(&path, &name);
        let folder = below
            .iter()
            .fold(src.to_owned(), |folder, name| folder.join(name));
        let files = [folder.join("mod.rs"), folder.with_extension("rs")];
        let file = files.into_iter().find(|file| file.is_file());
        read(src, below, file.expect("a file of the module"), modules);
    }
    let module = Module {
        path: path.clone(),
        items: reader.items,
        imports: reader.imports,
        globs: reader.globs,
        spelt: reader.spelt,
    };
    modules.insert(path, module);
}

/// What is found in the text of a module.
#[derive(Default)]
struct Reader {
    items: BTreeSet<String>,
    imports: BTreeMap<String, Names>,
    globs: Vec<Names>,
    spelt: BTreeSet<Names>,
    below: Vec<String>,
}

impl Reader {
    fn take_use(&mut self, tree: &UseTree, before: &[String]) {
        match tree {
            UseTree::Path(path) => {
                self.take_use(&path.tree, &joined(before, &path.ident.to_string()));
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                let names = match name == "self" {
                    true => before.to_owned(),
                    false => joined(before, &name),
                };
                let known_as = names.last().cloned().unwrap_or_default();
                self.import(known_as, names);
            }
            UseTree::Rename(name) => {
                let names = joined(before, &name.ident.to_string());
                self.import(name.rename.to_string(), names);
            }
            UseTree::Glob(_) => {
                self.spelt.insert(before.to_owned());
                self.globs.push(before.to_owned());
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.take_use(tree, before);
                }
            }
        }
    }

    fn import(&mut self, known_as: String, names: Names) {
        self.spelt.insert(names.clone());
        self.imports.insert(known_as, names);
    }

    /// Paths in the arguments of a macro, which no parser knows the meaning of.
    fn take_tokens(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                token => {
                    self.spelt.insert(std::mem::take(&mut path));
                    if let TokenTree::Group(group) = token {
                        self.take_tokens(group.stream());
                    }
                }
            }
        }
        self.spelt.insert(path);
    }
}

/// Whether something is there in tests alone.
fn is_of_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        list.is_ok_and(|list| list.path.is_ident("cfg") && list.tokens.to_string() == "test")
    })
}

fn name_of(item: &Item) -> Option<&syn::Ident> {
    Some(match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    })
}

impl<'a> Visit<'a> for Reader {
    fn visit_file(&mut self, file: &'a syn::File) {
        let names = file.items.iter().filter_map(name_of);
        self.items.extend(names.map(ToString::to_string));
        syn::visit::visit_file(self, file);
    }

    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        if is_of_tests(&module.attrs) {
            return;
        }
        match &module.content {
            None => self.below.push(module.ident.to_string()),
            Some(_) => syn::visit::visit_item_mod(self, module),
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if !is_of_tests(&item.attrs) {
            self.take_use(&item.tree, &[]);
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        if !is_of_tests(&item.attrs) {
            syn::visit::visit_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names = path.segments.iter();
        self.spelt
            .insert(names.map(|name| name.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'a syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.take_tokens(list.tokens.clone());
        }
        syn::visit::visit_attribute(self, attribute);
    }

    fn visit_macro(&mut self, of: &'a syn::Macro) {
        self.take_tokens(of.tokens.clone());
        syn::visit::visit_macro(self, of);
    }
}
