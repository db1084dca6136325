//! Traces: a cluster's work, and its times.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`csv`] | traces in files |
//! | [`shipped`] | traces that the laboratory draws from a seed |
//! | `host` | the host type that a trace is played on |

pub mod csv;
mod host;
pub mod shipped;

pub use host::HostType;

/// The needs of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needs {
    /// CPU units, 1,024 to a vCPU.
    pub cpu: u64,
    /// Memory in MiB.
    pub memory: u64,
    /// GPUs.
    pub gpus: u32,
}

impl Needs {
    /// Needs without a GPU.
    #[must_use]
    pub const fn new(cpu: u64, memory: u64) -> Self {
        Self { cpu, memory, gpus: 0 }
    }
}

/// A service or a kind of batch task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// The needs of each of its tasks.
    pub needs: Needs,
}

/// Something that happens in a trace. Numbers are places in the trace's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A service wants this many tasks.
    Desired {
        /// Which service.
        service: usize,
        /// How many tasks.
        count: u32,
    },
    /// A service begins a rolling deployment.
    Deploy {
        /// Which service.
        service: usize,
    },
    /// A batch task arrives.
    Batch {
        /// Of which kind.
        kind: usize,
        /// How long it runs, in seconds.
        seconds: u32,
    },
    /// EC2 wants a share of the Spot Instances back.
    Reclaim {
        /// The share of the hosts, in percent.
        percent: u32,
    },
}

/// How batch tasks are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchAs {
    /// By `RunTask`, again and again until there is room.
    Standalone,
    /// By a service of workers that protect themselves while they work. Its desired count is the
    /// number of tasks that wait or run.
    Workers,
}

/// A cluster's work, and its times.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Its name: the file's, or what it shows.
    pub name: String,
    /// Where it comes from, for people.
    pub source: String,
    /// Its hosts.
    pub host: HostType,
    /// Its services.
    pub services: Vec<Kind>,
    /// Its kinds of batch tasks.
    pub kinds: Vec<Kind>,
    /// How these are run.
    pub batch_as: BatchAs,
    /// The events, by the second from its start, in order.
    pub events: Vec<(u32, Event)>,
    /// When it ends, in seconds.
    pub seconds: u32,
}

impl Trace {
    /// The tasks that each service wants at the start.
    #[must_use]
    pub fn at_start(&self) -> Vec<u32> {
        let mut counts = vec![0; self.services.len()];
        for (_, event) in self.events.iter().take_while(|(second, _)| *second == 0) {
            if let Event::Desired { service, count } = event
                && let Some(known) = counts.get_mut(*service)
            {
                *known = *count;
            }
        }
        counts
    }

    /// The same with batch tasks that are run in another way.
    #[must_use]
    pub fn running_batch_as(mut self, batch_as: BatchAs) -> Self {
        self.batch_as = batch_as;
        self
    }

    /// The same on each of these host types, named by it where there are several: as it is without
    /// any.
    #[must_use]
    pub fn on_each(self, hosts: &[HostType]) -> Vec<Self> {
        if hosts.is_empty() {
            return vec![self];
        }
        let on = |host: &HostType| {
            let name =
                if hosts.len() > 1 { format!("{}-{}", self.name, host.name) } else { self.name.clone() };
            Self { name, host: host.clone(), ..self.clone() }
        };
        hosts.iter().map(on).collect()
    }

    /// Its first seconds.
    #[must_use]
    pub fn cut_to(mut self, seconds: u32) -> Self {
        self.events.retain(|(second, _)| *second < seconds);
        self.seconds = self.seconds.min(seconds);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_played_on_each_host_type_and_named_by_it_where_there_are_several() {
        let trace = shipped::all(1).swap_remove(0);
        let (name, suggested) = (trace.name.clone(), trace.host.clone());
        let (small, large) = (HostType::new("small", 1024, 2000, 0), HostType::new("large", 8192, 16_000, 0));
        let on = |hosts: &[HostType]| {
            let traces = trace.clone().on_each(hosts).into_iter();
            traces.map(|it| (it.name, it.host)).collect::<Vec<_>>()
        };
        assert_eq!(on(&[]), [(name.clone(), suggested)]);
        assert_eq!(on(std::slice::from_ref(&small)), [(name.clone(), small.clone())]);
        let both = [(format!("{name}-small"), small.clone()), (format!("{name}-large"), large.clone())];
        assert_eq!(on(&[small, large]), both);
    }
}
