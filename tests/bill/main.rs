//! The bill: golden cases by rule, and properties of pricing.

mod cases;
mod properties;
mod rules;
mod world;
