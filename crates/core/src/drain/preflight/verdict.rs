//! The result of the placement.

use std::collections::BTreeMap;
use std::fmt;

use crate::capacity::Resource;
use crate::drain::diagnosis::SERVICES_NAMED_MAX;

/// Answers whether the rest of the cluster has room for the tasks on the instance, as far as CPU,
/// memory and static ports go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every task that moves can be placed.
    Room {
        /// How many tasks move.
        moving: usize,
        /// Instances that were read.
        looked_at: usize,
    },
    /// Some found none on any instance.
    NoRoom {
        /// How many tasks move.
        moving: usize,
        /// Tasks without room, by service.
        unplaced: BTreeMap<String, usize>,
        /// The resource that the largest of them lacked on most instances; none where there was no
        /// instance.
        lacking: Option<Resource>,
        /// Instances that were read.
        looked_at: usize,
    },
    /// Some have found none so far, and not all instances were looked at.
    AtMost {
        /// How many tasks move.
        moving: usize,
        /// Tasks that have no room so far, by service.
        unplaced: BTreeMap<String, usize>,
        /// Instances that were read.
        looked_at: usize,
    },
}

/// `the rest of the cluster has no room for 2 of 4 tasks (web): memory is missing; ...`
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room { moving: 0, .. } => f.write_str("the rest of the cluster has no task to take"),
            Self::Room { moving, looked_at } => {
                let tasks = match moving {
                    1 => "the task that moves".to_owned(),
                    _ => format!("the {moving} tasks that move"),
                };
                write!(
                    f,
                    "the rest of the cluster has room for {tasks} (looked at {})",
                    instances(*looked_at)
                )
            }
            Self::NoRoom { moving, unplaced, lacking, .. } => {
                write!(f, "the rest of the cluster has no room for {}: ", tasks(unplaced, *moving))?;
                f.write_str(match lacking {
                    Some(Resource::Cpu) => "CPU is missing; they wait until there is",
                    Some(Resource::Memory) => "memory is missing; they wait until there is",
                    Some(Resource::TcpPorts) => "a free TCP port is missing; they wait until there is",
                    Some(Resource::UdpPorts) => "a free UDP port is missing; they wait until there is",
                    Some(Resource::NetworkInterfaces) => {
                        "a free network interface is missing; they wait until there is"
                    }
                    Some(Resource::Gpus) => "a free GPU is missing; they wait until there is",
                    None => "no other instance takes tasks; they wait until one does",
                })
            }
            Self::AtMost { moving, unplaced, looked_at } => write!(
                f,
                "the rest of the cluster has no room for at most {}: looked at {}, and there are more",
                tasks(unplaced, *moving),
                instances(*looked_at)
            ),
        }
    }
}

/// `2 of 4 tasks (web)`, no more services named than a diagnosis names.
fn tasks(unplaced: &BTreeMap<String, usize>, moving: usize) -> String {
    let names: Vec<_> = unplaced.keys().take(SERVICES_NAMED_MAX).map(String::as_str).collect();
    let (names, rest) = (names.join(", "), unplaced.len().saturating_sub(SERVICES_NAMED_MAX));
    let count = unplaced.values().sum::<usize>();
    let of = if moving == 1 { "1 task" } else { &format!("{moving} tasks") };
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{count} of {of} ({names}{more})")
}

fn instances(count: usize) -> String {
    if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_room(moving: usize, services: &[(&str, usize)], lacking: Option<Resource>) -> String {
        let unplaced = services.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
        Verdict::NoRoom { moving, unplaced, lacking, looked_at: 7 }.to_string()
    }

    #[test]
    fn room_reads_as_one_would_say_it() {
        for (moving, looked_at, said) in [
            (4, 100, "the rest of the cluster has room for the 4 tasks that move (looked at 100 instances)"),
            (1, 1, "the rest of the cluster has room for the task that moves (looked at 1 instance)"),
            (0, 0, "the rest of the cluster has no task to take"),
        ] {
            assert_eq!(Verdict::Room { moving, looked_at }.to_string(), said);
        }
    }

    #[test]
    fn no_room_says_for_what_and_what_is_missing() {
        for (lacking, missing) in [
            (Some(Resource::Cpu), "CPU is missing; they wait until there is"),
            (Some(Resource::Memory), "memory is missing; they wait until there is"),
            (Some(Resource::TcpPorts), "a free TCP port is missing; they wait until there is"),
            (Some(Resource::UdpPorts), "a free UDP port is missing; they wait until there is"),
            (None, "no other instance takes tasks; they wait until one does"),
        ] {
            assert_eq!(
                no_room(4, &[("api", 1), ("web", 1)], lacking),
                format!("the rest of the cluster has no room for 2 of 4 tasks (api, web): {missing}")
            );
        }
        assert!(no_room(1, &[("web", 1)], None).contains("for 1 of 1 task (web): "));
    }

    #[test]
    fn where_not_all_was_read_it_says_so() {
        let unplaced = [("web".to_owned(), 3)].into();
        assert_eq!(
            Verdict::AtMost { moving: 4, unplaced, looked_at: 100 }.to_string(),
            "the rest of the cluster has no room for at most 3 of 4 tasks (web): looked at 100 instances, and there are \
             more"
        );
    }

    #[test]
    fn ten_services_are_named_and_the_rest_counted() {
        let names: Vec<_> = (10..22).map(|number| format!("s{number}")).collect();
        let services: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let twelve = no_room(12, &services, Some(Resource::Cpu));
        assert!(twelve.contains("s18, s19 and 2 more): "), "{twelve}");
        let ten = no_room(12, &services[..10], Some(Resource::Cpu));
        assert!(ten.contains("s18, s19): "), "{ten}");
    }
}
