//! How far it is: on a terminal one line that is written anew, otherwise a line now and then.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fleetkeeper_lab::experiment::Progress;

pub(crate) struct Bar {
    began: Instant,
    every: Duration,
    on_terminal: bool,
    reported: Mutex<Instant>,
}

impl Bar {
    pub(crate) fn new() -> Self {
        let (began, on_terminal) = (Instant::now(), stderr().is_terminal());
        let every = if on_terminal { Duration::from_millis(250) } else { Duration::from_secs(10) };
        Self { began, every, on_terminal, reported: Mutex::new(began) }
    }

    pub(crate) fn report(&self, progress: Progress) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.elapsed() < self.every {
            return;
        }
        *reported = Instant::now();
        let Progress { done, of } = progress;
        let percent = (done * 100).checked_div(of).unwrap_or(0);
        let took = u128::from(self.began.elapsed().as_secs());
        let left = (took * u128::from(of.saturating_sub(done))).checked_div(done.into()).unwrap_or(0);
        let line = format!("{percent} % played, {left} s left");
        if self.on_terminal {
            eprint!("\r{line}\u{1b}[K");
        } else {
            eprintln!("{line}");
        }
    }

    pub(crate) fn done(&self) {
        if self.on_terminal {
            eprint!("\r\u{1b}[K");
        }
    }
}
