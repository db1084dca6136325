//! The answer of an invocation, and its error.

use fleetkeeper_core::drain::{DrainEnd, Failure, Session};
use fleetkeeper_core::time_left::between;

use super::Executor;
use crate::error::{Consequence, RecordError};
use crate::outcome::{DrainSummary, Others, Outcome, Why};
use crate::ports::Ports;

impl<P: Ports> Executor<'_, P> {
    /// The answer of the invocation.
    pub(super) fn summary(&self, outcome: Outcome) -> DrainSummary {
        let now = self.calls.now();
        let own = self.drains.own();
        let began = own.map_or(self.invocation.begins, |own| own.schedule().began);
        let own_id = own.map(Session::ec2_instance_id);
        let others = self.drains.sessions().values().filter(|it| Some(it.ec2_instance_id()) != own_id);
        let waiting = others.clone().filter(|it| it.end().is_none()).count();
        let others = Others { waiting, ended: others.count() - waiting };
        let unfinished = own.filter(|own| match own.end() {
            None | Some(DrainEnd::CutShort { .. }) => true,
            Some(DrainEnd::Completed(reason)) => reason.is_time_up(),
            Some(DrainEnd::ActionGone) => false,
        });
        let why = unfinished.and_then(|own| own.diagnosis());
        DrainSummary {
            ec2_instance_id: own_id
                .map_or_else(|| format!("instances of group {}", self.group), ToString::to_string),
            cluster: self.calls.cluster.to_string(),
            attempt: self.own.as_ref().map_or(1, |(_, delivery)| delivery.attributes.attempt),
            seconds_since_notice: between(began, now).as_secs(),
            why: why.map(|(as_of, diagnosis)| Why { as_of: *as_of, diagnosis: diagnosis.clone() }),
            others: (others != Others::default()).then_some(others),
            outcome,
        }
    }

    /// The error of an invocation whose own drain failed.
    pub(super) fn failed(&self, failure: &Failure) -> RecordError {
        let own = self.drains.own();
        let ec2_instance_id = own.map_or_else(String::new, |own| own.ec2_instance_id().to_string());
        let cluster = self.calls.cluster.to_string();
        let consequence = Consequence {
            heartbeat_timeout: own.and_then(|own| own.schedule().hook).map(|hook| hook.heartbeat),
            tasks: own
                .filter(|own| own.evidence().listed_at().is_some())
                .map(|own| own.evidence().unfinished().len()),
        };
        let error = match failure {
            Failure::Refused(source) => {
                RecordError::Drain { ec2_instance_id, cluster, consequence, source: source.clone() }
            }
            Failure::WrongCluster => RecordError::WrongCluster {
                ec2_instance_id,
                cluster,
                hook: self.reporter.metrics.hook.to_owned(),
                consequence,
            },
        };
        self.reporter.failed(&self.drains, &error, self.calls.now());
        error
    }
}
