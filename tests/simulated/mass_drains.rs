//! Many instances of a group terminated at once: which message drains which of them.

use std::time::Duration;

use chrono::TimeDelta;
use fleetkeeper_core::container_instance::{ContainerInstanceStatus, Ec2InstanceId};
use fleetkeeper_core::ports::MessageAttributes;
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

/// Hosts, in the order of their ids, with as many tasks of a service.
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

/// Terminates these hosts at once; their notices, in the order of the hosts.
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

#[tokio::test(start_paused = true)]
async fn a_delegated_message_makes_two_calls_and_names_its_coordinator() {
    let (world, hosts) = hosts_with_web(8, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..4]);
    let answer = first(&scene.deliver(&notices[3]).await.unwrap());
    assert_eq!((&answer["outcome"], &answer["waiting"]), (&"delegated".into(), &4.into()));
    assert_eq!(answer["coordinator"], scene.hosts[0].as_str());
    // The heartbeat shows that the coordinator's action is open.
    assert_eq!(scene.calls(Operation::DescribeAutoScalingGroups), 1);
    assert_eq!(scene.calls(Operation::RecordLifecycleActionHeartbeat), 1);
    assert_eq!(scene.all_calls(), 2);
    assert!(scene.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn up_to_three_messages_drain_their_own() {
    let (world, hosts) = hosts_with_web(7, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..3]);
    let answers = join_all(notices.iter().map(|notice| scene.deliver(notice))).await;
    for answer in answers {
        let answer = first(&answer.unwrap());
        assert_eq!((&answer["outcome"], answer.get("others")), (&"completed".into(), None));
    }
    scene.assert_all_drained(3);
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 3);
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 3);
}

