//! The executor of direct scaling: raises groups, and removes hosts.
//!
//! A failed call is an error of its group only. Each call is preceded by a read of the group: what
//! has changed since the snapshot is left to the next one.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::{ContainerInstanceArn, Ec2InstanceId};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::fleet::{CapacityTarget, DirectDecision, GroupScalingDecision, Removal, suspended};
use fleetkeeper_core::lifecycle::{AutoScalingGroup, InstanceRefreshStatus};
use fleetkeeper_core::ports::{AutoScalingGroups, CallError, CallErrorKind, Clock, GROUPS_MAX, GroupScaling};
use fleetkeeper_core::read;
use fleetkeeper_core::time_left::within;
use futures_util::{StreamExt, stream};

use crate::calls::EcsReads;
use crate::scaled::{NotDone, NotDoneReason, Scaled};
use crate::scaling_report as report;
use crate::snapshot::Reader;

/// Reads of refreshes at a time.
const REFRESHES_IN_FLIGHT: usize = 5;

/// The newest instance refresh of each group that could be read.
pub(crate) type Refreshes = BTreeMap<String, Option<InstanceRefreshStatus>>;

/// Scales the groups of one cluster.
pub(crate) struct Scaler<'a, Ecs, Groups, C> {
    reader: &'a Reader<'a, Ecs, Groups, C>,
    /// Set if the function changes no group.
    dry_run: bool,
    /// The changes of each group so far.
    done: RefCell<BTreeMap<String, Scaled>>,
}

