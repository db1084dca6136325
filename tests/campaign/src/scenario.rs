//! What a history begins with and what happens in it, as plain data: drawn from a seed, shrunk,
//! written down as JSON and played again.

use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::disorder::Disorder;
use serde::{Deserialize, Serialize};

use crate::direct_plan::{Again, DirectPlan, Process};

/// One history's script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Decides what chance decides while it is played.
    pub seed: u64,
    /// The clusters. The first one is the functions' `ECS_CLUSTER`.
    pub clusters: Vec<ClusterPlan>,
    /// How the lifecycle-drainer is configured.
    pub drainer: DrainerPlan,
    /// How the capacity-calculator is configured; without it there is none.
    pub calculator: Option<CalculatorPlan>,
    /// The happenings, caused by people and hosts, in any order.
    pub happenings: Vec<Happening>,
    /// Duplicates, delays, deaths, slow calls: until [`Self::quiet_after_seconds`].
    pub disorder: Disorder,
    /// Calls that go wrong.
    pub faults: Vec<FaultPlan>,
    /// How AWS's API behaves within what it promises.
    pub api: ApiPlan,
    /// Where tasks are placed.
    #[serde(default)]
    pub places: Places,
    /// From here on nothing goes wrong and nobody does anything.
    pub quiet_after_seconds: u32,
    /// How long it lasts from then on: long enough for everything to have ended that must end.
    pub quiet_seconds: u32,
}

impl Scenario {
    /// Returns whether another termination hook than the drainer's may hold instances of a group.
    #[must_use]
    pub fn has_other_hooks(&self) -> bool {
        let mut groups = self.clusters.iter().flat_map(|cluster| &cluster.groups);
        groups.any(|it| it.other_hook_seconds.is_some() || it.options.drained_by_ecs_within.is_some())
    }

    /// The longest heartbeat timeout of the groups' hooks, in seconds.
    #[must_use]
    pub fn longest_heartbeat_seconds(&self) -> u32 {
        let groups = self.clusters.iter().flat_map(|cluster| &cluster.groups);
        groups.map(|group| group.heartbeat_seconds).max().unwrap_or(0)
    }

    /// Returns whether a fault has Auto Scaling say of an open action that it has ended.
    #[must_use]
    pub fn denies_open_actions(&self) -> bool {
        self.faults.iter().any(|plan| plan.fault == Wrong::NoActiveAction)
    }
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterPlan {
    /// Its Auto Scaling groups.
    pub groups: Vec<GroupPlan>,
    /// Its services.
    pub services: Vec<ServicePlan>,
    /// Standalone tasks.
    pub standalone: Vec<StandalonePlan>,
    /// How long the service scheduler takes to notice a change, in seconds.
    pub scheduler_delay_seconds: u32,
    /// Agents that disconnect on their own, as healthy ones do.
    pub flapping_agents: Option<FlappingPlan>,
}

/// Which of the hosts that have room a task is placed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Places {
    /// On the one with the fewest tasks.
    #[default]
    FewestTasks,
    /// Spread over the zones.
    Spread,
    /// On the fullest.
    Packed,
    /// On any.
    Anywhere,
}

/// `HEADROOM`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeadroomPlan {
    /// `one`
    #[default]
    One,
    /// `none`
    None,
    /// A share, in percent.
    Percent(u8),
}

/// Agents that disconnect and connect again on their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlappingPlan {
    /// From one disconnection of an agent to its next.
    pub every_seconds: u32,
    /// How long it stays away.
    pub for_seconds: u32,
}

