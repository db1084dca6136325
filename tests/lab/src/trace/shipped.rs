//! Traces that the laboratory draws from a seed.
//!
//! | name | what it shows |
//! | --- | --- |
//! | `wave` | a day's wave of one web service, with a flash crowd in the afternoon |
//! | `burst` | 240 tasks in four shapes at once, for an hour |
//! | `nightly` | services of the day, and hundreds of batch tasks at night |
//! | `mixed` | services and a steady flow of batch tasks |
//! | `mixed-standalone` | the same, with batch tasks that `RunTask` starts |
//! | `deployments` | rolling deployments of two large services |
//! | `spot` | a wave in which EC2 takes a third of the hosts back, twice |

use fleetkeeper_sim::world::chance::Chance;

use super::{BatchAs, Event, HostType, Kind, Needs, Trace};

const HOUR: u32 = 3600;
const DAY: u32 = 24 * HOUR;

/// All of them, drawn from a seed.
#[must_use]
pub fn all(seed: u64) -> Vec<Trace> {
    let mixed = mixed(seed);
    let standalone =
        Trace { name: "mixed-standalone".to_owned(), ..mixed.clone().running_batch_as(BatchAs::Standalone) };
    vec![wave(seed), burst(), nightly(seed), mixed, standalone, deployments(), spot(seed)]
}

struct Draft {
    services: Vec<Kind>,
    kinds: Vec<Kind>,
    events: Vec<(u32, Event)>,
}

impl Draft {
    fn new(services: &[(&str, u64, u64)], kinds: &[(&str, u64, u64)]) -> Self {
        let kinds_of = |all: &[(&str, u64, u64)]| {
            let kind = |(name, cpu, memory): &(&str, u64, u64)| Kind {
                name: (*name).to_owned(),
                needs: Needs::new(*cpu, *memory),
            };
            all.iter().map(kind).collect()
        };
        Self { services: kinds_of(services), kinds: kinds_of(kinds), events: Vec::new() }
    }

    fn wants(&mut self, second: u32, service: usize, count: u32) {
        self.events.push((second, Event::Desired { service, count }));
    }

    fn batch(&mut self, second: u32, kind: usize, seconds: u32) {
        self.events.push((second, Event::Batch { kind, seconds }));
    }

    fn named(mut self, name: &str, seconds: u32, host: HostType) -> Trace {
        self.events.sort_by_key(|(second, _)| *second);
        Trace {
            name: name.to_owned(),
            source: "drawn".to_owned(),
            host,
            services: self.services,
            kinds: self.kinds,
            batch_as: BatchAs::Workers,
            events: self.events,
            seconds,
        }
    }
}

fn host() -> HostType {
    HostType::new("m5.xlarge", 4096, 15_500, 0)
}

/// A day in permille of its peak, by the hour.
const DAY_SHAPE: [u32; 24] = [
    250, 200, 170, 160, 170, 220, 320, 470, 640, 760, 830, 870, 900, 880, 860, 870, 900, 950, 1000, 980, 880,
    700, 500, 350,
];

/// What a service wants each five minutes of a day: the shape, and a tenth of noise. Down no sooner
/// than a quarter of an hour after the last need, as target tracking does it.
fn day(chance: &mut Chance, peak: u32) -> Vec<(u32, u32)> {
    const STEP: u32 = 300;
    let load: Vec<u32> = (0..DAY / STEP)
        .map(|step| {
            let (hour, part) = (step * STEP / HOUR, step * STEP % HOUR);
            let of = |hour: u32| {
                let place = usize::try_from(hour % 24).unwrap_or(0);
                DAY_SHAPE.get(place).copied().unwrap_or(0)
            };
            let shape = (of(hour) * (HOUR - part) + of(hour + 1) * part) / HOUR;
            let noise = u32::try_from(chance.between(950, 1050)).unwrap_or(1000);
            (peak * shape / 1000 * noise / 1000).max(2)
        })
        .collect();
    let held = load.windows(3).map(|last| last.iter().copied().max().unwrap_or(2));
    let first = load.first().copied().unwrap_or(2);
    let mut wanted: Vec<(u32, u32)> = vec![(0, first)];
    for (step, count) in (2..).zip(held) {
        if wanted.last().is_some_and(|(_, before)| *before != count) {
            wanted.push((step * STEP, count));
        }
    }
    wanted
}

/// A flash crowd: three times the tasks at once, for 40 minutes.
const CROWD: (u32, u32) = (15 * HOUR + 30, 15 * HOUR + 2430);

fn wave(seed: u64) -> Trace {
    let mut chance = Chance::stream(seed, 11);
    let mut draft = Draft::new(&[("web", 512, 1024)], &[]);
    let (begins, ends) = CROWD;
    let mut before = 2;
    for (second, count) in day(&mut chance, 100) {
        if (begins..ends).contains(&second) {
            draft.wants(second, 0, count * 3);
        } else {
            draft.wants(second, 0, count);
        }
        if second < begins {
            before = count;
        }
    }
    draft.wants(begins, 0, before * 3);
    draft.wants(ends, 0, before);
    draft.named("wave", DAY, host())
}

