//! The diagnosis: plain data, a line that a person reads, and JSON.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::cause::Cause;

/// A line names no more services than this, nor more groups of standalone tasks, and counts the
/// rest.
pub const SERVICES_NAMED_MAX: usize = 10;

/// Why a drain waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The services with tasks on the instance, those with most tasks first.
    pub services: Vec<ServiceDiagnosis>,
    /// Tasks of no service, by group.
    pub standalone: Vec<StandaloneTasks>,
    /// How many tasks are protected from being scaled in.
    pub protected_tasks: usize,
    /// Until when the last of them is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected_until: Option<DateTime<Utc>>,
    /// True if the instance's agent is connected: while it is not, no task's status moves.
    pub agent_connected: bool,
}

/// Why the tasks of one service are still on the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDiagnosis {
    /// The service's name.
    pub name: String,
    /// Its running tasks on the instance that are desired RUNNING.
    pub running: usize,
    /// Those that are desired RUNNING and do not run yet.
    pub pending: usize,
    /// How many of these two are protected from being scaled in.
    #[serde(skip)]
    pub protected: usize,
    /// Those that are being stopped, by last status; as JSON their number.
    #[serde(serialize_with = "total")]
    pub stopping: BTreeMap<String, usize>,
    /// Why: as JSON the fields `cause` and `detail`.
    #[serde(flatten)]
    pub cause: Cause,
}

/// Standalone tasks of one group. ECS never drains them: they end on their own, or at the drain
/// timeout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StandaloneTasks {
    /// Their group: `family:NAME`, or what their starter chose.
    pub group: String,
    /// The tasks that are desired RUNNING.
    pub tasks: usize,
    /// How many somebody is stopping.
    pub stopping: usize,
}

impl ServiceDiagnosis {
    /// All its tasks on the instance.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.running + self.pending + self.stopping.values().sum::<usize>()
    }
}

fn total<S: Serializer>(by_status: &BTreeMap<String, usize>, serializer: S) -> Result<S::Ok, S::Error> {
    by_status.values().sum::<usize>().serialize(serializer)
}

/// `web: 3 running, 1 stopping: no room for the replacement (memory)`. Other services follow after
/// "; ".
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.agent_connected {
            parts.push("the agent is disconnected, and no task's status moves until it is back".to_owned());
        }
        name(&self.services, "services", &mut parts);
        name(&self.standalone, "groups of standalone tasks", &mut parts);
        if self.services.is_empty() && self.standalone.is_empty() {
            parts.push("no task is left".to_owned());
        }
        f.write_str(&parts.join("; "))
    }
}

fn name<T: fmt::Display>(all: &[T], of_what: &str, parts: &mut Vec<String>) {
    parts.extend(all.iter().take(SERVICES_NAMED_MAX).map(T::to_string));
    let rest = all.len().saturating_sub(SERVICES_NAMED_MAX);
    if rest > 0 {
        parts.push(format!("and {rest} more {of_what}"));
    }
}

/// `web: 3 running (1 protected), 1 stopping: no room for the replacement (memory)`
impl fmt::Display for ServiceDiagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stopping = self.stopping.values().sum();
        let counts = [(self.running, "running"), (self.pending, "pending"), (stopping, "stopping")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        write!(f, "{}: {}", self.name, counts.join(", "))?;
        if self.protected > 0 && !matches!(self.cause, Cause::Protected { .. }) {
            write!(f, " ({} protected)", self.protected)?;
        }
        write!(f, ": {}", self.cause)
    }
}

