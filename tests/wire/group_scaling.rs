//! Direct scaling's calls on Auto Scaling, on the wire as by the simulated ports.

use std::sync::atomic::Ordering;

use chrono::{SubsecRound, Utc};
use fleetkeeper_aws::auto_scaling::AutoScaling;
use fleetkeeper_core::container_instance::Ec2InstanceId;
use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::lifecycle::InstanceRefreshStatus;
use fleetkeeper_core::ports::{AutoScalingGroups, CallError, CallErrorKind, GroupScaling};
use fleetkeeper_sim::faults::{Fault, When};
use fleetkeeper_sim::http::Face;
use fleetkeeper_sim::world::Operation;
use fleetkeeper_sim::{AutoScalingGroup, InstanceType, SharedWorld, SimulatedAws, World};
use fleetkeeper_tests::requests::Requests;

use crate::ports::{Failing, sdk_at};

/// Three hosts of a group of 2 to 4, and a group that is being refreshed.
fn world() -> (World, Vec<Ec2InstanceId>) {
    let mut world = World::new(Utc::now().trunc_subsecs(0));
    world.add_cluster("demo");
    let group = |name: &str| {
        AutoScalingGroup::new(name, InstanceType::new("c5.large", 2048, 3767)).in_cluster("demo")
    };
    world.add_group(group("hosts").sizes(2, 4));
    world.add_group(group("refreshed"));
    world.launch_now("refreshed").unwrap();
    world.set_desired_capacity("hosts", 3).unwrap();
    world.advance_seconds(600);
    world.instance_refresh("refreshed", 0).unwrap();
    let hosts = world.instances("hosts").into_keys().collect();
    (world, hosts)
}

fn answered<T: std::fmt::Debug>(answer: Result<T, CallError>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{:?} {}", error.kind, error.operation),
    }
}

async fn transcript(aws: &(impl GroupScaling + AutoScalingGroups), hosts: &[Ec2InstanceId]) -> Vec<String> {
    let mut said = Vec::new();
    for group in ["hosts", "refreshed", "none"] {
        said.push(answered(aws.newest_instance_refresh(group).await));
    }
    for (group, desired) in [("hosts", 4), ("hosts", 4), ("hosts", 5), ("none", 1)] {
        said.push(answered(aws.set_desired_capacity(group, desired).await));
    }
    let unknown: Ec2InstanceId = "i-0ffffffffffffffff".parse().unwrap();
    for id in [&hosts[0], &hosts[1], &hosts[2], &unknown] {
        said.push(answered(aws.terminate_and_decrement("hosts", id).await));
    }
    let group = aws.describe_group("hosts").await.unwrap().unwrap();
    let mut states: Vec<_> =
        group.instances.into_iter().map(|it| (it.ec2_instance_id, it.lifecycle_state)).collect();
    states.sort();
    said.push(format!("{} {states:?}", group.desired));
    said
}

#[tokio::test]
async fn groups_are_scaled_on_the_wire_as_by_the_simulated_ports() {
    let (simulated, hosts) = world();
    let face = Face::start(SharedWorld::in_real_time(simulated.clone())).unwrap();
    let requests = Requests::default();
    let relay = requests.relay(&face.url()).unwrap();
    let on_the_wire = transcript(&AutoScaling::new(&sdk_at(&relay.url()).await), &hosts).await;
    let called = [
        "autoscaling:SetDesiredCapacity",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        "autoscaling:DescribeInstanceRefreshes",
    ];
    requests.check(&called).unwrap();
    let in_the_world = transcript(&SimulatedAws::new(SharedWorld::in_real_time(simulated)), &hosts).await;
    for (wire, world) in on_the_wire.iter().zip(&in_the_world) {
        assert_eq!(wire, world);
    }
    let under_way = format!("{:?}", Some(InstanceRefreshStatus("InProgress".to_owned())));
    assert_eq!(on_the_wire[..2], ["None".to_owned(), under_way]);
    let below_the_minimum = "Refused autoscaling:TerminateInstanceInAutoScalingGroup";
    assert_eq!(on_the_wire[9], below_the_minimum);
    assert!(on_the_wire[11].starts_with("2 "), "{}", on_the_wire[11]);
}

/// A termination whose answer is lost may have taken effect.
#[tokio::test]
async fn a_termination_is_sent_once_and_a_capacity_until_it_is_answered() {
    let (world, hosts) = world();
    let face = Face::start(SharedWorld::in_real_time(world)).unwrap();
    let requests = Requests::default();
    let relay = requests.relay(&face.url()).unwrap();
    let groups = AutoScaling::new(&sdk_at(&relay.url()).await);
    let calls = |operation: Operation| {
        let calls = face.world().with(|world| world.history().api_calls());
        calls.get(&operation).copied().unwrap_or(0)
    };
    for operation in [Operation::TerminateInstanceInAutoScalingGroup, Operation::SetDesiredCapacity] {
        face.world().faults(|faults| faults.plant(operation, When::First(1), Fault::Throttled));
    }
    let error = groups.terminate_and_decrement("hosts", &hosts[0]).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Throttled);
    assert_eq!(calls(Operation::TerminateInstanceInAutoScalingGroup), 1);
    groups.set_desired_capacity("hosts", 4).await.unwrap();
    assert_eq!(calls(Operation::SetDesiredCapacity), 2);
    requests.check(&["autoscaling:SetDesiredCapacity"]).unwrap();

    let Failing { url, requests, server } = Failing::start().await;
    let groups = AutoScaling::new(&sdk_at(&url).await);
    let error = groups.terminate_and_decrement("hosts", &hosts[0]).await.unwrap_err();
    assert_eq!((error.kind, requests.load(Ordering::Relaxed)), (CallErrorKind::Unavailable, 1));
    assert!(error.may_have_taken_effect());
    let said = ErrorChain(&error).to_string();
    let begins = format!(
        "autoscaling:TerminateInstanceInAutoScalingGroup on instance {} of group hosts failed",
        hosts[0]
    );
    assert!(said.starts_with(&begins), "{said}");
    server.abort();
}
