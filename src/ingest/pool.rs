//! The queue of work: what is to be done next, who is idle, when everything is settled.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam::queue::ArrayQueue;

use super::run::{Learnt, SourceRun};
use super::{IngestError, Options};
use crate::decode::Block;
use crate::record::Layout;
use crate::source::Source;
use crate::store::take_turn;
use crate::units::Span;

/// Something to do for one source.
pub(super) enum Task {
    /// Open it and see how it is to be read.
    Open(Arc<SourceRun>),
    /// Meter the lines that start in a range of a plain file.
    Range(Arc<SourceRun>, Arc<File>, Span, Layout),
    /// Meter a block that another worker decoded.
    Block(Arc<SourceRun>, Block, Layout),
}

/// The shared queue.
pub(super) struct Pool {
    state: Mutex<State>,
    changed: Condvar,
    settling: Mutex<()>,
    /// Whether the run is lost, or was stopped.
    is_lost: Arc<AtomicBool>,
    /// Buffers of blocks that were worked on; more than there can be in flight are freed.
    spare: ArrayQueue<Block>,
}

struct State {
    tasks: VecDeque<Task>,
    /// Sources without an outcome.
    unsettled: usize,
    /// Workers that wait for a task.
    idle: usize,
    /// Blocks in the queue; never more than there were idle workers.
    blocks: usize,
    failure: Option<IngestError>,
}

impl Pool {
    /// A queue with all sources, the largest first so that no large one is started last; but those that may
    /// be slow without end, pipes, wait for all others, and hand blocks to whom they leave idle.
    pub(super) fn new(sources: Vec<Source>, options: &Options) -> Self {
        let mut runs: Vec<_> = sources.into_iter().enumerate().collect();
        let unsettled = runs.len();
        runs.sort_by_key(|(index, source)| {
            let is_pipe = !source.is_repeatable();
            let stored = source.stored_bytes.unwrap_or(0);
            (is_pipe, std::cmp::Reverse(stored), *index)
        });
        let open = |(index, source)| {
            let run = SourceRun::new(index, source, options.rows_max, Learnt::of(options));
            Task::Open(Arc::new(run))
        };
        let tasks = runs.into_iter().map(open).collect();
        let state = State {
            tasks,
            unsettled,
            idle: 0,
            blocks: 0,
            failure: None,
        };
        Pool {
            state: Mutex::new(state),
            changed: Condvar::new(),
            settling: Mutex::new(()),
            is_lost: Arc::default(),
            spare: ArrayQueue::new(options.workers.max(1)),
        }
    }

    /// The next task; `None` when everything is settled or the run is lost.
    pub(super) fn next(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.unsettled == 0 || state.failure.is_some() {
                return None;
            }
            if let Some(task) = state.tasks.pop_front() {
                state.blocks -= usize::from(matches!(task, Task::Block(..)));
                return Some(task);
            }
            state.idle += 1;
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Has a source read once more, with what was learnt of it.
    pub(super) fn again(&self, run: &SourceRun, learnt: Learnt, options: &Options) {
        let run = run.again(learnt, options.rows_max);
        self.push_front(vec![Task::Open(Arc::new(run))]);
    }

    /// Puts tasks in front of the queue, in order: a source that was begun is finished first.
    pub(super) fn push_front(&self, tasks: Vec<Task>) {
        let mut state = self.lock();
        tasks
            .into_iter()
            .rev()
            .for_each(|task| state.tasks.push_front(task));
        self.changed.notify_all();
    }

    /// Whether a worker waits for work that a block would give it.
    pub(super) fn wants_block(&self) -> bool {
        let state = self.lock();
        state.blocks < state.idle
    }

    /// Hands `block` over in exchange for another buffer.
    pub(super) fn push_block(&self, block: &mut Block, task: impl FnOnce(Block) -> Task) {
        let spare = self.spare.pop().unwrap_or_default();
        let mut state = self.lock();
        state
            .tasks
            .push_front(task(std::mem::replace(block, spare)));
        state.blocks += 1;
        self.changed.notify_one();
    }

    /// Waits until no other source is being settled.
    pub(super) fn settling(&self) -> MutexGuard<'_, ()> {
        take_turn(&self.settling)
    }

    /// Takes a buffer back.
    pub(super) fn give_back(&self, block: Block) {
        // A full queue drops the block, and its memory with it.
        let _ = self.spare.push(block);
    }

    /// Notes that one more source has its outcome.
    pub(super) fn settle(&self) {
        let mut state = self.lock();
        state.unsettled -= 1;
        if state.unsettled == 0 {
            self.changed.notify_all();
        }
    }

    /// Ends the run; the first reason is kept.
    pub(super) fn fail(&self, error: IngestError) {
        self.lock().failure.get_or_insert(error);
        self.is_lost.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Whether the run is lost, or was stopped: what is not finished is in vain.
    pub(super) fn is_lost(&self) -> &Arc<AtomicBool> {
        &self.is_lost
    }

    /// Why the run was given up, if it was.
    pub(super) fn into_failure(self) -> Option<IngestError> {
        self.state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .failure
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under this lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
