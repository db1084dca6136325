//! How many hosts are missing.

use super::figures::{Room, sum};
use super::wanted::Wanted;

/// How many hosts to add so that every task that is wanted, and one worst case more, fits: in hosts of the smallest size
/// that is there and takes the worst case at all. One where there is no host to tell of sizes.
///
/// Never above 0 where a host can go: what is missing here is to be left there.
pub(super) fn missing_hosts(rooms: &[Room<'_>], wanted: Wanted) -> u64 {
    let smallest = rooms.iter().map(|room| room.when_empty).filter(|slots| *slots > 0).min();
    let Some(smallest) = smallest else { return u64::from(wanted.desired_tasks > 0) };
    if wanted.leaves_idle(rooms.iter().map(|room| room.host)) {
        return 0;
    }
    let free = sum(rooms.iter().map(|room| room.free));
    wanted.missing_tasks.saturating_add(1).saturating_sub(free).div_ceil(smallest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::figures::rooms;
    use crate::capacity::made_up::{host, worst};
    use crate::container_instance::ContainerInstance;

    fn of(hosts: &[ContainerInstance], desired_tasks: u64, missing_tasks: u64) -> u64 {
        let wanted = Wanted { services: 1, desired_tasks, missing_tasks };
        missing_hosts(&rooms(&hosts.iter().collect::<Vec<_>>(), &worst(500, 500)), wanted)
    }

    #[test]
    fn none_is_missing_while_the_tasks_that_wait_and_one_more_fit() {
        // Two slots a host.
        let hosts = [host(1000, 1000), host(1000, 1000)];
        assert_eq!([0, 3, 4, 5, 6].map(|missing| of(&hosts, 9, missing)), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn a_full_cluster_misses_one_even_if_no_task_waits() {
        assert_eq!(of(&[host(1000, 1000).with_left(0, 0)], 2, 0), 1);
    }

    #[test]
    fn the_smallest_host_that_takes_the_worst_case_is_the_measure() {
        let hosts = [host(400, 400), host(500, 500).with_left(0, 0), host(4000, 4000).with_left(0, 0)];
        assert_eq!(of(&hosts, 9, 4), 5);
    }

    #[test]
    fn a_cluster_of_no_hosts_asks_for_one_if_tasks_are_wanted() {
        assert_eq!((of(&[], 7, 7), of(&[], 0, 0)), (1, 0));
    }

    #[test]
    fn where_no_task_is_wanted_and_none_runs_none_is_missing() {
        let full_by_the_agent = host(1000, 1000).with_left(0, 1000);
        assert_eq!(of(std::slice::from_ref(&full_by_the_agent), 0, 0), 0);
        let busy = ContainerInstance { running_tasks: 1, ..full_by_the_agent };
        assert_eq!(of(&[busy], 0, 0), 1);
    }
}
