//! One drain, for as long as one invocation goes: look, decide, act, wait.

mod hook;
mod instance;

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::drain::{Decision, DrainTiming, Notice, SETTLE, Sight, WaitReason, decide};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::lifecycle::LifecycleActionState;
use fleetkeeper_core::ports::{
    CallError, CallErrorKind, Clock, ContainerInstanceDraining, ContainerInstances, LifecycleActions,
    NotificationTopic, Tasks,
};
use fleetkeeper_core::time_left::{between, within};

use crate::config::Config;
use crate::error::RecordError;
use crate::outcome::{DrainSummary, Outcome};
use crate::ports::Ports;
use crate::record::Delivery;
use hook::Hook;
use instance::Instance;

/// What AWS refuses is tried again for this long only: permissions and new clusters take a while to be known
/// everywhere, and past that an error that wakes somebody does more than another try.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(60);

/// Failures that began less than this ago, after a look that worked, are left to the next invocation. As an error they
/// would be run again by Lambda a minute later, and a hook may not last as long.
const MAY_PASS: Duration = Duration::from_secs(60);

/// The action of a notice younger than this is taken to be open. An older notice may have been delivered, and its drain
/// done, before: nothing is changed before a heartbeat has found its action.
const FRESH: Duration = Duration::from_secs(60);

/// What a step's calls may take, where the hook's heartbeats leave them more.
const STEP_MOST: Duration = Duration::from_secs(60);

/// The longest pause between two tries, where the poll interval is not longer.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Kept of the invocation to return its answer.
const RETURN_RESERVE: Duration = Duration::from_millis(200);

/// The first pause before a publish is tried again; it doubles.
const PUBLISH_RETRY: Duration = Duration::from_millis(500);

/// A publish that does not answer within this time is tried again: the margin is worth more than one try.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(3);

/// What is to be drained.
#[derive(Debug)]
pub(crate) struct Request {
    /// The cluster, from the notice or the settings.
    pub(crate) cluster: Cluster,
    /// The notice.
    pub(crate) notice: Notice,
    /// The message that carried it.
    pub(crate) delivery: Delivery,
}

/// A drain in one invocation.
pub(crate) struct Drain<'a, Ecs, AutoScaling, Sns, C> {
    sns: &'a Sns,
    clock: &'a C,
    config: &'a Config,
    invocation: Invocation,
    /// When the margin begins.
    hand_on_at: DateTime<Utc>,
    delivery: Delivery,
    instance: Instance<'a, Ecs, C>,
    hook: Hook<'a, AutoScaling, C>,
    sight: Sight,
    waiting_for: Option<WaitReason>,
}

enum Step {
    Done(Outcome),
    Wait(WaitReason),
}

/// Failures without a success between them.
struct Trouble {
    since: DateTime<Utc>,
    /// Since when AWS refuses, and does nothing else.
    refused_since: Option<DateTime<Utc>>,
    tries: u32,
    error: CallError,
}

