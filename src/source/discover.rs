//! From what the user names to a list of sources.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{FileType, Metadata};
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use super::name::{is_there, name_of, path_of};
use super::{Bar, Origin, Source, Stamp};

/// Most files of one run.
pub const SOURCES_MAX: usize = 5_000_000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// The sources, in the order in which they were named, folders sorted by name.
    pub sources: Vec<Source>,
    /// Files whose name starts with a dot, in folders: passed over.
    pub hidden: u64,
    /// What is no log because this program wrote it: name, and what it is. Nothing of it is looked at.
    pub left_out: Vec<(String, &'static str)>,
    /// Files that were reached by a second way: taken once. A link to a folder that it is in counts as
    /// one.
    pub repeated: u64,
}

impl Discovered {
    /// Bytes as stored of all sources; `None` where one does not tell beforehand.
    pub fn stored_bytes(&self) -> Option<u64> {
        let read = self.sources.iter();
        let mut read = read.filter(|source| !matches!(source.origin, Origin::Barred(_)));
        read.try_fold(0, |sum: u64, source| sum.checked_add(source.stored_bytes?))
    }
}

/// Why inputs could not be listed. Nothing was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// A path does not exist or cannot be looked at.
    #[error("cannot look at the input {path}; check the path and its permissions")]
    Look {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A folder cannot be listed.
    #[error(
        "cannot list the folder {path}; check its permissions, or name the files that may be read"
    )]
    List {
        /// The folder, or what is in it.
        path: PathBuf,
        /// The system's reason.
        source: walkdir::Error,
    },
    /// A glob is wrong.
    #[error("the pattern {pattern} is no glob")]
    Pattern {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
    /// A glob matches nothing.
    #[error("the pattern {pattern} matches no file")]
    NoMatch {
        /// What was given.
        pattern: String,
    },
    /// There are more than the limit of files.
    #[error("there are more than {SOURCES_MAX} input files; name fewer folders at once")]
    TooMany,
}

/// Lists the sources that `inputs` name: files, folders (with all that is in them), globs, `-`.
///
/// What is named itself has to be there, whatever it is: a FIFO or a device that is named is read. One
/// bad entry that is met in a folder, or among the matches of a glob, must not keep the other files from
/// being metered, nor go unsaid: it is a source that is [barred](Bar), so that it has an outcome of its
/// own, by name.
///
/// Errors: [`DiscoverError`].
pub fn discover(inputs: &[impl AsRef<OsStr>]) -> Result<Discovered, DiscoverError> {
    discover_but(inputs, &|_, _| None)
}

/// The same, without what carries a mark of this program: `mark` says what a path is, and is told whether it is a
/// folder. It is left out wherever it is met, also where it is named itself, as a shell does for `*`.
///
/// Errors: [`DiscoverError`].
pub fn discover_but(
    inputs: &[impl AsRef<OsStr>],
    mark: &Mark<'_>,
) -> Result<Discovered, DiscoverError> {
    let mut found = Finder {
        found: Discovered::default(),
        seen: HashSet::new(),
        mark,
    };
    for input in inputs {
        let path = Path::new(input);
        match path.to_str() {
            Some("-") => found.add_stdin(),
            Some(input) if !path.exists() && input.contains(['*', '?', '[']) => {
                found.add_glob(input)?;
            }
            // What messages call a file is another way to give it.
            Some(input) if !path.exists() && is_there(input) => found.add(&path_of(input))?,
            _ => found.add(path)?,
        }
    }
    Ok(found.found)
}

/// Says what a path is that this program wrote, a folder or not; `None` of anything else.
pub type Mark<'a> = dyn Fn(&Path, bool) -> Option<&'static str> + 'a;

struct Finder<'a> {
    found: Discovered,
    seen: HashSet<PathBuf>,
    mark: &'a Mark<'a>,
}

