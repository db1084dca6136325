//! What would be done, and nothing that changes anything.

use fleetkeeper_core::drain::Decision;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::ports::{CallError, Clock, NotificationTopic};

use super::Convoy;
use crate::error::RecordError;
use crate::outcome::{DrainSummary, Outcome};
use crate::ports::{AutoScalingCalls, EcsCalls};

impl<Ecs, AutoScaling, Sns, C> Convoy<'_, Ecs, AutoScaling, Sns, C>
where
    Ecs: EcsCalls,
    AutoScaling: AutoScalingCalls,
    Sns: NotificationTopic,
    C: Clock,
{
    /// Looks once, decides, explains, and says what it would do.
    pub(crate) async fn dry_run(mut self) -> Result<DrainSummary, RecordError> {
        self.group.read(fleetkeeper_core::drain::GROUP_INTERVAL).await;
        self.grant_a_step();
        let would = match self.own_decision().await {
            Ok(would) => would,
            Err(error) => return Err(self.failed(error)),
        };
        tracing::info!(would, "dry run: nothing is changed");
        Ok(self.summary_of(Outcome::DryRun { would }))
    }

    async fn own_decision(&mut self) -> Result<String, CallError> {
        let waiting = self.group.waiting.as_ref().map_or(0, std::collections::BTreeSet::len);
        let Some(drain) = self.own.as_ref().and_then(|(id, _)| self.drains.get_mut(id)) else {
            return Ok(format!("look after {waiting} instances that wait"));
        };
        self.instances.find(vec![drain]).await?;
        let policy = self.config.on_drain_timeout;
        let would = loop {
            break match drain.decide(policy, std::time::Duration::ZERO, self.clock.now()) {
                Some(Decision::SetDraining(arns)) => {
                    let arns: Vec<_> = arns.iter().map(AsRef::as_ref).collect();
                    format!("set DRAINING: {}", arns.join(", "))
                }
                Some(Decision::Complete(reason)) => format!("complete the hook: {reason}"),
                Some(Decision::StopTasks(tasks)) => format!("stop {} tasks", tasks.len()),
                Some(Decision::Wait(reason)) => format!("wait: {reason}"),
                // To read is no change.
                Some(Decision::FindInstances) => {
                    self.instances.find(vec![drain]).await?;
                    continue;
                }
                Some(Decision::ReadTasks) => {
                    self.instances.read_tasks(vec![drain]).await.1?;
                    continue;
                }
                Some(Decision::PlanStops) => {
                    self.instances.plan_stops(vec![drain]).await?;
                    continue;
                }
                None => "look again".to_owned(),
            };
        };
        if let Err(error) = self.instances.explain(drain, true).await {
            tracing::warn!(error = %ErrorChain(&error), "what the drain would wait for can't be read");
        }
        Ok(match &drain.diagnosis {
            Some(diagnosis) => format!("{would}; then wait for {diagnosis}"),
            None => would,
        })
    }
}
