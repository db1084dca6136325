//! Bounds: what the tasks of a trace would take if all of them ran at once, packed.
//!
//! Hosts are counted by first-fit decreasing. That is no proven minimum, but a few percent from it.

use crate::trace::{Event, HostType, Needs, Trace};

/// The longest launch, in minutes: an oracle has its hosts this much before it needs them.
const ORACLE_MINUTES: usize = 3;

/// The hosts of both bounds, minute by minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// As many as the tasks need in this minute.
    pub packed: Vec<u64>,
    /// As many as an oracle has, which launches each host just early enough.
    pub oracle: Vec<u64>,
}

impl Bound {
    /// The bounds of a trace.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let packed = packed(trace);
        let ahead = |minute: usize| packed.iter().skip(minute).take(ORACLE_MINUTES + 1).max().copied();
        let oracle = (0..packed.len()).map(|minute| ahead(minute).unwrap_or(0)).collect();
        Self { packed, oracle }
    }
}

/// The sum of hosts by the minute, in hours.
#[must_use]
pub fn host_hours(minutes: &[u64]) -> f64 {
    let sum: u64 = minutes.iter().sum();
    u32::try_from(sum).map_or(f64::INFINITY, f64::from) / 60.0
}

/// The tasks at the end of each minute, packed.
fn packed(trace: &Trace) -> Vec<u64> {
    let kinds: Vec<Needs> = trace.services.iter().chain(&trace.kinds).map(|kind| kind.needs).collect();
    let changes = changes(trace);
    let mut counts = vec![0_u64; kinds.len()];
    let mut changes = changes.into_iter().peekable();
    let minutes = trace.seconds.div_ceil(60);
    let mut last: Option<u64> = None;
    (0..minutes)
        .map(|minute| {
            let mut is_new = false;
            while let Some((_, change)) = changes.next_if(|(second, _)| *second < (minute + 1) * 60) {
                change.apply(&mut counts);
                is_new = true;
            }
            match last.filter(|_| !is_new) {
                Some(hosts) => hosts,
                None => *last.insert(hosts(&trace.host, &kinds, &counts)),
            }
        })
        .collect()
}

#[derive(Debug, Clone, Copy)]
enum Change {
    To(usize, u64),
    More(usize),
    Less(usize),
}

impl Change {
    fn apply(self, counts: &mut [u64]) {
        let (Self::To(kind, _) | Self::More(kind) | Self::Less(kind)) = self;
        let Some(count) = counts.get_mut(kind) else { return };
        *count = match self {
            Self::To(_, to) => to,
            Self::More(_) => *count + 1,
            Self::Less(_) => count.saturating_sub(1),
        };
    }
}

fn changes(trace: &Trace) -> Vec<(u32, Change)> {
    let services = trace.services.len();
    let mut changes: Vec<(u32, Change)> = Vec::new();
    for (second, event) in &trace.events {
        match *event {
            Event::Desired { service, count } => changes.push((*second, Change::To(service, count.into()))),
            Event::Batch { kind, seconds } => {
                changes.push((*second, Change::More(services + kind)));
                changes.push((second.saturating_add(seconds), Change::Less(services + kind)));
            }
            Event::Deploy { .. } | Event::Reclaim { .. } => {}
        }
    }
    changes.sort_by_key(|(second, _)| *second);
    changes
}

/// The hosts of one type that hold these numbers of tasks: first-fit, the largest kind first.
#[must_use]
pub fn hosts(host: &HostType, kinds: &[Needs], counts: &[u64]) -> u64 {
    let share = |needs: &Needs| host.holds(*needs);
    let mut order: Vec<(&Needs, u64)> = kinds.iter().zip(counts.iter().copied()).collect();
    order.retain(|(_, count)| *count > 0);
    order.sort_by_key(|(needs, _)| (share(needs), **needs));
    let mut open: Vec<HostType> = Vec::new();
    for (needs, mut left) in order {
        for free in &mut open {
            let placed = free.holds(*needs).min(left);
            free.take(*needs, placed);
            left -= placed;
        }
        while left > 0 {
            // A task that fits on no host counts as one host.
            let placed = host.holds(*needs).clamp(1, left);
            let mut free = host.clone();
            free.take(*needs, placed);
            open.push(free);
            left -= placed;
        }
    }
    u64::try_from(open.len()).unwrap_or(u64::MAX)
}

impl HostType {
    fn take(&mut self, needs: Needs, count: u64) {
        self.cpu = self.cpu.saturating_sub(needs.cpu * count);
        self.memory = self.memory.saturating_sub(needs.memory * count);
        self.gpus = self.gpus.saturating_sub(needs.gpus * u32::try_from(count).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{BatchAs, Kind};

    fn trace(events: Vec<(u32, Event)>) -> Trace {
        let kind = |name: &str, cpu| Kind { name: name.to_owned(), needs: Needs::new(cpu, 100) };
        Trace {
            name: "t".to_owned(),
            source: "here".to_owned(),
            host: HostType::new("h", 2048, 4000, 0),
            services: vec![kind("web", 512)],
            kinds: vec![kind("batch", 1536)],
            batch_as: BatchAs::Standalone,
            events,
            seconds: 600,
        }
    }

    #[test]
    fn small_tasks_fill_what_large_ones_leave() {
        let host = HostType::new("h", 2048, 4000, 0);
        let kinds = [Needs::new(512, 100), Needs::new(1536, 100)];
        assert_eq!(hosts(&host, &kinds, &[2, 2]), 2);
        assert_eq!(hosts(&host, &kinds, &[3, 2]), 3);
        assert_eq!(hosts(&host, &kinds, &[0, 0]), 0);
        assert_eq!(hosts(&host, &[Needs::new(9000, 1)], &[2]), 2, "what fits nowhere has a host of its own");
    }

    #[test]
    fn the_oracle_has_its_hosts_three_minutes_early() {
        let web = |count| Event::Desired { service: 0, count };
        let batch = Event::Batch { kind: 0, seconds: 90 };
        let bound = Bound::of(&trace(vec![(0, web(4)), (300, web(8)), (360, batch), (420, web(1))]));
        assert_eq!(bound.packed, [1, 1, 1, 1, 1, 2, 3, 1, 1, 1]);
        assert_eq!(bound.oracle, [1, 1, 2, 3, 3, 3, 3, 1, 1, 1]);
        assert!((host_hours(&bound.packed) - 13.0 / 60.0).abs() < 1e-9);
    }
}
