//! What README, guide, map and changelog say is so: commands run and print what is shown, tables are those of the
//! program, columns those of its files, links lead somewhere, and the README stays short.
//!
//! Every check is a function of texts that answers what is wrong, so that each is also shown a text that is wrong.

mod codes;
mod columns;
mod commands;
mod links;
mod markdown;
mod prose;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the package.
fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text of the package, by its path from there.
struct Document {
    name: String,
    text: String,
}

fn document(name: &str) -> Document {
    let text = fs::read_to_string(package().join(name)).expect("read");
    Document {
        name: name.to_owned(),
        text,
    }
}

/// The pages of the guide, by name.
fn guide() -> Vec<Document> {
    let pages = fs::read_dir(package().join("src/guide")).expect("a folder");
    let name = |page: std::io::Result<fs::DirEntry>| page.expect("listed").file_name();
    let mut names: Vec<String> = pages
        .map(|page| format!("src/guide/{}", name(page).display()))
        .collect();
    names.sort();
    names.iter().map(|name| document(name)).collect()
}

/// README and guide: what users read.
fn for_users() -> Vec<Document> {
    let mut all = vec![document("README.md")];
    all.extend(guide());
    all
}

/// The texts of all files of code.
fn files_of_code() -> Vec<String> {
    let pattern = format!("{}/src/**/*.rs", package().display());
    let paths = glob::glob(&pattern).expect("a glob");
    paths
        .map(|path| fs::read_to_string(path.expect("listed")).expect("read"))
        .collect()
}

/// The time of commands, in seconds since the epoch: the months of the samples are over.
const CLOCK: &str = "1796083200";

/// A folder as a reader has it who follows a document: the samples, and the program on the path.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let link = std::os::unix::fs::symlink::<PathBuf, PathBuf>;
        link(package().join("samples"), folder.path().join("samples")).expect("linked");
        fs::create_dir(folder.path().join("bin")).expect("made");
        let program = PathBuf::from(env!("CARGO_BIN_EXE_cdn-meter"));
        link(program, folder.path().join("bin/cdn-meter")).expect("linked");
        Place(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A command line of a shell in that folder.
    fn shell(&self, line: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-ec", line])
            .current_dir(self.path())
            .env("CDN_METER_CLOCK", CLOCK)
            .env("PATH", format!("{}/bin:{path}", self.path().display()));
        command
    }

    /// Runs a command line; what it prints, its exit code, and what it says.
    fn run(&self, line: &str) -> (String, i32, String) {
        let output = self.shell(line).output().expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        (text(&output.stdout), code, text(&output.stderr))
    }

    /// The same of one that has to end with exit code 0.
    #[track_caller]
    fn printed(&self, line: &str) -> String {
        let (stdout, code, stderr) = self.run(line);
        assert_eq!(code, 0, "{line}: {stderr}");
        stdout
    }
}
