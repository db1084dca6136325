//! ECS: clusters, their hosts, tasks and services.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`instance_type`], [`container_instance`], [`registration`] | hosts: their resources, their registration and its end |
//! | [`ghost`] | registrations that agents left behind |
//! | [`flapping_agents`] | agents that disconnect on their own |
//! | `agent` | starts tasks on a host, once the last ones have really stopped |
//! | [`task_definition`], [`task`], `task_lifecycle`, `task_end` | tasks, and the statuses that they go through |
//! | [`standalone`], [`submission`] | tasks that no service wants, and owners that retry them |
//! | [`service`], [`rollout`], [`revision`] | services: the tasks that they want, by deployment |
//! | `service_scheduler`, `plan`, `replica_plan`, `daemon_plan` | starts and stops services' tasks by ECS's rules |
//! | `surplus` | the tasks that the scheduler stops first |
//! | [`back_off`] | how long a service waits after its tasks found no room |
//! | [`zone_rebalancing`] | services whose tasks ECS moves to emptier zones |
//! | [`steadiness`] | services that have all their tasks |
//! | [`constraint`], `cluster_query`, `eligibility` | the hosts that a task may be placed on |
//! | [`capacity_provider`], [`strategy`], [`managed_scaling`] | capacity providers, and how ECS scales their groups |
//! | [`managed_draining`] | how ECS drains their instances |
//! | `placement`, `candidates`, [`placement_mode`] | the choice of a host |
//! | [`list`], [`describe`], [`describe_services`], [`describe_task_definition`], [`update_state`], [`stop_task`] | the API operations |
//! | `view`, [`lagging_copy`] | the state that a read sees |
//! | [`serving`], [`request_rate`] | calls from outside, and their throttling |
//! | [`task_protection`] | tasks that their service's scheduler leaves alone |
//! | [`event`], [`service_action`], [`deployment_event`] | the events that ECS sends |
//! | `service_event` | the events that a service's scheduler logs for people |

pub(crate) mod agent;
pub mod back_off;
pub(crate) mod candidates;
pub mod capacity_provider;
pub(crate) mod cluster_query;
pub mod constraint;
pub mod container_instance;
pub(crate) mod daemon_plan;
pub mod deployment_event;
pub mod describe;
pub mod describe_services;
pub mod describe_task_definition;
pub(crate) mod eligibility;
pub mod event;
pub mod flapping_agents;
pub mod ghost;
pub mod instance_type;
pub mod lagging_copy;
pub mod list;
pub mod managed_draining;
pub mod managed_scaling;
pub(crate) mod placement;
pub mod placement_mode;
pub(crate) mod plan;
pub mod registration;
pub(crate) mod replica_plan;
pub mod request_rate;
pub mod revision;
pub mod rollout;
pub mod service;
pub mod service_action;
pub(crate) mod service_event;
pub(crate) mod service_scheduler;
pub mod serving;
pub mod standalone;
pub mod steadiness;
pub mod stop_task;
pub mod strategy;
pub mod submission;
mod surplus;
pub mod task;
pub mod task_definition;
pub(crate) mod task_end;
pub(crate) mod task_lifecycle;
pub mod task_protection;
pub mod update_state;
pub(crate) mod view;
pub mod zone_rebalancing;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::task::TaskArn;

use super::{ACCOUNT, ApiError, REGION, World};
use container_instance::ContainerInstance;
use flapping_agents::Flapping;
use service::Service;
use submission::{StartedSubmission, Submission, SubmissionNumber};
use task::Task;

/// How long ECS shows a stopped task or a deregistered container instance. It promises an hour for
/// tasks.
pub(crate) const REMEMBERED_SECONDS: u32 = 3600;

/// A cluster.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) container_instances: BTreeMap<ContainerInstanceArn, ContainerInstance>,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) tasks: BTreeMap<TaskArn, Task>,
    /// The tasks of each service that have not STOPPED.
    pub(crate) service_tasks: BTreeMap<String, BTreeSet<TaskArn>>,
    /// How its hosts' agents flap, if they do.
    pub(crate) flapping: Option<Flapping>,
    /// How long the service scheduler takes to notice a change.
    pub(crate) scheduler_delay_seconds: u32,
    /// True if the scheduler has noticed one.
    pub(crate) scheduler_due: bool,
    /// True if former deployments show the service's desired count.
    pub(crate) former_deployments_in_full: bool,
    /// Further times at which the scheduler runs.
    pub(crate) scheduler_runs: BTreeSet<DateTime<Utc>>,
    /// True if the scheduler backs off where tasks find no room.
    pub(crate) backs_off: bool,
    /// Standalone tasks that wait for room, by number.
    pub(crate) submissions: BTreeMap<SubmissionNumber, Submission>,
    /// How many were ever submitted.
    pub(crate) submitted: SubmissionNumber,
    /// Those that were placed and not yet taken.
    pub(crate) started_submissions: Vec<StartedSubmission>,
}

impl Cluster {
    pub(crate) fn arn(&self) -> String {
        cluster_arn(&self.name)
    }
}

/// The ARN of a cluster of this name.
#[must_use]
pub fn cluster_arn(name: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{name}")
}

impl World {
    /// Adds an empty cluster. Its service scheduler acts one second after a change: right after an
    /// instance was set DRAINING its tasks still count as running.
    pub fn add_cluster(&mut self, name: &str) {
        let cluster = Cluster {
            name: name.to_owned(),
            container_instances: BTreeMap::new(),
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
            service_tasks: BTreeMap::new(),
            flapping: None,
            scheduler_delay_seconds: 1,
            scheduler_due: false,
            former_deployments_in_full: false,
            scheduler_runs: BTreeSet::new(),
            backs_off: false,
            submissions: BTreeMap::new(),
            submitted: 0,
            started_submissions: Vec::new(),
        };
        self.clusters.insert(name.to_owned(), cluster);
    }

    /// Sets how long a cluster's service scheduler takes to notice a change.
    pub fn set_scheduler_delay(&mut self, cluster: &str, seconds: u32) -> Result<(), ApiError> {
        self.cluster_mut(cluster)?.scheduler_delay_seconds = seconds;
        Ok(())
    }

    /// The name of the cluster that a call means: by name or ARN, `default` where it names none.
    pub(crate) fn cluster_name(&self, reference: Option<&str>) -> Result<String, ApiError> {
        let reference = reference.unwrap_or("default");
        self.clusters
            .values()
            .find(|cluster| cluster.name == reference || cluster.arn() == reference)
            .map(|cluster| cluster.name.clone())
            .ok_or_else(ApiError::cluster_not_found)
    }

    pub(crate) fn cluster(&self, name: &str) -> Result<&Cluster, ApiError> {
        self.clusters.get(name).ok_or_else(ApiError::cluster_not_found)
    }

    pub(crate) fn cluster_mut(&mut self, name: &str) -> Result<&mut Cluster, ApiError> {
        self.clusters.get_mut(name).ok_or_else(ApiError::cluster_not_found)
    }
}
