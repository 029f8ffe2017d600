//! From what the user names to a list of sources.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::{Origin, Source, Stamp};

/// Most files of one run.
pub const SOURCES_MAX: usize = 5_000_000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// The sources, in the order in which they were named, folders sorted by name.
    pub sources: Vec<Source>,
    /// Files whose name starts with a dot, in folders: passed over.
    pub hidden: u64,
    /// Files that were reached by a second way: taken once. A link to a folder that it is in counts as
    /// one.
    pub repeated: u64,
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
/// Errors: [`DiscoverError`]; a part that cannot be listed is an error, because a bill over a
/// part of the logs would look like a bill. A link in a folder, or among the matches of a glob, that
/// leads nowhere is a source all the same, which cannot be read.
pub fn discover(inputs: &[String]) -> Result<Discovered, DiscoverError> {
    let mut found = Finder::default();
    for input in inputs {
        let path = Path::new(input);
        if input == "-" {
            found.add_stdin();
        } else if path.exists() || !input.contains(['*', '?', '[']) {
            found.add(path)?;
        } else {
            found.add_glob(input)?;
        }
    }
    Ok(found.found)
}

#[derive(Default)]
struct Finder {
    found: Discovered,
    seen: HashSet<PathBuf>,
}

impl Finder {
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
            let path = path.map_err(|error| DiscoverError::Look {
                path: error.path().to_owned(),
                source: error.into(),
            })?;
            match is_broken_link(&path) {
                true => self.add_broken_link(&path)?,
                false => self.add(&path)?,
            }
            matched = true;
        }
        match matched {
            true => Ok(()),
            false => Err(DiscoverError::NoMatch {
                pattern: pattern.into(),
            }),
        }
    }

    fn add(&mut self, path: &Path) -> Result<(), DiscoverError> {
        let look = |source| DiscoverError::Look {
            path: path.to_owned(),
            source,
        };
        let metadata = path.metadata().map_err(look)?;
        match metadata.is_dir() {
            true => self.add_folder(path),
            false => self.add_file(path, &metadata).map_err(look)?,
        }
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), DiscoverError> {
        for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
            let list = |source: walkdir::Error| DiscoverError::List {
                path: source.path().unwrap_or(folder).to_owned(),
                source,
            };
            let entry = match entry {
                // All that is behind it is reached without it.
                Err(error) if error.loop_ancestor().is_some() => {
                    self.found.repeated += 1;
                    continue;
                }
                Err(error) => match error.path().filter(|path| is_broken_link(path)) {
                    Some(link) => {
                        self.add_broken_link(link)?;
                        continue;
                    }
                    None => return Err(list(error)),
                },
                Ok(entry) => entry,
            };
            if entry.file_type().is_dir() {
                continue;
            }
            if is_hidden(entry.path()) {
                self.found.hidden += 1;
                continue;
            }
            let metadata = entry.metadata().map_err(list)?;
            let look = |source| DiscoverError::Look {
                path: entry.path().to_owned(),
                source,
            };
            self.add_file(entry.path(), &metadata).map_err(look)??;
        }
        Ok(())
    }

    /// Takes the file unless it was reached before.
    fn add_file(
        &mut self,
        path: &Path,
        metadata: &std::fs::Metadata,
    ) -> std::io::Result<Result<(), DiscoverError>> {
        let canonical = path.canonicalize()?;
        let identity = canonical.to_string_lossy().into_owned();
        if !self.seen.insert(canonical) {
            self.found.repeated += 1;
            return Ok(Ok(()));
        }
        Ok(self.take(Source {
            name: path.to_string_lossy().into_owned(),
            origin: Origin::File(path.to_owned()),
            identity,
            stored_bytes: metadata.is_file().then_some(metadata.len()),
            stamp: metadata.is_file().then(|| Stamp::of(metadata)),
        }))
    }

    /// Takes a link that leads nowhere: who reads it says so, by its name.
    fn add_broken_link(&mut self, link: &Path) -> Result<(), DiscoverError> {
        if is_hidden(link) {
            self.found.hidden += 1;
            return Ok(());
        }
        let whole = std::path::absolute(link).unwrap_or_else(|_| link.to_owned());
        if !self.seen.insert(whole.clone()) {
            self.found.repeated += 1;
            return Ok(());
        }
        self.take(Source {
            name: link.to_string_lossy().into_owned(),
            origin: Origin::File(link.to_owned()),
            identity: whole.to_string_lossy().into_owned(),
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
        let named = discover(&[format!("{all}/dangling.log")]);
        assert!(matches!(named, Err(DiscoverError::Look { .. })));
    }

    #[test]
    fn what_is_missing_is_an_error_and_not_an_empty_list() {
        assert!(matches!(
            discover(&["no/such".into()]),
            Err(DiscoverError::Look { .. })
        ));
        assert!(matches!(
            discover(&["no/such*.gz".into()]),
            Err(DiscoverError::NoMatch { .. })
        ));
        assert!(matches!(
            discover(&["a[".into()]),
            Err(DiscoverError::Pattern { .. })
        ));
    }
}
