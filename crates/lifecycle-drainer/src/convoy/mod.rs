//! The drains that one invocation looks after, for as long as it goes: look, decide, act, wait.
//!
//! Mostly that is the one that its message is about. Where more of its group's instances wait than there are carriers
//! ([`fleetkeeper_core::drain::role`]), the invocation carries all of them, or leaves its own to those that do.

mod act;
mod actions;
mod drain;
mod dry_run;
mod explain;
mod group;
mod hand_on;
mod instances;
mod place;
mod stops;
mod summary;
mod tasks;
mod tell;
mod time;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::drain::{
    CompleteReason, DRAIN_TIMEOUT_SECONDS_MAX, Destination, DrainTiming, GROUP_INTERVAL, Notice,
    OnDrainTimeout, Role, SWEEP_LASTS, mates_left,
};
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::paced::{Pace, Paced};
use fleetkeeper_core::ports::{CallError, CallErrorKind, Clock, EmbeddedMetrics, NotificationTopic};

use crate::config::Config;
use crate::error::RecordError;
use crate::outcome::{DrainSummary, Outcome};
use crate::ports::{AutoScalingCalls, EcsCalls, Ports};
use crate::record::Delivery;
use actions::Actions;
use drain::{ActionIs, Drain};
use group::Group;
use instances::Instances;
use place::BY_ITSELF;
use trouble::Trouble;

/// The action of a notice younger than this is taken to be open. An older notice may have been delivered, and its drain
/// done, before: nothing is changed before its action is found to be open.
const FRESH: Duration = Duration::from_secs(60);

/// Between two reads: the carriers of a group make 10 a second together.
const READ_INTERVAL: TimeDelta = TimeDelta::milliseconds(300);

/// So many reads go out at once after a pause: those of all carriers are half of what ECS lets through at once.
const READ_BURST: i32 = 16;

/// What was left to a carrier that is done shows in its group after this long at most.
const LINGER: Duration = Duration::from_secs(10);

/// Drains may go on for so long past their ends, until the last that was stopped is seen to have stopped.
const OTHERS_SLACK: Duration = Duration::from_secs(300);

/// What is to be looked after.
#[derive(Debug)]
pub(crate) struct Request {
    /// The cluster, from the notice or the settings.
    pub(crate) cluster: Cluster,
    /// The group.
    pub(crate) group: String,
    /// The hook that its instances wait at.
    pub(crate) hook: String,
    /// The instance that the message is about, and the message; a sweep is about none.
    pub(crate) own: Option<(Notice, Delivery)>,
}

/// The drains in one invocation.
pub(crate) struct Convoy<'a, Ecs, AutoScaling, Sns, C> {
    sns: &'a Sns,
    log: &'a dyn EmbeddedMetrics,
    clock: &'a C,
    config: &'a Config,
    invocation: Invocation,
    /// When the margin begins.
    hand_on_at: DateTime<Utc>,
    hook: String,
    drain_timeout: Duration,
    to_warm_pool: bool,
    /// The instance and the message that this invocation is about.
    own: Option<(Ec2InstanceId, Delivery)>,
    role: Role,
    /// Whether the role is by a reading of the group.
    placed: bool,
    /// The carrier that all is left to, where that was found late.
    left_to: Option<Ec2InstanceId>,
    drains: BTreeMap<Ec2InstanceId, Drain>,
    instances: Instances<'a, Ecs, C>,
    actions: Actions<'a, AutoScaling, C>,
    group: Group<'a, AutoScaling, C>,
    /// Which reading of the group the drains are by.
    mustered_at: Option<DateTime<Utc>>,
    /// How many others were carried and wait no more.
    let_go: usize,
    /// Since when all has ended.
    done_at: Option<DateTime<Utc>>,
    /// When a drain was last explained.
    explained_at: Option<DateTime<Utc>>,
    /// When it was last told how many drains are under way.
    told_at: Option<DateTime<Utc>>,
}

