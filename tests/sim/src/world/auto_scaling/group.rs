//! Auto Scaling groups.

use std::collections::{BTreeMap, BTreeSet};

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::activity::Activities;
use super::hook::{Action, LifecycleHook};
use super::instance::GroupInstance;
pub use super::instance::LifecycleState;
use super::instance_refresh::{DescribedRefresh, InstanceRefresh};
use super::launch_times::LaunchTimes;
use super::mixed_instances::{MixedInstances, TypeSequence};
use super::processes::ScalingProcess;
use super::scaling_policy::StepScalingPolicy;
use super::simple_scaling::SimpleScalingPolicy;
use super::termination_by_id::TerminatedAgain;
use super::termination_policy::TerminationPolicy;
use super::warm_pool::WarmPool;
use crate::world::ecs::container_instance::InstanceType;
use crate::world::{ApiError, World};

/// An Auto Scaling group, as it is created.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct AutoScalingGroup {
    /// Its name.
    pub name: String,
    /// The instance type that it launches.
    pub instance_type: InstanceType,
    /// Its instance types, if it has a mixed instances policy: they are launched instead.
    pub mixed_instances: Option<MixedInstances>,
    /// True if scale-in protection is on for new instances.
    pub new_instances_protected: bool,
    /// The cluster that its instances register to; without one they never do.
    pub cluster: Option<String>,
    /// The fewest instances; capacity units where instances have weights.
    pub min_size: u32,
    /// The most instances or capacity units.
    pub max_size: u32,
    /// From the launch to the registration of a new instance.
    pub launch_seconds: u32,
    /// How launches differ in time; none where each takes [`launch_seconds`](Self::launch_seconds).
    pub launch_times: Option<LaunchTimes>,
    /// The Availability Zones that it spreads its instances over.
    pub zones: Vec<String>,
    /// Which instance a scale-in takes.
    pub termination_policy: TerminationPolicy,
    /// Where a scale-in sends its instances; without one they are terminated.
    pub warm_pool: Option<WarmPool>,
    /// `TerminateHookAbandon: retain`: an abandoned termination parks its instance instead of
    /// ending it.
    pub retains_abandoned: bool,
    /// How long connections drain before the termination hooks run; none without a load balancer.
    pub connection_draining_seconds: Option<u32>,
    /// How long it lists an instance as `Terminating:Proceed` after its last termination hook.
    pub lingering_seconds: u32,
    /// True if it replaces a terminating instance as late as AWS was recorded to.
    pub replaces_as_recorded: bool,
    /// True if a retained instance that is terminated by hand runs its hooks again.
    pub retained_run_hooks_again: bool,
    /// The status reason of its terminations, which follows their description.
    pub status_reason: Option<String>,
    /// AWS's answer to terminating an instance that is on its way out.
    pub terminated_again: TerminatedAgain,
    /// Seconds from a termination by id until the group balances its zones, where they are uneven.
    /// None where it does so only on request.
    pub rebalances_after_seconds: Option<u32>,
    /// True if its lifecycle notices and events lack the `Action` member, as they did before 2026.
    pub without_action_member: bool,
}

impl AutoScalingGroup {
    /// A group of 0 to 1,000 instances that take two minutes to launch.
    #[must_use]
    pub fn new(name: &str, instance_type: InstanceType) -> Self {
        Self {
            name: name.to_owned(),
            instance_type,
            mixed_instances: None,
            new_instances_protected: false,
            cluster: None,
            min_size: 0,
            max_size: 1000,
            launch_seconds: 120,
            launch_times: None,
            zones: vec!["us-east-1a".to_owned()],
            termination_policy: TerminationPolicy::Default,
            warm_pool: None,
            retains_abandoned: false,
            connection_draining_seconds: None,
            lingering_seconds: 0,
            replaces_as_recorded: false,
            retained_run_hooks_again: false,
            status_reason: None,
            terminated_again: TerminatedAgain::default(),
            rebalances_after_seconds: None,
            without_action_member: false,
        }
    }

    /// Whose instances register to a cluster.
    #[must_use]
    pub fn in_cluster(mut self, cluster: &str) -> Self {
        self.cluster = Some(cluster.to_owned());
        self
    }