impl Finder<'_> {
    fn add_stdin(&mut self) {
        if self.seen.insert(PathBuf::from("-")) {
            let source = Source {
                name: "-".into(),
                identity: "-".into(),
                origin: Origin::Stdin,
                stored_bytes: None,
                stamp: None,
            };
            self.found.sources.push(source);
        } else {
            self.found.repeated += 1;
        }
    }

    fn add_glob(&mut self, pattern: &str) -> Result<(), DiscoverError> {
        let paths = glob::glob(pattern).map_err(|source| DiscoverError::Pattern {
            pattern: pattern.into(),
            source,
        })?;
        let mut matched = false;
        for path in paths {
            match path {
                Ok(path) => self.add_met(&path)?,
                Err(error) => {
                    let bar = Bar::Folder(error.error().to_string());
                    self.add_barred(error.path(), bar)?;
                }
            }
            matched = true;
        }
        for path in matches_beyond_text(pattern) {
            self.add_met(&path)?;
            matched = true;
        }
        match matched {
            true => Ok(()),
            false => Err(DiscoverError::NoMatch {
                pattern: pattern.into(),
            }),
        }
    }

    /// Takes what was named itself.
    fn add(&mut self, path: &Path) -> Result<(), DiscoverError> {
        let look = |source| DiscoverError::Look {
            path: path.to_owned(),
            source,
        };
        let metadata = path.metadata().map_err(look)?;
        match metadata.is_dir() {
            true => self.add_folder(path, true),
            false if self.is_left_out(path, false) => Ok(()),
            false => self.add_file(path, &metadata).map_err(look)?,
        }
    }

    /// Takes what matches a glob.
    fn add_met(&mut self, path: &Path) -> Result<(), DiscoverError> {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => self.add_folder(path, false),
            metadata => self.add_entry(path, metadata),
        }
    }

    /// Takes all that is in a folder, which `is_named` itself or was met on the way.
    fn add_folder(&mut self, folder: &Path, is_named: bool) -> Result<(), DiscoverError> {
        let walk = WalkDir::new(folder).follow_links(true);
        let mut walk = walk.sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            match entry {
                // All that is behind it is reached without it.
                Err(error) if error.loop_ancestor().is_some() => self.found.repeated += 1,
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    if is_named && path == folder {
                        let source = error;
                        return Err(DiscoverError::List { path, source });
                    }
                    let reason = error.into_io_error().map(|error| error.to_string());
                    self.add_unreadable(&path, reason.unwrap_or_default())?;
                }
                Ok(entry) if entry.file_type().is_dir() => {
                    if self.is_left_out(entry.path(), true) {
                        walk.skip_current_dir();
                    }
                }
                Ok(entry) => self.add_entry(entry.path(), entry.metadata().map_err(Into::into))?,
            }
        }
        Ok(())
    }

    /// Takes an entry of a folder, if it is a file that can be looked at.
    fn add_entry(
        &mut self,
        path: &Path,
        metadata: std::io::Result<Metadata>,
    ) -> Result<(), DiscoverError> {
        if is_hidden(path) {
            self.found.hidden += 1;
            return Ok(());
        }
        let taken = metadata.and_then(|metadata| match special(metadata.file_type()) {
            Some(kind) => Ok(self.add_barred(path, Bar::Special(kind))),
            None if self.is_left_out(path, false) => Ok(Ok(())),
            None => self.add_file(path, &metadata),
        });
        match taken {
            Ok(taken) => taken,
            Err(error) => self.add_unreadable(path, error.to_string()),
        }
    }

    /// Whether a path is left out, which is noted once.
    fn is_left_out(&mut self, path: &Path, is_folder: bool) -> bool {
        let Some(what) = (self.mark)(path, is_folder) else {
            return false;
        };
        let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if self.seen.insert(whole) {
            self.found.left_out.push((name_of(path), what));
        }
        true
    }

    /// Takes the file unless it was reached before.
    fn add_file(
        &mut self,
        path: &Path,
        metadata: &Metadata,
    ) -> std::io::Result<Result<(), DiscoverError>> {
        let canonical = path.canonicalize()?;
        let identity = name_of(&canonical);
        if !self.seen.insert(canonical) {
            self.found.repeated += 1;
            return Ok(Ok(()));
        }
        Ok(self.take(Source {
            name: name_of(path),
            origin: Origin::File(path.to_owned()),
            identity,
            stored_bytes: metadata.is_file().then_some(metadata.len()),
            stamp: metadata.is_file().then(|| Stamp::of(metadata)),
        }))
    }

    /// Takes an entry that cannot be looked at, or a folder that cannot be listed.
    fn add_unreadable(&mut self, path: &Path, reason: String) -> Result<(), DiscoverError> {
        let bar = match path {
            path if is_hidden(path) && !path.is_dir() => {
                self.found.hidden += 1;
                return Ok(());
            }
            path if is_broken_link(path) => Bar::Link(reason),
            path if path.is_dir() => Bar::Folder(reason),
            _ => Bar::Look(reason),
        };
        self.add_barred(path, bar)
    }

    /// Takes what is not read: its outcome says so, by its name.
    fn add_barred(&mut self, path: &Path, bar: Bar) -> Result<(), DiscoverError> {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if !self.seen.insert(whole.clone()) {
            self.found.repeated += 1;
            return Ok(());
        }
        self.take(Source {
            name: name_of(path),
            origin: Origin::Barred(bar),
            identity: name_of(&whole),
            stored_bytes: None,
            stamp: None,
        })
    }

    fn take(&mut self, source: Source) -> Result<(), DiscoverError> {
        if SOURCES_MAX <= self.found.sources.len() {
            return Err(DiscoverError::TooMany);
        }
        self.found.sources.push(source);
        Ok(())
    }
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".")
}

