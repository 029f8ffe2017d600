//! Flags that several commands take, in groups, and what is made of them: the files that they name read, the store
//! opened, the clock looked at.

pub(super) mod clock;
pub(super) mod counted;
pub(super) mod events;
pub(super) mod extras;
pub(super) mod focus;
pub(super) mod metering;
pub(super) mod prices;
pub(super) mod publishing;
pub(super) mod size;
pub(super) mod store;
pub(super) mod taken;
