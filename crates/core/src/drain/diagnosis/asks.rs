//! What to ask ECS for a diagnosis: no more than one call each.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::ports::{DESCRIBE_MAX, SERVICES_MAX};
use crate::task::{DesiredStatus, Task, TaskArn};

/// The services to describe: those with most tasks to move first, by name among equals, at most
/// [`SERVICES_MAX`]. One whose tasks are all stopping is not asked for: their statuses say all.
#[must_use]
pub fn services_to_describe(tasks: &[Task]) -> Vec<String> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for name in to_move(tasks).filter_map(Task::service) {
        *counts.entry(name).or_default() += 1;
    }
    let mut by_count: Vec<_> = counts.into_iter().collect();
    // Stable: names stay in order among equals.
    by_count.sort_by_key(|&(_, count)| Reverse(count));
    by_count.into_iter().take(SERVICES_MAX).map(|(name, _)| name.to_owned()).collect()
}

/// The tasks whose protection to ask for, at most [`DESCRIBE_MAX`]: those that are desired RUNNING
/// and belong to a service. Only service tasks can be protected.
#[must_use]
pub fn protections_to_ask(tasks: &[Task]) -> Vec<TaskArn> {
    let of_services = to_move(tasks).filter(|task| task.service().is_some());
    of_services.take(DESCRIBE_MAX).map(|task| task.arn.clone()).collect()
}

fn to_move(tasks: &[Task]) -> impl Iterator<Item = &Task> {
    tasks.iter().filter(|task| task.desired_status == DesiredStatus::Running && !task.is_stopped())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{stopping, task};
    use super::*;

    #[test]
    fn each_service_is_asked_for_once_those_with_most_tasks_first() {
        let tasks = ["service:b", "service:c", "service:a", "service:c"].map(|group| task("t", group));
        assert_eq!(services_to_describe(&tasks), ["c", "a", "b"]);
    }

    #[test]
    fn no_more_services_than_one_call_takes() {
        let mut tasks: Vec<_> = (0..20).map(|number| task("t", &format!("service:s{number:02}"))).collect();
        tasks.push(task("t", "service:s19"));
        let names = services_to_describe(&tasks);
        assert_eq!(names.len(), SERVICES_MAX);
        assert_eq!((names[0].as_str(), names[1].as_str(), names[9].as_str()), ("s19", "s00", "s08"));
    }

    #[test]
    fn what_is_standalone_stopping_or_stopped_is_not_asked_for() {
        let mut stopped = task("t", "service:a");
        stopped.last_status = "STOPPED".to_owned();
        let tasks = [task("t", "family:job"), stopping("t", "service:b", "STOPPING"), stopped];
        assert_eq!(services_to_describe(&tasks), Vec::<String>::new());
        assert_eq!(protections_to_ask(&tasks), []);
    }

    #[test]
    fn no_more_protections_than_one_call_takes() {
        let tasks: Vec<_> = (0..101).map(|number| task(&format!("t{number}"), "service:a")).collect();
        let arns = protections_to_ask(&tasks);
        assert_eq!((arns.len(), arns[99].0.as_str()), (DESCRIBE_MAX, "t99"));
    }
}
