//! The main template's wires, each followed to its other end: senders, permissions, and the way of
//! failed events.
//!
//! Each check goes through all resources of a type, so that a new one is checked with those that
//! are there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::template::{OBSERVABILITY, Stack, members, template, texts};

const ALARM: &str = "AWS::CloudWatch::Alarm";
const FUNCTION: &str = "AWS::Lambda::Function";
const GROUP_OF_LOGS: &str = "AWS::Logs::LogGroup";
const HOOK: &str = "AWS::AutoScaling::LifecycleHook";
const PERMISSION: &str = "AWS::Lambda::Permission";
const POLICY: &str = "AWS::AutoScaling::ScalingPolicy";
const QUEUE: &str = "AWS::SQS::Queue";
const ROLE: &str = "AWS::IAM::Role";
const RULE: &str = "AWS::Events::Rule";
const SUBSCRIPTION: &str = "AWS::SNS::Subscription";
const TOPIC: &str = "AWS::SNS::Topic";

/// The next schedule, a minute later, makes up for an event that was not delivered.
const WITHOUT_DEAD_LETTERS: [&str; 5] = [
    "CapacityCalculatorChange",
    "CapacityCalculatorDeployment",
    "CapacityCalculatorEveryMinute",
    "CapacityCalculatorPlacementFailure",
    "LifecycleDrainerSweep",
];

/// Who sends to a function or a queue: the service, and the ARN that it does so for.
type Sender = (String, String);

/// The resource of a type that an ARN must be the ARN of.
fn must_be<'a>(stack: &Stack, arn: &'a Value, of_type: &str, whose: &str) -> &'a str {
    stack.of_arn(arn, of_type).unwrap_or_else(|| panic!("{whose}: {arn} is no {of_type} of the stack"))
}

/// What a role is allowed: actions, and on what.
fn allowed<'a>(stack: &'a Stack, role: &str) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut allowed: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for policy in stack.properties(role)["Policies"].as_array().unwrap() {
        for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
            assert_eq!(statement["Effect"], "Allow", "{role}");
            for action in texts(&statement["Action"]) {
                allowed.entry(action).or_default().extend(texts(&statement["Resource"]));
            }
        }
    }
    allowed
}

/// A role, which only one service may assume.
fn role_of<'a>(stack: &Stack, role_arn: &'a Value, service: &str, whose: &str) -> &'a str {
    let role = must_be(stack, role_arn, ROLE, whose);
    let assumed = &stack.properties(role)["AssumeRolePolicyDocument"]["Statement"];
    let by = json!([{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]);
    assert_eq!(*assumed, by, "{role}");
    role
}

/// A role publishes to this topic and no other.
fn assert_publishes(stack: &Stack, role: &str, topic_arn: &Value, whose: &str) {
    must_be(stack, topic_arn, TOPIC, whose);
    assert_eq!(allowed(stack, role)["sns:Publish"], [topic_arn.as_str().unwrap()].into(), "{role}");
}

/// Each function with its senders, by the subscriptions and the rules.
fn senders_to_functions(stack: &Stack) -> BTreeSet<(String, Sender)> {
    let mut senders = BTreeSet::new();
    for (name, subscription) in stack.all(SUBSCRIPTION) {
        let function = must_be(stack, &subscription["Endpoint"], FUNCTION, name);
        must_be(stack, &subscription["TopicArn"], TOPIC, name);
        assert_eq!(subscription["Protocol"], "lambda", "{name}");
        senders.insert((function.to_owned(), sender("sns", &subscription["TopicArn"])));
    }
    for (name, rule) in stack.all(RULE) {
        let targets = rule["Targets"].as_array().unwrap_or_else(|| panic!("{name} has no target"));
        assert!(!targets.is_empty(), "{name} has no target");
        for target in targets {
            let function = must_be(stack, &target["Arn"], FUNCTION, name);
            senders.insert((function.to_owned(), sender("events", &format!("{name}.Arn").into())));
        }
    }
    senders
}

