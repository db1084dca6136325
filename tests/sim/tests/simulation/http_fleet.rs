//! Groups of several kinds, capacity providers and services' shapes on the wire.

use fleetkeeper_sim::world::auto_scaling::mixed_instances::MixedInstances;
use fleetkeeper_sim::world::auto_scaling::processes::ScalingProcess;
use fleetkeeper_sim::world::ecs::capacity_provider::CapacityProvider;
use fleetkeeper_sim::world::ecs::rollout::TaskSet;
use fleetkeeper_sim::world::ecs::strategy::StrategyItem;
use fleetkeeper_sim::{AutoScalingGroup, InstanceType, Service, TaskDefinition};
use serde_json::json;

use crate::http::{auto_scaling, ecs, face, refused};
use crate::scene::{arn_of, web, world_of_group, world_of_hosts};

#[test]
fn a_group_shows_its_types_weights_protection_and_suspended_processes() {
    let types =
        [(InstanceType::new("c5.large", 2048, 3767), 1), (InstanceType::new("c5.xlarge", 4096, 7500), 2)];
    let mut world = world_of_group(|group| group.mixed_instances(MixedInstances::weighing(&types)));
    world.launch_now("hosts").unwrap();
    let host = world.launch_now("hosts").unwrap();
    world.set_instance_protection("hosts", &[host], true).unwrap();
    world.suspend_processes("hosts", &[ScalingProcess::Launch]).unwrap();
    for name in ["plain", "unasked"] {
        world.add_group(AutoScalingGroup::new(name, InstanceType::new("c5.large", 2048, 3767)));
    }
    let face = face(world);
    let told = auto_scaling(
        &face,
        &[
            ("Action", "DescribeAutoScalingGroups"),
            ("AutoScalingGroupNames.member.1", "hosts"),
            ("AutoScalingGroupNames.member.2", "plain"),
        ],
    )
    .body;
    for part in [
        "<AutoScalingGroupName>plain</AutoScalingGroupName>",
        "<DesiredCapacity>3</DesiredCapacity>",
        "<ProtectedFromScaleIn>true</ProtectedFromScaleIn><WeightedCapacity>2</WeightedCapacity>",
        "<ProtectedFromScaleIn>false</ProtectedFromScaleIn><WeightedCapacity>1</WeightedCapacity>",
        "<SuspendedProcesses><member><ProcessName>Launch</ProcessName>",
        "<MixedInstancesPolicy><LaunchTemplate><Overrides><member><InstanceType>c5.large</InstanceType>",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("unasked"));
    assert_eq!(told.matches("MixedInstancesPolicy>").count(), 2, "one group has one: {told}");
}

#[test]
fn capacity_providers_are_described_in_pages_of_ten() {
    let (mut world, hosts) = world_of_hosts(0);
    assert!(hosts.is_empty());
    world.create_capacity_provider(CapacityProvider::new("p00", "hosts").named_by_name()).unwrap();
    let host = world.launch_now("hosts").unwrap();
    for number in 1..12 {
        let provider = CapacityProvider::new(&format!("p{number:02}"), "hosts").managing_scaling();
        world.create_capacity_provider(provider).unwrap();
    }
    let arn = arn_of(&world, &host).0;
    let face = face(world);
    let first = ecs(&face, "DescribeCapacityProviders", &json!({})).json();
    assert_eq!(first["capacityProviders"].as_array().unwrap().len(), 10);
    let group_of = |answer: &serde_json::Value, number: usize| {
        answer["capacityProviders"][number]["autoScalingGroupProvider"].clone()
    };
    assert_eq!(group_of(&first, 0)["autoScalingGroupArn"], "hosts");
    assert_eq!(group_of(&first, 0)["managedScaling"]["status"], "DISABLED");
    assert!(
        group_of(&first, 1)["autoScalingGroupArn"].as_str().unwrap().ends_with("autoScalingGroupName/hosts")
    );
    assert_eq!(group_of(&first, 1)["managedScaling"]["status"], "ENABLED");
    let next = json!({"nextToken": first["nextToken"]});
    let last = ecs(&face, "DescribeCapacityProviders", &next).json();
    assert_eq!(last["capacityProviders"].as_array().unwrap().len(), 2);
    assert!(last["nextToken"].is_null());
    let named =
        ecs(&face, "DescribeCapacityProviders", &json!({"capacityProviders": ["p03", "none"]})).json();
    assert_eq!(named["capacityProviders"][0]["name"], "p03");
    assert_eq!(named["failures"][0]["reason"], "MISSING");
    refused(
        &ecs(&face, "DescribeCapacityProviders", &json!({"maxResults": 11})),
        "InvalidParameterException",
    );

    let asked = json!({"cluster": "demo", "containerInstances": [arn]});
    let told = ecs(&face, "DescribeContainerInstances", &asked).json();
    let told = &told["containerInstances"][0];
    assert_eq!(told["capacityProviderName"], "p00");
    let attributes = told["attributes"].as_array().unwrap();
    assert!(attributes.contains(&json!({"name": "ecs.os-type", "value": "linux"})));
    assert!(attributes.contains(&json!({"name": "ecs.capability.task-eni"})));
}

#[test]
fn services_and_task_definitions_show_their_tasks_constraints() {
    let (mut world, _) = world_of_hosts(1);
    let definition = web().constrained_to("attribute:stack exists").awsvpc().cpu_architecture("ARM64");
    let shown = Service::new("web", 1, definition.requiring_value("colour", "red"))
        .distinct_instance()
        .placement_strategy("binpack", Some("memory"))
        .on_providers(&[StrategyItem::new("one", 1, 2)]);
    world.create_service("demo", shown).unwrap();
    let set = TaskSet::new("blue", TaskDefinition::new("blue", 64, 64)).on_fargate(1);
    world.create_service("demo", Service::external("sets", 3, set.scale(50))).unwrap();
    let face = face(world);
    let answer =
        ecs(&face, "DescribeServices", &json!({"cluster": "demo", "services": ["web", "sets"]})).json();
    let [web, sets] = &answer["services"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!(web["placementConstraints"], json!([{"type": "distinctInstance"}]));
    assert_eq!(web["placementStrategy"], json!([{"type": "binpack", "field": "memory"}]));
    let strategy = json!([{"capacityProvider": "one", "base": 1, "weight": 2}]);
    assert_eq!((&web["capacityProviderStrategy"], web.get("launchType")), (&strategy, None));
    assert_eq!(web["deployments"][0]["capacityProviderStrategy"], strategy);
    assert_eq!((sets.get("taskDefinition"), &sets["deployments"]), (None, &json!([])));
    assert_eq!(sets["deploymentController"], json!({"type": "EXTERNAL"}));
    let set = &sets["taskSets"][0];
    assert_eq!((&set["computedDesiredCount"], &set["launchType"]), (&json!(2), &json!("FARGATE")));
    assert_eq!((&set["runningCount"], &set["pendingCount"]), (&json!(1), &json!(1)));

    let told = ecs(&face, "DescribeTaskDefinition", &json!({"taskDefinition": "web:1"})).json();
    let told = &told["taskDefinition"];
    let constraint = json!([{"type": "memberOf", "expression": "attribute:stack exists"}]);
    assert_eq!(told["placementConstraints"], constraint);
    assert_eq!(told["runtimePlatform"], json!({"cpuArchitecture": "ARM64"}));
    let attributes = json!([{"name": "colour", "value": "red"}, {"name": "ecs.capability.task-eni"}]);
    assert_eq!(told["requiresAttributes"], attributes);
}
