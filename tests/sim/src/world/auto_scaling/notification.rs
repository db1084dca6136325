//! A group's ordinary notifications: what happened, to whom it may concern. A topic may carry them
//! beside a hook's.

use chrono::{DateTime, Utc};
use fleetkeeper_core::container_instance::Ec2InstanceId;
use serde_json::{Value, json};

use super::notice::{group_arn, test_notification};
use crate::world::ecs::event::iso;
use crate::world::outbox::Emitted;
use crate::world::{ACCOUNT, ApiError, World, sns};

/// The event that a notification reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupEvent {
    InstanceLaunch,
    InstanceTerminate,
}

impl GroupEvent {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::InstanceLaunch => "autoscaling:EC2_INSTANCE_LAUNCH",
            Self::InstanceTerminate => "autoscaling:EC2_INSTANCE_TERMINATE",
        }
    }

    /// The group's activity, in the words of the subject and of the description.
    pub(crate) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::InstanceLaunch => ("launch", "Launching a new EC2 instance"),
            Self::InstanceTerminate => ("termination", "Terminating EC2 instance"),
        }
    }
}

impl World {
    /// `PutNotificationConfiguration`, of launches and terminations: AWS sends a test message to
    /// the topic at once.
    pub fn put_notification_configuration(&mut self, group: &str, topic_arn: &str) -> Result<(), ApiError> {
        self.group_mut(group)?.notified_topics.insert(topic_arn.to_owned());
        self.send_test_notification(group, topic_arn.to_owned());
        Ok(())
    }

    pub(crate) fn notify_of(&mut self, group: &str, id: &Ec2InstanceId, event: GroupEvent) {
        let Some(found) = self.groups.get(group).filter(|found| !found.notified_topics.is_empty()) else {
            return;
        };
        let zone = found.instances.get(id).map(|instance| instance.zone.clone()).unwrap_or_default();
        for topic_arn in found.notified_topics.clone() {
            let ids = (self.ids.uuid(), self.ids.uuid());
            let message = notification(&ids.0, &ids.1, group, event, id, &zone, self.now);
            self.emit(Emitted::SnsMessage(sns::SnsMessage {
                topic_arn,
                subject: Some(format!("Auto Scaling: {} for group \"{group}\"", event.words().0)),
                message: message.to_string(),
                attributes: None,
                origin: sns::Origin::GroupNotification { group: group.to_owned() },
            }));
        }
    }

    pub(crate) fn send_test_notification(&mut self, group: &str, topic_arn: String) {
        let message = test_notification(&self.ids.uuid(), &self.ids.uuid(), group, self.now);
        self.emit(Emitted::SnsMessage(sns::SnsMessage {
            topic_arn,
            subject: Some(format!("Auto Scaling: test notification for group \"{group}\"")),
            message: message.to_string(),
            attributes: None,
            origin: sns::Origin::TestNotification { group: group.to_owned() },
        }));
    }
}

/// An instance was launched or terminated: no lifecycle action, and nothing waits for an answer.
fn notification(
    request_id: &str,
    group_id: &str,
    group: &str,
    event: GroupEvent,
    instance: &Ec2InstanceId,
    zone: &str,
    at: DateTime<Utc>,
) -> Value {
    // A subnet in each zone. Its id ends in the zone's letter, which is a hexadecimal digit.
    let subnet = format!("subnet-{:0>17}", zone.chars().next_back().unwrap_or('a'));
    json!({
        "Progress": 50,
        "AccountId": ACCOUNT,
        "Description": format!("{}: {instance}", event.words().1),
        "RequestId": request_id,
        "EndTime": iso(at),
        "AutoScalingGroupARN": group_arn(group_id, group),
        "ActivityId": request_id,
        "StartTime": iso(at),
        "Service": "AWS Auto Scaling",
        "Time": iso(at),
        "EC2InstanceId": instance.as_str(),
        "StatusCode": "InProgress",
        "StatusMessage": "",
        "Details": {"Subnet ID": subnet, "Availability Zone": zone},
        "AutoScalingGroupName": group,
        "Cause": format!("At {} the group's capacity was adjusted.", iso(at)),
        "Event": event.as_str(),
    })
}
