//! One drain, for as long as one invocation goes: look, decide, act, wait.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fleetkeeper_core::cluster::Cluster;
use fleetkeeper_core::container_instance::{ContainerInstance, ContainerInstanceArn};
use fleetkeeper_core::drain::{
    CompleteReason, Decision, DrainTiming, Look, Notice, Sight, WaitReason, decide,
};
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::lifecycle::{LifecycleActionResult, LifecycleActionState};
use fleetkeeper_core::ports::{
    Answer, CallError, CallErrorKind, Clock, ContainerInstanceDraining, ContainerInstanceQuery,
    ContainerInstances, Failure, LifecycleActions, NotificationTopic, Tasks, UPDATE_STATE_MAX,
};
use fleetkeeper_core::read;
use fleetkeeper_core::task::Task;
use fleetkeeper_core::time_left::{between, within};

use crate::config::Config;
use crate::drainer::Ports;
use crate::error::RecordError;
use crate::outcome::{DrainSummary, Outcome};
use crate::record::Delivery;

/// What AWS refuses is tried again for this long only: permissions and new clusters take a while to be known
/// everywhere, and past that an error that wakes somebody does more than another try.
pub const REFUSAL_PATIENCE: Duration = Duration::from_secs(60);

/// The longest pause between two tries.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// A hook that could not be read is tried again after this long.
const HOOK_RETRY: Duration = Duration::from_secs(30);

/// Kept of the invocation to return its answer.
const RETURN_RESERVE: Duration = Duration::from_secs(1);

/// The first pause before a publish is tried again; it doubles.
const PUBLISH_RETRY: Duration = Duration::from_millis(500);

/// What is to be drained.
#[derive(Debug)]
pub struct Request {
    /// The cluster, from the notice or the settings.
    pub cluster: Cluster,
    /// The notice.
    pub notice: Notice,
    /// The message that carried it.
    pub delivery: Delivery,
}

