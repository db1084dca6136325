//! The world: AWS's state, and how time and API calls change it.
//!
//! It does no I/O and reads no clock. [`World::advance_to`] brings about everything that is due;
//! operations are methods that answer as AWS does. The same operations at the same times give the
//! same history, byte for byte.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`ecs`] | clusters, container instances, tasks, services and their scheduler |
//! | [`auto_scaling`] | groups, their instances, lifecycle hooks and actions, scaling policies |
//! | [`spot`], [`spot_interruption`] | EC2's Spot Instances: warnings, and their end |
//! | [`cloud_watch`] | metrics, and the alarms that watch them |
//! | [`fleetkeeper_scaling`] | the alarms and policies that Fleetkeeper's users deploy |
//! | [`sns`], [`topic`] | messages, and the calls that publish them |
//! | [`outbox`] | notices and events that AWS sends out |
//! | [`event_source`], [`lambda`] | their receivers, and how Lambda invokes functions with them |
//! | [`disorder`], [`chance`] | duplicates, delays, kills, as one seed decides |
//! | [`history`] | everything that happened, for tests and people |

mod agenda;
pub mod auto_scaling;
pub mod chance;
pub mod cloud_watch;
pub mod disorder;
pub mod ecs;
pub mod error;
pub mod event_source;
pub mod fleetkeeper_scaling;
pub mod history;
mod ids;
pub mod lambda;
pub mod operation;
pub mod outbox;
pub mod sns;
pub mod spot;
pub mod spot_interruption;
pub mod topic;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use agenda::{Agenda, Transition};
use auto_scaling::group::Group;
use auto_scaling::lagging_groups::LaggingGroups;
use cloud_watch::MetricData;
use cloud_watch::metric::MetricStore;
use cloud_watch::watch::WatchedAlarm;
use disorder::Weather;
use ecs::Cluster;
use ecs::capacity_provider::CapacityProvider;
use ecs::lagging_copy::LaggingCopy;
use ecs::managed_scaling::Reservations;
use ecs::placement_mode::PlacementChoice;
use ecs::request_rate::RequestRates;
use event_source::EventSources;
use history::History;
use ids::Ids;
use lambda::Lambda;
use lambda::invocation::InvocationId;
use outbox::Emission;
use sns::PublishedMessage;

pub use error::ApiError;
pub use operation::Operation;

/// The account that everything belongs to.
pub const ACCOUNT: &str = "111122223333";

/// The Region that everything is in.
pub const REGION: &str = "us-east-1";

/// One account in one Region.
#[derive(Debug, Clone)]
pub struct World {
    now: DateTime<Utc>,
    ids: Ids,
    agenda: Agenda,
    clusters: BTreeMap<String, Cluster>,
    groups: BTreeMap<String, Group>,
    published: Vec<PublishedMessage>,
    metric_data: Vec<MetricData>,
    metric_data_forgotten: bool,
    metrics: MetricStore,
    alarms: BTreeMap<String, WatchedAlarm>,
    outbox: Vec<Emission>,
    event_sources: EventSources,
    lambda: Lambda,
    weather: Weather,
    history: History,
    /// Whose call is being answered.
    caller: Option<InvocationId>,
    page_limit: usize,
    filters_ignored: bool,
    request_rates: RequestRates,
    lagging_copy: Option<LaggingCopy>,
    lagging_groups: Option<LaggingGroups>,
    placement: PlacementChoice,
    capacity_providers: BTreeMap<String, CapacityProvider>,
    /// The latest data points of providers that ECS scales.
    reservations: BTreeMap<String, Reservations>,
    /// The ARNs of task definitions that nobody can describe.
    unreadable_definitions: BTreeSet<String>,
    /// True if calls find no lifecycle action, open or not.
    actions_denied: bool,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(start: DateTime<Utc>) -> Self {
        Self {
            now: start,
            ids: Ids::default(),
            agenda: Agenda::default(),
            clusters: BTreeMap::new(),
            groups: BTreeMap::new(),
            published: Vec::new(),
            metric_data: Vec::new(),
            metric_data_forgotten: false,
            metrics: MetricStore::default(),
            alarms: BTreeMap::new(),
            outbox: Vec::new(),
            event_sources: EventSources::default(),
            lambda: Lambda::default(),
            weather: Weather::calm(),
            history: History::default(),
            caller: None,
            page_limit: fleetkeeper_core::ports::DESCRIBE_MAX,
            filters_ignored: false,
            request_rates: RequestRates::default(),
            lagging_copy: None,
            lagging_groups: None,
            placement: PlacementChoice::default(),
            capacity_providers: BTreeMap::new(),
            reservations: BTreeMap::new(),
            unreadable_definitions: BTreeSet::new(),
            actions_denied: false,
        }
    }

