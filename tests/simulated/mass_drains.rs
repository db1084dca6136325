//! Many instances of a group terminated at once: who carries which drain.

use std::time::Duration;

use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::world::history::{ActionEnd, Occurrence};
use fleetkeeper_sim::world::sns::SnsMessage;
use fleetkeeper_sim::{
    ActionResult, AutoScalingGroup, InstanceType, LifecycleHook, Service, TaskDefinition, WarmPool, World,
};
use futures_util::future::{join, join_all};

use crate::scene::{CLUSTER, GROUP, Scene, TOPIC, first, web, world_of_hosts};

const ECS_READS: [Operation; 4] = [
    Operation::ListContainerInstances,
    Operation::DescribeContainerInstances,
    Operation::ListTasks,
    Operation::DescribeTasks,
];

/// So many hosts, in the order of their ids, with as many tasks of a service.
fn hosts_with_web(count: usize, heartbeat: u32) -> (World, Vec<Ec2InstanceId>) {
    let (mut world, mut hosts) = world_of_hosts(count, heartbeat);
    hosts.sort();
    let tasks = u32::try_from(count).unwrap();
    world.create_service(CLUSTER, Service::new("web", tasks, web())).unwrap();
    world.advance_seconds(60);
    assert!(world.is_steady(CLUSTER, "web"));
    world.take_outbox();
    (world, hosts)
}

/// Takes these hosts away at once; their notices, in the order of the hosts.
fn terminate_all(scene: &Scene, hosts: &[Ec2InstanceId]) -> Vec<SnsMessage> {
    scene.world(|world| world.terminate_instances(GROUP, hosts, true).unwrap());
    let mut notices = scene.sent();
    let host = |notice: &SnsMessage| hosts.iter().position(|id| notice.message.contains(id.as_str()));
    notices.sort_by_key(host);
    assert_eq!(notices.len(), hosts.len());
    notices
}

fn reads_of_ecs(scene: &Scene) -> u32 {
    ECS_READS.map(|operation| scene.calls(operation)).into_iter().sum()
}

fn all_calls(scene: &Scene) -> u32 {
    scene.world(|world| world.history().api_calls().values().sum())
}

