//! EC2's Spot instances: what they are warned of, and their end.
//!
//! A warning's two minutes are all there is: EC2 takes the instance then, and no hook holds it
//! back. As without capacity rebalancing, the group learns of it by the instance's end, and then
//! launches another.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use serde_json::{Value, json};

use super::agenda::Transition;
use super::history::Occurrence;
use super::outbox::Emitted;
use super::{ACCOUNT, ApiError, REGION, World};

/// From the warning to the end.
const NOTICE_SECONDS: u32 = 120;

/// EC2's announcements for a Spot Instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpotNotice {
    /// It is terminated two minutes later.
    InterruptionWarning,
    /// It is likelier than before to be interrupted. Nothing is certain, and nothing must follow.
    RebalanceRecommendation,
}

impl SpotNotice {
    /// The event's `detail-type`.
    #[must_use]
    pub const fn detail_type(self) -> &'static str {
        match self {
            Self::InterruptionWarning => SPOT_INTERRUPTION_WARNING,
            Self::RebalanceRecommendation => REBALANCE_RECOMMENDATION,
        }
    }

    /// The event as EventBridge delivers it.
    #[must_use]
    pub fn event(self, id: &str, at: DateTime<Utc>, instance: &Ec2InstanceId) -> Value {
        let detail = match self {
            Self::InterruptionWarning => {
                json!({"instance-id": instance.as_str(), "instance-action": "terminate"})
            }
            Self::RebalanceRecommendation => json!({"instance-id": instance.as_str()}),
        };
        json!({
            "version": "0",
            "id": id,
            "detail-type": self.detail_type(),
            "source": "aws.ec2",
            "account": ACCOUNT,
            "time": at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": REGION,
            "resources": [format!("arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{instance}")],
            "detail": detail,
        })
    }
}

impl fmt::Display for SpotNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InterruptionWarning => "warned of its interruption",
            Self::RebalanceRecommendation => "recommended for rebalancing",
        })
    }
}

/// A Spot instance is terminated in two minutes.
pub const SPOT_INTERRUPTION_WARNING: &str = "EC2 Spot Instance Interruption Warning";

/// A Spot instance is likelier than before to be interrupted.
pub const REBALANCE_RECOMMENDATION: &str = "EC2 Instance Rebalance Recommendation";

impl World {
    /// EC2 wants a Spot instance back: it says so, and two minutes later the instance is gone,
    /// hooks or not.
    pub fn interrupt_spot_instance(&mut self, group: &str, id: &Ec2InstanceId) -> Result<(), ApiError> {
        self.tell_of_spot_instance(group, id, SpotNotice::InterruptionWarning)?;
        let reclaim = Transition::SpotReclaim { group: group.to_owned(), instance: id.clone() };
        self.agenda.enter(self.after(NOTICE_SECONDS), reclaim);
        Ok(())
    }

    /// EC2 recommends to replace a Spot instance before it is wanted back.
    pub fn recommend_rebalance(&mut self, group: &str, id: &Ec2InstanceId) -> Result<(), ApiError> {
        self.tell_of_spot_instance(group, id, SpotNotice::RebalanceRecommendation)
    }

    pub(crate) fn reclaim_spot_instance(&mut self, group: &str, id: &Ec2InstanceId) {
        if self.lifecycle_state(group, id).is_some() {
            self.end_instance(group, id);
            self.balance(group);
        }
    }

    fn tell_of_spot_instance(
        &mut self,
        group: &str,
        id: &Ec2InstanceId,
        notice: SpotNotice,
    ) -> Result<(), ApiError> {
        if !self.group(group)?.instances.contains_key(id) {
            return Err(ApiError::validation(format!("{id} is not in group {group}")));
        }
        self.record(Occurrence::SpotNotice { group: group.to_owned(), instance: id.clone(), notice });
        let event_id = self.ids.event();
        self.emit(Emitted::SpotNotice { id: event_id, notice, instance: id.clone() });
        Ok(())
    }
}