// Lambda runs one invocation at a time on one thread: no future here needs to be Send.
#[allow(clippy::future_not_send)]
impl<'a, Ecs, Groups, C> Scaler<'a, Ecs, Groups, C>
where
    Ecs: EcsReads,
    Groups: AutoScalingGroups + GroupScaling,
    C: Clock,
{
    pub(crate) fn new(reader: &'a Reader<'a, Ecs, Groups, C>, dry_run: bool) -> Self {
        Self { reader, dry_run, done: RefCell::default() }
    }

    /// The changes, by group.
    pub(crate) fn into_done(self) -> BTreeMap<String, Scaled> {
        self.done.into_inner()
    }

    /// Reads the groups' instance refreshes. A group whose refreshes cannot be read is left out: it
    /// is left alone.
    pub(crate) async fn refreshes(&self, names: &[String]) -> Refreshes {
        let Reader { auto_scaling, clock, paces, until, cluster, .. } = self.reader;
        let read = names.iter().map(|name| async move {
            paces.refreshes.turn(*clock).await;
            let call = Box::pin(auto_scaling.newest_instance_refresh(name));
            let operation = "autoscaling:DescribeInstanceRefreshes";
            match within(*clock, *until, operation, &named(name), call).await {
                Ok(refresh) => Some((name.clone(), refresh)),
                Err(error) => {
                    report::refreshes_not_read(cluster, name, &error);
                    None
                }
            }
        });
        let read = stream::iter(read).buffer_unordered(REFRESHES_IN_FLIGHT);
        read.filter_map(|read| async { read }).collect().await
    }

    /// Raises the groups that must grow. A group that this invocation raised so far already, or
    /// could not raise, is passed over.
    pub(crate) async fn raise(&self, direct: &DirectDecision) {
        let wanted: Vec<_> =
            direct.groups.iter().filter_map(|it| Some((it, self.not_yet_raised(it)?))).collect();
        if wanted.is_empty() {
            return;
        }
        let names: Vec<_> = wanted.iter().map(|(it, _)| it.group.clone()).collect();
        let groups = match self.groups(&names).await {
            Ok(groups) => groups,
            Err(error) => {
                for (decided, target) in wanted {
                    self.not_raised(&decided.group, target, &error);
                }
                return;
            }
        };
        for (decided, target) in wanted {
            match groups.get(&decided.group) {
                Some(group) => self.raise_group(group, target).await,
                None => self.not_done(&decided.group, None, NotDoneReason::GroupChanged),
            }
        }
    }

    fn not_yet_raised(&self, decided: &GroupScalingDecision) -> Option<CapacityTarget> {
        let target = decided.raise?;
        let done = self.done.borrow();
        let Some(done) = done.get(&decided.group) else { return Some(target) };
        let raised = done.desired_capacity.is_none_or(|raised| raised.to < target.to);
        (done.not_done.is_empty() && raised).then_some(target)
    }

    async fn raise_group(&self, group: &AutoScalingGroup, target: CapacityTarget) {
        let Reader { auto_scaling, clock, paces, until, cluster, warm, .. } = self.reader;
        if suspended(group).is_some() {
            return self.not_done(&group.name, None, NotDoneReason::GroupChanged);
        }
        // Somebody else raised it meanwhile.
        let Some(target) = target.for_group_at(group.desired, group.maximum) else { return };
        if !self.dry_run {
            paces.scaling.turn(*clock).await;
            let call = Box::pin(auto_scaling.set_desired_capacity(&group.name, target.to));
            let operation = "autoscaling:SetDesiredCapacity";
            let outcome = within(*clock, *until, operation, &named(&group.name), call).await;
            if outcome.as_ref().map_or_else(CallError::may_have_taken_effect, |()| true) {
                warm.scaling.borrow_mut().asked_for(&group.name, target, clock.now());
            }
            if let Err(error) = outcome {
                return self.not_raised(&group.name, target, &error);
            }
        }
        report::desired_capacity_set(cluster, &group.name, target, self.dry_run);
        self.done.borrow_mut().entry(group.name.clone()).or_default().desired_capacity = Some(target.into());
    }

    fn not_raised(&self, group: &str, target: CapacityTarget, error: &CallError) {
        report::desired_capacity_not_set(self.reader.cluster, group, target, error);
        let error = ErrorChain(error).to_string();
        self.not_done(group, None, NotDoneReason::CallFailed { error });
    }

    /// Removes the hosts that are due, if what their removal relies on is as the snapshot has it.
    /// After a change of the cluster it leaves them to the schedule.
    pub(crate) async fn remove(
        &self,
        direct: &DirectDecision,
        snapshot: &[AutoScalingGroup],
        after_a_change: bool,
    ) {
        let due: Vec<_> = direct.groups.iter().filter(|it| !it.remove.is_empty()).collect();
        if due.is_empty() {
            return;
        }
        let put_off = |reason: &NotDoneReason| {
            for decided in &due {
                self.not_done(&decided.group, None, reason.clone());
            }
        };
        if after_a_change {
            return put_off(&NotDoneReason::WaitsForSchedule);
        }
        match self.has_changed(&direct.relies_on).await {
            Ok(false) => {}
            Ok(true) => return put_off(&NotDoneReason::ClusterChanged),
            Err(error) => {
                return put_off(&NotDoneReason::CallFailed { error: ErrorChain(&error).to_string() });
            }
        }
        let names: Vec<_> = due.iter().map(|it| it.group.clone()).collect();
        let groups = match self.groups(&names).await {
            Ok(groups) => groups,
            Err(error) => {
                return put_off(&NotDoneReason::CallFailed { error: ErrorChain(&error).to_string() });
            }
        };
        for decided in due {
            let before = snapshot.iter().find(|group| group.name == decided.group);
            if !before.zip(groups.get(&decided.group)).is_some_and(|(before, now)| is_same(before, now)) {
                self.not_done(&decided.group, None, NotDoneReason::GroupChanged);
                continue;
            }
            for removal in &decided.remove {
                if !self.remove_host(&decided.group, removal).await {
                    break;
                }
            }
        }
    }

    /// Whether a host is not as it was: each task that starts or stops there changes its version.
    async fn has_changed(&self, relied_on: &BTreeMap<ContainerInstanceArn, u64>) -> Result<bool, CallError> {
        let Reader { clock, until, cluster, .. } = self.reader;
        let arns: Vec<_> = relied_on.keys().cloned().collect();
        let paced = self.reader.paced();
        let read = Box::pin(read::describe_container_instances(&paced, cluster, &arns));
        let of = format!("cluster {cluster}");
        let answer = within(*clock, *until, "ecs:DescribeContainerInstances", &of, read).await?;
        let now: BTreeMap<_, _> = answer.items.iter().map(|it| (&it.arn, it.version)).collect();
        Ok(relied_on.iter().any(|(arn, version)| now.get(arn) != Some(version)))
    }

    /// Terminates a host; whether the next one may follow. The call is never sent twice: an answer
    /// that was lost may be that of a termination.
    async fn remove_host(&self, group: &str, removal: &Removal) -> bool {
        let Reader { auto_scaling, clock, paces, until, cluster, warm, .. } = self.reader;
        let id: &Ec2InstanceId = &removal.instance;
        if !self.dry_run {
            paces.scaling.turn(*clock).await;
            let call = Box::pin(auto_scaling.terminate_and_decrement(group, id));
            let operation = "autoscaling:TerminateInstanceInAutoScalingGroup";
            let resource = format!("instance {id} of group {group}");
            let outcome = within(*clock, *until, operation, &resource, call).await;
            if outcome.as_ref().map_or_else(CallError::may_have_taken_effect, |()| true) {
                warm.memory.borrow_mut().asked_to_terminate(id, clock.now());
            }
            if let Err(error) = outcome {
                report::host_not_removed(cluster, group, removal, &error);
                let reason = match error.kind {
                    CallErrorKind::Refused => {
                        NotDoneReason::Refused { error: ErrorChain(&error).to_string() }
                    }
                    _ => NotDoneReason::CallFailed { error: ErrorChain(&error).to_string() },
                };
                self.not_done(group, Some(id), reason);
                return false;
            }
        }
        report::host_removed(cluster, group, removal, self.dry_run);
        self.done.borrow_mut().entry(group.to_owned()).or_default().removed.push(removal.clone());
        true
    }

    /// The groups as they are now.
    async fn groups(&self, names: &[String]) -> Result<BTreeMap<String, AutoScalingGroup>, CallError> {
        let Reader { auto_scaling, clock, paces, until, .. } = self.reader;
        let until: DateTime<Utc> = *until;
        let mut found = BTreeMap::new();
        for names in names.chunks(GROUPS_MAX) {
            paces.groups.turn(*clock).await;
            let call = Box::pin(auto_scaling.describe_groups(names));
            let operation = "autoscaling:DescribeAutoScalingGroups";
            let groups = within(*clock, until, operation, &named(&names.join(", ")), call).await?;
            found.extend(groups.into_iter().map(|group| (group.name.clone(), group)));
        }
        Ok(found)
    }

    fn not_done(&self, group: &str, instance: Option<&Ec2InstanceId>, reason: NotDoneReason) {
        if reason.is_put_off() {
            report::scaling_put_off(self.reader.cluster, group, &reason);
        }
        let not_done = NotDone { instance: instance.map(ToString::to_string), reason };
        self.done.borrow_mut().entry(group.to_owned()).or_default().not_done.push(not_done);
    }
}

/// Returns whether a group is as it was. AWS lists its instances in any order.
fn is_same(before: &AutoScalingGroup, now: &AutoScalingGroup) -> bool {
    let sorted = |group: &AutoScalingGroup| {
        let mut group = group.clone();
        group.instances.sort_by(|one, other| one.ec2_instance_id.cmp(&other.ec2_instance_id));
        group
    };
    sorted(before) == sorted(now)
}

fn named(group: &str) -> String {
    format!("group {group}")
}