/// An Auto Scaling group, with the drainer's hook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupPlan {
    /// How many hosts it begins with.
    pub hosts: u32,
    /// CPU units of each.
    pub cpu: u64,
    /// MiB of each.
    pub memory: u64,
    /// From a launch to the registration.
    pub launch_seconds: u32,
    /// From there until it is ACTIVE: REGISTERING, while its trunk network interface is attached.
    #[serde(default)]
    pub registering_seconds: u32,
    /// The hook's heartbeat timeout.
    pub heartbeat_seconds: u32,
    /// True if an action that runs out is abandoned.
    pub default_abandon: bool,
    /// A drain timeout in the hook's metadata, where these name the cluster.
    pub metadata_drain_timeout_seconds: Option<u32>,
    /// A second hook, which ends after this many seconds.
    pub other_hook_seconds: Option<u32>,
    /// A warm pool that takes back what is scaled in.
    pub warm_pool: Option<WarmPoolPlan>,
    /// True if an instance whose termination was abandoned is retained.
    pub retains_abandoned: bool,
    /// A hook on launches, which ends after this many seconds. Its notices come to the drainer's
    /// topic, too.
    #[serde(default)]
    pub launch_hook_seconds: Option<u32>,
    /// True if the group's ordinary notifications come to the drainer's topic, too.
    #[serde(default)]
    pub notifies: bool,
    /// Which instance a scale-in takes.
    #[serde(default)]
    pub takes: Takes,
    /// The hook's `NotificationMetadata`.
    #[serde(default)]
    pub metadata: Metadata,
    /// How the group differs from a plain one.
    #[serde(default)]
    pub options: GroupOptions,
}

/// How a group differs from a plain one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent setting or a recorded behaviour")]
pub struct GroupOptions {
    /// Behind a load balancer: how long connections drain before the termination hooks run.
    pub connection_draining_seconds: Option<u32>,
    /// How long the group lists an instance as `Terminating:Proceed` after its last termination
    /// hook.
    pub lingering_seconds: Option<u32>,
    /// Its Availability Zones; one, where it is 0.
    pub zones: usize,
    /// True if it replaces a terminating instance as late as AWS was recorded to.
    pub replaces_as_recorded: bool,
    /// True if a retained instance that is terminated by hand runs its hooks again.
    pub retained_run_hooks_again: bool,
    /// True if a status reason follows the description of its terminations.
    pub status_reason: bool,
    /// True if its notices lack the `Action` member, as they did before 2026.
    pub without_action_member: bool,
    /// True if the notifications of the drainer's hook are refused.
    pub notification_refused: bool,
    /// AWS's answer to terminating an instance that is on its way out.
    pub terminated_again: Again,
    /// How long after a termination by id it balances its zones.
    pub rebalances_after_seconds: Option<u32>,
    /// The fewest hosts.
    pub min_size: u32,
    /// The most hosts; 1,000 where it says nothing.
    pub max_size: Option<u32>,
    /// True if its capacity provider says that ECS scales it.
    pub scaled_by_ecs: bool,
    /// How soon ECS reacts to an instance that waits at a hook of ECS's own; none where its
    /// capacity provider drains no instances.
    pub drained_by_ecs_within: Option<u32>,
}

/// A hook's `NotificationMetadata` about the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Metadata {
    /// Its name, as documented.
    #[default]
    Named,
    /// Nothing: there is no metadata.
    Absent,
    /// Its name, under a key that the drainer does not know.
    UnderAnotherKey,
    /// A text that is no JSON.
    Text,
}

/// Which instance a scale-in takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Takes {
    /// As by default.
    #[default]
    AsByDefault,
    /// The oldest.
    Oldest,
    /// The newest.
    Newest,
}

/// A warm pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmPoolPlan {
    /// From the start of a stopped instance to its agent's return.
    pub start_seconds: u32,
    /// True if an agent that is back registers anew.
    pub registers_anew: bool,
    /// True if ABANDON on the way to the pool does not keep an instance out of it.
    #[serde(default)]
    pub keeps_abandoned: bool,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one property that services have or not")]
pub struct ServicePlan {
    /// True if it is a DAEMON service: one task a host, whatever it wants else.
    pub daemon: bool,
    /// How many tasks it wants.
    pub tasks: u32,
    /// Minimum healthy percent.
    pub minimum_percent: u32,
    /// Maximum percent.
    pub maximum_percent: u32,
    /// The one group of the cluster, counted round, on whose instances its tasks may be placed.
    #[serde(default)]
    pub only_on_group: Option<usize>,
    /// True if that group's capacity provider binds them there, and not an attribute.
    #[serde(default)]
    pub by_provider: bool,
    /// True if no two of its tasks may be on one instance.
    #[serde(default)]
    pub distinct: bool,
    /// True if its placement strategy names the zone.
    #[serde(default)]
    pub spreads_over_zones: bool,
    /// How many seconds its zones are uneven before ECS balances them; none where it does not.
    #[serde(default)]
    pub rebalances_zones_after: Option<u32>,
    /// Its tasks.
    pub task: TaskPlan,
}