fn sender(service: &str, source_arn: &Value) -> Sender {
    (format!("{service}.amazonaws.com"), source_arn.as_str().unwrap().to_owned())
}

/// Each queue with the services that send dead letters to it. A function's role sends its failed
/// events.
fn senders_to_queues(stack: &Stack) -> BTreeSet<(String, Sender)> {
    let mut senders = BTreeSet::new();
    for (name, subscription) in stack.all(SUBSCRIPTION) {
        let queue = must_be(stack, &subscription["RedrivePolicy"]["deadLetterTargetArn"], QUEUE, name);
        senders.insert((queue.to_owned(), sender("sns", &subscription["TopicArn"])));
    }
    for (name, rule) in stack.all(RULE).filter(|(name, _)| !WITHOUT_DEAD_LETTERS.contains(name)) {
        for target in rule["Targets"].as_array().unwrap() {
            let queue = must_be(stack, &target["DeadLetterConfig"]["Arn"], QUEUE, name);
            senders.insert((queue.to_owned(), sender("events", &format!("{name}.Arn").into())));
        }
    }
    senders
}

#[test]
fn a_hook_publishes_to_a_topic_that_its_role_may_publish_to_and_comes_after_whoever_listens() {
    for stack in Stack::both_ways() {
        let drains = stack.parameter("Draining") == "On";
        assert_eq!(stack.all(HOOK).count(), usize::from(drains));
        // Without a hook there is nothing to sweep, and a drainer that is invoked by hand changes
        // nothing.
        let sweep = stack.properties("LifecycleDrainerSweep");
        assert_eq!(sweep["State"], if drains { "ENABLED" } else { "DISABLED" });
        let variables = &stack.properties("LifecycleDrainer")["Environment"]["Variables"];
        assert_eq!(variables["FLEETKEEPER_DRY_RUN"], if drains { "false" } else { "true" });
        for (name, hook) in stack.all(HOOK) {
            let topic = &hook["NotificationTargetARN"];
            let role = role_of(&stack, &hook["RoleARN"], "autoscaling.amazonaws.com", name);
            assert_publishes(&stack, role, topic, name);
            assert_eq!(allowed(&stack, role).into_keys().collect::<Vec<_>>(), ["sns:Publish"], "{role}");

            let listens = stack.all(SUBSCRIPTION).filter(|(_, it)| it["TopicArn"] == *topic);
            let admits = stack.all(PERMISSION).filter(|(_, it)| it["SourceArn"] == *topic);
            let first: BTreeSet<_> = listens.chain(admits).map(|(name, _)| name).collect();
            assert!(first.len() >= 2, "{name}: {first:?}");
            assert_eq!(first, stack.depends_on(name).into_iter().collect(), "{name}");
        }
    }
}

#[test]
fn whoever_sends_to_a_function_has_its_permission_and_nobody_else_has() {
    for stack in Stack::both_ways() {
        let mut permitted = BTreeSet::new();
        for (name, permission) in stack.all(PERMISSION) {
            let function = permission["FunctionName"].as_str().unwrap();
            assert!(stack.is(function, FUNCTION), "{name}");
            assert_eq!(permission["Action"], "lambda:InvokeFunction", "{name}");
            let service = permission["Principal"].as_str().unwrap();
            let source =
                permission["SourceArn"].as_str().unwrap_or_else(|| panic!("{name} admits all of {service}"));
            permitted.insert((function.to_owned(), (service.to_owned(), source.to_owned())));
        }
        assert_eq!(permitted, senders_to_functions(&stack));
    }
}

#[test]
fn every_topic_has_a_subscriber() {
    for stack in Stack::both_ways() {
        let heard: BTreeSet<_> =
            stack.all(SUBSCRIPTION).map(|(_, it)| it["TopicArn"].clone().to_string()).collect();
        let heard = |topic: &str| heard.iter().any(|arn| arn.ends_with(&format!(":{topic}\"")));
        assert!(stack.all(TOPIC).all(|(topic, _)| heard(topic)));
    }
}