/// A drain in one invocation.
pub(crate) struct Drain<'a, Ecs, AutoScaling, Sns, C> {
    ports: &'a Ports<Ecs, AutoScaling, Sns, C>,
    config: &'a Config,
    request: Request,
    invocation: Invocation,
    timing: DrainTiming,
    /// When to try to read the hook; none once it has been read.
    read_hook_at: Option<DateTime<Utc>>,
    last_heartbeat: Option<DateTime<Utc>>,
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
        let began = request.notice.time;
        let drain_timeout = request.notice.drain_timeout.unwrap_or(config.drain_timeout);
        Self {
            ports,
            config,
            invocation,
            timing: DrainTiming { began, drain_timeout, hook: None },
            read_hook_at: Some(invocation.begins),
            // The action's start counts as a heartbeat. When a republished message's invocation recorded its last one
            // is not known here.
            last_heartbeat: (request.delivery.attempt == 1).then_some(began),
            sight: Sight::default(),
            waiting_for: None,
            request,
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
                Err(error) if error.kind == CallErrorKind::OutOfTime => Duration::ZERO,
                Err(error) => {
                    let met = self.meet(trouble.take(), error)?;
                    let pause = self.pause_after(met.tries);
                    trouble = Some(met);
                    pause
                }
            };
            let left = between(self.ports.clock.now(), self.hand_on_at());
            self.ports.clock.sleep(pause.min(left)).await;
            if self.ports.clock.now() >= self.hand_on_at() {
                return match trouble {
                    None => self.hand_on().await,
                    Some(trouble) => Err(self.failed(trouble.error)),
                };
            }
        }
    }

    /// Without time for a single look before the margin every invocation would republish at once, for ever.
    fn refuse_too_short_an_invocation(&self) -> Result<(), RecordError> {
        if self.invocation.begins + self.config.poll_interval < self.hand_on_at() {
            return Ok(());
        }
        Err(RecordError::TooShort {
            seconds: between(self.invocation.begins, self.invocation.ends).as_secs(),
            margin: self.config.deadline_margin.as_secs(),
            poll: self.config.poll_interval.as_secs(),
        })
    }

    fn hand_on_at(&self) -> DateTime<Utc> {
        self.invocation.ends - self.config.deadline_margin
    }

    async fn step(&mut self) -> Result<Step, CallError> {
        if self.ports.clock.now() >= self.timing.hook_has_ended_by() {
            tracing::warn!(
                drainTimeoutSeconds = self.timing.drain_timeout.as_secs(),
                "the drain outlived its hook, which has ended by its own timeout"
            );
            return Ok(Step::Done(Outcome::HookTimedOut));
        }
        self.read_hook().await;
        if self.keep_alive().await == LifecycleActionState::Gone {
            return Ok(Step::Done(self.action_gone()));
        }
        self.look().await?;
        loop {
            match decide(&self.sight, self.timing.began, self.ports.clock.now()) {
                Decision::ReadTasks => self.read_tasks().await?,
                Decision::SetDraining(arns) => {
                    self.set_draining(&arns).await?;
                    return Ok(Step::Wait(WaitReason::Settling));
                }
                Decision::Wait(reason) => return Ok(Step::Wait(reason)),
                Decision::Complete(reason) => return self.complete(reason).await.map(Step::Done),
            }
        }
    }

    /// Reads the hook's timeouts. Until that works, a drain goes on with the strictest there are.
    async fn read_hook(&mut self) {
        let now = self.ports.clock.now();
        if self.read_hook_at.is_none_or(|at| now < at) {
            return;
        }
        let action = &self.request.notice.action;
        let call = self.ports.auto_scaling.describe_hook(action);
        match self.in_time("autoscaling:DescribeLifecycleHooks", &action.hook, call).await {
            Ok(hook) => {
                if hook.is_none() {
                    tracing::warn!("the group has no such hook any more");
                }
                self.timing.hook = hook;
                self.read_hook_at = None;
            }
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "the hook's timeouts can't be read: taken for the shortest there are");
                self.read_hook_at = Some(now + HOOK_RETRY);
            }
        }
    }

    /// Records a heartbeat where one is due. A failure does not hold up the drain: the next look tries again, and two
    /// more fit into the hook's timeout.
    async fn keep_alive(&mut self) -> LifecycleActionState {
        let now = self.ports.clock.now();
        if !self.timing.heartbeat_due(self.last_heartbeat, now) {
            return LifecycleActionState::Active;
        }
        let action = &self.request.notice.action;
        let call = self.ports.auto_scaling.record_heartbeat(action);
        match self.in_time("autoscaling:RecordLifecycleActionHeartbeat", &action.hook, call).await {
            Ok(state) => {
                self.last_heartbeat = Some(now);
                tracing::debug!(?state, "heartbeat recorded");
                state
            }
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "the heartbeat failed: tried again with the next look");
                LifecycleActionState::Active
            }
        }
    }

    async fn look(&mut self) -> Result<(), CallError> {
        let (ecs, cluster) = (&self.ports.ecs, &self.request.cluster);
        match self.sight.next_look() {
            Look::Find => {
                let query =
                    ContainerInstanceQuery::OfEc2Instance(self.request.notice.ec2_instance_id.clone());
                let call = read::container_instances(ecs, cluster, &query);
                let answer = self.in_time("ecs:ListContainerInstances", cluster.name(), call).await?;
                self.see_instances(answer)
            }
            Look::Instances(arns) => {
                let call = read::describe_container_instances(ecs, cluster, &arns);
                let answer = self.in_time("ecs:DescribeContainerInstances", cluster.name(), call).await?;
                self.see_instances(answer)
            }
            Look::Tasks(arns) => {
                let call = read::describe_tasks(ecs, cluster, &arns);
                let answer = self.in_time("ecs:DescribeTasks", cluster.name(), call).await?;
                self.sight.see_unfinished_tasks(self.only_missing("ecs:DescribeTasks", answer)?);
                Ok(())
            }
        }
    }

    /// Takes in container instances, and none but those of the instance that is to go: whatever a filter let through
    /// (an emulator may ignore it), no other is ever touched.
    fn see_instances(&mut self, answer: Answer<ContainerInstance>) -> Result<(), CallError> {
        let mut instances = self.only_missing("ecs:DescribeContainerInstances", answer)?;
        let all = instances.len();
        instances.retain(|instance| instance.ec2_instance_id == self.request.notice.ec2_instance_id.as_str());
        if instances.len() < all {
            tracing::warn!(
                others = all - instances.len(),
                "ECS listed other instances, too: they are left alone"
            );
        }
        self.sight.see_instances(instances, self.ports.clock.now());
        Ok(())
    }

    async fn read_tasks(&mut self) -> Result<(), CallError> {
        let mut tasks: Vec<Task> = Vec::new();
        for instance in self.sight.instances() {
            let call = read::tasks(&self.ports.ecs, &self.request.cluster, &instance.arn);
            let answer = self.in_time("ecs:ListTasks", &instance.arn.0, call).await?;
            tasks.extend(self.only_missing("ecs:DescribeTasks", answer)?);
        }
        self.sight.see_tasks(tasks);
        Ok(())
    }

    async fn set_draining(&self, arns: &[ContainerInstanceArn]) -> Result<(), CallError> {
        const OPERATION: &str = "ecs:UpdateContainerInstancesState";
        for batch in arns.chunks(UPDATE_STATE_MAX) {
            let call = self.ports.ecs.set_draining(&self.request.cluster, batch);
            let answer = self.in_time(OPERATION, self.request.cluster.name(), call).await?;
            self.only_missing(OPERATION, answer)?;
        }
        tracing::info!(containerInstances = ?arns, "set DRAINING");
        Ok(())
    }

    async fn complete(&self, reason: CompleteReason) -> Result<Outcome, CallError> {
        let action = &self.request.notice.action;
        let call = self.ports.auto_scaling.complete(action, LifecycleActionResult::Continue);
        match self.in_time("autoscaling:CompleteLifecycleAction", &action.hook, call).await? {
            LifecycleActionState::Gone => Ok(self.action_gone()),
            LifecycleActionState::Active => {
                match reason {
                    CompleteReason::Drained => tracing::info!(%reason, "hook completed"),
                    CompleteReason::NotInCluster => tracing::warn!(%reason, "hook completed"),
                }
                Ok(Outcome::Completed { reason })
            }
        }
    }

    fn action_gone(&self) -> Outcome {
        tracing::info!(
            token = self.request.notice.action.token,
            "no active lifecycle action: it was completed before, or has timed out"
        );
        Outcome::ActionGone
    }

    /// Republishes the message, so that another invocation goes on.
    async fn hand_on(&self) -> Result<DrainSummary, RecordError> {
        let Delivery { topic_arn, text, attempt, .. } = &self.request.delivery;
        let next_attempt = attempt.saturating_add(1);
        let until = self.invocation.ends - RETURN_RESERVE;
        let mut pause = PUBLISH_RETRY;
        loop {
            let call = self.ports.sns.publish(topic_arn, text, next_attempt);
            match within(&self.ports.clock, until, "sns:Publish", topic_arn, call).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), "the message could not be republished");
                    if self.ports.clock.now() + pause >= until {
                        return Err(RecordError::HandOn {
                            ec2_instance_id: self.request.notice.ec2_instance_id.to_string(),
                            cluster: self.request.cluster.to_string(),
                            source: error,
                        });
                    }
                }
            }
            self.ports.clock.sleep(pause).await;
            pause *= 2;
        }
        let waiting_for = self.waiting_for.as_ref().map(ToString::to_string).unwrap_or_default();
        tracing::info!(nextAttempt = next_attempt, reason = waiting_for, "time is up: message republished");
        Ok(self.summary(Outcome::HandedOn { next_attempt, waiting_for }))
    }

    /// Adds a failure to those before it; what was refused for too long is the end of it.
    fn meet(&self, before: Option<Trouble>, error: CallError) -> Result<Trouble, RecordError> {
        let now = self.ports.clock.now();
        let (since, tries) = before.map_or((now, 1), |trouble| (trouble.since, trouble.tries + 1));
        tracing::error!(error = %ErrorChain(&error), tries, "a call failed: the hook stays open, the drain goes on");
        if error.kind == CallErrorKind::Refused && now >= since + REFUSAL_PATIENCE {
            return Err(self.failed(error));
        }
        Ok(Trouble { since, tries, error })
    }

    /// Doubles from the poll interval on.
    fn pause_after(&self, tries: u32) -> Duration {
        let doubled = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        self.config.poll_interval.saturating_mul(doubled).min(RETRY_PAUSE_MAX.max(self.config.poll_interval))
    }

    fn failed(&self, source: CallError) -> RecordError {
        RecordError::Drain {
            ec2_instance_id: self.request.notice.ec2_instance_id.to_string(),
            cluster: self.request.cluster.to_string(),
            source,
        }
    }

    /// The items of an answer whose failures only tell what is no longer there. Any other failure is the call's.
    fn only_missing<T>(&self, operation: &'static str, answer: Answer<T>) -> Result<Vec<T>, CallError> {
        for failure in &answer.failures {
            tracing::warn!(operation, %failure, "ECS could not tell of a resource");
        }
        match answer.failures.into_iter().find(|failure| !failure.is_missing()) {
            None => Ok(answer.items),
            Some(failure) => Err(partial(operation, &self.request.cluster, &failure)),
        }
    }

    async fn in_time<T>(
        &self,
        operation: &'static str,
        resource: &str,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        within(&self.ports.clock, self.hand_on_at(), operation, resource, call).await
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
            ec2_instance_id: self.request.notice.ec2_instance_id.to_string(),
            cluster: self.request.cluster.to_string(),
            attempt: self.request.delivery.attempt,
            seconds_since_notice: between(self.timing.began, self.ports.clock.now()).as_secs(),
            outcome,
        }
    }
}

fn partial(operation: &'static str, cluster: &Cluster, failure: &Failure) -> CallError {
    CallError {
        operation,
        resource: format!("cluster {cluster}"),
        kind: CallErrorKind::Unavailable,
        source: Some(failure.to_string().into()),
    }
}
