//! What a cluster's services want of it.

use std::ops::Add;

use serde::Serialize;

use crate::container_instance::ContainerInstance;
use crate::service::{SchedulingStrategy, Service};

/// The tasks that the services want: ACTIVE REPLICA services on EC2, all of them together. Daemons are no demand: they come
/// and go with the hosts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    /// Services that want tasks, or may.
    pub services: u64,
    /// Tasks that they are to run.
    pub desired_tasks: u64,
    /// Of those, the ones that neither run nor are in PENDING: they have no place yet.
    pub missing_tasks: u64,
}

impl Wanted {
    /// What one service wants. One that runs more than it wants, as in the middle of a deployment, misses none.
    #[must_use]
    pub fn by(service: &Service) -> Self {
        let has = service.running.saturating_add(service.pending);
        Self {
            services: 1,
            desired_tasks: service.desired.into(),
            missing_tasks: service.desired.saturating_sub(has).into(),
        }
    }

    /// Whether services are there, none of them wants a task, and none runs or is in PENDING on `hosts`: all can go, and none
    /// is missing. Without services there may be tasks that somebody starts by hand.
    pub(super) fn leaves_idle<'a>(self, mut hosts: impl Iterator<Item = &'a ContainerInstance>) -> bool {
        self.services > 0 && self.desired_tasks == 0 && hosts.all(|host| host.tasks() == 0)
    }
}

impl Add for Wanted {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            services: self.services + other.services,
            desired_tasks: self.desired_tasks + other.desired_tasks,
            missing_tasks: self.missing_tasks + other.missing_tasks,
        }
    }
}

/// Whether a service may start tasks that need a place on a host.
#[must_use]
pub fn is_demand(service: &Service) -> bool {
    service.active && service.is_on_ec2() && service.strategy == SchedulingStrategy::Replica
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{Deployment, Launch};
    use crate::task::TaskDefinitionArn;

    fn deployment(launch: Launch) -> Deployment {
        let definition = TaskDefinitionArn("web:1".to_owned());
        Deployment { task_set: false, definition, launch, desired: 0, running: 0, pending: 0 }
    }

    fn service(desired: u32, running: u32, pending: u32) -> Service {
        Service {
            name: "web".to_owned(),
            active: true,
            deployments: vec![deployment(Launch::Ec2)],
            constraints: Vec::new(),
            spreads_over: Vec::new(),
            strategy: SchedulingStrategy::Replica,
            desired,
            running,
            pending,
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            events: Vec::new(),
        }
    }

    #[test]
    fn one_service_that_runs_more_than_it_wants_is_no_task_of_another() {
        let wanted = Wanted::by(&service(2, 4, 0)) + Wanted::by(&service(5, 1, 1));
        assert_eq!(wanted, Wanted { services: 2, desired_tasks: 7, missing_tasks: 3 });
    }

    #[test]
    fn daemons_and_services_that_are_gone_or_elsewhere_are_no_demand() {
        assert!(is_demand(&service(5, 0, 0)));
        assert!(!is_demand(&Service { strategy: SchedulingStrategy::Daemon, ..service(5, 0, 0) }));
        assert!(!is_demand(&Service { active: false, ..service(5, 0, 0) }));
        assert!(!is_demand(&Service {
            deployments: vec![deployment(Launch::Elsewhere)],
            ..service(5, 0, 0)
        }));
    }
}
