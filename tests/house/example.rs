//! The example: parameters of nested templates, rolling updates, reachability, and the page that
//! walks through it.

use std::collections::BTreeSet;
use std::fs;

use fleetkeeper_core::capacity::{WorstCaseContainer, figures};
use fleetkeeper_core::container_instance::{
    Attributes, ContainerInstance, ContainerInstanceArn, ContainerInstanceStatus, CpuUnits, Mib, Resources,
};
use fleetkeeper_core::network_interfaces::task_network_interfaces;
use fleetkeeper_core::task_needs::TaskNeeds;
use fleetkeeper_tests::repository::in_repository;
use serde_json::{Value, json};

use crate::template::{ALL, OBSERVABILITY, SERVICE_SCALING, properties, template, translated};

const TEMPLATE: &str = "infra/example/template.yaml";
const PAGE: &str = "infra/example/README.md";

/// The CPU units of a t4g.small: two processors.
const HOST_CPU: u64 = 2048;
/// The agent registers less than the 2 GiB that there are.
const HOST_MEMORY: u64 = 1800;

fn example() -> Value {
    translated(TEMPLATE).clone()
}

fn text(path: &str) -> String {
    fs::read_to_string(in_repository(path)).unwrap()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn default(template: &Value, parameter: &str) -> u64 {
    template["Parameters"][parameter]["Default"].as_u64().unwrap_or_else(|| panic!("{parameter}"))
}

fn reference(name: &str) -> Value {
    json!({"Ref": name})
}

fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let resources = template["Resources"].as_object().unwrap();
    let found = resources.iter().filter(|(_, it)| it["Type"] == kind);
    found.map(|(name, it)| (name.as_str(), &it["Properties"])).collect()
}

