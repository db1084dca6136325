//! From what was read to a diagnosis.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::cause::Cause;
use super::replica::{self, Protected};
use super::report::{Diagnosis, ServiceDiagnosis, StandaloneTasks};
use crate::service::Service;
use crate::task::{DesiredStatus, Task, TaskArn, TaskProtection};

/// The reads of an instance that drains.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The tasks on it; those that have stopped are passed over.
    pub tasks: &'a [Task],
    /// The services of those tasks, as far as ECS described them.
    pub services: &'a [Service],
    /// The protections of those tasks, as far as ECS answered.
    pub protections: &'a [TaskProtection],
    /// True if the instance's agent is connected.
    pub agent_connected: bool,
}

/// Diagnoses a drain that began at `began`.
#[must_use]
pub fn diagnose(evidence: &Evidence<'_>, began: DateTime<Utc>, now: DateTime<Utc>) -> Diagnosis {
    let in_force = |it: &&TaskProtection| it.protected && it.until.is_none_or(|until| until > now);
    let protections: Protections<'_> =
        evidence.protections.iter().filter(in_force).map(|it| (&it.task, it.until)).collect();
    let mut by_service = BTreeMap::<&str, Held>::new();
    let mut by_group = BTreeMap::<&str, Held>::new();
    for task in evidence.tasks.iter().filter(|task| !task.is_stopped()) {
        let held = match task.service() {
            Some(name) => by_service.entry(name).or_default(),
            None => by_group.entry(&task.group).or_default(),
        };
        held.add(task, &protections);
    }

    let protected = || by_service.values().map(|held| held.protected);
    let (protected_tasks, protected_until) =
        (protected().map(|it| it.tasks).sum(), protected().filter_map(|it| it.until).max());
    let mut services: Vec<_> = by_service
        .into_iter()
        .map(|(name, held)| {
            let service = evidence.services.iter().find(|service| service.name == name);
            let cause = held.cause(service, began, now);
            ServiceDiagnosis {
                name: name.to_owned(),
                running: held.running,
                pending: held.pending,
                protected: held.protected.tasks,
                stopping: held.stopping,
                cause,
            }
        })
        .collect();
    // Stable: names stay in order among equals.
    services.sort_by_key(|service| Reverse(service.tasks()));
    let standalone = by_group.into_iter().map(|(group, held)| StandaloneTasks {
        group: group.to_owned(),
        tasks: held.to_move(),
        stopping: held.stopping.values().sum(),
    });
    Diagnosis {
        services,
        standalone: standalone.collect(),
        protected_tasks,
        protected_until,
        agent_connected: evidence.agent_connected,
    }
}

/// The tasks that are protected, and until when.
type Protections<'a> = BTreeMap<&'a TaskArn, Option<DateTime<Utc>>>;

/// The tasks of one service, or of one group, on the instance.
#[derive(Default)]
struct Held {
    running: usize,
    pending: usize,
    protected: Protected,
    stopping: BTreeMap<String, usize>,
}

impl Held {
    fn add(&mut self, task: &Task, protections: &Protections<'_>) {
        if task.desired_status == DesiredStatus::Stopped {
            *self.stopping.entry(task.last_status.clone()).or_default() += 1;
            return;
        }
        match task.last_status.as_str() {
            "PROVISIONING" | "PENDING" | "ACTIVATING" => self.pending += 1,
            _ => self.running += 1,
        }
        if let Some(&until) = protections.get(&task.arn) {
            self.protected.tasks += 1;
            self.protected.until = self.protected.until.max(until);
        }
    }

    fn to_move(&self) -> usize {
        self.running + self.pending
    }

    fn cause(&self, service: Option<&Service>, began: DateTime<Utc>, now: DateTime<Utc>) -> Cause {
        match service {
            _ if self.to_move() == 0 => self.why_still_stopping(),
            None => Cause::NotDescribed,
            Some(service) => replica::cause(service, self.to_move(), self.protected, began, now),
        }
    }

    /// By the task that has most before it: a task passes DEACTIVATING, STOPPING and DEPROVISIONING
    /// in this order (Developer Guide, "Task lifecycle").
    fn why_still_stopping(&self) -> Cause {
        let stages = self.stopping.keys().map(|status| match status.as_str() {
            "DEACTIVATING" => (1, Cause::DeregistrationDelay),
            "STOPPING" => (2, Cause::StopTimeout),
            "DEPROVISIONING" => (3, Cause::NetworkInterface),
            _ => (0, Cause::NotYetStopping),
        });
        stages.min_by_key(|&(stage, _)| stage).map_or(Cause::Unknown(None), |(_, cause)| cause)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{at, service, stopping, task};
    use super::*;
    use crate::drain::diagnosis::cause::Lacking;

    fn evidence<'a>(tasks: &'a [Task], services: &'a [Service]) -> Evidence<'a> {
        Evidence { tasks, services, protections: &[], agent_connected: true }
    }

    fn causes(tasks: &[Task], services: &[Service]) -> Vec<Cause> {
        let diagnosis = diagnose(&evidence(tasks, services), at(0), at(60));
        diagnosis.services.into_iter().map(|service| service.cause).collect()
    }

    fn protection(arn: &str, protected: bool, until: Option<i64>) -> TaskProtection {
        TaskProtection { task: TaskArn(arn.to_owned()), protected, until: until.map(at) }
    }

    #[test]
    fn tasks_are_counted_by_desired_and_last_status() {
        let mut tasks = vec![
            task("1", "service:web"),
            stopping("3", "service:web", "DEACTIVATING"),
            stopping("4", "service:web", "STOPPING"),
            stopping("5", "service:web", "STOPPING"),
        ];
        tasks.extend(
            ["PENDING", "PROVISIONING", "ACTIVATING", "STOPPED"]
                .map(|status| Task { last_status: status.to_owned(), ..task("2", "service:web") }),
        );
        let diagnosis = diagnose(&evidence(&tasks, &[]), at(0), at(60));
        let web = &diagnosis.services[0];
        assert_eq!((web.running, web.pending, web.tasks()), (1, 3, 7));
        assert_eq!(web.stopping, [("DEACTIVATING".to_owned(), 1), ("STOPPING".to_owned(), 2)].into());
    }

    #[test]
    fn services_with_most_tasks_come_first() {
        let tasks = ["service:b", "service:c", "service:a", "service:c"].map(|group| task("t", group));
        let diagnosis = diagnose(&evidence(&tasks, &[]), at(0), at(60));
        let names: Vec<_> = diagnosis.services.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["c", "a", "b"]);
    }

