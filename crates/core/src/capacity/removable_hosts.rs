//! How many hosts can go.

use std::cmp::Reverse;

use super::figures::{Room, count, sum};
use super::report::{HeldBack, Holding, ScaleIn};
use super::resource::network_interfaces_held;
use super::wanted::Wanted;
use super::worst_case::WorstCase;
use crate::container_instance::ContainerInstance;

/// The most hosts that are named where they hold back the next one.
const NAMED_MAX: usize = 5;

/// How many of the hosts can go, whichever the group picks, so that what runs on them fits on those that stay, with what
/// still runs on those that are `leaving` already, the tasks that are wanted and have no place yet, and one of `worst`
/// besides. Where no task is wanted and none runs, all can.
///
/// A *slot* is the room for one worst case. What runs on a host, none of which needs more than `worst`, fits into
/// [`slots_needed`] slots elsewhere. A host that goes takes these and its own free slots out of the cluster, and whichever
/// go, that is at most what the greatest so many take.
pub(super) fn scale_in(
    rooms: &[Room<'_>],
    leaving: &[&ContainerInstance],
    worst: &WorstCase,
    wanted: Wanted,
) -> ScaleIn {
    if wanted.leaves_idle(rooms.iter().map(|room| room.host)) {
        return ScaleIn { removable_hosts: count(rooms.iter()), held_back: None };
    }
    let mut ranked: Vec<_> = rooms.iter().map(|room| (slots_taken(room, worst), room)).collect();
    let free = sum(rooms.iter().map(|room| room.free));
    // The id last: who is named must not depend on the order of the instances.
    ranked.sort_unstable_by_key(|(slots, room)| (Reverse(*slots), &room.host.ec2_instance_id));
    let moving = sum(leaving.iter().map(|host| slots_needed(host, worst)));
    let to_be_left = moving.saturating_add(wanted.missing_tasks).saturating_add(1);
    let (mut removable_hosts, mut taken) = (0, 0_u64);
    for (slots, _) in &ranked {
        let more = taken.saturating_add(*slots);
        let needed = more.saturating_add(to_be_left);
        if needed > free {
            let so_many = usize::try_from(removable_hosts + 1).unwrap_or(NAMED_MAX).min(NAMED_MAX);
            let by = ranked.iter().take(so_many).map(|(_, room)| holding(room, worst)).collect();
            let held_back = HeldBack { slots_missing: needed - free, by };
            return ScaleIn { removable_hosts, held_back: Some(held_back) };
        }
        (removable_hosts, taken) = (removable_hosts + 1, more);
    }
    ScaleIn { removable_hosts, held_back: None }
}

fn holding(room: &Room<'_>, worst: &WorstCase) -> Holding {
    Holding {
        instance: room.host.ec2_instance_id.clone(),
        tasks: room.host.tasks(),
        slots_needed: slots_needed(room.host, worst),
        slots_free: room.free,
    }
}

/// The slots that the host takes with it.
fn slots_taken(room: &Room<'_>, worst: &WorstCase) -> u64 {
    slots_needed(room.host, worst).saturating_add(room.free)
}

/// The slots that what runs on a host needs at most: one for each task, and no more than
///
/// ```text
/// ceil(2 * sum over CPU, memory, network interfaces and GPUs of used / worst)
/// ```
///
/// Fill slots with the tasks one after the other, and begin a new one whenever a task does not fit. Two neighbouring slots
/// hold more than one of them could, in one of these: so each pair adds more than 1 to the sum, and m slots more than
/// (m - 1) / 2. Ports never make a slot too small, as no two tasks of one host share one. What the worst case does not use
/// is no limit, and is not counted; what runs takes one slot at least.
pub(super) fn slots_needed(host: &ContainerInstance, worst: &WorstCase) -> u64 {
    let (tasks, needs) = (host.tasks(), worst.needs());
    let (registered, remaining) = (&host.registered, &host.remaining);
    let cpu = (registered.cpu.0.saturating_sub(remaining.cpu.0), needs.cpu.0);
    let memory = (registered.memory.0.saturating_sub(remaining.memory.0), needs.memory.0);
    let network_interfaces = (network_interfaces_held(host), needs.network_interface.into());
    let gpus = (registered.gpus.saturating_sub(remaining.gpus).into(), needs.gpus.into());
    twice_the_sum([cpu, memory, network_interfaces, gpus]).map_or(tasks, |slots| slots.max(1).min(tasks))
}

/// Twice the sum of fractions, rounded up; one over 0 counts nothing. None where it is beyond all numbers.
fn twice_the_sum<const N: usize>(fractions: [(u64, u64); N]) -> Option<u64> {
    let (mut over, mut under) = (0_u128, 1_u128);
    for (used, worst) in fractions.into_iter().filter(|(_, worst)| *worst > 0) {
        let (used, worst) = (u128::from(used), u128::from(worst));
        over = over.checked_mul(worst)?.checked_add(used.checked_mul(under)?)?;
        under = under.checked_mul(worst)?;
    }
    over.checked_mul(2)?.div_ceil(under).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::figures::rooms;
    use crate::capacity::made_up::{host, worst};
    use crate::container_instance::ContainerInstance;

    fn going(
        hosts: &[ContainerInstance],
        worst: &WorstCase,
        desired_tasks: u64,
        missing_tasks: u64,
    ) -> ScaleIn {
        let wanted = Wanted { services: 1, desired_tasks, missing_tasks };
        scale_in(&rooms(&hosts.iter().collect::<Vec<_>>(), worst), &[], worst, wanted)
    }

    fn of(hosts: &[ContainerInstance], worst: &WorstCase) -> u64 {
        going(hosts, worst, 1, 0).removable_hosts
    }

    fn with_tasks(cpu_left: u64, memory_left: u64, tasks: u32) -> ContainerInstance {
        ContainerInstance { running_tasks: tasks, ..host(1000, 1000).with_left(cpu_left, memory_left) }
    }

    #[test]
    fn of_empty_hosts_all_but_one_can_go() {
        for hosts in 0..5_u8 {
            let all = vec![host(1000, 1000); hosts.into()];
            assert_eq!(of(&all, &worst(500, 500)), u64::from(hosts.saturating_sub(1)), "{hosts}");
        }
    }

    #[test]
    fn what_runs_on_a_host_that_goes_is_placed_elsewhere_and_one_more() {
        // Two slots a host; one is taken on each.
        let busy = with_tasks(500, 500, 1);
        assert_eq!(of(&vec![busy.clone(); 2], &worst(500, 500)), 0);
        assert_eq!(of(&vec![busy.clone(); 3], &worst(500, 500)), 1);
        assert_eq!(of(&vec![busy; 5], &worst(500, 500)), 2);
    }

    #[test]
    fn the_host_that_leaves_least_is_thought_to_go() {
        // The empty one could go; but the group may pick one that is full.
        let full = with_tasks(0, 0, 2);
        assert_eq!(of(&[full.clone(), full, host(1000, 1000)], &worst(500, 500)), 0);
    }

    #[test]
    fn tasks_that_have_no_place_yet_keep_hosts() {
        let hosts = vec![host(1000, 1000); 5];
        let removable = |missing| going(&hosts, &worst(500, 500), 20, missing).removable_hosts;
        assert_eq!([0, 1, 2, 7, 9, 10].map(removable), [4, 4, 3, 1, 0, 0]);
    }

    #[test]
    fn what_runs_on_hosts_that_are_leaving_keeps_others() {
        let (hosts, worst) = (vec![host(1000, 1000); 4], worst(500, 500));
        let wanted = Wanted { services: 1, desired_tasks: 9, missing_tasks: 0 };
        let rooms = rooms(&hosts.iter().collect::<Vec<_>>(), &worst);
        let removable =
            |leaving: &[&ContainerInstance]| scale_in(&rooms, leaving, &worst, wanted).removable_hosts;
        let (full, drained) = (with_tasks(0, 0, 2), with_tasks(1000, 1000, 0));
        assert_eq!(
            [removable(&[]), removable(&[&drained]), removable(&[&full]), removable(&[&full, &full])],
            [3, 3, 2, 1]
        );
    }

    #[test]
    fn where_no_task_is_wanted_and_none_runs_all_can_go() {
        let idle = vec![host(1000, 1000); 3];
        assert_eq!(going(&idle, &worst(500, 500), 0, 0), ScaleIn { removable_hosts: 3, held_back: None });
        let mut busy = idle.clone();
        busy[0].pending_tasks = 1;
        assert_eq!(going(&busy, &worst(500, 500), 0, 0).removable_hosts, 2);
        // Services may be there that were not read.
        let hosts: Vec<_> = idle.iter().collect();
        let worst = worst(500, 500);
        assert_eq!(scale_in(&rooms(&hosts, &worst), &[], &worst, Wanted::default()).removable_hosts, 2);
    }

    #[test]
    fn what_holds_the_next_one_back_is_named() {
        let hosts = [
            with_tasks(500, 500, 1).named("i-half"),
            with_tasks(0, 0, 2).named("i-full"),
            host(1000, 1000).named("i-idle"),
            host(1000, 1000).named("i-idle-2"),
        ];
        let held_back = going(&hosts, &worst(500, 500), 3, 0).held_back.unwrap();
        // Two can go: 5 slots are free, each host takes 2 with it, and 1 is to be left.
        assert_eq!(held_back.slots_missing, 2);
        let named: Vec<_> = held_back.by.iter().map(ToString::to_string).collect();
        assert_eq!(
            named,
            [
                "i-full: 2 tasks need 2 slots elsewhere, 0 free slots go with it",
                "i-half: 1 task needs 1 slot elsewhere, 1 free slot goes with it",
                "i-idle: 0 tasks need 0 slots elsewhere, 2 free slots go with it",
            ]
        );
    }

    #[test]
    fn small_tasks_share_a_slot() {
        // Ten tasks of a tenth of the worst case: 2 * (0.5 + 0.5) slots, and not ten.
        let busy = with_tasks(750, 750, 10);
        assert_eq!(slots_needed(&busy, &worst(500, 500)), 2);
        assert_eq!(slots_needed(&busy, &worst(500, 0)), 1);
    }

    #[test]
    fn whatever_runs_takes_a_slot_and_no_more_than_its_tasks() {
        assert_eq!(slots_needed(&with_tasks(1000, 1000, 1), &worst(500, 500)), 1);
        assert_eq!(slots_needed(&with_tasks(0, 0, 1), &worst(1, 1)), 1);
        assert_eq!(slots_needed(&with_tasks(1000, 1000, 0), &worst(500, 500)), 0);
        let pending = ContainerInstance { pending_tasks: 2, ..with_tasks(0, 0, 1) };
        assert_eq!(slots_needed(&pending, &worst(10, 10)), 3);
    }

    #[test]
    fn the_largest_numbers_count_each_task() {
        let huge = ContainerInstance { running_tasks: 7, ..host(u64::MAX, u64::MAX).with_left(0, 0) };
        assert_eq!(slots_needed(&huge, &worst(1, 1)), 7);
        assert_eq!(twice_the_sum([(u64::MAX, u64::MAX - 1), (u64::MAX, u64::MAX - 2)]), None);
        assert_eq!(twice_the_sum([(3, 2), (1, 3)]), Some(4));
    }
}
