//! The program as its users run it, over a folder of logs and a store.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with `logs`, `store` and `out`, made for one test.
pub struct Site {
    folder: TempDir,
}

/// What a program that ended by itself said.
pub struct Said {
    pub code: i32,
    pub json: Value,
    pub stderr: String,
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("logs")).expect("made");
        Site { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.path("logs").join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.log(name), text).expect("written");
    }

    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        command.arg(name).arg("--store").arg(self.path("store"));
        command
    }

    pub fn run(command: &mut Command) -> Said {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().expect("started");
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Said {
            code: status.code().unwrap_or_else(|| panic!("killed: {stderr}")),
            json: serde_json::from_slice(&stdout).unwrap_or_default(),
            stderr,
        }
    }

    /// Ingests all logs.
    pub fn ingest(&self) -> Said {
        self.ingest_with(&[])
    }

    /// The same with more arguments.
    pub fn ingest_with(&self, more: &[&str]) -> Said {
        let mut command = self.command("ingest");
        command.arg("--json").arg(self.path("logs")).args(more);
        Site::run(&mut command)
    }

    /// Runs a command with a registry that gives all domains to one account.
    pub fn with_registry(&self, name: &str, more: &[&str]) -> Said {
        let registry = "[[domain]]\nname = \"*.example.cn\"\naccount = \"one\"\n";
        fs::write(self.path("registry.toml"), registry).expect("written");
        let mut command = self.command(name);
        command.arg("--json").arg("--registry");
        command.arg(self.path("registry.toml")).args(more);
        Site::run(&mut command)
    }

    /// Publishes all months.
    pub fn summary(&self) -> Said {
        let mut command = self.command("summary");
        command.arg("--json").arg("--out").arg(self.path("out"));
        Site::run(&mut command)
    }

    pub fn verify(&self) -> Said {
        let mut command = self.command("verify");
        command.arg("--json");
        Site::run(&mut command)
    }

    pub fn explain(&self, domain: &str) -> Said {
        let mut command = self.command("explain");
        command.arg(domain).arg("--json");
        Site::run(&mut command)
    }

    /// All files of the store with their bytes, but for those that SQLite keeps beside a ledger that
    /// is open.
    pub fn kept(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut kept = BTreeMap::new();
        read_folder(&self.path("store"), &mut kept);
        kept.retain(|path, _| {
            let name = path.to_string_lossy();
            !name.ends_with("-wal") && !name.ends_with("-shm")
        });
        kept
    }

    /// Bytes and requests that the store counts, once it was verified.
    pub fn total(&self) -> (u64, u64) {
        let verified = self.verify();
        assert_eq!(verified.code, 0, "{}", verified.json);
        self.total_by(&verified)
    }

    /// The same for a store in which a commit was cut short: files that nobody names are left.
    pub fn total_in_spite_of_orphans(&self) -> (u64, u64) {
        let verified = self.verify();
        for finding in verified.json["findings"].as_array().expect("a list") {
            let problem = finding["problem"].as_str().expect("a problem");
            assert!(problem.contains("no commit names it"), "{finding}");
        }
        self.total_by(&verified)
    }

    fn total_by(&self, verified: &Said) -> (u64, u64) {
        let summary = self.summary();
        assert_eq!(summary.code, 0, "{}", summary.stderr);
        let count = |json: &Value, name: &str| json[name].as_u64().expect("a count");
        let usage = &summary.json["usage"];
        let total = (count(usage, "bytes"), count(usage, "requests"));
        let of_verify = (
            count(&verified.json, "bytes"),
            count(&verified.json, "requests"),
        );
        assert_eq!(total, of_verify, "summary and verify");
        total
    }
}

/// Adds all files below a folder, with their bytes.
pub fn read_folder(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        match path.is_dir() {
            true => read_folder(&path, files),
            false => {
                let content = fs::read(&path).expect("read");
                files.insert(path, content);
            }
        }
    }
}

/// Copies a folder with all that is in it, over what is there.
pub fn copy_folder(from: &Path, to: &Path) {
    let mut files = BTreeMap::new();
    read_folder(from, &mut files);
    for (path, content) in files {
        let place = to.join(path.strip_prefix(from).expect("below"));
        fs::create_dir_all(place.parent().expect("a folder")).expect("made");
        fs::write(place, content).expect("written");
    }
}

/// What `paths` hold by a run that keeps nothing: bytes and requests.
pub fn metered(paths: &[&Path]) -> (u64, u64) {
    let out = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    command.args(["run", "--no-store", "--json", "--out"]);
    command.arg(out.path()).args(paths);
    let said = Site::run(&mut command);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let usage = &said.json["usage"];
    let count = |name: &str| usage[name].as_u64().expect("a count");
    (count("bytes"), count("requests"))
}

/// Lines of the CDN format from number `from` on: a byte count per line that no other line has.
pub fn lines(from: u64, count: u64) -> String {
    let line = |n: u64| {
        format!(
            "20261003{:02}{:02}{:02} 203.0.113.9 v{}.example.cn /a/{n}.ts {} 22 2 200 NULL 41 \"P\" \"-\" GET HTTP/1.1 hit 1\n",
            n / 3_600 % 24,
            n / 60 % 60,
            n % 60,
            n % 3,
            1_000 + n
        )
    };
    (from..from + count).map(line).collect()
}

/// Bytes of those lines.
pub fn bytes(from: u64, count: u64) -> u64 {
    (from..from + count).map(|n| 1_000 + n).sum()
}
