//! The commands, each with its arguments, what it calls, and what it prints.

pub(super) mod arrears;
pub(super) mod backup;
pub(super) mod bill;
pub(super) mod catalogue;
pub(super) mod close;
pub(super) mod compact;
pub(super) mod explain;
pub(super) mod forget;
pub(super) mod formats;
pub(super) mod ingest;
pub(super) mod licence;
pub(super) mod reconcile;
pub(super) mod run;
pub(super) mod summary;
pub(super) mod verify;

use crate::cli::progress::say;
use crate::cli::{Failure, Finish, print_json};
use crate::months::Nearest;

/// Says that nothing is known of a name, which is no answer to what was asked; scripts get `json`.
fn say_nothing_known(
    near: &Nearest,
    text: &str,
    json: Option<serde_json::Value>,
) -> Result<Finish, Failure> {
    say(&format!("{text}{}", near.text()));
    if let Some(json) = json {
        print_json(&json)?;
    }
    Ok(Finish::Attention)
}
