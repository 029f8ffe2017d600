//! Running the program in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder for one test, with the program at hand.
pub struct Place {
    folder: tempfile::TempDir,
}

/// What a run said.
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Place {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn out(&self) -> PathBuf {
        self.path().join("out")
    }

    /// Writes a file and answers its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, content).expect("written");
        path
    }

    /// Runs `cdn-meter run ARGS --out OUT` with a cleared environment. Nothing is kept from run to
    /// run, unless `ARGS` name a store.
    pub fn run(&self, args: &[&str]) -> Said {
        self.run_with(args, Stdio::null())
    }

    pub fn run_with(&self, args: &[&str], stdin: Stdio) -> Said {
        let out = self.out().display().to_string();
        let output = Command::new(env!("CARGO_BIN_EXE_cdn-meter"))
            .arg("run")
            .args(args)
            .args((!args.contains(&"--store")).then_some("--no-store"))
            .args(["--out", &out])
            .env_clear()
            .current_dir(self.path())
            .stdin(stdin)
            .output();
        said(output.expect("the program starts"))
    }

    /// Names in the output folder, sorted, but for what tells what they were made of; empty where there is none.
    pub fn published(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.out()) else {
            return Vec::new();
        };
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry
                .expect("listed")
                .file_name()
                .to_string_lossy()
                .into_owned()
        };
        let mut names: Vec<_> = entries
            .map(name)
            .filter(|name| name != ".made-of")
            .collect();
        names.sort();
        names
    }
}

/// Holds the exit code and parts of what was said to the user.
#[track_caller]
pub fn expect(said: &Said, code: i32, parts: &[&str]) {
    assert_eq!(
        said.code, code,
        "stdout: {}\nstderr: {}",
        said.stdout, said.stderr
    );
    for part in parts {
        assert!(
            said.stderr.contains(part),
            "`{part}` is not in: {}",
            said.stderr
        );
    }
}

fn said(output: Output) -> Said {
    Said {
        code: output.status.code().expect("not killed"),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// The repository's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