fn burst() -> Trace {
    let shapes = [("a", 256, 512), ("b", 512, 2048), ("c", 1024, 1024), ("d", 2048, 4096)];
    let mut draft = Draft::new(&shapes, &[]);
    for service in 0..shapes.len() {
        draft.wants(0, service, 1);
        draft.wants(HOUR, service, 60);
        draft.wants(2 * HOUR, service, 1);
    }
    draft.named("burst", 5 * HOUR, host())
}

/// Arrivals of batch tasks of three kinds, with a mean distance in seconds.
fn arrivals(draft: &mut Draft, chance: &mut Chance, (from, to): (u32, u32), mean: u64, longest: u64) {
    let mut second = from;
    loop {
        second += u32::try_from(chance.between(1, 2 * mean)).unwrap_or(1);
        if second >= to {
            return;
        }
        let kind = usize::try_from(chance.below(3)).unwrap_or(0);
        let seconds = u32::try_from(chance.between(120, longest)).unwrap_or(120);
        draft.batch(second, kind, seconds);
    }
}

const BATCH: [(&str, u64, u64); 3] = [("report", 1024, 4096), ("encode", 2048, 2048), ("import", 512, 1024)];

fn nightly(seed: u64) -> Trace {
    let mut chance = Chance::stream(seed, 12);
    let mut draft = Draft::new(&[("web", 512, 1024), ("api", 1024, 2048)], &BATCH);
    for (service, peak) in [(0, 40), (1, 20)] {
        for (second, count) in day(&mut chance, peak) {
            draft.wants(second, service, count);
        }
    }
    arrivals(&mut draft, &mut chance, (2 * HOUR, 3 * HOUR), 12, 2400);
    draft.named("nightly", DAY, host())
}

fn mixed(seed: u64) -> Trace {
    let mut chance = Chance::stream(seed, 13);
    let services = [("web", 512, 1024), ("api", 1024, 2048), ("cache", 512, 6144), ("queue", 256, 512)];
    let mut draft = Draft::new(&services, &BATCH);
    for (service, peak) in [(0, 40), (1, 20), (2, 6), (3, 12)] {
        for (second, count) in day(&mut chance, peak) {
            draft.wants(second, service, count);
        }
    }
    arrivals(&mut draft, &mut chance, (0, DAY), 120, 3600);
    draft.named("mixed", DAY, host())
}

fn deployments() -> Trace {
    let mut draft = Draft::new(&[("web", 512, 1024), ("api", 1024, 2048)], &[]);
    draft.wants(0, 0, 80);
    draft.wants(0, 1, 40);
    for hour in [1, 3, 5, 7] {
        draft.events.push((hour * HOUR, Event::Deploy { service: 0 }));
        draft.events.push((hour * HOUR + 1800, Event::Deploy { service: 1 }));
    }
    draft.named("deployments", 9 * HOUR, host())
}

fn spot(seed: u64) -> Trace {
    let mut chance = Chance::stream(seed, 14);
    let mut draft = Draft::new(&[("web", 512, 1024), ("api", 1024, 2048)], &[]);
    for (service, peak) in [(0, 60), (1, 30)] {
        for (second, count) in day(&mut chance, peak) {
            draft.wants(second, service, count);
        }
    }
    for hour in [9, 18] {
        draft.events.push((hour * HOUR, Event::Reclaim { percent: 33 }));
    }
    draft.named("spot", DAY, host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_draws_the_same_traces_and_another_one_others() {
        let events = |seed| all(seed).into_iter().map(|trace| trace.events).collect::<Vec<_>>();
        assert_eq!(events(1), events(1));
        assert_ne!(events(1)[0], events(2)[0]);
    }

    #[test]
    fn each_trace_has_an_order_an_end_and_tasks_that_fit() {
        for trace in all(1) {
            assert!(trace.events.is_sorted_by_key(|(second, _)| *second), "{}", trace.name);
            assert!(trace.events.iter().all(|(second, _)| *second < trace.seconds), "{}", trace.name);
            for kind in trace.services.iter().chain(&trace.kinds) {
                assert!(trace.host.holds(kind.needs) > 0, "{}: {}", trace.name, kind.name);
            }
            assert!(trace.at_start().iter().sum::<u32>() > 0, "{}", trace.name);
        }
    }

    #[test]
    fn the_burst_is_of_240_tasks_and_the_crowd_of_three_times_as_many() {
        let most = |trace: &Trace| {
            let counts = trace.events.iter().filter_map(|(_, event)| match event {
                Event::Desired { count, .. } => Some(*count),
                _ => None,
            });
            counts.max().unwrap()
        };
        assert_eq!(most(&burst()) * 4, 240);
        assert!(most(&wave(1)) > 240);
    }
}