/// Paths that match a glob and are not UTF-8, which the crate that knows globs passes over without a word: they
/// match as they do with something else in the place of each such byte. What cannot be listed, it has told of.
fn matches_beyond_text(pattern: &str) -> Vec<PathBuf> {
    let Ok(glob) = glob::Pattern::new(pattern) else {
        return Vec::new();
    };
    let is_fixed = |part: &Component<'_>| {
        let part = part.as_os_str().to_string_lossy();
        !part.contains(['*', '?', '['])
    };
    let parts = Path::new(pattern).components();
    let folder: PathBuf = parts.clone().take_while(is_fixed).collect();
    let depth = match pattern.contains("**") {
        true => usize::MAX,
        false => parts.skip_while(is_fixed).count(),
    };
    let from = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => &folder,
    };
    let options = glob::MatchOptions {
        require_literal_separator: true,
        ..glob::MatchOptions::new()
    };
    let found = WalkDir::new(from).min_depth(1).max_depth(depth);
    let found = found.sort_by_file_name().into_iter().flatten();
    let found = found.map(|entry| match folder.as_os_str().is_empty() {
        true => entry
            .path()
            .strip_prefix(".")
            .map_or_else(|_| entry.path().to_owned(), Path::to_owned),
        false => entry.into_path(),
    });
    let found = found.filter(|path| path.to_str().is_none());
    let matches = |path: &PathBuf| glob.matches_with(&path.to_string_lossy(), options);
    found.filter(matches).collect()
}

/// What it is that has no end to be read to, unless who names it knows better.
fn special(kind: FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_fifo() => Some("a FIFO"),
        kind if kind.is_socket() => Some("a socket"),
        kind if kind.is_char_device() || kind.is_block_device() => Some("a device"),
        _ => None,
    }
}

/// Whether `path` is a link that leads to nothing that can be looked at.
fn is_broken_link(path: &Path) -> bool {
    path.is_symlink() && path.metadata().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(found: &Discovered, root: &Path) -> Vec<String> {
        let relative = |source: &Source| {
            let path = Path::new(&source.name);
            path.strip_prefix(root)
                .expect("below the root")
                .to_string_lossy()
                .into_owned()
        };
        found.sources.iter().map(relative).collect()
    }

    #[test]
    fn a_file_reached_twice_is_one_source() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join("b")).expect("made");
        for name in ["a.log", "b/c.log.gz", ".hidden"] {
            fs::write(root.path().join(name), b"").expect("written");
        }
        let all = root.path().to_string_lossy().into_owned();
        let inputs = [
            format!("{all}/*.log"),
            all.clone(),
            format!("{all}/b/../a.log"),
        ];
        let found = discover(&inputs).expect("found");
        assert_eq!(names(&found, root.path()), ["a.log", "b/c.log.gz"]);
        assert_eq!((found.hidden, found.repeated), (1, 2));
    }

    #[test]
    fn a13_a_link_that_leads_nowhere_is_a_source_of_its_own() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join("b")).expect("made");
        fs::write(root.path().join("b/a.log"), b"").expect("written");
        let link = |to: &str, from: &str| {
            std::os::unix::fs::symlink(to, root.path().join(from)).expect("linked");
        };
        link("gone.log", "dangling.log");
        link("itself.log", "b/itself.log");
        link("gone.log", ".#lock");
        link("..", "b/up");
        let all = root.path().to_string_lossy().into_owned();
        let found = discover(&[all.clone(), format!("{all}/*.log")]).expect("found");
        let expected = ["b/a.log", "b/itself.log", "dangling.log"];
        assert_eq!(names(&found, root.path()), expected);
        assert_eq!((found.hidden, found.repeated), (1, 2));
        let link = |source: &&Source| matches!(source.origin, Origin::Barred(Bar::Link(_)));
        assert_eq!(found.sources.iter().filter(link).count(), 2);
        let named = discover(&[format!("{all}/dangling.log")]);
        assert!(matches!(named, Err(DiscoverError::Look { .. })));
    }

    #[test]
    fn what_is_missing_is_an_error_and_not_an_empty_list() {
        assert!(matches!(
            discover(&["no/such"]),
            Err(DiscoverError::Look { .. })
        ));
        assert!(matches!(
            discover(&["no/such*.gz"]),
            Err(DiscoverError::NoMatch { .. })
        ));
        assert!(matches!(
            discover(&["a["]),
            Err(DiscoverError::Pattern { .. })
        ));
    }
}
