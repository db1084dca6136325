//! How far it is: on a terminal one line that is written anew, otherwise a line now and then.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fleetkeeper_campaign::campaign::Tally;

pub(crate) struct Progress {
    seeds: u64,
    began: Instant,
    every: Duration,
    on_terminal: bool,
    reported: Mutex<Instant>,
}

impl Progress {
    pub(crate) fn new(seeds: u64, began: Instant) -> Self {
        let on_terminal = stderr().is_terminal();
        let every = if on_terminal { Duration::from_millis(250) } else { Duration::from_secs(10) };
        Self { seeds, began, every, on_terminal, reported: Mutex::new(began) }
    }

    pub(crate) fn report(&self, tally: &Tally) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.elapsed() < self.every {
            return;
        }
        *reported = Instant::now();
        let a_second = per_second(tally.histories, self.began.elapsed());
        let left = self.seeds.saturating_sub(tally.histories).checked_div(a_second).unwrap_or(0);
        let failed: Vec<String> = tally.failures.iter().map(|(seed, _)| seed.to_string()).collect();
        let failed =
            if failed.is_empty() { String::new() } else { format!(", failed: {}", failed.join(" ")) };
        let histories = tally.histories;
        let line = format!("{histories} of {} histories, {a_second}/s, {left} s left{failed}", self.seeds);
        if self.on_terminal {
            eprint!("\r{line}\u{1b}[K");
        } else {
            eprintln!("{line}");
        }
    }

    /// How many scenarios were played to shrink one.
    pub(crate) fn shrinking(&self, plays: u32) {
        if self.on_terminal {
            eprint!("\rshrinking: {plays} played\u{1b}[K");
        }
    }

    pub(crate) fn done(&self) {
        if self.on_terminal {
            eprint!("\r\u{1b}[K");
        }
    }
}

/// Rounded down.
pub(crate) fn per_second(count: u64, took: Duration) -> u64 {
    let rate = u128::from(count) * 1000 / took.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}