#[tokio::test(start_paused = true)]
async fn the_lowest_of_many_sees_all_drains_through_and_every_other_message_is_delegated_at_once() {
    let (world, hosts) = hosts_with_web(9, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    let began = scene.aws.world().now();
    for notice in &notices[1..] {
        let answer = first(&scene.deliver(notice).await.unwrap());
        assert_eq!(
            (&answer["outcome"], &answer["coordinator"]),
            (&"delegated".into(), &scene.hosts[0].as_str().into())
        );
    }
    assert!((scene.aws.world().now() - began).num_seconds() < 1);
    let (answer, invocations) = scene.see_through(&notices[0]).await;

    assert_eq!((&first(&answer)["outcome"], invocations), (&"completed".into(), 1));
    assert_eq!(first(&answer)["others"], serde_json::json!({"waiting": 0, "ended": 4}));
    scene.assert_all_drained(5);
    let took = (scene.aws.world().now() - began).num_seconds();
    assert!(took <= 70, "{took} s");
}

#[tokio::test(start_paused = true)]
async fn many_drains_make_each_change_once() {
    let (world, hosts) = hosts_with_web(9, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    join_all(notices.iter().map(|notice| scene.deliver(notice))).await;
    scene.assert_all_drained(5);
    assert_eq!(scene.set_draining(), 5);
    assert_eq!(scene.calls(Operation::UpdateContainerInstancesState), 1);
    assert_eq!(scene.calls(Operation::CompleteLifecycleAction), 5);
}

#[tokio::test(start_paused = true)]
async fn sweeps_drain_what_was_delegated_to_a_message_that_is_lost() {
    let (world, hosts) = hosts_with_web(9, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    join_all(notices[1..].iter().map(|notice| scene.deliver(notice))).await;
    assert_eq!(scene.set_draining(), 0);
    let began = scene.aws.world().now();
    let sweep = serde_json::json!({"sweep": {"cluster": CLUSTER, "group": GROUP, "hook": "drain"}});
    for minute in 1..=6 {
        scene.invoke(sweep.clone()).await.unwrap();
        let next = began + TimeDelta::minutes(minute);
        scene.aws.world().sleep((next - scene.aws.world().now()).to_std().unwrap()).await;
    }
    assert_eq!(scene.set_draining(), 5);
    scene.assert_all_drained(5);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_returns_in_time_while_reads_hang() {
    let (world, hosts) = hosts_with_web(4, 600);
    let scene = Scene::new((world, hosts));
    terminate_all(&scene, &scene.hosts[..1]);
    scene.plant(Operation::ListContainerInstances, When::Always, Fault::Hang);
    let sweep = serde_json::json!({"sweep": {"cluster": CLUSTER, "group": GROUP, "hook": "drain"}});
    for _ in 0..4 {
        let began = scene.aws.world().now();
        scene.invoke(sweep.clone()).await.unwrap();
        let took = scene.aws.world().now() - began;
        assert!(took <= TimeDelta::seconds(50), "{took}");
        scene.aws.world().sleep((TimeDelta::seconds(60) - took).to_std().unwrap()).await;
    }
    assert!(scene.calls(Operation::ListContainerInstances) > 5);
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_goes_on_after_its_own_drain() {
    let (mut world, mut hosts) = world_of_hosts(8, 600);
    hosts.sort();
    // The first is empty at once; the tasks of the others end in its next invocation.
    for host in &hosts[1..4] {
        let slow = TaskDefinition::new("batch", 256, 256).running_for(1000);
        world.start_task(CLUSTER, &slow, host).unwrap();
    }
    world.advance_seconds(60);
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..4]);
    let answer = first(&scene.deliver(&notices[0]).await.unwrap());
    assert_eq!(answer["outcome"], "republished");
    assert_eq!(answer["waitingFor"], "other instances of group demo-asg");
    assert_eq!(answer["others"], serde_json::json!({"waiting": 3, "ended": 0}));
    assert_eq!(scene.ends().len(), 1);

    // A second delivery: its own drain is over, and it adds nothing.
    let calls = scene.all_calls();
    assert_eq!(first(&scene.deliver(&notices[0]).await.unwrap())["outcome"], "action-gone");
    assert!(scene.all_calls() <= calls + 5);

    let republished = scene.sent().remove(0);
    assert!(republished.attributes.as_ref().unwrap().coordinates);
    let (answer, _) = scene.see_through(&republished).await;
    assert_eq!(first(&answer)["outcome"], "action-gone");
    scene.assert_all_drained(4);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_begins_to_wait_meanwhile_is_drained_by_the_coordinator_too() {
    let (world, hosts) = hosts_with_web(10, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..4]);
    let later = async {
        scene.wait(20).await;
        let notice = terminate_all(&scene, &scene.hosts[4..5]).remove(0);
        assert_eq!(first(&scene.deliver(&notice).await.unwrap())["outcome"], "delegated");
    };
    let (answer, ()) = join(scene.see_through_beside_others(&notices[0]), later).await;
    assert_eq!(answer["outcome"], "completed");
    scene.assert_all_drained(5);
}

#[tokio::test(start_paused = true)]
async fn no_message_is_delegated_to_instances_that_only_another_hook_holds() {
    let (mut world, hosts) = hosts_with_web(8, 600);
    let other = LifecycleHook::new("other", TOPIC).without_topic().heartbeat_timeout(3600);
    world.put_lifecycle_hook(GROUP, other).unwrap();
    world.take_outbox();
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..3]);
    let first_three = join_all(notices.iter().map(|notice| scene.deliver(notice)));
    let fourth = async {
        // The drains of three are done, and their instances wait on.
        scene.wait(300).await;
        assert_eq!(scene.ends().len(), 3);
        let notice = terminate_all(&scene, &scene.hosts[3..4]).remove(0);
        first(&scene.deliver(&notice).await.unwrap())
    };
    let (answers, fourth) = join(first_three, fourth).await;
    for answer in answers {
        assert_eq!(first(&answer.unwrap())["outcome"], "completed");
    }
    assert_eq!(fourth["outcome"], "completed");
    let ends: Vec<_> = scene.ends().into_iter().map(|(_, end)| end).collect();
    assert_eq!(ends, vec![ActionEnd::Completed(ActionResult::Continue); 4]);
}

#[tokio::test(start_paused = true)]
async fn where_the_group_may_not_be_read_each_message_drains_its_own() {
    let (world, hosts) = hosts_with_web(9, 600);
    let scene = Scene::new((world, hosts));
    scene.plant(Operation::DescribeAutoScalingGroups, When::Always, Fault::Refused);
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    let answer = first(&scene.deliver(&notices[4]).await.unwrap());
    assert_eq!((&answer["outcome"], &answer["others"]), (&"completed".into(), &serde_json::Value::Null));
    assert_eq!(scene.ends().len(), 1);
    assert_eq!(scene.set_draining(), 1);
    // Once a minute: reads that AWS refuses are of no use, and the drain takes little more.
    assert!(scene.calls(Operation::DescribeAutoScalingGroups) <= 2);
}

#[tokio::test(start_paused = true)]
async fn while_the_group_cannot_be_read_for_a_while_nothing_is_read_of_ecs_and_hooks_are_kept_alive() {
    let (world, hosts) = hosts_with_web(9, 30);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    let began = scene.aws.world().now();
    let outage = When::Between(began, began + Duration::from_secs(15));
    scene.plant(Operation::DescribeAutoScalingGroups, outage, Fault::Throttled);
    let quiet = async {
        scene.wait(14).await;
        assert_eq!(reads_of_ecs(&scene), 0);
    };
    let (answers, ()) = join(join_all(notices.iter().map(|notice| scene.deliver(notice))), quiet).await;
    let outcomes: Vec<_> =
        answers.iter().map(|answer| first(answer.as_ref().unwrap())["outcome"].clone()).collect();
    assert_eq!(outcomes, ["completed", "delegated", "delegated", "delegated", "delegated"]);
    scene.assert_all_drained(5);
}

#[tokio::test(start_paused = true)]
async fn where_the_group_cannot_be_read_for_long_the_messages_begin_at_different_times() {
    let (world, hosts) = hosts_with_web(40, 900);
    let scene = Scene::new((world, hosts));
    scene.plant(Operation::DescribeAutoScalingGroups, When::Always, Fault::Throttled);
    let notices = terminate_all(&scene, &scene.hosts[..20]);
    let began = scene.aws.world().now();
    join_all(notices.iter().map(|notice| scene.deliver(notice))).await;
    scene.assert_all_drained(20);
    let mut begins: Vec<_> = scene.world(|world| {
        let entries = world.history().entries().iter().filter(|entry| {
            matches!(&entry.what, Occurrence::ContainerInstanceStatus { status, .. } if *status == ContainerInstanceStatus::Draining)
        });
        entries.map(|entry| (entry.at - began).num_seconds()).collect()
    });
    begins.sort_unstable();
    assert_eq!(begins.len(), 20);
    // The spread ends at 90 s, and the reads before an instance is set DRAINING take their turns.
    assert!(begins[0] >= 15 && begins[19] <= 95, "{begins:?}");
    let at_once = begins.chunk_by(|one, other| one == other).map(<[i64]>::len).max();
    assert!(at_once <= Some(6), "{begins:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_began_without_its_group_drains_its_own_until_it_can_be_delegated() {
    let (world, hosts) = hosts_with_web(9, 600);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    let began = scene.aws.world().now();
    // It waits for 15 s, and for up to 75 s more.
    let outage = When::Between(began, began + Duration::from_secs(95));
    scene.plant(Operation::DescribeAutoScalingGroups, outage, Fault::Throttled);
    let (answer, ()) = join(scene.deliver(&notices[4]), async {
        scene.wait(92).await;
        assert_eq!(scene.set_draining(), 1);
    })
    .await;
    let answer = first(&answer.unwrap());
    assert_eq!(
        (&answer["outcome"], &answer["coordinator"]),
        (&"delegated".into(), &scene.hosts[0].as_str().into())
    );
    // It has touched no other, and completed nothing.
    assert_eq!((scene.set_draining(), scene.ends().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_instance_on_its_way_to_the_warm_pool_is_not_delegated() {
    // The group does not show it among those that wait.
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
async fn a_call_that_never_answers_outlasts_no_hook_however_many_are_coordinated() {
    let (world, hosts) = hosts_with_web(9, 30);
    let scene = Scene::new((world, hosts));
    let notices = terminate_all(&scene, &scene.hosts[..5]);
    let began = scene.aws.world().now();
    let outage = When::Between(began + Duration::from_secs(8), began + Duration::from_secs(30));
    scene.plant(Operation::DescribeContainerInstances, outage, Fault::Hang);
    join_all(notices.iter().map(|notice| scene.deliver(notice))).await;
    scene.assert_all_drained(5);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_refused_for_one_instance_does_not_hold_back_the_others() {
    // The tasks of the others end before their own drain timeout, and after that of the first.
    let (mut world, mut hosts) = world_of_hosts(8, 900);
    hosts.sort();
    world.start_task(CLUSTER, &TaskDefinition::new("guarded", 256, 256), &hosts[0]).unwrap();
    for host in &hosts[1..5] {
        let batch = TaskDefinition::new("batch", 256, 256).running_for(2000);
        world.start_task(CLUSTER, &batch, host).unwrap();
    }
    world.advance_seconds(60);
    world.take_outbox();
    let variables = [("ECS_CLUSTER", CLUSTER), ("DRAIN_TIMEOUT_SECONDS", "1200")];
    let scene = Scene::with_settings((world, hosts), &variables);
    scene.plant(Operation::StopTask, When::Always, Fault::Refused);
    let guarded = terminate_all(&scene, &scene.hosts[..1]).remove(0);
    // As Lambda does: three tries of each delivery, and each republished message.
    let life = |notice: SnsMessage| {
        let scene = &scene;
        async move {
            let (mut next, mut failures) = (notice, 0);
            while failures < 3 {
                match scene.deliver(&next).await {
                    Ok(answer) if first(&answer)["outcome"] == "republished" => {
                        let before = next.attributes.take().unwrap_or_default();
                        next.attributes = Some(MessageAttributes { attempt: before.attempt + 1, ..before });
                        failures = 0;
                    }
                    Ok(answer) => return first(&answer)["outcome"].as_str().unwrap().to_owned(),
                    Err(error) => {
                        assert_eq!(error.kind(), "DrainFailed");
                        failures += 1;
                        scene.wait(60 * failures).await;
                    }
                }
            }
            "given-up".to_owned()
        }
    };
    let others = async {
        scene.wait(900).await;
        // The republished message is delivered already.
        scene.sent();
        let notices = terminate_all(&scene, &scene.hosts[1..5]);
        join_all(notices.into_iter().map(life)).await
    };
    let (guarded, _) = join(life(guarded), others).await;
    assert_eq!(guarded, "given-up");
    scene.assert_all_drained(4);
    assert!(!scene.reasons("DrainErrors", 1.0).is_empty());
}
