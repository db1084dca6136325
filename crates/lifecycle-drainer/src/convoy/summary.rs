//! What came of an invocation, as its answer.

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::ports::Clock;
use fleetkeeper_core::time_left::between;

use super::Convoy;
use crate::outcome::{DrainSummary, Others, Outcome};

impl<Ecs, AutoScaling, Sns, C: Clock> Convoy<'_, Ecs, AutoScaling, Sns, C> {
    /// The instance that an answer or an error is about.
    pub(super) fn about(&self) -> String {
        match &self.own {
            Some((id, _)) => id.to_string(),
            None => format!("instances of group {}", self.group.name),
        }
    }

    pub(super) fn left_to(&self, carrier: &Ec2InstanceId) -> DrainSummary {
        let waiting = self.group.most_waiting;
        tracing::info!(%carrier, waiting, "many instances of the group wait: this one is carried with the others");
        DrainSummary { outcome: Outcome::LeftTo { carrier: carrier.to_string(), waiting }, ..self.summary() }
    }

    pub(super) fn summary(&self) -> DrainSummary {
        let own = self.own.as_ref().and_then(|(id, _)| self.drains.get(id));
        let outcome = own.map_or(Outcome::Swept, |drain| drain.ended.clone().unwrap_or(Outcome::ActionGone));
        self.summary_of(outcome)
    }

    pub(super) fn summary_of(&self, outcome: Outcome) -> DrainSummary {
        let own = self.own.as_ref().and_then(|(id, _)| self.drains.get(id));
        let began = own.map_or(self.invocation.begins, |drain| drain.timing.began);
        let others = self.drains.values().filter(|drain| !drain.own);
        let waiting = others.clone().filter(|drain| drain.ended.is_none()).count();
        let others = Others { waiting, ended: self.let_go + others.count() - waiting };
        DrainSummary {
            ec2_instance_id: self.about(),
            cluster: self.instances.cluster.to_string(),
            attempt: self.own.as_ref().map_or(1, |(_, delivery)| delivery.attempt),
            seconds_since_notice: between(began, self.clock.now()).as_secs(),
            why: own.filter(|drain| drain.unfinished()).and_then(|drain| drain.diagnosis.clone()),
            others: (others != Others::default()).then_some(others),
            outcome,
        }
    }
}
