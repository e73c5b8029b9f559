//! Where log lines go: a buffer that one thread writes to stderr. A line costs the request
//! a lock and a copy, never a system call; a reader that stalls costs lines, which are
//! counted, and never a request.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// Lines are dropped when so much is waiting, in bytes.
const MAX_WAITING: usize = 8 * 1024 * 1024;
/// Enough to be written without waiting for more; two of these stay in a core's cache.
const BATCH: usize = 64 * 1024;
/// How long a line may wait for others.
const GATHER: Duration = Duration::from_millis(20);

/// The handle on the buffer; clones share it.
#[derive(Clone, Debug)]
pub struct Sink(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    dropped: u64,
    writing: bool,
    flush: bool,
}

impl Sink {
    /// A sink with its thread, writing to stderr.
    #[must_use]
    pub fn stderr() -> Self {
        let shared = Arc::new(Shared::default());
        let thread = Arc::clone(&shared);
        let run = move || run(&thread, &mut std::io::stderr());
        if std::thread::Builder::new().name("log".to_owned()).spawn(run).is_err() {
            eprintln!("cannot start the log thread, there will be no log");
        }
        Self(shared)
    }

    /// Adds whole lines.
    pub fn push(&self, lines: &[u8]) {
        let mut state = self.0.state.lock();
        if state.waiting.len() + lines.len() > MAX_WAITING {
            state.dropped += 1;
            return;
        }
        let first = state.waiting.is_empty();
        state.waiting.extend_from_slice(lines);
        if first || state.waiting.len() >= BATCH {
            drop(state);
            self.0.wake.notify_one();
        }
    }

    /// Waits until everything so far has been written, or a second has passed.
    pub fn flush(&self) {
        let mut state = self.0.state.lock();
        while !state.waiting.is_empty() || state.writing {
            state.flush = true;
            self.0.wake.notify_one();
            if self.0.written.wait_for(&mut state, Duration::from_secs(1)).timed_out() {
                return;
            }
        }
    }
}

fn run(shared: &Shared, out: &mut dyn Write) {
    let mut batch = Vec::new();
    loop {
        let dropped = {
            let mut state = shared.state.lock();
            while state.waiting.is_empty() {
                shared.wake.wait(&mut state);
            }
            if state.waiting.len() < BATCH && !state.flush {
                shared.wake.wait_for(&mut state, GATHER);
            }
            std::mem::swap(&mut state.waiting, &mut batch);
            state.writing = true;
            state.flush = false;
            std::mem::take(&mut state.dropped)
        };
        // A closed stderr is nobody to tell about.
        let _ = out.write_all(&batch);
        if dropped > 0 {
            let _ = writeln!(
                out,
                "{{\"level\":\"WARN\",\"message\":\"log lines dropped\",\"count\":{dropped}}}"
            );
        }
        batch.clear();
        shared.state.lock().writing = false;
        shared.written.notify_all();
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = LineWriter<'a>;
    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter { sink: self }
    }
}

/// Hands what `tracing-subscriber` formats to the sink; it writes a line at a time.
#[derive(Debug)]
pub struct LineWriter<'a> {
    sink: &'a Sink,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.sink.push(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
