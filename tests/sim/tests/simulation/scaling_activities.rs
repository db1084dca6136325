//! A group's instances and its activities, past and present.

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::ports::{AutoScalingGroups, Page, PageToken};
use fleetkeeper_sim::world::auto_scaling::lifecycle_action::ActionReference;
use fleetkeeper_sim::{
    AutoScalingGroup, InstanceType, LifecycleHook, SharedWorld, SimulatedAws, WarmPool, World,
};

use crate::scene::{TOPIC, start, tokens, world_of_hosts};

fn states(world: &World) -> Vec<(Ec2InstanceId, &'static str)> {
    let groups = world.describe_auto_scaling_groups(&["hosts".to_owned()]);
    groups[0].instances.iter().map(|instance| (instance.id.clone(), instance.state.as_str())).collect()
}

fn activities(world: &World) -> Vec<(String, i64, Option<i64>)> {
    let seconds = |at: chrono::DateTime<chrono::Utc>| (at - start()).num_seconds();
    let page = world.describe_scaling_activities("hosts", None, None).unwrap();
    assert_eq!(page.next, None);
    let told = page.items.into_iter();
    told.map(|it| (it.description, seconds(it.began_at), it.ended_at.map(seconds))).collect()
}

#[test]
fn an_instance_that_waits_at_a_hook_is_one_of_its_group_and_its_termination_has_begun() {
    let (mut world, hosts) = world_of_hosts(2);
    world.advance_seconds(100);
    world.terminate_instance("hosts", &hosts[0], false).unwrap();
    let new = world.instances("hosts").into_keys().find(|id| !hosts.contains(id)).unwrap();
    let mut told = states(&world);
    told.sort_by_key(|(id, _)| [&hosts[0], &hosts[1], &new].iter().position(|known| *known == id));
    let state = told.iter().map(|(_, state)| *state).collect::<Vec<_>>();
    assert_eq!(state, ["Terminating:Wait", "InService", "Pending"]);

    let token = tokens(&mut world).remove(0);
    world.advance_seconds(30);
    let launched = |id: &Ec2InstanceId| format!("Launching a new EC2 instance: {id}");
    let terminated = |id: &Ec2InstanceId| format!("Terminating EC2 instance: {id}");
    assert_eq!(
        activities(&world),
        [
            (launched(&new), 100, None),
            (terminated(&hosts[0]), 100, None),
            (launched(&hosts[1]), 0, Some(0)),
            (launched(&hosts[0]), 0, Some(0)),
        ]
    );
    let action =
        ActionReference { group: "hosts", hook: "drain", token: Some(&token), ..ActionReference::default() };
    world.complete_lifecycle_action(action, "CONTINUE").unwrap();
    let after = activities(&world);
    assert_eq!(after[0], (launched(&new), 100, None), "in progress before all others");
    assert_eq!(after[1], (terminated(&hosts[0]), 100, Some(130)));
    world.advance_seconds(100);
    assert_eq!(activities(&world)[0], (launched(&new), 100, Some(220)));
    assert!(states(&world).iter().all(|(_, state)| *state == "InService"));
}

#[test]
fn what_is_lost_or_never_came_up_is_terminated_too() {
    let (mut world, hosts) = world_of_hosts(1);
    world.lose_instance("hosts", &hosts[0]).unwrap();
    let (description, began, ended) = activities(&world).remove(1);
    assert_eq!((began, ended), (0, Some(0)));
    assert_eq!(description, format!("Terminating EC2 instance: {}", hosts[0]));

    world.advance_seconds(10);
    let new = world.instances("hosts").into_keys().next().unwrap();
    world.terminate_instance("hosts", &new, true).unwrap();
    let told = activities(&world);
    assert_eq!(told[0], (format!("Terminating EC2 instance: {new}"), 10, Some(10)));
    assert_eq!(told[1], (format!("Launching a new EC2 instance: {new}"), 0, Some(10)));
    assert!(told.iter().all(|(_, _, ended)| ended.is_some()));
}

#[test]
fn a_warm_pools_instances_are_not_the_groups() {
    let mut world = World::new(start());
    let group = AutoScalingGroup::new("hosts", InstanceType::new("c5.large", 2048, 3767));
    world.add_group(group.warm_pool(WarmPool::new()));
    world.put_lifecycle_hook("hosts", LifecycleHook::new("drain", TOPIC).heartbeat_timeout(60)).unwrap();
    let host = world.launch_now("hosts").unwrap();
    world.set_desired_capacity("hosts", 0).unwrap();
    assert_eq!(world.lifecycle_state("hosts", &host).unwrap().as_str(), "Warmed:Pending:Wait");
    assert_eq!(states(&world), []);
}

#[test]
fn each_page_goes_on_where_the_last_one_ended_though_an_activity_ends_meanwhile() {
    let (mut world, hosts) = world_of_hosts(8);
    world.set_page_limit(3);
    world.terminate_instances("hosts", &hosts[..4], true).unwrap();
    let mut numbers = Vec::new();
    let mut next: Option<PageToken> = None;
    loop {
        let token = next.as_ref().map(|token| token.0.as_str());
        let Page { items, next: after } = world.describe_scaling_activities("hosts", None, token).unwrap();
        numbers.extend(items.iter().map(|activity| activity.number));
        if numbers.len() == 3 {
            // The one of them that the first page did not show.
            world.lose_instance("hosts", &hosts[0]).unwrap();
        }
        next = after;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(numbers, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    let page = |token, records| world.describe_scaling_activities("hosts", records, token).unwrap_err().code;
    assert_eq!(page(Some("elsewhere"), None), "InvalidNextToken");
    assert_eq!(page(None, Some(101)), "ValidationError");
    assert_eq!(world.describe_scaling_activities("none", None, None).unwrap_err().code, "ValidationError");
}

#[tokio::test(start_paused = true)]
async fn the_ports_show_both() {
    let (mut world, hosts) = world_of_hosts(1);
    world.terminate_instance("hosts", &hosts[0], true).unwrap();
    let aws = SimulatedAws::new(SharedWorld::in_tokio_time(world));
    let instances = aws.describe_group("hosts").await.unwrap().unwrap().instances;
    assert_eq!(instances[0].ec2_instance_id, hosts[0]);
    assert!(instances.len() == 1 && instances[0].waits_to_terminate());
    assert_eq!(aws.describe_group("none").await.unwrap(), None);
    let activities = aws.describe_scaling_activities("hosts", None).await.unwrap();
    let first = &activities.items[0];
    assert_eq!(first.description, format!("Terminating EC2 instance: {}", hosts[0]));
    assert!(first.ended.is_none() && first.began <= start() + TimeDelta::seconds(1));
    aws.describe_scaling_activities("none", None).await.unwrap_err();
}