/// Every value below `value` that a property of this name has.
fn everywhere<'a>(value: &'a Value, property: &str) -> Vec<&'a Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(|it| everywhere(it, property)).collect(),
        Value::Object(fields) => {
            let here = fields.get(property).into_iter();
            here.chain(fields.values().flat_map(|it| everywhere(it, property))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn what_it_nests_is_given_the_parameters_that_it_has() {
    let (example, source) = (example(), text(TEMPLATE));
    for (resource, named, nested) in [
        ("Fleetkeeper", "Location: ../template.yaml", template()),
        ("Observability", "TemplateURL: ../observability.yaml", translated(OBSERVABILITY)),
        ("ServiceScaling", "TemplateURL: ../service-scaling.yaml", translated(SERVICE_SCALING)),
    ] {
        assert!(source.contains(named), "{resource} is no longer {named}");
        let given = keys(&properties(&example, resource)["Parameters"]);
        let parameters = nested["Parameters"].as_object().unwrap();
        for name in &given {
            assert!(parameters.contains_key(*name), "{resource} has no parameter {name}");
        }
        for (name, parameter) in parameters {
            let optional = !parameter["Default"].is_null();
            assert!(optional || given.contains(name.as_str()), "{resource} is not given {name}");
        }
        for asked in everywhere(&example, "Fn::GetAtt") {
            let Some(output) = asked[1].as_str().unwrap().strip_prefix("Outputs.") else { continue };
            let known = nested["Outputs"].get(output).is_some();
            assert!(asked[0] != resource || known, "{resource} has no output {output}");
        }
    }
    let given = &properties(&example, "Fleetkeeper")["Parameters"];
    assert_eq!(given["ClusterName"], reference("Cluster"));
    assert_eq!(given["AutoScalingGroupName"], reference("HostGroup"));
    assert_eq!(given["CalculatorReservedConcurrency"], "0", "a new account can reserve none");
    // The name in arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID.
    let name = json!({"Fn::Select": [1, {"Fn::Split": ["/", reference("Fleetkeeper")]}]});
    assert_eq!(properties(&example, "Observability")["Parameters"]["FleetkeeperStack"], name);
}

/// The group is empty at first, and Fleetkeeper adds the host that the service waits for.
#[test]
fn what_is_needed_comes_first_and_goes_last() {
    let example = example();
    let after = |resource: &str| {
        let depends_on = &example["Resources"][resource]["DependsOn"];
        let one = depends_on.as_str().into_iter();
        let many = depends_on.as_array().into_iter().flatten().filter_map(Value::as_str);
        one.chain(many).collect::<BTreeSet<_>>()
    };
    assert!(after("Service").contains("Fleetkeeper") && after("Service").contains("LoadBalancerListener"));
    let ways_out = ["PrivateDefaultRoute", "PrivateSubnetARoutes", "PrivateSubnetBRoutes"];
    assert!(after("HostGroup").is_superset(&ways_out.into()));
    // Deletion is the other way round: the routes of what still carries traffic go after it.
    assert_eq!(after("NatGateway"), ["PublicDefaultRoute", "PublicSubnetARoutes"].into());
    let of_both = ["PublicDefaultRoute", "PublicSubnetARoutes", "PublicSubnetBRoutes"];
    assert_eq!(after("LoadBalancer"), of_both.into());

    let group = properties(&example, "HostGroup");
    assert_eq!((&group["MinSize"], group.get("DesiredCapacity")), (&json!("0"), None));
    assert_eq!(group["MaxSize"], reference("MaxHosts"));
    assert_eq!(default(&example, "MaxHosts"), 4);
    let service = properties(&example, "Service");
    assert_eq!(service.get("DesiredCount"), None, "an update would set it back");
    let deployment = &service["DeploymentConfiguration"];
    assert_eq!(
        (&deployment["MinimumHealthyPercent"], &deployment["MaximumPercent"]),
        (&json!(100), &json!(200))
    );
    assert_eq!(
        deployment.get("DeploymentCircuitBreaker"),
        None,
        "it would give up before the first host is there"
    );
}

#[test]
fn a_rolling_update_keeps_hosts_and_waits_for_new_ones() {
    let example = example();
    let update = &example["Resources"]["HostGroup"]["UpdatePolicy"]["AutoScalingRollingUpdate"];
    assert_eq!(update["MinInstancesInService"], reference("HostsInService"));
    let kept = default(&example, "HostsInService");
    assert!(kept >= 1 && kept < default(&example, "MaxHosts"), "no room for a new one");
    assert_eq!(example["Parameters"]["HostsInService"]["MinValue"], 1);
    assert_eq!(update["MaxBatchSize"], 1);
    assert_eq!(update["MinSuccessfulInstancesPercent"], 100);
    assert_eq!(update["WaitOnResourceSignals"], true);
    assert_eq!(update["PauseTime"], "PT15M");
    let suspended: BTreeSet<_> =
        update["SuspendProcesses"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    // Launch and Terminate are how the update itself is done.
    let all = ["HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions"];
    assert_eq!(suspended, all.into());
}

#[test]
fn a_host_joins_the_cluster_and_signals_once_it_has() {
    let example = example();
    let groups = of_type(&example, "AWS::AutoScaling::AutoScalingGroup");
    let [(group, host_group)] = groups.as_slice() else { panic!("one group") };
    assert_eq!(host_group["LaunchTemplate"]["LaunchTemplateId"], reference("HostTemplate"));
    // With a version that stays the same a new image would replace nothing.
    let version = json!({"Fn::GetAtt": ["HostTemplate", "LatestVersionNumber"]});
    assert_eq!(host_group["LaunchTemplate"]["Version"], version);

    let host = &properties(&example, "HostTemplate")["LaunchTemplateData"];
    assert_eq!(host["MetadataOptions"]["HttpTokens"], "required");
    for volume in host["BlockDeviceMappings"].as_array().unwrap() {
        assert_eq!(volume["Ebs"]["Encrypted"], true);
    }
    let data = host["UserData"]["Fn::Base64"]["Fn::Sub"].as_str().unwrap();
    assert!(data.starts_with("#!/bin/bash\n"));
    assert!(data.contains("echo ECS_CLUSTER=${Cluster} >>/etc/ecs/ecs.config\n"));
    let signal = format!("--stack ${{AWS::StackName}} --resource {group} --region ${{AWS::Region}}");
    assert!(data.contains(&signal), "{data}");
    assert!(data.contains("http://localhost:51678/v1/metadata"));
    // The agent starts after user data: what waits for it is a unit of its own, the last thing that
    // is begun.
    let waits = data.lines().last().unwrap();
    assert!(waits.starts_with("systemd-run ") && waits.ends_with(" /usr/local/sbin/signal-cloudformation"));
    assert!(data.contains("cat >/usr/local/sbin/signal-cloudformation <<'SCRIPT'\n"));
}

/// A host's attempts to join must end before CloudFormation stops listening.
#[test]
fn a_host_gives_up_in_time_to_signal() {
    let example = example();
    let data =
        properties(&example, "HostTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
            .as_str()
            .unwrap();
    let number = |before: &str| -> u64 {
        let (_, after) = data.split_once(before).unwrap();
        after.split(|letter: char| !letter.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    assert_eq!(number("seq ") * number("sleep "), 10 * 60);
}

#[test]
fn only_the_load_balancer_reaches_the_application_and_nobody_a_host() {
    let example = example();
    let mut admitted = Vec::new();
    for (name, group) in of_type(&example, "AWS::EC2::SecurityGroup") {
        for rule in group["SecurityGroupIngress"].as_array().into_iter().flatten() {
            let mut rule = rule.clone();
            rule.as_object_mut().unwrap().remove("Description");
            admitted.push((name, rule));
        }
    }
    let port = reference("ApplicationPort");
    let from_clients =
        json!({"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": {"Ref": "ClientCidr"}});
    let from_balancer = json!({
        "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
        "SourceSecurityGroupId": {"Ref": "LoadBalancerSecurityGroup"},
    });
    assert_eq!(
        admitted,
        [("ApplicationSecurityGroup", from_balancer), ("LoadBalancerSecurityGroup", from_clients)]
    );
    assert_eq!(of_type(&example, "AWS::EC2::SecurityGroupIngress"), []);
    assert!(example["Parameters"]["ClientCidr"]["Default"].is_null(), "nobody is let in who was not named");

    let private = json!([{"Ref": "PrivateSubnetA"}, {"Ref": "PrivateSubnetB"}]);
    let tasks = &properties(&example, "Service")["NetworkConfiguration"]["AwsvpcConfiguration"];
    assert_eq!(tasks["SecurityGroups"], json!([{"Ref": "ApplicationSecurityGroup"}]));
    let host = &properties(&example, "HostTemplate")["LaunchTemplateData"];
    assert_eq!(host["SecurityGroupIds"], json!([{"Ref": "HostSecurityGroup"}]));
    assert_eq!(
        (&tasks["Subnets"], &properties(&example, "HostGroup")["VPCZoneIdentifier"]),
        (&private, &private)
    );
    assert!(everywhere(&example, "MapPublicIpOnLaunch").is_empty());
    let task = properties(&example, "TaskDefinition");
    assert_eq!(task["NetworkMode"], "awsvpc");
    assert!(everywhere(task, "HostPort").is_empty());
    assert_eq!(properties(&example, "ApplicationTargets")["TargetType"], "ip");
}

/// Types and properties that AWS has replaced, or advises against for new stacks.
#[test]
fn no_template_uses_what_is_deprecated() {
    const DEPRECATED: [&str; 2] =
        ["AWS::AutoScaling::LaunchConfiguration", "AWS::ElasticLoadBalancing::LoadBalancer"];
    for path in ALL.into_iter().chain([TEMPLATE]) {
        let template = translated(path);
        for (name, resource) in template["Resources"].as_object().unwrap() {
            let kind = resource["Type"].as_str().unwrap();
            assert!(!DEPRECATED.contains(&kind), "{path}: {name} is a {kind}");
            assert!(resource["Properties"].get("LaunchConfigurationName").is_none(), "{path}: {name}");
            assert_ne!(resource["Properties"]["PolicyType"], "SimpleScaling", "{path}: {name}");
        }
    }
}

/// A host of the example with this number of its tasks.
fn host(example: &Value, tasks: u32) -> ContainerInstance {
    let all = Resources { cpu: CpuUnits(HOST_CPU), memory: Mib(HOST_MEMORY), ..Resources::default() };
    let used = |parameter: &str| u64::from(tasks) * default(example, parameter);
    let remaining = Resources {
        cpu: CpuUnits(HOST_CPU - used("TaskCpu")),
        memory: Mib(HOST_MEMORY - used("TaskMemory")),
        ..Resources::default()
    };
    ContainerInstance {
        registered_at: None,
        arn: ContainerInstanceArn("arn:aws:ecs:us-east-1:111122223333:container-instance/demo/1".to_owned()),
        ec2_instance_id: "i-00000001".to_owned(),
        status: ContainerInstanceStatus::Active,
        agent_connected: true,
        running_tasks: tasks,
        pending_tasks: 0,
        registered: all,
        remaining,
        attributes: with_type(example["Parameters"]["InstanceType"]["Default"].as_str().unwrap()),
        capacity_provider: None,
        network_interfaces: Some(tasks),
        version: 1,
    }
}

fn with_type(instance_type: &str) -> Attributes {
    Attributes([("ecs.instance-type".to_owned(), Some(instance_type.to_owned()))].into())
}

#[test]
fn a_host_takes_as_many_tasks_as_is_said_of_its_type() {
    let example = example();
    let tasks = |instance_type: &str| {
        let of = ContainerInstance { attributes: with_type(instance_type), ..host(&example, 0) };
        task_network_interfaces(&of)
    };
    let said = example["Parameters"]["InstanceType"]["Description"].as_str().unwrap();
    assert!(said.contains("t4g.small and t4g.medium two, t4g.micro one, t4g.xlarge three"), "{said}");
    let types = ["t4g.small", "t4g.medium", "t4g.micro", "t4g.xlarge"].map(tasks);
    assert_eq!(types, [Some(2), Some(2), Some(1), Some(3)]);
    assert_eq!(tasks("t3.small"), Some(2), "as the page says for x86_64");
    let all = default(&example, "MaxHosts") * u64::from(task_network_interfaces(&host(&example, 0)).unwrap());
    assert!(2 * default(&example, "MaxTasks") <= all, "a deployment has no room");
}

/// The calculator's own figures, as the page shows them.
#[test]
fn the_page_shows_what_the_calculator_works_out() {
    let (example, page) = (example(), text(PAGE));
    let worst = WorstCaseContainer::new(TaskNeeds {
        cpu: CpuUnits(default(&example, "TaskCpu")),
        memory: Mib(default(&example, "TaskMemory")),
        network_interface: true,
        ..TaskNeeds::default()
    });
    let worst = worst.unwrap();
    for (stage, on_hosts) in [
        ("no host, a task is wanted", &[][..]),
        ("one host, one task", &[1]),
        ("one host, two tasks", &[2]),
        ("two hosts, two tasks", &[2, 0]),
        ("two hosts, two tasks", &[1, 1]),
        ("two hosts, one task", &[1, 0]),
    ] {
        let hosts: Vec<_> = on_hosts.iter().map(|tasks| host(&example, *tasks)).collect();
        let report = figures(&hosts, &worst).unwrap();
        let row = format!(
            "| {stage} | {} | {} | {} |",
            report.container_capacity, report.placeable_containers, report.idle_host_capacity,
        );
        assert!(page.contains(&row), "{PAGE} has no row {row}");
    }
    assert!(page.contains("by CPU eight") && HOST_CPU / default(&example, "TaskCpu") == 8);
}

/// The letters and digits that a text begins with.
fn word(text: &str) -> &str {
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap()
}

#[test]
fn the_page_names_what_there_is() {
    let (example, page) = (example(), text(PAGE));
    let (parameters, outputs) = (keys(&example["Parameters"]), keys(&example["Outputs"]));
    // `output` is a function of the page, `--output text` an option: no output begins in lower
    // case.
    let asked = page.split("output ").skip(1).map(word);
    let asked: BTreeSet<_> = asked.filter(|name| name.starts_with(char::is_uppercase)).collect();
    assert_eq!(asked, outputs, "the page asks for every output, and for no other");
    let given = page.split("--parameter-overrides ").skip(1).map(word);
    let reported = ["HostImage", "HostsInService", "MaxHosts", "MinTasks", "MaxTasks"];
    for name in given.chain(reported) {
        assert!(parameters.contains(name), "there is no parameter {name}");
        assert!(page.contains(&format!("`{name}")), "{name} is missing");
    }
    for path in page.split("--template-file ").skip(1) {
        let path = path.split_whitespace().next().unwrap();
        assert!(in_repository(path).exists(), "{path}");
    }
    let main = template();
    assert_eq!((default(main, "ScaleOutSeconds"), default(main, "ScaleInMinutes")), (10, 5));
    assert!(
        page.contains("After ten seconds with `MissingHosts`")
            && page.contains("After five minutes with `RemovableHosts`")
    );
    let delay = default(&example, "DeregistrationDelaySeconds");
    assert!(page.contains(&format!("`DeregistrationDelaySeconds`, {delay}")));
}
