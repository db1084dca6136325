//! Reads what decisions need, and decides; a group that must grow is raised as soon as it is known.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use fleetkeeper_core::capacity::Demanded;
use fleetkeeper_core::container_instance::ContainerInstanceArn;
use fleetkeeper_core::fleet::{Decision, Direct, DirectDecision, Fleet, Snapshot};
use fleetkeeper_core::lifecycle::AutoScalingGroup;
use fleetkeeper_core::ports::{AutoScalingGroups, Clock, GroupScaling};
use fleetkeeper_core::service::SchedulingStrategy;
use futures_util::future;

use crate::calls::EcsReads;
use crate::config::Config;
use crate::error::CapacityError;
use crate::scaling::{Refreshes, Scaler};
use crate::snapshot::Reader;
use crate::tasks::Listed;

/// Time that is left for the calls after the tasks: their protection, and the metrics.
pub(crate) const AFTER_TASKS: TimeDelta = TimeDelta::seconds(6);

/// Time that is left for the metrics.
const AFTER_PROTECTION: TimeDelta = TimeDelta::seconds(3);

/// The worst-case containers of a snapshot.
pub(crate) struct Demands {
    pub(crate) of_cluster: Vec<Demanded>,
    /// Of each group, where there are several: of one the cluster's figures say all.
    pub(crate) of_groups: Vec<Vec<Demanded>>,
}

/// A snapshot, and what is decided by it.
pub(crate) struct Decided {
    pub(crate) snapshot: Snapshot,
    pub(crate) demands: Demands,
    pub(crate) decision: Decision,
    /// The changes of the groups, with direct scaling.
    pub(crate) direct: Option<DirectDecision>,
}

impl Demands {
    fn of(fleet: &Fleet<'_>, snapshot: &Snapshot) -> Self {
        let groups = snapshot.groups.iter().filter(|_| snapshot.groups.len() > 1);
        Self {
            of_cluster: fleet.demanded(None),
            of_groups: groups.map(|group| fleet.demanded(Some(&group.name))).collect(),
        }
    }
}

/// Decides on one cluster.
pub(crate) struct Decider<'a, Ecs, Groups, C> {
    pub(crate) reader: &'a Reader<'a, Ecs, Groups, C>,
    pub(crate) scaler: &'a Scaler<'a, Ecs, Groups, C>,
    pub(crate) config: &'a Config,
}