    /// With a mixed instances policy: it launches these types.
    #[must_use]
    pub fn mixed_instances(mut self, mixed: MixedInstances) -> Self {
        self.mixed_instances = Some(mixed);
        self
    }

    /// With scale-in protection for new instances.
    #[must_use]
    pub fn protecting_new_instances(mut self) -> Self {
        self.new_instances_protected = true;
        self
    }

    /// With limits of its own.
    #[must_use]
    pub fn sizes(mut self, min: u32, max: u32) -> Self {
        self.min_size = min;
        self.max_size = max;
        self
    }

    /// Whose instances take so long to launch.
    #[must_use]
    pub fn launching_in(mut self, seconds: u32) -> Self {
        self.launch_seconds = seconds;
        self
    }

    /// Whose launches take times that are drawn.
    #[must_use]
    pub fn launching_as(mut self, times: LaunchTimes) -> Self {
        self.launch_times = Some(times);
        self
    }

    /// In these Availability Zones.
    #[must_use]
    pub fn in_zones(mut self, zones: &[&str]) -> Self {
        self.zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        self
    }

    /// With a termination policy of its own.
    #[must_use]
    pub fn termination_policy(mut self, policy: TerminationPolicy) -> Self {
        self.termination_policy = policy;
        self
    }

    /// With a warm pool that a scale-in sends instances to.
    #[must_use]
    pub fn warm_pool(mut self, pool: WarmPool) -> Self {
        self.warm_pool = Some(pool);
        self
    }

    /// With the instance lifecycle policy `TerminateHookAbandon: retain`.
    #[must_use]
    pub fn retaining_abandoned(mut self) -> Self {
        self.retains_abandoned = true;
        self
    }

    /// Puts the group behind a load balancer. On termination, the group deregisters an instance
    /// first and waits for its connections to drain. Only then do the termination hooks open their
    /// actions, and their notices carry that time.
    ///
    /// AWS: user guide, "attach-load-balancer-asg" and "lifecycle-hooks-overview".
    #[must_use]
    pub fn connection_draining(mut self, seconds: u32) -> Self {
        self.connection_draining_seconds = Some(seconds);
        self
    }

    /// Lists an instance as `Terminating:Proceed` for some seconds after its last termination hook.
    /// Recorded 2026.
    #[must_use]
    pub fn lingering(mut self, seconds: u32) -> Self {
        self.lingering_seconds = seconds;
        self
    }

    /// Replaces a terminating instance one second after its termination began. At its maximum size,
    /// the group waits until one second after the last hook ended. Recorded 2026.
    #[must_use]
    pub fn replacing_as_recorded(mut self) -> Self {
        self.replaces_as_recorded = true;
        self
    }

    /// Runs the termination hooks of a retained instance again, with new tokens, when somebody
    /// terminates it. The group refuses to decrement its desired capacity then. Recorded 2026.
    #[must_use]
    pub fn retained_running_hooks_again(mut self) -> Self {
        self.retained_run_hooks_again = true;
        self
    }

    /// Gives its terminations a status reason. The description goes on with it:
    /// `.  Status Reason: ...`. Recorded 2026.
    #[must_use]
    pub fn status_reason(mut self, reason: &str) -> Self {
        self.status_reason = Some(reason.to_owned());
        self
    }

    /// Does this with an instance that is terminated by id while it is on its way out.
    #[must_use]
    pub fn terminated_again(mut self, what: TerminatedAgain) -> Self {
        self.terminated_again = what;
        self
    }

    /// Balances its zones some seconds after each termination by id, where they are uneven.
    #[must_use]
    pub fn rebalancing_after(mut self, seconds: u32) -> Self {
        self.rebalances_after_seconds = Some(seconds);
        self
    }

    /// Sends lifecycle notices and events without the `Action` member, as AWS did before 2026.
    #[must_use]
    pub fn without_action_member(mut self) -> Self {
        self.without_action_member = true;
        self
    }
}

