//! Reads a cluster and its Auto Scaling groups.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::fleet::{Members, Snapshot, not_understood};
use fleetkeeper_core::lifecycle::AutoScalingGroup;
use fleetkeeper_core::paced::Paced;
use fleetkeeper_core::ports::{
    AutoScalingGroups, CallError, CallErrorKind, Clock, ContainerInstanceQuery, GROUPS_MAX,
};
use fleetkeeper_core::read::{self, DESCRIBES_IN_FLIGHT};
use fleetkeeper_core::service::Service;
use fleetkeeper_core::task::{TaskDefinition, TaskDefinitionArn};
use fleetkeeper_core::time_left::within;
use futures_util::future::try_join3;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::calls::{EcsReads, Paces, find_missing};
use crate::error::{CapacityError, Read};
use crate::tasks::{Listed, TaskReader};
use crate::warm::Warm;
use crate::{capacity_providers, report, services};

type Definitions = BTreeMap<TaskDefinitionArn, TaskDefinition>;

/// Reads one cluster.
pub(crate) struct Reader<'a, Ecs, Groups, C> {
    pub(crate) ecs: &'a Ecs,
    pub(crate) auto_scaling: &'a Groups,
    pub(crate) clock: &'a C,
    pub(crate) paces: &'a Paces,
    pub(crate) cluster: &'a Cluster,
    pub(crate) warm: &'a Warm,
    /// No read lasts longer.
    pub(crate) until: DateTime<Utc>,
}