impl<'a, Ecs, AutoScaling, Sns, C> Convoy<'a, Ecs, AutoScaling, Sns, C>
where
    Ecs: EcsCalls,
    AutoScaling: AutoScalingCalls,
    Sns: NotificationTopic,
    C: Clock,
{
    pub(crate) fn new(
        ports: &'a Ports<Ecs, AutoScaling, Sns, impl EmbeddedMetrics, C>,
        config: &'a Config,
        request: Request,
        invocation: Invocation,
    ) -> Self {
        let Ports { ecs, auto_scaling, sns, log, clock } = ports;
        let Request { cluster, group, hook, own } = request;
        let hand_on_at = invocation.ends - config.deadline_margin;
        // A sweep knows no notice: until it has read the hook, that alone bounds a drain.
        let mut drain_timeout = Duration::from_secs(DRAIN_TIMEOUT_SECONDS_MAX);
        let mut drains = BTreeMap::new();
        let mut to_warm_pool = false;
        let own = own.map(|(notice, delivery)| {
            to_warm_pool = notice.destination == Some(Destination::WarmPool);
            drain_timeout = notice.drain_timeout.unwrap_or(config.drain_timeout);
            // Auto Scaling's clock may be ahead of this one.
            let began = notice.time.min(invocation.begins);
            let timing = DrainTiming { began, drain_timeout, hook: None, stops_until: None };
            let mut drain = Drain::new(notice.ec2_instance_id.clone(), notice.action, timing, true);
            // The action's start counts as a heartbeat.
            drain.last_heartbeat = (invocation.begins < began + FRESH).then_some(began);
            drain.last_tried = drain.last_heartbeat;
            if drain.last_heartbeat.is_some() {
                drain.action_is = ActionIs::Open;
            }
            drains.insert(notice.ec2_instance_id.clone(), drain);
            (notice.ec2_instance_id, delivery)
        });
        Self {
            sns,
            log,
            clock,
            config,
            invocation,
            hand_on_at,
            hook,
            drain_timeout,
            to_warm_pool,
            role: if own.is_some() { Role::Carrier(0) } else { Role::Sweeper },
            placed: own.is_none(),
            left_to: None,
            own,
            drains,
            instances: Instances {
                ecs,
                reads: Paced::new(ecs, clock, Rc::new(Pace::new(READ_INTERVAL, READ_BURST))),
                clock,
                until: hand_on_at,
                cluster,
                stop_timeouts: BTreeMap::new(),
                many_stopped: false,
                behind: false,
            },
            actions: Actions {
                auto_scaling,
                clock,
                until: hand_on_at,
                hook: None,
                read_at: Some(invocation.begins),
            },
            group: Group {
                auto_scaling,
                clock,
                until: hand_on_at,
                name: group,
                read_at: Some(invocation.begins),
                refused_since: None,
                waiting: None,
                is_gone: false,
                seen_at: None,
                most_waiting: 0,
            },
            mustered_at: None,
            let_go: 0,
            done_at: None,
            explained_at: None,
            told_at: None,
        }
    }

    /// Drains until the hooks are completed, their actions are gone, or the invocation's time is up. A failure of AWS never
    /// completes a hook: it is tried again for as long as there is time, and is then this function's error.
    pub(crate) async fn run(mut self) -> Result<DrainSummary, RecordError> {
        self.refuse_too_short_an_invocation()?;
        if self.role == Role::Sweeper {
            self.hand_on_at = self.hand_on_at.min(self.invocation.begins + SWEEP_LASTS);
        }
        if let Some(carrier) = self.take_place().await {
            return Ok(self.left_to(&carrier));
        }
        let mut trouble: Option<Trouble> = None;
        loop {
            let went = self.round().await;
            if let Some(carrier) = self.left_to.take() {
                return Ok(self.left_to(&carrier));
            }
            let pause = match went {
                Ok(()) => {
                    trouble = None;
                    if mem::take(&mut self.instances.behind) { Duration::ZERO } else { self.poll_interval() }
                }
                // Cut off by the time to hand on, not by AWS.
                Err(error) if error.kind == CallErrorKind::OutOfTime && self.time_is_up() => Duration::ZERO,
                Err(error) => {
                    let met = self.meet(trouble.take(), error)?;
                    let pause = self.pause_after(met.tries);
                    trouble = Some(met);
                    pause
                }
            };
            if self.is_done() {
                return Ok(self.finish());
            }
            self.rest(pause).await;
            if self.is_done() {
                return Ok(self.finish());
            }
            if self.time_is_up() {
                return match trouble {
                    Some(trouble) if !self.may_pass(&trouble) => Err(self.failed(trouble.error)),
                    _ => self.hand_on().await,
                };
            }
        }
    }

    /// One look at everything, and what follows from it.
    async fn round(&mut self) -> Result<(), CallError> {
        self.keep_alive().await;
        if self.group.read_at.is_some_and(|at| self.clock.now() >= at) {
            // What begins to wait must be seen before its hook runs out.
            let strictest = DrainTiming::heartbeat_interval_of(self.actions.hook);
            self.group.read(GROUP_INTERVAL.min(strictest)).await;
        }
        if !self.placed
            && let Some((own, _)) = self.own.clone()
        {
            // The group could not be read before.
            self.left_to = self.place(&own);
            if self.left_to.is_some() {
                return Ok(());
            }
        }
        if self.muster().await {
            self.keep_alive().await;
        }
        self.give_up_what_has_ended();
        self.grant_a_step();
        self.let_go_in_time().await?;
        if self.unended().next().is_none() {
            self.tell();
            return Ok(());
        }
        for drain in unended(&mut self.drains) {
            drain.looked_at = None;
        }
        let looked = self.instances.look(unended(&mut self.drains).collect()).await;
        let acted = self.act().await;
        self.tell();
        self.explain().await;
        looked.and(acted)
    }

    /// Where the policy asks nothing of ECS, no failure of ECS holds back the end of a drain whose time is up.
    async fn let_go_in_time(&mut self) -> Result<(), CallError> {
        let policy = self.config.on_drain_timeout;
        if policy == OnDrainTimeout::StopTasks {
            return Ok(());
        }
        let now = self.clock.now();
        let over = unended(&mut self.drains).filter(|drain| now >= drain.timing.end());
        let over: Vec<_> = over.map(|drain| (drain, CompleteReason::TimeUp(policy))).collect();
        if over.is_empty() { Ok(()) } else { self.actions.complete(over).await }
    }

    /// An action whose hook's own timeout has passed is over.
    fn give_up_what_has_ended(&mut self) {
        let now = self.clock.now();
        let over = |drain: &&mut Drain| now >= drain.timing.hook_has_ended_by();
        for drain in unended(&mut self.drains).filter(over) {
            drain.in_span(|| {
                tracing::warn!(
                    drainTimeoutSeconds = drain.timing.drain_timeout.as_secs(),
                    "the drain outlived its hook, which has ended by its own timeout"
                );
            });
            drain.ended = Some(Outcome::HookTimedOut);
        }
    }

    fn unended(&self) -> impl Iterator<Item = &Drain> {
        self.drains.values().filter(|drain| drain.ended.is_none())
    }

    /// Whether nothing is left to do: all drains have ended, and where messages may have been left to this one, nothing
    /// has begun to wait since.
    fn is_done(&mut self) -> bool {
        if self.unended().next().is_some() {
            self.done_at = None;
            return false;
        }
        if self.group.is_unknown() && self.others_may_count_on_it() {
            // Where AWS refuses to tell of the group, that is not handed on: the permission may be missing for good.
            return self.time_is_up() && self.group.refused_since.is_some();
        }
        let waiting = self.group.waiting.as_ref().map_or(0, BTreeSet::len);
        if !mates_left(self.group.most_waiting) || self.role == Role::Sweeper {
            return true;
        }
        // As long as so many wait, if only at other hooks, messages that come are left to them.
        let done_at = *self.done_at.get_or_insert(self.clock.now());
        let read_since = self.group.seen_at.filter(|seen| *seen >= done_at + LINGER);
        let read_by = read_since.unwrap_or(done_at) + LINGER;
        self.group.read_at = self.group.read_at.map(|at| at.min(read_by));
        read_since.is_some() && (!mates_left(waiting) || self.role == BY_ITSELF)
    }

    /// Whether others may have left their messages to this one, though it could not see them. They began to wait before its
    /// own drain had ended, and end within as long again.
    fn others_may_count_on_it(&self) -> bool {
        let own = self.own.as_ref().and_then(|(id, _)| self.drains.get(id));
        own.is_some_and(|own| {
            let others_end = own.timing.end() + own.timing.longest() + OTHERS_SLACK;
            self.clock.now() < others_end
        })
    }

    fn finish(mut self) -> DrainSummary {
        self.tell_in_progress();
        self.summary()
    }
}

fn unended(drains: &mut BTreeMap<Ec2InstanceId, Drain>) -> impl Iterator<Item = &mut Drain> {
    drains.values_mut().filter(|drain| drain.ended.is_none())
}