#[test]
fn only_schedules_and_events_of_the_calculator_do_without_dead_letters() {
    let stack = Stack::with(&[]);
    let without = stack.all(RULE).filter(|(_, rule)| {
        rule["Targets"].as_array().unwrap().iter().any(|target| target["DeadLetterConfig"].is_null())
    });
    let without: Vec<_> = without.collect();
    for (name, rule) in &without {
        let schedule = rule["ScheduleExpression"] == "rate(1 minute)";
        assert!(schedule || rule["Targets"][0]["Arn"] == "CapacityCalculator.Arn", "{name}");
    }
    assert_eq!(without.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), WITHOUT_DEAD_LETTERS);
}

#[test]
fn a_queue_takes_the_letters_of_those_that_it_is_named_by_and_of_nobody_else() {
    for stack in Stack::both_ways() {
        let mut admitted = BTreeSet::new();
        for (name, policy) in stack.all("AWS::SQS::QueuePolicy") {
            for queue in texts(&policy["Queues"]) {
                assert!(stack.is(queue, QUEUE), "{name}");
                for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
                    assert_eq!(statement["Effect"], "Allow", "{name}");
                    assert_eq!(statement["Action"], "sqs:SendMessage", "{name}");
                    assert_eq!(statement["Resource"], format!("{queue}.Arn"), "{name}");
                    let [("Service", service)] = one(&statement["Principal"])[..] else {
                        panic!("{statement}")
                    };
                    let [("ArnEquals", condition)] = one(&statement["Condition"])[..] else {
                        panic!("{statement}")
                    };
                    let [("aws:SourceArn", sources)] = one(condition)[..] else { panic!("{statement}") };
                    for source in texts(sources) {
                        let sender = (service.as_str().unwrap().to_owned(), source.to_owned());
                        admitted.insert((queue.to_owned(), sender));
                    }
                }
            }
        }
        assert_eq!(admitted, senders_to_queues(&stack));
    }
}

/// The members of an object, in a form that can be matched.
fn one(value: &Value) -> Vec<(&str, &Value)> {
    members(value).iter().map(|(name, value)| (name.as_str(), value)).collect()
}

/// The calculator's failed events go nowhere: its next schedule reads the cluster again, and an
/// alarm reports its silence.
#[test]
fn failed_events_of_the_drainer_go_to_a_queue_with_an_alarm_and_the_calculator_does_not_retry() {
    let observability = Stack::of(OBSERVABILITY, &[]);
    for stack in Stack::both_ways() {
        let mut kept = BTreeSet::new();
        for (name, function) in stack.all(FUNCTION) {
            let role = role_of(&stack, &function["Role"], "lambda.amazonaws.com", name);
            let mut configured =
                stack.all("AWS::Lambda::EventInvokeConfig").filter(|(_, it)| it["FunctionName"] == name);
            let (_, invoke) = configured.next().unwrap_or_else(|| panic!("{name}'s failures are lost"));
            if name == "CapacityCalculator" {
                assert_eq!(invoke["MaximumRetryAttempts"], 0);
                assert_eq!(invoke["MaximumEventAgeInSeconds"], 60);
                assert_eq!(invoke["DestinationConfig"]["OnFailure"], Value::Null);
                continue;
            }
            assert_eq!(invoke["MaximumRetryAttempts"], 2, "{name}");
            let destination = &invoke["DestinationConfig"]["OnFailure"]["Destination"];
            let queue = must_be(&stack, destination, QUEUE, name);
            assert_eq!(
                allowed(&stack, role)["sqs:SendMessage"],
                [destination.as_str().unwrap()].into(),
                "{role}"
            );
            assert!(kept.insert((role, queue)), "{name} shares a role or a queue");
        }
        for (queue, properties) in stack.all(QUEUE) {
            assert!(kept.iter().any(|(_, kept)| *kept == queue), "{queue} is nobody's");
            assert_eq!(properties["SqsManagedSseEnabled"], true, "{queue}");
            let dimension = json!([{"Name": "QueueName", "Value": format!("{queue}.QueueName")}]);
            let alarms = observability.all(ALARM).filter(|(_, alarm)| alarm["Dimensions"] == dimension);
            assert_eq!(alarms.count(), 1, "{queue} has no alarm");
        }
    }
}