#[tokio::test(start_paused = true)]
async fn a_follower_makes_one_call_and_says_who_carries_its_drain() {
    let (world, hosts) = hosts_with_web(8, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..4]);
    let answer = first(&scene.deliver(&notices[3]).await.unwrap());
    assert_eq!((&answer["outcome"], &answer["waiting"]), (&"left-to".into(), &4.into()));
    assert_eq!(answer["carrier"], scene.hosts[0].as_str());
    assert_eq!((scene.calls(Operation::DescribeAutoScalingGroups), all_calls(&scene)), (1, 1));
    assert!(scene.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_of_the_three_lowest_sees_all_drains_through_by_itself() {
    for carrier in 0..3 {
        let (world, hosts) = hosts_with_web(9, 600);
        let scene = Scene::new((world, hosts));
        let notices = terminate_all(&scene, &scene.hosts[..5]);
        let began = scene.aws.world().now();
        let (answer, invocations) = scene.see_through(&notices[carrier]).await;

        assert_eq!((&first(&answer)["outcome"], invocations), (&"completed".into(), 1), "{carrier}");
        assert_eq!(first(&answer)["others"], serde_json::json!({"waiting": 0, "ended": 4}), "{carrier}");
        scene.assert_all_drained(5);
        let took = (scene.aws.world().now() - began).num_seconds();
        // Each stands by for a while where there is something to do: twice for each drain.
        assert!(took <= 140, "{carrier}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn who_stands_by_changes_nothing_that_the_first_does_in_time() {
    let (world, hosts) = hosts_with_web(9, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    join_all(notices.iter().map(|notice| scene.deliver(notice))).await;
    scene.assert_all_drained(5);
    assert_eq!(scene.set_draining(), 5);
    // The first sets all of them; each other carrier its own.
    assert!(scene.calls(Operation::UpdateContainerInstancesState) <= 3);
    assert!(scene.calls(Operation::CompleteLifecycleAction) <= 7);
}

#[tokio::test(start_paused = true)]
async fn the_second_carrier_acts_where_the_first_does_not() {
    let (world, hosts) = hosts_with_web(9, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    let began = scene.aws.world().now();
    let (answer, ()) = join(scene.deliver(&notices[1]), async {
        scene.wait(14).await;
        // Its own, at once.
        assert_eq!(scene.set_draining(), 1);
        // A look after its patience, and one that finds their actions open.
        scene.wait(12).await;
        assert_eq!(scene.set_draining(), 5);
    })
    .await;
    assert_eq!(first(&answer.unwrap())["outcome"], "completed");
    scene.assert_all_drained(5);
    assert!((scene.aws.world().now() - began).num_seconds() <= 130);
}

#[tokio::test(start_paused = true)]
async fn a_carrier_whose_own_drain_is_over_goes_on_and_hands_on() {
    let (mut world, mut hosts) = world_of_hosts(8, 600);
    hosts.sort();
    // The first is empty at once; what runs on the others takes its time to go.
    for host in &hosts[1..4] {
        let slow = TaskDefinition::new("batch", 256, 256).running_for(1000);
        world.start_task(CLUSTER, &slow, host).unwrap();
    }
    world.advance_seconds(60);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..4]);
    let answer = first(&scene.deliver(&notices[0]).await.unwrap());
    assert_eq!((&answer["outcome"], &answer["nextAttempt"]), (&"handed-on".into(), &2.into()));
    assert_eq!(answer["waitingFor"], "other instances of group demo-asg");
    assert_eq!(answer["others"], serde_json::json!({"waiting": 3, "ended": 0}));
    assert_eq!(scene.ends().len(), 1);

    let handed_on = scene.sent().remove(0);
    let (answer, _) = scene.see_through(&handed_on).await;
    assert_eq!(first(&answer)["outcome"], "action-gone");
    scene.assert_all_drained(4);
}

#[tokio::test(start_paused = true)]
async fn what_begins_to_wait_while_a_carrier_is_at_work_is_carried_too() {
    let (world, hosts) = hosts_with_web(10, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..4]);
    let later = async {
        scene.wait(20).await;
        // Its message is left to those that carry.
        let notice = terminate_all(&scene, &scene.hosts[4..5]).remove(0);
        assert_eq!(first(&scene.deliver(&notice).await.unwrap())["outcome"], "left-to");
    };
    let (answer, ()) = join(scene.deliver(&notices[0]), later).await;
    assert_eq!(first(&answer.unwrap())["outcome"], "completed");
    scene.assert_all_drained(5);
}

#[tokio::test(start_paused = true)]
async fn instances_that_another_hook_holds_do_not_make_followers_of_nobody() {
    let (mut world, hosts) = hosts_with_web(8, 600);
    let other = LifecycleHook { notification_target_arn: None, ..LifecycleHook::new("other", TOPIC) };
    world.put_lifecycle_hook(GROUP, other.heartbeat_timeout(3600)).unwrap();
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..3]);
    let first_three = join_all(notices.iter().map(|notice| scene.deliver(notice)));
    let fourth = async {
        // The drains of three are done, and their instances wait on.
        scene.wait(300).await;
        assert_eq!(scene.ends().len(), 3);
        let notice = terminate_all(&scene, &scene.hosts[3..4]).remove(0);
        scene.deliver(&notice).await.unwrap();
    };
    join(first_three, fourth).await;
    let ends: Vec<_> = scene.ends().into_iter().map(|(_, end)| end).collect();
    assert_eq!(ends, vec![ActionEnd::Completed(ActionResult::Continue); 4]);
}