/// A group as the world keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) settings: AutoScalingGroup,
    /// Instances or, where they have weights, capacity units.
    pub(crate) desired_capacity: u32,
    pub(crate) type_sequence: TypeSequence,
    pub(crate) suspended: BTreeSet<ScalingProcess>,
    /// True if the instances that it launches join its cluster.
    pub(crate) launches_join: bool,
    pub(crate) hooks: BTreeMap<String, LifecycleHook>,
    pub(crate) instances: BTreeMap<Ec2InstanceId, GroupInstance>,
    /// Actions under way, by token.
    pub(crate) actions: BTreeMap<String, Action>,
    /// The topics of its notification configurations.
    pub(crate) notified_topics: BTreeSet<String>,
    pub(crate) activities: Activities,
    pub(crate) refresh: Option<InstanceRefresh>,
    /// All refreshes, oldest first.
    pub(crate) refreshes: Vec<DescribedRefresh>,
    /// The version of the launch template that it launches from.
    pub(crate) launch_template_version: u64,
    pub(crate) policies: BTreeMap<String, StepScalingPolicy>,
    pub(crate) simple_policies: BTreeMap<String, SimpleScalingPolicy>,
    /// Instances that zone rebalancing launched, until each is in service and another instance is
    /// terminated.
    pub(crate) rebalancing: BTreeSet<Ec2InstanceId>,
    /// While a policy's instances are launched: their warm-up.
    pub(crate) scaling_out_with_warmup: Option<u32>,
    /// How many launches had their time drawn.
    pub(crate) launches_drawn: u64,
    /// The cooldown of the last simple scaling policy that acted, in seconds.
    pub(crate) cooldown_seconds: Option<u32>,
}

impl World {
    /// Adds an empty group.
    pub fn add_group(&mut self, settings: AutoScalingGroup) {
        let name = settings.name.clone();
        let group = Group {
            desired_capacity: settings.min_size,
            type_sequence: TypeSequence::of(&settings),
            suspended: BTreeSet::new(),
            launches_join: true,
            settings,
            hooks: BTreeMap::new(),
            instances: BTreeMap::new(),
            actions: BTreeMap::new(),
            notified_topics: BTreeSet::new(),
            activities: Activities::default(),
            refresh: None,
            refreshes: Vec::new(),
            launch_template_version: 1,
            policies: BTreeMap::new(),
            simple_policies: BTreeMap::new(),
            rebalancing: BTreeSet::new(),
            scaling_out_with_warmup: None,
            launches_drawn: 0,
            cooldown_seconds: None,
        };
        self.groups.insert(name.clone(), group);
        self.balance(&name);
    }

    /// `PutLifecycleHook`: AWS sends a test message to the hook's topic at once.
    pub fn put_lifecycle_hook(&mut self, group: &str, hook: LifecycleHook) -> Result<(), ApiError> {
        let topic = hook.notification_target_arn.clone();
        self.group_mut(group)?.hooks.insert(hook.name.clone(), hook);
        if let Some(topic_arn) = topic {
            self.send_test_notification(group, topic_arn);
        }
        Ok(())
    }

    /// The state of a group's instance; none if it has none such any more.
    #[must_use]
    pub fn lifecycle_state(&self, group: &str, instance: &Ec2InstanceId) -> Option<LifecycleState> {
        Some(self.groups.get(group)?.instances.get(instance)?.state)
    }

    /// A group's instances and their states.
    #[must_use]
    pub fn instances(&self, group: &str) -> BTreeMap<Ec2InstanceId, LifecycleState> {
        let instances = self.groups.get(group).map(|group| group.instances.iter());
        instances.into_iter().flatten().map(|(id, instance)| (id.clone(), instance.state)).collect()
    }

    /// The group of an EC2 instance.
    pub(crate) fn group_of(&self, instance: &Ec2InstanceId) -> Option<&Group> {
        self.groups.values().find(|group| group.instances.contains_key(instance))
    }

    pub(crate) fn group(&self, name: &str) -> Result<&Group, ApiError> {
        self.groups.get(name).ok_or_else(no_such_group)
    }

    pub(crate) fn group_mut(&mut self, name: &str) -> Result<&mut Group, ApiError> {
        self.groups.get_mut(name).ok_or_else(no_such_group)
    }
}

/// Auto Scaling's answer to the name of a group that does not exist. It says `null` for any name
/// (public transcripts).
fn no_such_group() -> ApiError {
    ApiError::validation("AutoScalingGroup name not found - null")
}