    #[test]
    fn standalone_tasks_are_reported_by_group() {
        let tasks = [
            task("1", "family:job"),
            task("2", "family:job"),
            stopping("3", "family:job", "STOPPING"),
            task("4", "family:import"),
        ];
        let diagnosis = diagnose(&evidence(&tasks, &[]), at(0), at(60));
        assert_eq!(diagnosis.services, []);
        let groups: Vec<_> =
            diagnosis.standalone.iter().map(|it| (it.group.as_str(), it.tasks, it.stopping)).collect();
        assert_eq!(groups, [("family:import", 1, 0), ("family:job", 2, 1)]);
    }

    #[test]
    fn each_service_is_diagnosed_by_its_own_description() {
        let full = service("web", 3).with_events([(30, "was unable to place a task. RESOURCE:CPU")]);
        let tasks = [task("1", "service:web"), task("2", "service:api")];
        let services = [service("api", 1), full];
        assert_eq!(causes(&tasks, &services), [Cause::Unknown(None), Cause::NoRoom(Lacking::Cpu)]);
    }

    #[test]
    fn a_service_that_is_not_described_is_said_to_be_so() {
        assert_eq!(causes(&[task("1", "service:web")], &[service("api", 1)]), [Cause::NotDescribed]);
    }

    #[test]
    fn where_all_is_stopping_the_status_shows_the_reason_described_or_not() {
        for (status, cause) in [
            ("DEACTIVATING", Cause::DeregistrationDelay),
            ("STOPPING", Cause::StopTimeout),
            ("DEPROVISIONING", Cause::NetworkInterface),
            ("RUNNING", Cause::NotYetStopping),
            ("SOMETHING_NEW", Cause::NotYetStopping),
        ] {
            let tasks = [stopping("1", "service:web", status)];
            assert_eq!(causes(&tasks, &[])[0], cause, "{status}");
            assert_eq!(causes(&tasks, &[service("web", 1)])[0], cause, "{status}");
        }
    }

    #[test]
    fn of_several_that_stop_the_one_with_most_before_it_wins() {
        let tasks = ["DEPROVISIONING", "STOPPING", "DEACTIVATING"].map(|it| stopping("1", "service:web", it));
        assert_eq!(causes(&tasks, &[]), [Cause::DeregistrationDelay]);
        assert_eq!(causes(&tasks[..2], &[]), [Cause::StopTimeout]);
        assert_eq!(causes(&tasks[..1], &[]), [Cause::NetworkInterface]);
    }

    #[test]
    fn one_that_is_desired_running_wins_over_those_that_stop() {
        let tasks = [stopping("1", "service:web", "STOPPING"), task("2", "service:web")];
        assert_eq!(causes(&tasks, &[service("web", 1)]), [Cause::Unknown(None)]);
    }

    #[test]
    fn the_protected_are_counted_with_the_time_of_the_last_and_those_of_old_are_not() {
        let tasks = ["1", "2", "3", "4", "5"].map(|arn| task(arn, "service:web"));
        let protections = [
            protection("1", true, Some(200)),
            protection("2", true, Some(100)),
            protection("3", false, Some(300)),
            protection("4", true, Some(60)),
            protection("elsewhere", true, Some(400)),
        ];
        let services = [service("web", 5)];
        let evidence = Evidence { protections: &protections, ..evidence(&tasks, &services) };
        let diagnosis = diagnose(&evidence, at(0), at(60));
        assert_eq!((diagnosis.protected_tasks, diagnosis.protected_until), (2, Some(at(200))));
        assert_eq!(diagnosis.services[0].protected, 2);
        assert_eq!(diagnosis.services[0].cause, Cause::Protected { until: Some(at(200)) });
        // One second before, the fourth was protected, too.
        assert_eq!(diagnose(&evidence, at(0), at(59)).protected_tasks, 3);
    }

    #[test]
    fn a_pending_task_is_desired_running_like_a_running_one() {
        let pending = Task { last_status: "PENDING".to_owned(), ..task("1", "service:web") };
        assert_eq!(causes(&[pending], &[]), [Cause::NotDescribed]);
    }

    #[test]
    fn a_task_that_is_stopping_is_protected_no_more() {
        let tasks = [stopping("1", "service:web", "STOPPING")];
        let protections = [protection("1", true, None)];
        let evidence = Evidence { protections: &protections, ..evidence(&tasks, &[]) };
        assert_eq!(diagnose(&evidence, at(0), at(60)).protected_tasks, 0);
    }
}
