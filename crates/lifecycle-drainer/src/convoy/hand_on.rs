//! The message republished, so that another invocation goes on.

use std::time::Duration;

use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::ports::{Clock, NotificationTopic};
use fleetkeeper_core::time_left::within;

use super::Convoy;
use super::explain::in_words;
use crate::error::RecordError;
use crate::outcome::{DrainSummary, Outcome};

/// Kept of the invocation to return its answer.
const RETURN_RESERVE: Duration = Duration::from_millis(200);

/// The first pause before a publish is tried again; it doubles.
const PUBLISH_RETRY: Duration = Duration::from_millis(500);

/// A publish that does not answer within this time is tried again: the margin is worth more than one try.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(3);

impl<Ecs, AutoScaling, Sns: NotificationTopic, C: Clock> Convoy<'_, Ecs, AutoScaling, Sns, C> {
    /// Republishes the message. A sweep needs none: there is another one soon.
    pub(super) async fn hand_on(&self) -> Result<DrainSummary, RecordError> {
        let Some((own, delivery)) = &self.own else { return Ok(self.summary()) };
        let Some(topic_arn) = &delivery.topic_arn else {
            self.tell_failure("no topic to hand on through");
            return Err(RecordError::NoTopic {
                ec2_instance_id: own.to_string(),
                cluster: self.instances.cluster.to_string(),
            });
        };
        let next_attempt = delivery.attempt.saturating_add(1);
        let until = self.invocation.ends - RETURN_RESERVE;
        let mut pause = PUBLISH_RETRY;
        loop {
            let call = self.sns.publish(topic_arn, &delivery.text, next_attempt);
            let patience = until.min(self.clock.now() + PUBLISH_PATIENCE);
            match within(self.clock, patience, "sns:Publish", topic_arn, call).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), "the message could not be republished");
                    if self.clock.now() + pause >= until {
                        self.tell_failure("the message could not be republished");
                        return Err(RecordError::HandOn {
                            ec2_instance_id: own.to_string(),
                            cluster: self.instances.cluster.to_string(),
                            source: error,
                        });
                    }
                }
            }
            self.clock.sleep(pause).await;
            pause *= 2;
        }
        let waiting_for = self.waiting_for();
        tracing::info!(nextAttempt = next_attempt, reason = waiting_for, "time is up: message republished");
        Ok(self.summary_of(Outcome::HandedOn { next_attempt, waiting_for }))
    }

    /// What the own drain waits for, or where it has ended, the others.
    fn waiting_for(&self) -> String {
        let own = self.own.as_ref().and_then(|(id, _)| self.drains.get(id));
        match own.filter(|drain| drain.ended.is_none()) {
            Some(drain) => in_words(drain.waiting_for.as_ref(), drain.diagnosis.as_ref()),
            None => format!("other instances of group {}", self.group.name),
        }
    }
}
