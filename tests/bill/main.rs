//! The bill: golden cases by rule, properties of pricing, and months that are closed.

mod candidates;
mod cases;
mod closed;
mod costs;
mod coverage;
mod credits;
mod currencies;
mod extras;
mod focus;
mod licences;
mod mended;
#[path = "../store/program.rs"]
#[allow(dead_code)] // the store's tests use the rest of it
mod program;
mod properties;
mod reconcile;
mod regions;
mod rerated;
mod rules;
mod settled;
mod shares;
mod shown;
mod statement;
mod terms;
mod unbound;
mod what_if;
mod world;