/// A standalone task, run at the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandalonePlan {
    /// How long it runs.
    pub run_seconds: u32,
    /// The task.
    pub task: TaskPlan,
}

/// A task definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskPlan {
    /// CPU units.
    pub cpu: u64,
    /// MiB.
    pub memory: u64,
    /// A static TCP port.
    pub tcp_port: Option<u16>,
    /// A static UDP port.
    pub udp_port: Option<u16>,
    /// True if it has a network interface of its own.
    pub awsvpc: bool,
    /// In PENDING.
    pub pending_seconds: u32,
    /// From RUNNING to healthy.
    pub healthy_seconds: u32,
    /// In DEACTIVATING.
    pub deregistration_seconds: u32,
    /// In STOPPING.
    pub stop_seconds: u32,
    /// In DEPROVISIONING.
    pub deprovisioning_seconds: u32,
}

/// The lifecycle-drainer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrainerPlan {
    /// The function's timeout.
    pub timeout_seconds: u32,
    /// `POLL_INTERVAL_SECONDS`.
    pub poll_seconds: u32,
    /// `DEADLINE_MARGIN_SECONDS`.
    pub margin_seconds: u32,
    /// `DRAIN_TIMEOUT_SECONDS`.
    pub drain_timeout_seconds: u32,
    /// `ON_DRAIN_TIMEOUT`.
    #[serde(default)]
    pub on_drain_timeout: OnTimeout,
    /// Its reserved concurrency.
    pub reserved_concurrency: Option<u32>,
    /// True if Lambda's loop detection is left on, against the template.
    pub recursion_terminated: bool,
    /// `ECS_CLUSTER`, counted among the clusters; one that is not there is a cluster that does not
    /// exist.
    #[serde(default)]
    pub ecs_cluster: usize,
    /// True if each group is swept every minute.
    #[serde(default)]
    pub sweeps: bool,
}

/// The policy of a drain whose time is up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnTimeout {
    /// `stop-tasks`
    #[default]
    StopTasks,
    /// `continue`
    Continue,
    /// `abandon`
    Abandon,
}

/// The capacity-calculator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is there or is not")]
pub struct CalculatorPlan {
    /// The function's timeout.
    pub timeout_seconds: u32,
    /// `CONTAINER_MAX_CPU`.
    pub cpu: u64,
    /// `CONTAINER_MAX_MEMORY`.
    pub memory: u64,
    /// `TCP_PORT_RESOURCES`: one or none.
    pub tcp_port: Option<u16>,
    /// True if it is invoked on a schedule, every minute.
    pub scheduled: bool,
    /// True if it is invoked on events.
    pub on_events: bool,
    /// True if its alarms scale the first group.
    pub scales: bool,
    /// True if none of the worst-case container is given: the calculator discovers all of it.
    #[serde(default)]
    pub discovers: bool,
    /// Its reserved concurrency.
    #[serde(default)]
    pub reserved_concurrency: Option<u32>,
    /// `HEADROOM`.
    #[serde(default)]
    pub headroom: HeadroomPlan,
    /// With `SCALING=direct`: how.
    #[serde(default)]
    pub direct: Option<DirectPlan>,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Happening {
    /// When, in seconds from the start.
    pub at_seconds: u32,
    /// In which cluster, counted round.
    pub cluster: usize,
    /// In which of its groups, or to which of its services, counted round.
    pub of: usize,
    /// The task.
    pub what: What,
}

/// Happenings. Hosts are counted round, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// Hosts are terminated at once, and replaced or not.
    Terminate {
        /// From which on.
        host: usize,
        /// How many.
        hosts: u32,
        /// True if they are replaced.
        replaced: bool,
    },
    /// Somebody sets the group's desired capacity.
    SetDesiredCapacity(u32),
    /// A host is gone without notice.
    LoseHost(usize),
    /// An agent is away for this many seconds.
    DisconnectAgent {
        /// Whose.
        host: usize,
        /// How long.
        seconds: u32,
    },
    /// An agent loses its state and registers anew.
    RegisterAnew(usize),
    /// Somebody sets a service's desired count.
    SetDesiredCount(u32),
    /// A service gets a new task definition: a rolling deployment.
    Deploy,
    /// All hosts are replaced, in waves that leave this share in service, in percent.
    RefreshInstances(u32),
    /// Somebody runs a standalone task.
    RunTask(StandalonePlan),
    /// Somebody starts a standalone task on a host that is being drained, or another.
    StartTask {
        /// Where.
        host: usize,
        /// The task.
        task: StandalonePlan,
    },
    /// Somebody deregisters an instance, whatever runs on it.
    Deregister(usize),
    /// Somebody sets an instance back to ACTIVE.
    SetActive(usize),
    /// Somebody completes the drainer's hook of the nth action that is open.
    CompleteByHand(usize),
    /// The nth of all messages that Auto Scaling sent to the topic so far is delivered again.
    Redeliver(usize),
    /// Something comes to the topic that is none of the drainer's business.
    StrayMessage(Stray),
    /// A host gets a new root volume.
    ReplaceRootVolume(usize),
    /// A host enters standby.
    EnterStandby(usize),
    /// A host leaves standby.
    ExitStandby(usize),
    /// The group's zones are balanced.
    RebalanceZones,
    /// The group is deleted by force, with all its hosts.
    DeleteGroup,
    /// A host gets a ghost: an older registration, disconnected, with a task.
    LeaveGhost(usize),
    /// A process of the group is suspended for this many seconds.
    Suspend(Process, u32),
    /// A host is protected from scale-in.
    ProtectHost(usize),
    /// A host gets the attribute `fleetkeeper.keep`.
    KeepHost(usize),
}