#[test]
fn a_function_logs_to_a_group_of_its_own() {
    for stack in Stack::both_ways() {
        let mut own = BTreeSet::new();
        for (name, function) in stack.all(FUNCTION) {
            let group = function["LoggingConfig"]["LogGroup"].as_str().unwrap();
            assert!(stack.is(group, GROUP_OF_LOGS), "{name}");
            assert_eq!(function["LoggingConfig"]["LogFormat"], "JSON", "{name}: no level is applied to text");
            let role = must_be(&stack, &function["Role"], ROLE, name);
            let arn = format!("{group}.Arn");
            for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
                assert_eq!(allowed(&stack, role)[action], [arn.as_str()].into(), "{role}");
            }
            assert!(own.insert(group), "{name} shares {group}");
        }
        assert_eq!(own, stack.all(GROUP_OF_LOGS).map(|(name, _)| name).collect());
    }
}

#[test]
fn the_topic_that_a_function_goes_on_by_is_one_that_wakes_it_and_that_it_may_publish_to() {
    for stack in Stack::both_ways() {
        let go_on: Vec<_> = stack
            .all(FUNCTION)
            .filter_map(|(name, function)| {
                Some((name, function, function["Environment"]["Variables"].get("LIFECYCLE_TOPIC_ARN")?))
            })
            .collect();
        assert_eq!(go_on.len(), 1);
        for (name, function, topic) in go_on {
            let wakes = |it: &Value| it["TopicArn"] == *topic && it["Endpoint"] == format!("{name}.Arn");
            assert!(stack.all(SUBSCRIPTION).any(|(_, it)| wakes(it)), "{name}");
            assert_publishes(&stack, must_be(&stack, &function["Role"], ROLE, name), topic, name);
            assert_eq!(function["RecursiveLoop"], "Allow", "{name}: Lambda would cut the chain");
        }
    }
}

#[test]
fn alarms_scale_the_group_of_the_hook_unless_scaling_is_off_or_direct() {
    for (scaling, alarms) in [("Alarms", 2), ("Off", 0), ("Direct", 0)] {
        let stack = Stack::with(&[("Scaling", scaling)]);
        let mut policies = BTreeSet::new();
        for (name, alarm) in stack.all(ALARM) {
            match texts(&alarm["AlarmActions"])[..] {
                [] => assert_ne!(scaling, "Alarms", "{name}"),
                [policy] => assert!(stack.is(policy, POLICY) && policies.insert(policy), "{name}"),
                _ => panic!("{name} scales twice"),
            }
        }
        assert_eq!(stack.all(ALARM).count(), 2, "their states show what would be scaled");
        assert_eq!(policies.len(), alarms);
        assert_eq!(policies, stack.all(POLICY).map(|(name, _)| name).collect());
        for (name, properties) in stack.all(POLICY).chain(stack.all(HOOK)) {
            assert_eq!(properties["AutoScalingGroupName"], "AutoScalingGroupName", "{name}");
        }
    }
}

/// No output refers to a resource that a condition leaves out. Resolving a reference checks that.
#[test]
fn every_output_is_of_something_that_is_there() {
    for stack in Stack::both_ways() {
        for (name, output) in members(&template()["Outputs"]) {
            stack.output(output).unwrap_or_else(|| panic!("{name} has no value"));
        }
    }
}
