//! The calls on ECS for one or many drains, and what came of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::drain::{Kind, Observation, Role, STOPPED_REASON, TaskLists};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::paced::Paced;
use fleetkeeper_core::ports::{
    CallError, ContainerInstanceDraining, ContainerInstanceQuery, TaskStopping, TasksOf, UPDATE_STATE_MAX,
};
use fleetkeeper_core::read;
use fleetkeeper_core::task::{DesiredStatus, TaskArn};

use super::Executor;
use crate::calls::each;
use crate::ports::Ports;

/// The most tasks that one of the cluster's lists may have: more take longer to describe than each
/// instance's own.
const CLUSTER_TASKS_MAX: usize = 6000;

impl<'a, P: Ports> Executor<'a, P> {
    fn reads(&self) -> Paced<'a, P::Ecs, P::Clock> {
        self.calls.reads(self.drains.role() == Role::Coordinator)
    }

    pub(super) async fn set_draining(&mut self, due: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>) {
        const OPERATION: &str = "ecs:UpdateContainerInstancesState";
        let arns: Vec<_> = due.iter().flat_map(|(_, arns)| arns).cloned().collect();
        for arns in arns.chunks(UPDATE_STATE_MAX) {
            let call = self.calls.ports.ecs().set_draining(self.calls.cluster, arns);
            let answer = self.calls.ecs(OPERATION, call).await;
            let now = self.calls.now();
            for (id, own) in &due {
                let own: Vec<_> = own.iter().filter(|arn| arns.contains(arn)).collect();
                if own.is_empty() {
                    continue;
                }
                match &answer {
                    Err(error) => self.drains.call_failed(id, Kind::SetDraining, error, now),
                    Ok(answer) => {
                        let set = answer.items.iter().filter(|it| own.contains(&&it.arn)).cloned();
                        let set: Vec<_> = set.collect();
                        let failure = self.calls.failure_of(OPERATION, &answer.failures, own.iter().copied());
                        let all = set.len() == own.len();
                        self.registrations(id, &Observation::SetDraining(set), failure.as_ref(), all);
                    }
                }
            }
        }
    }

    /// Records the answer of a call on registrations. One that is MISSING may have left the
    /// cluster, which a search shows.
    fn registrations(
        &mut self,
        id: &Ec2InstanceId,
        answer: &Observation,
        failure: Option<&Arc<CallError>>,
        all: bool,
    ) {
        let now = self.calls.now();
        self.drains.record(id, answer, failure, now);
        if failure.is_none() && !all {
            self.drains.record(id, &Observation::FoundActive(true), None, now);
        }
    }

    pub(super) async fn stop_tasks(&mut self, due: Vec<(Ec2InstanceId, TaskArn)>) {
        let this = &*self;
        let answers = each(due, |(id, task)| async move {
            let call = this.calls.ports.ecs().stop_task(this.calls.cluster, &task, STOPPED_REASON);
            let answer = this.calls.ecs("ecs:StopTask", call).await;
            (id, task, answer)
        });
        for (id, task, answer) in answers.await {
            let now = self.calls.now();
            match answer {
                Ok(()) => self.drains.record(&id, &Observation::StopAsked(task), None, now),
                Err(error) => self.drains.call_failed(&id, Kind::StopTasks, &error, now),
            }
        }
    }

    pub(super) async fn find(&mut self, due: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>) {
        let ids: Vec<_> = due.iter().map(|(id, _)| id.clone()).collect();
        let (reads, cluster) = (self.reads(), self.calls.cluster);
        let query = ContainerInstanceQuery::OfEc2Instances(ids);
        let call = read::container_instance_arns(&reads, cluster, &query);
        let listed = match self.calls.ecs("ecs:ListContainerInstances", call).await {
            Ok(listed) => listed,
            Err(error) => return self.fail(due.iter().map(|(id, _)| id), Kind::Find, &error),
        };
        let known = due.iter().flat_map(|(_, known)| known);
        let all: BTreeSet<_> = listed.iter().chain(known).cloned().collect();
        let all: Vec<_> = all.into_iter().collect();
        let call = read::describe_container_instances(&reads, cluster, &all);
        let answer = match self.calls.ecs("ecs:DescribeContainerInstances", call).await {
            Ok(answer) => answer,
            Err(error) => return self.fail(due.iter().map(|(id, _)| id), Kind::Find, &error),
        };
        let now = self.calls.now();
        let others = |it: &&ContainerInstance| !due.iter().any(|(id, _)| id.as_str() == it.ec2_instance_id);
        let others = answer.items.iter().filter(others).count();
        if others > 0 {
            tracing::warn!(event = "filter_ignored", others, "ECS listed other instances too: ignored");
        }
        // Which instance an unresolved registration is of is not known: it may be any.
        let unresolved = answer.failures.iter().filter(|it| listed.iter().any(|arn| arn.0 == it.arn)).count();
        for (id, _) in &due {
            let own = answer.items.iter().filter(|it| it.ec2_instance_id == id.as_str()).cloned();
            let described: Vec<_> = own.collect();
            match self.calls.failure_of("ecs:DescribeContainerInstances", &answer.failures, &listed) {
                Some(error) if described.is_empty() => self.drains.call_failed(id, Kind::Find, &error, now),
                _ => self.drains.record(id, &Observation::Found { described, unresolved }, None, now),
            }
        }
    }

    pub(super) async fn find_active(&mut self, due: Vec<Ec2InstanceId>) {
        let reads = self.reads();
        let query = ContainerInstanceQuery::ActiveOfEc2Instances(due.clone());
        let began = self.calls.now();
        let call = read::container_instance_arns(&reads, self.calls.cluster, &query);
        match self.calls.ecs("ecs:ListContainerInstances", call).await {
            Ok(active) => {
                for id in &due {
                    self.drains.record(id, &Observation::FoundActive(!active.is_empty()), None, began);
                }
            }
            Err(error) => self.fail(due.iter(), Kind::FindActive, &error),
        }
    }

    pub(super) async fn describe(&mut self, due: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>) {
        const OPERATION: &str = "ecs:DescribeContainerInstances";
        let arns: Vec<_> = due.iter().flat_map(|(_, arns)| arns).cloned().collect();
        let reads = self.reads();
        let call = read::describe_container_instances(&reads, self.calls.cluster, &arns);
        let answer = match self.calls.ecs(OPERATION, call).await {
            Ok(answer) => answer,
            Err(error) => return self.fail(due.iter().map(|(id, _)| id), Kind::Describe, &error),
        };
        for (id, own) in &due {
            let described: Vec<_> = answer.items.iter().filter(|it| own.contains(&it.arn)).cloned().collect();
            let failure = self.calls.failure_of(OPERATION, &answer.failures, own);
            let all = described.len() == own.len();
            self.registrations(id, &Observation::Described(described), failure.as_ref(), all);
        }
    }

    pub(super) async fn list(&mut self, due: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>) {
        for (id, arns) in due {
            let began = self.calls.now();
            for arn in arns {
                match self.lists_of(TasksOf::ContainerInstance(&arn), usize::MAX).await {
                    Ok(lists) => {
                        let listed = Observation::Listed { on: arn, lists, began };
                        self.drains.record(&id, &listed, None, self.calls.now());
                    }
                    Err(error) => self.fail([&id], Kind::List, &error),
                }
            }
        }
    }

    pub(super) async fn list_cluster(&mut self, due: Vec<(Ec2InstanceId, Vec<ContainerInstanceArn>)>) {
        let began = self.calls.now();
        match self.lists_of(TasksOf::Cluster, CLUSTER_TASKS_MAX).await {
            Ok(lists) if lists.running.len().max(lists.stopped.len()) > CLUSTER_TASKS_MAX => {
                tracing::info!(
                    event = "cluster_lists_too_long",
                    "the cluster's task lists are long: listing instance by instance"
                );
                self.drains.cluster_lists_are_too_long(self.calls.now());
            }
            Ok(lists) => self.drains.cluster_listed(due, lists, began, self.calls.now()),
            Err(error) => {
                self.drains.cluster_lists_are_too_long(self.calls.now());
                self.fail(due.iter().map(|(id, _)| id), Kind::List, &error);
            }
        }
    }

    async fn lists_of(&self, of: TasksOf<'_>, most: usize) -> Result<TaskLists, Arc<CallError>> {
        const OPERATION: &str = "ecs:ListTasks";
        let (reads, cluster) = (self.reads(), self.calls.cluster);
        let of_status =
            |desired| self.calls.many_pages(OPERATION, read::task_arns(&reads, cluster, of, desired, most));
        let running = of_status(DesiredStatus::Running).await?.into_iter().collect();
        let stopped = of_status(DesiredStatus::Stopped).await?.into_iter().collect();
        Ok(TaskLists { running, stopped })
    }

    pub(super) async fn place(&mut self, tasks: Vec<TaskArn>) {
        let reads = self.reads();
        let call = read::describe_tasks(&reads, self.calls.cluster, &tasks);
        match self.calls.ecs("ecs:DescribeTasks", call).await {
            Ok(answer) => {
                let all_found = answer.failures.is_empty();
                self.drains.placed(&answer.items, all_found, self.calls.now());
            }
            Err(error) => {
                tracing::error!(event = "call_failed", error = %ErrorChain(&error), "call failed: retrying");
                self.drains.placed(&[], false, self.calls.now());
            }
        }
    }

    pub(super) async fn describe_tasks(&mut self, due: Vec<(Ec2InstanceId, Vec<TaskArn>)>) {
        const OPERATION: &str = "ecs:DescribeTasks";
        let all: Vec<_> = due.iter().flat_map(|(_, tasks)| tasks).cloned().collect();
        let reads = self.reads();
        let call = read::describe_tasks(&reads, self.calls.cluster, &all);
        let answer = match self.calls.ecs(OPERATION, call).await {
            Ok(answer) => answer,
            Err(error) => return self.fail(due.iter().map(|(id, _)| id), Kind::DescribeTasks, &error),
        };
        let now = self.calls.now();
        let mut described: BTreeMap<_, _> = answer.items.into_iter().map(|it| (it.arn.clone(), it)).collect();
        let missing = answer.failures.iter().filter(|it| it.is_missing()).map(|it| it.arn.clone());
        let missing: BTreeSet<String> = missing.collect();
        for (id, tasks) in &due {
            let described = tasks.iter().filter_map(|task| described.remove(task)).collect();
            let failure = self.calls.failure_of(OPERATION, &answer.failures, tasks);
            let polled = Observation::Polled { described, missing: missing.clone() };
            self.drains.record(id, &polled, failure.as_ref(), now);
        }
    }

    /// Another instance of the group that is in the cluster shows that the cluster is the right
    /// one.
    pub(super) async fn prove_cluster(&mut self) {
        let mates = if self.mates_prove { self.drains.mates() } else { Vec::new() };
        if mates.is_empty() {
            return self.drains.cluster_proven(Ok(false), self.calls.now());
        }
        let reads = self.reads();
        let query = ContainerInstanceQuery::OfEc2Instances(mates.clone());
        let call = read::container_instances(&reads, self.calls.cluster, &query);
        let answer = self.calls.ecs("ecs:ListContainerInstances", call).await;
        let proven = answer.map(|answer| {
            answer.items.iter().any(|it| mates.iter().any(|mate| mate.as_str() == it.ec2_instance_id))
        });
        self.drains.cluster_proven(proven, self.calls.now());
    }

    fn fail<'i>(
        &mut self,
        ids: impl IntoIterator<Item = &'i Ec2InstanceId>,
        kind: Kind,
        error: &Arc<CallError>,
    ) {
        for id in ids {
            self.drains.call_failed(id, kind, error, self.calls.now());
        }
    }
}