/// Other messages that may come to a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stray {
    /// A hook was put.
    TestNotification,
    /// A group's ordinary notification.
    GroupNotification,
    /// A launching notice.
    Launching,
    /// Text that is no JSON.
    Text,
    /// JSON that is no notification.
    Json,
}

/// Calls that go wrong, from the start of the history on or later, and until it is quiet at most
/// unless `throughout`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultPlan {
    /// Which calls; all where none is named.
    pub operation: Option<Operation>,
    /// How.
    pub fault: Wrong,
    /// This many in a thousand.
    pub per_mille: u32,
    /// From when on.
    pub from_seconds: u32,
    /// For how long.
    pub seconds: u32,
    /// True if it lasts for the whole history, its quiet end included.
    #[serde(default)]
    pub throughout: bool,
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Wrong {
    /// "Rate exceeded".
    Throttled,
    /// No permission.
    Refused,
    /// A server error; nothing happened.
    Unavailable,
    /// A server error, and yet it happened.
    AnswerLost,
    /// No answer, ever.
    Hang,
    /// The first of several resources is MISSING.
    Missing,
    /// The first of several resources could not be reached for another reason.
    Untold,
    /// "No active Lifecycle Action found", though the action is open.
    NoActiveAction,
}

/// How AWS's API behaves within what it promises.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ApiPlan {
    /// The most that a list's page holds.
    pub page_limit: Option<usize>,
    /// Lists pass over their filters, as emulators do.
    pub filters_ignored: bool,
    /// ECS's request rates, and how many reads a second others of the account make.
    pub request_rates: Option<u32>,
    /// Reads that may lag behind.
    pub lagging_reads: Option<LagPlan>,
    /// Reads of groups that may lag behind.
    #[serde(default)]
    pub lagging_groups: Option<GroupLagPlan>,
}

/// Reads of groups and of their activities that may lag behind, each by a lag of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLagPlan {
    /// How far behind a read is, at most.
    pub seconds: u32,
    /// How many reads in a thousand lag.
    pub per_mille: u32,
}

/// Reads that may be served by a copy that lags behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagPlan {
    /// How far behind a read is, at most.
    pub seconds: u32,
    /// How many reads in a thousand lag.
    pub per_mille: u32,
    /// True if each read that lags draws its own lag. Otherwise all lag by the most.
    #[serde(default)]
    pub each_by_its_own: bool,
}
