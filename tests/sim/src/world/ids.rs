//! Ids that look like AWS's and come from a counter.

use fleetkeeper_core::container_instance::Ec2InstanceId;

use super::chance::mix;

/// Makes ids. They are scattered like AWS's own, so that what is newest does not always come last
/// in a list, and the same in every run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    made: u64,
    events: u64,
}

impl Ids {
    /// 32 hexadecimal digits: the end of a task's or container instance's ARN.
    pub(crate) fn arn_end(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    /// An EC2 instance id.
    pub(crate) fn ec2_instance(&mut self) -> Ec2InstanceId {
        #[expect(clippy::expect_used, reason = "i- and 17 hexadecimal digits are an EC2 instance id")]
        format!("i-0{:016x}", self.next()).parse().expect("an EC2 instance id")
    }

    /// A UUID: a lifecycle action's token, a request's or an event's id.
    pub(crate) fn uuid(&mut self) -> String {
        let mut text = self.arn_end();
        for at in [20, 16, 12, 8] {
            text.insert(at, '-');
        }
        text
    }

    /// The id of an event that is not always looked for: from a counter of its own, so that all
    /// other ids stay as they are with it and without.
    pub(crate) fn event(&mut self) -> String {
        self.events = self.events.wrapping_add(1);
        let number = mix(!self.events);
        format!("{:08x}-0000-4000-8000-{:012x}", number >> 32, self.events)
    }

    fn next(&mut self) -> u64 {
        self.made = self.made.wrapping_add(1);
        mix(self.made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shapes_of_aws_and_never_repeat() {
        let mut ids = Ids::default();
        let token = ids.uuid();
        assert_eq!(token.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(ids.ec2_instance().as_str().len(), 19);
        assert_ne!(ids.arn_end(), ids.arn_end());
        let events = [ids.event(), ids.event()];
        assert_ne!(events[0], events[1]);
        assert_eq!(events[0].split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }
}