    /// The world's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The time of the next thing that time alone may bring about: a driver has nothing to take
    /// from the outbox before it.
    #[must_use]
    pub fn next_transition(&self) -> Option<DateTime<Utc>> {
        self.agenda.next()
    }

    /// Lets time pass: what is due happens in order, each at its own time. Time never goes back.
    pub fn advance_to(&mut self, time: DateTime<Utc>) {
        while let Some((due, ticket, transition)) = self.agenda.take_due(time) {
            self.keep_groups_until(due);
            self.now = self.now.max(due);
            match transition {
                Transition::Task { cluster, task } => self.task_timer(&cluster, &task, ticket),
                Transition::ServiceScheduler { cluster } => self.run_service_scheduler(&cluster),
                Transition::ForgetTask { cluster, task } => self.forget_task(&cluster, &task),
                Transition::ForgetContainerInstance { cluster, container_instance } => {
                    self.forget_container_instance(&cluster, &container_instance);
                }
                Transition::Registered { cluster, container_instance } => {
                    self.is_registered(&cluster, &container_instance);
                }
                Transition::AgentFlap { cluster, container_instance, connected } => {
                    self.flap(&cluster, &container_instance, connected);
                }
                Transition::InService { group, instance } => self.instance_is_up(&group, &instance),
                Transition::ConnectionsDrained { group, instance } => {
                    self.connections_drained(&group, &instance);
                }
                Transition::LeavesGroup { group, instance } => self.end_instance(&group, &instance),
                Transition::Balance { group } => self.balance(&group),
                Transition::RebalanceZones { group } => self.zones_may_be_uneven(&group),
                Transition::InstanceRefresh { group } => self.step_instance_refresh(&group),
                Transition::EvaluateAlarm { alarm } => self.evaluate_alarm(&alarm, ticket),
                Transition::LifecycleActionDeadline { group, token } => {
                    self.lifecycle_action_deadline(&group, &token);
                }
                Transition::SpotReclaim { group, instance } => self.reclaim_spot_instance(&group, &instance),
                Transition::Submission { cluster, number } => self.submission_is_due(&cluster, number),
                Transition::ManagedScaling { provider } => self.scale_by_reservation(&provider),
                Transition::ManagedDraining { group, token } => self.step_managed_draining(&group, &token),
                Transition::ManagedDrainingForSpot { group, instance } => {
                    self.set_draining_for_spot(&group, &instance);
                }
                Transition::EventArrives(pending) => self.event_arrives(*pending),
                Transition::Schedule { function, every_seconds, input } => {
                    self.schedule_ticks(function, every_seconds, input);
                }
            }
        }
        self.keep_groups_until(time);
        self.now = self.now.max(time);
    }

    /// Lets this many seconds pass.
    pub fn advance_seconds(&mut self, seconds: u32) {
        self.advance_to(self.after(seconds));
    }

    /// Keeps list pages to this size (1 to 100), whatever `maxResults` says: a page may legally
    /// hold fewer and still have a successor.
    pub fn set_page_limit(&mut self, limit: usize) {
        self.page_limit = limit.clamp(1, fleetkeeper_core::ports::DESCRIBE_MAX);
    }

    /// Lets lists pass over filters by EC2 instance, as an emulator may: they return everything. A
    /// reader can notice that. Nobody can notice an ignored placement constraint.
    pub fn ignore_filters(&mut self) {
        self.filters_ignored = true;
    }

    /// The history so far.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Takes the history so far, and begins a new one: that of weeks is heavy.
    pub fn take_history(&mut self) -> History {
        std::mem::take(&mut self.history)
    }

    /// Takes what AWS would have sent out since the last time, in order.
    pub fn take_outbox(&mut self) -> Vec<Emission> {
        std::mem::take(&mut self.outbox)
    }

    fn after(&self, seconds: u32) -> DateTime<Utc> {
        self.now + TimeDelta::seconds(i64::from(seconds))
    }
}
