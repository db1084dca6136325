//! The template's wires, each followed to its other end: who sends to whom, who may, and where what fails goes.
//!
//! Each check goes through all resources of a type, so that a new one is checked with those that are there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::template::{Stack, members, template, texts};

const ALARM: &str = "AWS::CloudWatch::Alarm";
const FUNCTION: &str = "AWS::Lambda::Function";
const GROUP_OF_LOGS: &str = "AWS::Logs::LogGroup";
const HOOK: &str = "AWS::AutoScaling::LifecycleHook";
const KEY: &str = "AWS::KMS::Key";
const PERMISSION: &str = "AWS::Lambda::Permission";
const POLICY: &str = "AWS::AutoScaling::ScalingPolicy";
const QUEUE: &str = "AWS::SQS::Queue";
const ROLE: &str = "AWS::IAM::Role";
const RULE: &str = "AWS::Events::Rule";
const SUBSCRIPTION: &str = "AWS::SNS::Subscription";
const TOPIC: &str = "AWS::SNS::Topic";

/// Schedules: what could not be delivered is made good by the next one, a minute later.
const WITHOUT_DEAD_LETTERS: [&str; 2] = ["CapacityCalculatorEveryMinute", "LifecycleDrainerSweep"];

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

/// A role publishes to this topic and no other, and uses its key where it has one.
fn assert_publishes(stack: &Stack, role: &str, topic_arn: &Value, whose: &str) {
    let topic = must_be(stack, topic_arn, TOPIC, whose);
    let allowed = allowed(stack, role);
    assert_eq!(allowed["sns:Publish"], [topic_arn.as_str().unwrap()].into(), "{role}");
    let key = stack.properties(topic).get("KmsMasterKeyId").map(|key| {
        let key = key.as_str().unwrap();
        assert!(stack.is(key, KEY), "{topic}: {key}");
        BTreeSet::from([format!("{key}.Arn")])
    });
    // What a publisher to an encrypted topic needs (SNS developer guide, "Setting up ... encryption").
    for action in ["kms:GenerateDataKey*", "kms:Decrypt"] {
        let on = allowed.get(action).map(|on| on.iter().map(|on| (*on).to_owned()).collect());
        assert_eq!(on, key, "{role}: {action}");
    }
}

/// Who sends to which function, by the subscriptions and the rules that there are.
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

/// Who puts dead letters into which queue, by themselves: what a function failed on, its role does.
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
        assert_eq!(stack.all(HOOK).count(), 1);
        for (name, hook) in stack.all(HOOK) {
            let topic = &hook["NotificationTargetARN"];
            let role = role_of(&stack, &hook["RoleARN"], "autoscaling.amazonaws.com", name);
            assert_publishes(&stack, role, topic, name);
            let beside_kms: Vec<_> =
                allowed(&stack, role).into_keys().filter(|action| !action.starts_with("kms:")).collect();
            assert_eq!(beside_kms, ["sns:Publish"], "{role}");

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
fn a_schedule_alone_does_without_dead_letters() {
    let stack = Stack::with(&[]);
    let without = stack.all(RULE).filter(|(_, rule)| {
        rule["Targets"].as_array().unwrap().iter().any(|target| target["DeadLetterConfig"].is_null())
    });
    let without: Vec<_> = without.collect();
    assert!(without.iter().all(|(_, rule)| rule["ScheduleExpression"] == "rate(1 minute)"), "{without:?}");
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

#[test]
fn what_a_function_fails_on_goes_to_a_queue_that_its_role_may_send_to_and_an_alarm_tells() {
    for stack in Stack::both_ways() {
        let mut kept = BTreeSet::new();
        for (name, function) in stack.all(FUNCTION) {
            let role = role_of(&stack, &function["Role"], "lambda.amazonaws.com", name);
            let mut configured =
                stack.all("AWS::Lambda::EventInvokeConfig").filter(|(_, it)| it["FunctionName"] == name);
            let (_, invoke) = configured.next().unwrap_or_else(|| panic!("{name}'s failures are lost"));
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
            let alarms = stack.all(ALARM).filter(|(_, alarm)| alarm["Dimensions"] == dimension);
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
fn alarms_scale_the_group_of_the_hook_and_tell_of_all_else() {
    for told in [None, Some("arn:aws:sns:us-east-1:111122223333:pager")] {
        let stack = Stack::with(&[("AlarmTopicArn", told.unwrap_or_default())]);
        let mut scaling = BTreeSet::new();
        for (name, alarm) in stack.all(ALARM) {
            let actions = texts(&alarm["AlarmActions"]);
            match actions.iter().copied().filter(|action| stack.is(action, POLICY)).collect::<Vec<_>>()[..] {
                [] => assert_eq!(actions, told.into_iter().collect::<Vec<_>>(), "{name}"),
                [policy] => assert!(scaling.insert(policy) && actions.len() == 1, "{name}"),
                _ => panic!("{name} scales twice"),
            }
        }
        assert_eq!(scaling, stack.all(POLICY).map(|(name, _)| name).collect());
        for (name, properties) in stack.all(POLICY).chain(stack.all(HOOK)) {
            assert_eq!(properties["AutoScalingGroupName"], "AutoScalingGroupName", "{name}");
        }
    }
}

/// Nothing that is there by a condition is referred to where it is not: to resolve a reference is to see it there.
#[test]
fn every_output_is_of_something_that_is_there() {
    for stack in Stack::both_ways() {
        for (name, output) in members(&template()["Outputs"]) {
            stack.output(output).unwrap_or_else(|| panic!("{name} has no value"));
        }
    }
}
