//! What every command that opens a store takes, and how it goes about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::cli::Failure;
use crate::cli::args::clock::instant_now;
use crate::cli::args::taken::check_store;
use crate::cli::progress::say;
use crate::cli::signals::wait;
use crate::source::Seed;
use crate::store::{Access, Astray, Occasion, Store};
use crate::units::counted;

/// Where the store is.
#[derive(Args)]
pub(in crate::cli) struct StoreArgs {
    /// Folder of the store
    #[arg(long, value_name = "DIR", default_value = "usage-store")]
    pub(in crate::cli) store: PathBuf,
}

/// How a store is written to.
#[derive(Args)]
pub(in crate::cli) struct WriterArgs {
    /// How long to wait for another process that writes to the store
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u32,
    /// Let the group of its folder read a store that this makes: modes 0750 and 0640, not 0700 and 0600
    ///
    /// A store that is there keeps its modes: what is made in it has the mode of the folder that it is made in.
    /// `chmod -R g+rX DIR` opens it later.
    #[arg(long)]
    pub(in crate::cli) group_readable: bool,
}

/// What is noted of a command that writes, and how it does.
pub(in crate::cli) fn writing(
    command: &str,
    writer: &WriterArgs,
) -> Result<(Occasion, Access), Failure> {
    let occasion = Occasion {
        at: instant_now()?.rfc3339(),
        command: command.to_owned(),
    };
    let access = Access {
        wait: Duration::from_secs(writer.wait.into()),
        is_group_readable: writer.group_readable,
    };
    Ok((occasion, access))
}

/// Opens a store to write, and says what a crash had left in it.
pub(in crate::cli) fn open_to_write(
    path: &Path,
    command: &str,
    writer: &WriterArgs,
) -> Result<Store, Failure> {
    check_store("store", path)?;
    let (occasion, access) = writing(command, writer)?;
    // Only a new store takes it.
    let seed = Seed::random();
    let store = wait(|| Store::open_to_write(path, seed, occasion, access))??;
    if writer.group_readable && !store.is_group_readable()? {
        let path = path.display();
        say(&format!(
            "the store {path} was there and keeps its modes; `chmod -R g+rX {path}` lets its group read it"
        ));
    }
    say_astray(path, store.astray());
    Ok(store)
}

/// Says what was done with files of a store that no commit names.
fn say_astray(path: &Path, astray: &Astray) {
    let path = path.display();
    if astray.removed != 0 {
        say(&format!(
            "removed {} that an interrupted run had left in {path}; nothing of that counted",
            counted(astray.removed, "unfinished file")
        ));
    }
    let (moved, (files, bytes)) = (&astray.moved, astray.lost);
    if let Some(first) = moved.first() {
        let others = match moved.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        say(&format!(
            "moved {first}{others} to {path}/lost+found: no commit names it, as after an interrupted run, and \
             nothing of it counts; what is there ({}, {bytes} B) may be deleted once the logs of \
             that run are counted, and if no older copy of the ledger was put in its place",
            counted(files, "file")
        ));
        if moved.iter().any(|name| name.starts_with("closed/")) {
            say(
                "a closed month is among it: if it was closed, the ledger is an older copy; restore the newer one",
            );
        }
    }
    for name in &astray.foreign {
        say(&format!(
            "{path}/{name} is not ours; it is left alone, and is in no figure"
        ));
    }
}

/// Opens a store to read, and says what of it is not published.
pub(in crate::cli) fn open_to_read(path: &Path) -> Result<Store, Failure> {
    let store = Store::open_to_read(path)?;
    say_set_aside(&store)?;
    Ok(store)
}

/// Says what of a store is not published, if anything is not.
pub(in crate::cli) fn say_set_aside(store: &Store) -> Result<(), Failure> {
    for aside in store.set_aside()? {
        let name = aside
            .names
            .first()
            .map_or("a file that is gone", |name| &name[..]);
        say(&format!(
            "set aside {name}: with its {} all that counts would be more than 2^63 - 1 B, which no CDN \
             sent; no figure holds it; `cdn-meter ingest --recount {name}` counts its other lines, or \
             mend the file and ingest it",
            aside.bytes
        ));
    }
    Ok(())
}
