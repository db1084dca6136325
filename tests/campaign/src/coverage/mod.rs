//! The rare states that histories were in. A campaign that never saw one has not tested it.
//!
//! | module | purpose |
//! | --- | --- |
//! | `seen` | the states, their names, which are expected |
//! | `functions` | those of invocations and calls, found in a history |
//! | `completions` | those of how the drainer ended drains |
//! | `hosts` | those of hosts, hooks and tasks |

mod completions;
mod functions;
mod hosts;
mod seen;

use std::collections::BTreeSet;

use crate::stage::Played;
use completions::Completions;
use functions::Functions;
use hosts::Hosts;

pub use seen::{Seen, all};

/// With fewer histories than this a state that was never seen says little.
pub const SEEDS_MIN: u64 = 5_000;

/// The rare states of a history.
#[must_use]
pub fn seen(played: &Played) -> BTreeSet<Seen> {
    let mut seen = BTreeSet::new();
    let (mut functions, mut hosts) = (Functions::default(), Hosts::default());
    let mut completions = Completions::default();
    for entry in played.world.history().entries() {
        functions.observe(entry, &mut seen);
        hosts.observe(entry, &mut seen);
        completions.observe(entry, &mut seen);
    }
    seen
}
