//! The drains' metrics.

use std::time::Duration;

use fleetkeeper_core::drain::{CompleteReason, DrainMetrics, DrainSubject, Finish};
use fleetkeeper_core::ports::Clock;
use fleetkeeper_core::time_left::between;

use super::Convoy;
use super::drain::Drain;
use crate::outcome::Outcome;

/// Between two tellings of how many drains are under way.
const INTERVAL: Duration = Duration::from_secs(60);

impl<Ecs, AutoScaling, Sns, C: Clock> Convoy<'_, Ecs, AutoScaling, Sns, C> {
    /// Tells of the drains that this invocation has brought to their ends, each once, and how many are under way.
    pub(super) fn tell(&mut self) {
        let now = self.clock.now();
        let namespace = &self.config.metric_namespace;
        for drain in self.drains.values_mut().filter(|drain| !drain.told) {
            let Some(Outcome::Completed { reason }) = drain.ended else { continue };
            drain.told = true;
            let finish = Finish {
                took: between(drain.timing.began, now),
                tasks: drain.drained_tasks,
                deadline_exceeded: matches!(reason, CompleteReason::TimeUp(_)),
            };
            let why = match (&drain.diagnosis, finish.deadline_exceeded) {
                (Some(diagnosis), true) => format!("{reason}: {diagnosis}"),
                _ => reason.to_string(),
            };
            let metrics = DrainMetrics::finished(
                namespace,
                &self.instances.cluster,
                now,
                &subject(drain),
                finish,
                &why,
            );
            self.log.put(&metrics.document());
        }
        if self.told_at.is_none_or(|told| now >= told + INTERVAL) {
            self.tell_in_progress();
        }
    }

    /// Tells how many drains are under way: all that wait, whoever carries them.
    pub(super) fn tell_in_progress(&mut self) {
        let now = self.clock.now();
        self.told_at = Some(now);
        let ended = |id| self.drains.get(id).is_some_and(|drain: &Drain| drain.ended.is_some());
        let waiting = self.group.waiting.iter().flatten().filter(|id| !ended(id)).count();
        let drains = waiting.max(self.drains.values().filter(|drain| drain.ended.is_none()).count());
        let drains = u32::try_from(drains).unwrap_or(u32::MAX);
        let metrics =
            DrainMetrics::in_progress(&self.config.metric_namespace, &self.instances.cluster, now, drains);
        self.log.put(&metrics.document());
    }

    /// Tells that this invocation failed.
    pub(super) fn tell_failure(&self, reason: &str) {
        let own = self.own.as_ref().and_then(|(id, _)| self.drains.get(id));
        let about = self.about();
        let subject = own.map_or(
            DrainSubject { ec2_instance_id: &about, group: Some(&self.group.name), hook: Some(&self.hook) },
            subject,
        );
        let (namespace, cluster) = (&self.config.metric_namespace, &self.instances.cluster);
        let metrics = DrainMetrics::failed(namespace, cluster, self.clock.now(), &subject, &reason);
        self.log.put(&metrics.document());
    }
}

fn subject(drain: &Drain) -> DrainSubject<'_> {
    DrainSubject {
        ec2_instance_id: drain.ec2_instance_id.as_str(),
        group: Some(&drain.action.group),
        hook: Some(&drain.action.hook),
    }
}