#[tokio::test(start_paused = true)]
async fn where_the_group_may_not_be_read_each_drains_its_own_alone() {
    let (world, hosts) = hosts_with_web(9, 600);
    let scene = Scene::new((world, hosts));
    scene.plant(Operation::DescribeAutoScalingGroups, When::Always, Fault::Refused);
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    let answer = first(&scene.deliver(&notices[4]).await.unwrap());
    assert_eq!((&answer["outcome"], &answer["others"]), (&"completed".into(), &serde_json::Value::Null));
    assert_eq!(scene.ends().len(), 1);
    assert_eq!(scene.set_draining(), 1);
    // For a minute: a permission takes a while to be known everywhere.
    let asked = scene.calls(Operation::DescribeAutoScalingGroups);
    assert!((2..=14).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn while_the_group_cannot_be_read_nothing_is_read_of_ecs_and_hooks_are_kept_alive() {
    let (world, hosts) = hosts_with_web(9, 30);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    let began = scene.aws.world().now();
    let outage = When::Between(began, began + Duration::from_secs(40));
    scene.plant(Operation::DescribeAutoScalingGroups, outage, Fault::Throttled);
    let quiet = async {
        scene.wait(39).await;
        assert_eq!(reads_of_ecs(&scene), 0);
    };
    let (answers, ()) = join(join_all(notices.iter().map(|notice| scene.deliver(notice))), quiet).await;
    let outcomes: Vec<_> =
        answers.iter().map(|answer| first(answer.as_ref().unwrap())["outcome"].clone()).collect();
    assert_eq!(outcomes[3..], ["left-to", "left-to"]);
    scene.assert_all_drained(5);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_went_on_without_its_group_is_left_to_the_carriers_once_the_group_is_read() {
    let (world, hosts) = hosts_with_web(9, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    let began = scene.aws.world().now();
    // It waits for 45 s, and for up to 75 s more, so that not all go on at the same time.
    let outage = When::Between(began, began + Duration::from_secs(130));
    scene.plant(Operation::DescribeAutoScalingGroups, outage, Fault::Throttled);
    let (answer, ()) = join(scene.deliver(&notices[4]), async {
        scene.wait(125).await;
        assert_eq!(scene.set_draining(), 1);
    })
    .await;
    assert_eq!(first(&answer.unwrap())["outcome"], "left-to");
    // It has touched no other.
    assert_eq!(scene.set_draining(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_instance_on_its_way_to_the_warm_pool_is_left_to_nobody() {
    // The group does not tell of it among those that wait.
    let (mut world, mut hosts) = world_of_hosts(0, 600);
    let of_type = InstanceType::new("c5.large", 2048, 3767);
    let group = AutoScalingGroup::new("pooled", of_type).in_cluster(CLUSTER);
    world.add_group(group.warm_pool(WarmPool::new()));
    world.put_lifecycle_hook("pooled", LifecycleHook::new("drain", TOPIC).heartbeat_timeout(600)).unwrap();
    hosts.extend((0..9).map(|_| world.launch_now("pooled").unwrap()));
    world.advance_seconds(60);
    world.take_outbox();
    hosts.sort();
    let scene = Scene::new((world, hosts));
    scene.world(|world| world.terminate_instances("pooled", &scene.hosts[..3], true).unwrap());
    scene.world(|world| world.set_desired_capacity("pooled", 5).unwrap());
    let notices = scene.sent();
    let to_pool = notices.iter().find(|notice| notice.message.contains("WarmPool")).unwrap();
    let answer = first(&scene.deliver(to_pool).await.unwrap());
    assert_eq!(answer["outcome"], "completed");
    let in_pool = scene.world(|world| {
        let mut entries = world.history().entries().iter();
        entries.any(|entry| matches!(entry.what, Occurrence::InstanceInWarmPool { .. }))
    });
    assert!(in_pool);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_answers_outlasts_no_hook_however_many_are_carried() {
    let (world, hosts) = hosts_with_web(9, 30);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    let began = scene.aws.world().now();
    let outage = When::Between(began + Duration::from_secs(8), began + Duration::from_secs(30));
    scene.plant(Operation::DescribeContainerInstances, outage, Fault::Hang);
    join_all(notices.iter().map(|notice| scene.deliver(notice))).await;
    scene.assert_all_drained(5);
}
