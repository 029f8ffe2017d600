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
    /// Files that were reached by a second way: taken once.
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
/// part of the logs would look like a bill.
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
            self.add(&path)?;
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
            let entry = entry.map_err(list)?;
            if entry.file_type().is_dir() {
                continue;
            }
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
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
        if SOURCES_MAX <= self.found.sources.len() {
            return Ok(Err(DiscoverError::TooMany));
        }
        self.found.sources.push(Source {
            name: path.to_string_lossy().into_owned(),
            origin: Origin::File(path.to_owned()),
            identity,
            stored_bytes: metadata.is_file().then_some(metadata.len()),
            stamp: metadata.is_file().then(|| Stamp::of(metadata)),
        });
        Ok(Ok(()))
    }
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