impl<'a, Ecs, AutoScaling, Sns, C> Drain<'a, Ecs, AutoScaling, Sns, C>
where
    Ecs: ContainerInstances + ContainerInstanceDraining + Tasks,
    AutoScaling: LifecycleActions,
    Sns: NotificationTopic,
    C: Clock,
{
    pub(crate) fn new(
        ports: &'a Ports<Ecs, AutoScaling, Sns, C>,
        config: &'a Config,
        request: Request,
        invocation: Invocation,
    ) -> Self {
        let Ports { ecs, auto_scaling, sns, clock } = ports;
        let Request { cluster, notice, delivery } = request;
        let hand_on_at = invocation.ends - config.deadline_margin;
        let drain_timeout = notice.drain_timeout.unwrap_or(config.drain_timeout);
        // Auto Scaling's clock may be ahead of this one.
        let began = notice.time.min(invocation.begins);
        // The action's start counts as a heartbeat.
        let known_open_at = (invocation.begins < began + FRESH).then_some(began);
        Self {
            sns,
            clock,
            config,
            invocation,
            hand_on_at,
            instance: Instance {
                ecs,
                clock,
                until: hand_on_at,
                cluster,
                ec2_instance_id: notice.ec2_instance_id,
            },
            hook: Hook {
                auto_scaling,
                clock,
                until: hand_on_at,
                action: notice.action,
                timing: DrainTiming { began, drain_timeout, hook: None },
                read_at: Some(invocation.begins),
                last_heartbeat: known_open_at,
                last_tried: known_open_at,
            },
            delivery,
            sight: Sight::default(),
            waiting_for: None,
        }
    }

    /// Drains until the hook is completed, its action is gone, or the invocation's time is up. A failure of AWS never
    /// completes the hook: it is tried again for as long as there is time, and is then this function's error.
    pub(crate) async fn run(mut self) -> Result<DrainSummary, RecordError> {
        self.refuse_too_short_an_invocation()?;
        let mut trouble: Option<Trouble> = None;
        loop {
            let pause = match self.step().await {
                Ok(Step::Done(outcome)) => return Ok(self.summary(outcome)),
                Ok(Step::Wait(reason)) => {
                    trouble = None;
                    self.say(reason);
                    self.config.poll_interval
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
            if self.rest(pause).await == LifecycleActionState::Gone {
                return Ok(self.summary(self.hook.gone()));
            }
            if self.time_is_up() {
                return match trouble {
                    Some(trouble) if !self.may_pass(&trouble) => Err(self.failed(trouble.error)),
                    _ => self.hand_on().await,
                };
            }
        }
    }

    /// Waits, until the time to hand on at most, and keeps the hook alive meanwhile: between two polls or two tries it
    /// may run out.
    async fn rest(&mut self, pause: Duration) -> LifecycleActionState {
        let until = self.hand_on_at.min(self.clock.now() + pause);
        loop {
            let wake = until.min(self.hook.next_keep_alive());
            self.clock.sleep(between(self.clock.now(), wake)).await;
            if self.clock.now() >= until {
                return LifecycleActionState::Active;
            }
            if self.hook.keep_alive().await == LifecycleActionState::Gone {
                return LifecycleActionState::Gone;
            }
        }
    }

    /// Each invocation has to see the instance empty for long enough by itself: with too little time for that before
    /// the margin, drains would be republished for ever and never end.
    fn refuse_too_short_an_invocation(&self) -> Result<(), RecordError> {
        if self.invocation.begins + SETTLE + self.config.poll_interval < self.hand_on_at {
            return Ok(());
        }
        Err(RecordError::TooShort {
            seconds: between(self.invocation.begins, self.invocation.ends).as_secs(),
            settle: SETTLE.as_secs(),
            margin: self.config.deadline_margin.as_secs(),
            poll: self.config.poll_interval.as_secs(),
        })
    }

    fn time_is_up(&self) -> bool {
        self.clock.now() >= self.hand_on_at
    }

    /// Whether failures are left to the next invocation. Where no look has worked in this one they are an error.
    fn may_pass(&self, trouble: &Trouble) -> bool {
        self.waiting_for.is_some() && self.clock.now() < trouble.since + MAY_PASS
    }

    async fn step(&mut self) -> Result<Step, CallError> {
        if self.hook.keep_alive().await == LifecycleActionState::Gone {
            return Ok(Step::Done(self.hook.gone()));
        }
        if self.clock.now() >= self.hook.timing.hook_has_ended_by() {
            tracing::warn!(
                drainTimeoutSeconds = self.hook.timing.drain_timeout.as_secs(),
                "the drain outlived its hook, which has ended by its own timeout"
            );
            return Ok(Step::Done(Outcome::HookTimedOut));
        }
        // A call that does not answer must not outlast the hook.
        let patience = self.hook.timing.heartbeat_interval().min(STEP_MOST);
        let until = self.hand_on_at.min(self.clock.now() + patience);
        self.instance.until = until;
        self.instance.look(&mut self.sight).await?;
        loop {
            match decide(&self.sight, self.hook.timing.began, self.clock.now()) {
                Decision::FindInstances => self.instance.find(&mut self.sight).await?,
                Decision::ReadTasks => self.instance.read_tasks(&mut self.sight).await?,
                Decision::SetDraining(_) if !self.hook.known_open() => {
                    return Ok(Step::Wait(WaitReason::Unconfirmed));
                }
                Decision::SetDraining(arns) => {
                    self.instance.set_draining(&arns).await?;
                    return Ok(Step::Wait(WaitReason::JustSetDraining));
                }
                Decision::Wait(reason) => return Ok(Step::Wait(reason)),
                Decision::Complete(reason) => return self.hook.complete(reason, until).await.map(Step::Done),
            }
        }
    }

    /// Republishes the message, so that another invocation goes on.
    async fn hand_on(&self) -> Result<DrainSummary, RecordError> {
        let Delivery { topic_arn, text, attempt, .. } = &self.delivery;
        let Some(topic_arn) = topic_arn else {
            return Err(RecordError::NoTopic {
                ec2_instance_id: self.instance.ec2_instance_id.to_string(),
                cluster: self.instance.cluster.to_string(),
            });
        };
        let next_attempt = attempt.saturating_add(1);
        let until = self.invocation.ends - RETURN_RESERVE;
        let mut pause = PUBLISH_RETRY;
        loop {
            let call = self.sns.publish(topic_arn, text, next_attempt);
            let patience = until.min(self.clock.now() + PUBLISH_PATIENCE);
            match within(self.clock, patience, "sns:Publish", topic_arn, call).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), "the message could not be republished");
                    if self.clock.now() + pause >= until {
                        return Err(RecordError::HandOn {
                            ec2_instance_id: self.instance.ec2_instance_id.to_string(),
                            cluster: self.instance.cluster.to_string(),
                            source: error,
                        });
                    }
                }
            }
            self.clock.sleep(pause).await;
            pause *= 2;
        }
        let waiting_for = self.waiting_for.as_ref().map(ToString::to_string).unwrap_or_default();
        tracing::info!(nextAttempt = next_attempt, reason = waiting_for, "time is up: message republished");
        Ok(self.summary(Outcome::HandedOn { next_attempt, waiting_for }))
    }

    /// Adds a failure to those before it; what was refused for too long is the end of it.
    fn meet(&self, before: Option<Trouble>, error: CallError) -> Result<Trouble, RecordError> {
        let now = self.clock.now();
        let (since, tries) =
            before.as_ref().map_or((now, 1), |trouble| (trouble.since, trouble.tries.saturating_add(1)));
        let refused_since = (error.kind == CallErrorKind::Refused)
            .then(|| before.and_then(|trouble| trouble.refused_since).unwrap_or(now));
        tracing::error!(error = %ErrorChain(&error), tries, "a call failed: the hook stays open, the drain goes on");
        if refused_since.is_some_and(|since| now >= since + REFUSAL_PATIENCE) {
            return Err(self.failed(error));
        }
        Ok(Trouble { since, refused_since, tries, error })
    }

    /// Doubles from the poll interval on.
    fn pause_after(&self, tries: u32) -> Duration {
        let doubled = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        self.config.poll_interval.saturating_mul(doubled).min(RETRY_PAUSE_MAX.max(self.config.poll_interval))
    }

    fn failed(&self, source: CallError) -> RecordError {
        RecordError::Drain {
            ec2_instance_id: self.instance.ec2_instance_id.to_string(),
            cluster: self.instance.cluster.to_string(),
            source,
        }
    }

    /// One line a reason, not one a poll.
    fn say(&mut self, reason: WaitReason) {
        if self.waiting_for.as_ref() == Some(&reason) {
            tracing::debug!(%reason, "still waiting");
        } else {
            tracing::info!(%reason, "waiting");
            self.waiting_for = Some(reason);
        }
    }

    fn summary(&self, outcome: Outcome) -> DrainSummary {
        DrainSummary {
            ec2_instance_id: self.instance.ec2_instance_id.to_string(),
            cluster: self.instance.cluster.to_string(),
            attempt: self.delivery.attempt,
            seconds_since_notice: between(self.hook.timing.began, self.clock.now()).as_secs(),
            outcome,
        }
    }
}