// Lambda runs one invocation at a time on one thread: no future here needs to be Send.
#[allow(clippy::future_not_send)]
impl<Ecs, Groups, C> Decider<'_, Ecs, Groups, C>
where
    Ecs: EcsReads,
    Groups: AutoScalingGroups + GroupScaling,
    C: Clock,
{
    /// Reads a snapshot, its tasks as far as they matter, and decides.
    pub(crate) async fn decide(&self) -> Result<Decided, CapacityError> {
        let Self { reader, scaler, config } = self;
        let Reader { warm, cluster, .. } = reader;
        let names = config.groups_of(cluster);
        let mut listed = Listed::default();
        let (mut snapshot, refreshes) = if config.direct.is_some() {
            let (snapshot, refreshes) =
                future::join(reader.snapshot(names, &mut listed), scaler.refreshes(names)).await;
            (snapshot?, refreshes)
        } else {
            (reader.snapshot(names, &mut listed).await?, Refreshes::new())
        };
        warm.memory.borrow_mut().observe(&snapshot);
        if config.direct.is_some() {
            warm.scaling.borrow_mut().observe(&snapshot);
        }

        let (mut needed, leaving, demands) = {
            let memory = warm.memory.borrow();
            let fleet = Fleet::new(&snapshot, &memory, config.headroom);
            (fleet.tasks_needed(), fleet.leaving(), Demands::of(&fleet, &snapshot))
        };
        let (mut decision, mut direct) = (None, None);
        if needed.is_empty() || config.direct.is_some() {
            let (decided, scaled, for_plans) = self.decide_by(&snapshot, &refreshes);
            // What is missing by now is missing whatever the tasks are: those that are not read can
            // only add to it.
            if let Some(scaled) = &scaled {
                scaler.raise(scaled).await;
            }
            needed.extend(for_plans);
            (decision, direct) = (Some(decided), scaled);
        }
        if !needed.is_empty() {
            let (tasks, until) = (reader.tasks(), reader.until);
            snapshot.tasks = tasks.placed(&needed, &snapshot, &mut listed, until - AFTER_TASKS).await;
            let starting = services_to_read_again(&leaving, &snapshot);
            reader.read_services_again(&mut snapshot, starting).await?;
        }
        let (decision, direct) = match decision.filter(|_| needed.is_empty()) {
            Some(decision) => (decision, direct),
            None => self.decide_by_tasks(&mut snapshot, &refreshes).await,
        };
        if let Some(direct) = &direct {
            scaler.raise(direct).await;
            let mut scaling = warm.scaling.borrow_mut();
            for group in &direct.groups {
                let removable = group.remove.iter().chain(&group.removable);
                let removable: Vec<_> = removable.map(|removal| removal.instance.clone()).collect();
                scaling.observe_removable(&group.group, &removable, snapshot.began);
            }
        }
        warm.tasks.forget(&listed, &snapshot.container_instances);
        Ok(Decided { snapshot, demands, decision, direct })
    }

    /// Decides by the tasks of the hosts where they matter, and by their protection.
    async fn decide_by_tasks(
        &self,
        snapshot: &mut Snapshot,
        refreshes: &Refreshes,
    ) -> (Decision, Option<DirectDecision>) {
        let (tasks, until) = (self.reader.tasks(), self.reader.until);
        let (decision, direct, _) = self.decide_by(snapshot, refreshes);
        let removable = hosts_of_shrinking_groups(snapshot, &decision, direct.as_ref());
        if !removable.iter().any(|arn| snapshot.tasks.contains_key(arn)) {
            return (decision, direct);
        }
        tasks.mark_protected(&removable, &mut snapshot.tasks, until - AFTER_PROTECTION).await;
        let (decision, direct, _) = self.decide_by(snapshot, refreshes);
        (decision, direct)
    }

    /// Decides by what was read, with the container instances whose tasks removal plans need.
    fn decide_by(
        &self,
        snapshot: &Snapshot,
        refreshes: &Refreshes,
    ) -> (Decision, Option<DirectDecision>, BTreeSet<ContainerInstanceArn>) {
        let warm = self.reader.warm;
        let memory = warm.memory.borrow();
        let fleet = Fleet::new(snapshot, &memory, self.config.headroom);
        let decision = fleet.decide();
        let Some(settings) = self.config.direct else { return (decision, None, BTreeSet::new()) };
        let scaling = warm.scaling.borrow();
        let direct = Direct { settings, memory: &scaling, refreshes };
        let (needed, scaled) =
            (fleet.tasks_needed_to_scale(&decision, &direct), fleet.scale(&decision, &direct));
        (decision, Some(scaled), needed)
    }
}

/// The services with tasks on hosts that leave: ECS replaces these tasks by now.
fn services_to_read_again(leaving: &BTreeSet<ContainerInstanceArn>, snapshot: &Snapshot) -> BTreeSet<String> {
    let tasks = leaving.iter().filter_map(|arn| snapshot.tasks.get(arn)).flatten();
    let there: BTreeSet<_> = tasks.filter_map(|task| task.service.as_ref()).collect();
    let replaced = snapshot.services.iter().filter(|it| {
        it.strategy == SchedulingStrategy::Replica
            && there.contains(&it.name)
            && !snapshot.services_read_again.contains_key(&it.name)
    });
    replaced.map(|it| it.name.clone()).collect()
}

/// The hosts of the groups of which some are removable: only their tasks' protection can change a
/// figure or a plan.
fn hosts_of_shrinking_groups(
    snapshot: &Snapshot,
    decision: &Decision,
    direct: Option<&DirectDecision>,
) -> BTreeSet<ContainerInstanceArn> {
    let of_figures = decision.groups.iter().filter(|it| it.removable.hosts > 0).map(|it| it.group.as_str());
    let plans = direct.into_iter().flat_map(|direct| &direct.groups);
    let plans = plans.filter(|it| !it.remove.is_empty() || !it.removable.is_empty());
    let shrinking: BTreeSet<_> = of_figures.chain(plans.map(|it| it.group.as_str())).collect();
    let groups = snapshot.groups.iter().filter(|group| shrinking.contains(group.name.as_str()));
    let ids: BTreeSet<_> = groups.flat_map(AutoScalingGroup::ids).collect();
    let hosts = snapshot.container_instances.iter().filter(|it| ids.contains(it.ec2_instance_id.as_str()));
    hosts.map(|instance| instance.arn.clone()).collect()
}
