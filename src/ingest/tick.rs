//! What is done by the clock while workers read, whether a source comes to its outcome or not.
//!
//! What was finished is durable some seconds later: a slow input (a pipe, a large archive) must not hold back
//! all that came before it.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::worker::Context;
use super::{IngestError, Stopped};

/// Time between two ticks.
const TICK: Duration = Duration::from_millis(100);

/// Ticks until the work is over, which the sender tells by going away.
pub(super) fn tick(context: &Context<'_>, is_over: Receiver<()>) {
    while is_over.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        if context.events.is_stopped() {
            context.pool.fail(IngestError::Stopped(Stopped::default()));
        }
        // What is decided about one content must hold until it is noted.
        let _settling = context.pool.settling();
        if let Err(error) = context.sink.tick(context.domains) {
            context.pool.fail(error);
            return;
        }
    }
}
