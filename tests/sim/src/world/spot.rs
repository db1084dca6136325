//! EC2's announcements for Spot Instances.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use serde_json::{Value, json};

use super::{ACCOUNT, REGION};

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