/// `family:job: 2 standalone, which ECS never drains`
impl fmt::Display for StandaloneTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.group)?;
        match (self.tasks, self.stopping) {
            (0, stopping) => write!(f, "{stopping} standalone, stopping"),
            (tasks, 0) => write!(f, "{tasks} standalone, which ECS never drains"),
            (tasks, stopping) => {
                write!(f, "{tasks} standalone, which ECS never drains, {stopping} more stopping")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::cause::Lacking;
    use super::super::fixture::at;
    use super::*;

    fn held(name: &str, running: usize, cause: Cause) -> ServiceDiagnosis {
        let (name, stopping) = (name.to_owned(), BTreeMap::new());
        ServiceDiagnosis { name, running, pending: 0, protected: 0, stopping, cause }
    }

    fn job() -> StandaloneTasks {
        StandaloneTasks { group: "family:job".to_owned(), tasks: 2, stopping: 0 }
    }

    fn of(services: Vec<ServiceDiagnosis>, standalone: Vec<StandaloneTasks>) -> Diagnosis {
        Diagnosis { services, standalone, protected_tasks: 0, protected_until: None, agent_connected: true }
    }

    fn web() -> ServiceDiagnosis {
        let stopping = [("STOPPING".to_owned(), 1), ("DEACTIVATING".to_owned(), 1)].into();
        ServiceDiagnosis { stopping, ..held("web", 3, Cause::NoRoom(Lacking::Memory)) }
    }

    #[test]
    fn it_reads_as_one_would_say_it() {
        let api = held("api", 1, Cause::Protected { until: Some(at(0)) });
        assert_eq!(
            of(vec![web(), api], vec![job()]).to_string(),
            "web: 3 running, 2 stopping: no room for the replacement (memory); api: 1 running: protected until \
             2027-01-15 08:00 UTC; family:job: 2 standalone, which ECS never drains"
        );
    }

    #[test]
    fn every_cause_reads_on_from_its_counts() {
        for (cause, said) in [
            (
                Cause::NoLeeway { desired: 1, minimum: 100, maximum: 150 },
                "minimum 100 % and maximum 150 % of 1 let ECS neither stop nor start a task first: it will not drain \
                 until they are changed",
            ),
            (
                Cause::Replacing { desired: 3, running: 2, pending: 1 },
                "waiting for replacements to start and be healthy (3 wanted, 2 running, 1 pending)",
            ),
            (Cause::Daemon, "a daemon, which ECS stops once the other tasks have gone"),
            (Cause::Unknown(None), "ECS logged no reason"),
            (
                Cause::Unknown(Some("(service web) sulks.".to_owned())),
                "ECS logged last: (service web) sulks.",
            ),
        ] {
            assert_eq!(
                of(vec![held("web", 1, cause)], vec![]).to_string(),
                format!("web: 1 running: {said}")
            );
        }
    }

    #[test]
    fn protected_tasks_are_reported_where_they_are_not_the_cause() {
        let web = ServiceDiagnosis { pending: 1, protected: 2, ..held("web", 3, Cause::Unhealthy) };
        assert_eq!(
            of(vec![web], vec![]).to_string(),
            "web: 3 running, 1 pending (2 protected): its tasks fail their health checks"
        );
        let api = ServiceDiagnosis { protected: 1, ..held("api", 1, Cause::Protected { until: None }) };
        assert_eq!(of(vec![api], vec![]).to_string(), "api: 1 running: protected from scale-in");
    }

    #[test]
    fn standalone_tasks_that_somebody_stops_are_counted_separately() {
        let some = StandaloneTasks { stopping: 1, ..job() };
        let all = StandaloneTasks { tasks: 0, stopping: 1, ..job() };
        assert_eq!(some.to_string(), "family:job: 2 standalone, which ECS never drains, 1 more stopping");
        assert_eq!(all.to_string(), "family:job: 1 standalone, stopping");
    }

    #[test]
    fn a_disconnected_agent_comes_first() {
        let away = Diagnosis { agent_connected: false, ..of(vec![], vec![job()]) };
        assert_eq!(
            away.to_string(),
            "the agent is disconnected, and no task's status moves until it is back; family:job: 2 standalone, which \
             ECS never drains"
        );
    }

    #[test]
    fn where_nothing_is_left_it_says_so() {
        assert_eq!(of(vec![], vec![]).to_string(), "no task is left");
    }

    #[test]
    fn the_line_names_ten_and_counts_the_rest() {
        let services =
            |count: usize| (0..count).map(|it| held(&format!("s{it}"), 1, Cause::Daemon)).collect();
        let groups = |count: usize| vec![job(); count];
        let ten = of(services(10), groups(10)).to_string();
        assert!(ten.contains("s9:") && !ten.contains("more"), "{ten}");
        let more = of(services(12), groups(13)).to_string();
        assert!(!more.contains("s10:") && more.contains("s9: 1 running: a daemon"), "{more}");
        assert!(more.contains("; and 2 more services; family:job"), "{more}");
        assert_eq!(more.matches("family:job").count(), 10);
        assert!(more.ends_with("; and 3 more groups of standalone tasks"), "{more}");
    }

    #[test]
    fn as_json_it_keeps_its_names() {
        let diagnosis = Diagnosis {
            protected_tasks: 1,
            protected_until: Some(at(0)),
            ..of(vec![ServiceDiagnosis { protected: 1, ..web() }], vec![job()])
        };
        assert_eq!(
            serde_json::to_value(&diagnosis).unwrap(),
            json!({
                "services": [{
                    "name": "web", "running": 3, "pending": 0, "stopping": 2,
                    "cause": "no-room", "detail": "no room for the replacement (memory)",
                }],
                "standalone": [{"group": "family:job", "tasks": 2, "stopping": 0}],
                "protectedTasks": 1,
                "protectedUntil": "2027-01-15T08:00:00Z",
                "agentConnected": true,
            })
        );
    }
}
