//! One worker's table: host → domain with two open cells, and a log of closed ones.
//!
//! Log lines come in rough time order, so a domain's next line nearly always falls into the slot
//! of its last one. Each domain therefore keeps two open tallies, for even and odd slots; a line
//! of another cell closes the tally that stands in its place, and closed tallies go to an
//! append-only log. The log is sorted and summed elsewhere. What keeps this right: a tally leaves
//! its place only through [`Meter::close`], and [`Meter::take_rows`] closes all that are open.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::domains::{DomainId, Domains, TooManyDomains};
use super::usage::{Cell, Tally, UsageRow};
use crate::record::{Record, Reject};
use crate::units::normalize_host;

/// Most spellings of hosts that a worker remembers; at the limit it forgets them all and goes on.
pub const HOSTS_MAX: usize = 2_000_000;

/// Open cells of a domain: slots that follow each other are open side by side.
const OPEN_CELLS: usize = 2;

struct Host {
    domain: DomainId,
    name_from: u32,
    name_len: u32,
    is_listed: bool,
    open: [Tally; OPEN_CELLS],
}

/// One worker's usage. Not shared, not locked.
pub struct Meter<'run> {
    domains: &'run Domains,
    fallback: Option<&'run str>,
    hosts: Vec<Host>,
    names: Vec<u8>,
    numbers: HashTable<u32>,
    hasher: RandomState,
    /// Hosts that may have open tallies.
    listed: Vec<u32>,
    closed: Vec<UsageRow>,
    normalized: String,
    failure: Option<TooManyDomains>,
}

impl<'run> Meter<'run> {
    /// An empty table that knows domains by the numbers of `domains`. Lines without a host count
    /// for the domain `fallback`, if there is one.
    pub fn new(domains: &'run Domains, fallback: Option<&'run str>) -> Self {
        Meter {
            domains,
            fallback,
            hosts: Vec::new(),
            names: Vec::new(),
            numbers: HashTable::new(),
            hasher: RandomState::default(),
            listed: Vec::new(),
            closed: Vec::new(),
            normalized: String::new(),
            failure: None,
        }
    }

    /// Counts one record.
    ///
    /// Errors: `NoHost` or `Host`, and nothing is counted.
    #[inline(always)]
    pub fn add(&mut self, record: &Record<'_>) -> Result<(), Reject> {
        let number = self.number_of(record.host)?;
        let cell = Cell::new(record.region, record.time.slot());
        let host = &mut self.hosts[number as usize];
        let open = &mut host.open[record.time.slot().index() as usize % OPEN_CELLS];
        if open.cell != cell || !open.count(record) {
            self.open_another(number, cell, record);
        }
        Ok(())
    }

    /// The number under which `host`, as written, stands in the table.
    #[inline(always)]
    fn number_of(&mut self, host: &[u8]) -> Result<u32, Reject> {
        let hash = self.hasher.hash_one(host);
        let is_same = |&number: &u32| {
            let known = &self.hosts[number as usize];
            let from = known.name_from as usize;
            self.names[from..from + known.name_len as usize] == *host
        };
        match self.numbers.find(hash, is_same) {
            Some(&number) => Ok(number),
            None => self.remember(host, hash),
        }
    }

    #[cold]
    fn remember(&mut self, host: &[u8], hash: u64) -> Result<u32, Reject> {
        let outcome = normalize_host(host, &mut self.normalized);
        let name = match (outcome, self.fallback) {
            (Ok(()), _) => &self.normalized[..],
            (Err(crate::units::HostError::Missing), Some(fallback)) => fallback,
            (Err(error), _) => return Err(error.into()),
        };
        let domain = match self.domains.intern(name) {
            Ok(domain) => domain,
            Err(error) => {
                // The run is lost and says so at the next cut; this line's fate no longer matters.
                self.failure = Some(error);
                return Err(Reject::Host);
            }
        };
        if HOSTS_MAX <= self.hosts.len() {
            self.forget();
        }
        let number = self.hosts.len() as u32;
        self.hosts.push(Host {
            domain,
            name_from: self.names.len() as u32,
            name_len: host.len() as u32,
            is_listed: false,
            open: [Tally::empty(Cell::NONE); OPEN_CELLS],
        });
        self.names.extend_from_slice(host);
        let (names, hosts, hasher) = (&self.names, &self.hosts, &self.hasher);
        self.numbers.insert_unique(hash, number, |&number| {
            let known = &hosts[number as usize];
            let from = known.name_from as usize;
            hasher.hash_one(&names[from..from + known.name_len as usize])
        });
        Ok(number)
    }

    /// Closes everything and forgets all hosts.
    fn forget(&mut self) {
        self.close_all();
        self.hosts.clear();
        self.names.clear();
        self.numbers.clear();
    }

    /// Counts `record` in a fresh tally for `cell`, closing what stands in its place.
    #[inline(never)]
    fn open_another(&mut self, number: u32, cell: Cell, record: &Record<'_>) {
        let host = &mut self.hosts[number as usize];
        if !host.is_listed {
            host.is_listed = true;
            self.listed.push(number);
        }
        let place = cell.slot_index() as usize % OPEN_CELLS;
        close(host.domain, &mut host.open[place], &mut self.closed);
        let mut tally = Tally::empty(cell);
        let is_counted = tally.count(record);
        debug_assert!(is_counted, "an empty tally holds any record");
        host.open[place] = tally;
    }

    fn close_all(&mut self) {
        for number in self.listed.drain(..) {
            let host = &mut self.hosts[number as usize];
            host.is_listed = false;
            for tally in &mut host.open {
                close(host.domain, tally, &mut self.closed);
            }
        }
    }

    /// Moves all that was counted since the last call to the end of `rows`.
    ///
    /// Errors: [`TooManyDomains`], and the usage is not complete.
    pub fn take_rows(&mut self, rows: &mut Vec<UsageRow>) -> Result<(), TooManyDomains> {
        self.close_all();
        rows.append(&mut self.closed);
        self.failure.map_or(Ok(()), Err)
    }

    /// Rows closed so far: how much [`Meter::take_rows`] would at least move.
    pub fn rows_closed(&self) -> usize {
        self.closed.len()
    }
}

/// Moves a tally to the log and leaves its place empty.
#[inline(always)]
fn close(domain: DomainId, tally: &mut Tally, closed: &mut Vec<UsageRow>) {
    if tally.cell != Cell::NONE {
        closed.push(UsageRow {
            tally: *tally,
            domain,
        });
        *tally = Tally::empty(Cell::NONE);
    }
}
