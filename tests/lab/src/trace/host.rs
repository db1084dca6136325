//! The host type that a trace is played on.

use std::str::FromStr;

use serde::Serialize;

use super::Needs;

/// An instance type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostType {
    /// Its name.
    pub name: String,
    /// CPU units.
    pub cpu: u64,
    /// Memory that its agent registers, in MiB.
    pub memory: u64,
    /// GPUs.
    pub gpus: u32,
}

/// Types from small to large, with a little less memory than EC2 advertises.
const LADDER: [(&str, u64, u64, u32); 8] = [
    ("m5.large", 2048, 7_680, 0),
    ("m5.xlarge", 4096, 15_500, 0),
    ("m5.2xlarge", 8192, 31_200, 0),
    ("m5.4xlarge", 16_384, 62_700, 0),
    ("m5.8xlarge", 32_768, 126_000, 0),
    ("m5.16xlarge", 65_536, 253_000, 0),
    ("m5.24xlarge", 98_304, 380_000, 0),
    ("p4d.24xlarge", 98_304, 1_150_000, 8),
];

/// The smallest type that holds two of the largest task in each resource.
const TASKS_ON_A_HOST: u64 = 2;

impl HostType {
    /// A host type.
    #[must_use]
    pub fn new(name: &str, cpu: u64, memory: u64, gpus: u32) -> Self {
        Self { name: name.to_owned(), cpu, memory, gpus }
    }

    /// The smallest type that holds two tasks as large as the largest, or else the largest type.
    #[must_use]
    pub fn for_tasks(tasks: &[Needs]) -> Self {
        let most = |of: fn(&Needs) -> u64| tasks.iter().map(of).max().unwrap_or(0);
        let (cpu, memory) = (most(|it| it.cpu), most(|it| it.memory));
        let gpus = most(|it| it.gpus.into());
        let holds = |(_, has_cpu, has_memory, has_gpus): &&(&str, u64, u64, u32)| {
            let enough = gpus == 0 || u64::from(*has_gpus) >= gpus;
            enough && *has_cpu >= cpu * TASKS_ON_A_HOST && *has_memory >= memory * TASKS_ON_A_HOST
        };
        let [.., largest] = LADDER;
        let (name, cpu, memory, gpus) = LADDER.iter().find(holds).copied().unwrap_or(largest);
        Self::new(name, cpu, memory, gpus)
    }

    /// How many tasks of one kind an empty host holds.
    #[must_use]
    pub fn holds(&self, needs: Needs) -> u64 {
        let parts = [
            self.cpu.checked_div(needs.cpu),
            self.memory.checked_div(needs.memory),
            u64::from(self.gpus).checked_div(needs.gpus.into()),
        ];
        parts.into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

impl FromStr for HostType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split(':').collect();
        let (name, cpu, memory, gpus) = match parts.as_slice() {
            [name, cpu, memory] => (name, cpu, memory, "0"),
            [name, cpu, memory, gpus] => (name, cpu, memory, *gpus),
            _ => return Err(()),
        };
        let host = Self::new(
            name,
            cpu.parse().map_err(drop)?,
            memory.parse().map_err(drop)?,
            gpus.parse().map_err(drop)?,
        );
        if host.name.is_empty() || host.cpu == 0 || host.memory == 0 { Err(()) } else { Ok(host) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_holds_two_of_the_largest_task() {
        let of = |needs: &[Needs]| HostType::for_tasks(needs).name;
        assert_eq!(of(&[Needs::new(512, 1024)]), "m5.large");
        assert_eq!(of(&[Needs::new(512, 1024), Needs::new(1025, 100)]), "m5.xlarge");
        assert_eq!(of(&[Needs { gpus: 1, ..Needs::new(512, 1024) }]), "p4d.24xlarge");
    }

    #[test]
    fn a_host_is_read_from_its_name_and_its_resources() {
        assert_eq!("big:4096:8000".parse(), Ok(HostType::new("big", 4096, 8000, 0)));
        assert_eq!("gpu:4096:8000:2".parse(), Ok(HostType::new("gpu", 4096, 8000, 2)));
        for refused in ["", "big", "big:4096", ":1:1", "big:0:1", "big:1:x", "big:1:1:1:1"] {
            assert_eq!(refused.parse::<HostType>(), Err(()), "{refused}");
        }
    }
}