// Lambda runs one invocation at a time on one thread: no future here needs to be Send.
#[allow(clippy::future_not_send)]
impl<Ecs: EcsReads, Groups: AutoScalingGroups, C: Clock> Reader<'_, Ecs, Groups, C> {
    /// Reads all of a snapshot except the tasks, and the groups of these names in this order.
    pub(crate) async fn snapshot(
        &self,
        group_names: &[String],
        listed: &mut Listed,
    ) -> Result<Snapshot, CapacityError> {
        let began = self.clock.now();
        let groups =
            self.within(Read::Groups, "autoscaling:DescribeAutoScalingGroups", self.groups(group_names));
        let (mut container_instances, (services, definitions), groups) =
            try_join3(self.container_instances(), self.services_and_definitions(), groups).await?;
        let names = capacity_providers::named(&container_instances, &services);
        let lacking = services.iter().filter(|it| it.lacks_tasks()).map(|it| it.name.clone()).collect();
        let mut snapshot = Snapshot { began, groups, services, definitions, ..Snapshot::default() };

        let known = &self.warm.capacity_providers;
        let providers = self.within(
            Read::CapacityProviders,
            "ecs:DescribeCapacityProviders",
            capacity_providers::describe(self.ecs, self.clock, self.paces, known, names),
        );
        let expressions = self.within(
            Read::PlacementConstraints,
            "ecs:ListContainerInstances",
            self.expressions(&snapshot),
        );
        let needs_network_interfaces = snapshot.definitions.values().any(|it| it.needs.network_interface);
        let network_interfaces = async {
            if !needs_network_interfaces {
                return Ok(());
            }
            let tasks = self.tasks();
            let read = tasks.network_interfaces(began, &mut container_instances, listed);
            self.within(Read::Tasks, "ecs:ListTasks and ecs:DescribeTasks", read).await
        };
        let (providers, expressions, ()) = try_join3(providers, expressions, network_interfaces).await?;
        for provider in providers {
            let Some(group) = provider.group else { continue };
            if provider.managed_scaling {
                snapshot.scaled_by_ecs.insert(group.clone(), provider.name.clone());
            }
            snapshot.capacity_providers.insert(provider.name, group);
        }
        (snapshot.container_instances, snapshot.expressions) = (container_instances, expressions);
        // After the network interfaces, which a task that was placed by then holds.
        self.read_services_again(&mut snapshot, lacking).await?;
        Ok(snapshot)
    }

    /// Reads these services once more: ECS may have placed tasks of theirs between the first
    /// reading and that of the hosts.
    pub(crate) async fn read_services_again(
        &self,
        snapshot: &mut Snapshot,
        names: BTreeSet<String>,
    ) -> Result<(), CapacityError> {
        let names: Vec<_> = names.into_iter().collect();
        let read = services::again(self.ecs, self.clock, self.paces, self.cluster, &names);
        let services = self.within(Read::Services, "ecs:DescribeServices", read).await?;
        snapshot.services_read_again.extend(services.into_iter().map(|it| (it.name.clone(), it)));
        Ok(())
    }

    /// Reads tasks.
    pub(crate) fn tasks(&self) -> TaskReader<'_, Ecs, C> {
        TaskReader {
            ecs: self.ecs,
            paced: self.paced(),
            protections: &self.paces.task_protections,
            clock: self.clock,
            cluster: self.cluster,
            known: &self.warm.tasks,
        }
    }

    pub(crate) fn paced(&self) -> Paced<'_, Ecs, C> {
        Paced::new(self.ecs, self.clock, self.paces.resources.clone())
    }

    /// Reads all container instances. What ECS lists is there, even where it does not find it at
    /// once: counted as gone it would make the cluster seem fuller, or empty, and have it scaled.
    async fn container_instances(&self) -> Result<Vec<ContainerInstance>, CapacityError> {
        let ecs = self.paced();
        let read = async {
            let answer = read::container_instances(&ecs, self.cluster, &ContainerInstanceQuery::All).await?;
            let again = async |arns: Vec<String>| {
                let arns: Vec<_> = arns.into_iter().map(ContainerInstanceArn).collect();
                read::describe_container_instances(&ecs, self.cluster, &arns).await
            };
            find_missing(answer, self.clock, self.cluster, "container instances", again).await
        };
        let calls = "ecs:ListContainerInstances and ecs:DescribeContainerInstances";
        let answer = self.within(Read::ContainerInstances, calls, read).await?;
        if answer.failures.is_empty() {
            return Ok(answer.items);
        }
        // One that ECS cannot describe might be the one with room, or the full one: no figure
        // without it.
        for failure in &answer.failures {
            report::container_instance_not_described(self.cluster, failure);
        }
        let listed = answer.items.len() + answer.failures.len();
        Err(CapacityError::NotDescribed {
            cluster: self.cluster.name().to_owned(),
            failures: answer.failures,
            listed,
        })
    }

    async fn services_and_definitions(&self) -> Result<(Vec<Service>, Definitions), CapacityError> {
        let read = services::services(self.ecs, self.clock, self.paces, self.cluster);
        let services = self.within(Read::Services, "ecs:ListServices and ecs:DescribeServices", read).await?;
        let known = &self.warm.definitions;
        let read = services::definitions(self.ecs, self.clock, self.paces, self.cluster, known, &services);
        let definitions = self.within(Read::TaskDefinitions, "ecs:DescribeTaskDefinition", read).await?;
        Ok((services, definitions))
    }

    /// Reads the groups, in the order of their names. One that does not exist is reported and left
    /// out.
    async fn groups(&self, names: &[String]) -> Result<Vec<AutoScalingGroup>, CallError> {
        let mut found = BTreeMap::new();
        for names in names.chunks(GROUPS_MAX) {
            self.paces.groups.turn(self.clock).await;
            let groups = self.auto_scaling.describe_groups(names).await?;
            found.extend(groups.into_iter().map(|group| (group.name.clone(), group)));
        }
        for name in names {
            if !found.contains_key(name) && self.warm.is_first("group_not_found", name) {
                report::group_not_found(self.cluster, name);
            }
        }
        Ok(names.iter().filter_map(|name| found.remove(name)).collect())
    }

    /// Asks ECS which container instances match each expression, once. It does not understand an
    /// expression that ECS refuses.
    async fn expressions(&self, snapshot: &Snapshot) -> Result<BTreeMap<String, Members>, CallError> {
        let ecs = self.paced();
        let asked = snapshot.expressions_to_ask().into_iter().map(|expression| {
            let ecs = &ecs;
            async move {
                if let Some(why) = not_understood(expression) {
                    return Ok((expression.to_owned(), Members::NotUnderstood(why)));
                }
                let query = ContainerInstanceQuery::Matching(expression.to_owned());
                let members = match read::container_instance_arns(ecs, self.cluster, &query).await {
                    Ok(arns) => Members::Match(arns.into_iter().collect::<BTreeSet<_>>()),
                    Err(error) if error.kind == CallErrorKind::Refused => {
                        Members::NotUnderstood(ErrorChain(&error).to_string())
                    }
                    Err(error) => return Err(error),
                };
                Ok((expression.to_owned(), members))
            }
        });
        stream::iter(asked).buffered(DESCRIBES_IN_FLIGHT).try_collect().await
    }

    async fn within<T>(
        &self,
        of: Read,
        calls: &'static str,
        read: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CapacityError> {
        // Boxed, here and where a snapshot is read: the calls of the SDK make it a deep future for
        // the compiler.
        let cluster = self.cluster;
        within(self.clock, self.until, calls, &format!("cluster {cluster}"), Box::pin(read))
            .await
            .map_err(|source| CapacityError::NotRead { of, cluster: cluster.name().to_owned(), source })
    }
}
