//! Resources of templates and of modules, in one form that can be compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::module::{Module, logical_id};
use super::of_variables;
use crate::template::{Stack, members, text};

/// CloudFormation's types and Terraform's.
const TYPES: [(&str, &str); 13] = [
    ("AWS::AutoScaling::LifecycleHook", "aws_autoscaling_lifecycle_hook"),
    ("AWS::AutoScaling::ScalingPolicy", "aws_autoscaling_policy"),
    ("AWS::CloudWatch::Alarm", "aws_cloudwatch_metric_alarm"),
    ("AWS::Events::Rule", "aws_cloudwatch_event_rule"),
    ("AWS::IAM::Policy", "aws_iam_role_policy"),
    ("AWS::IAM::Role", "aws_iam_role"),
    ("AWS::Lambda::EventInvokeConfig", "aws_lambda_function_event_invoke_config"),
    ("AWS::Lambda::Function", "aws_lambda_function"),
    ("AWS::Lambda::Permission", "aws_lambda_permission"),
    ("AWS::Logs::LogGroup", "aws_cloudwatch_log_group"),
    ("AWS::SNS::Subscription", "aws_sns_topic_subscription"),
    ("AWS::SNS::Topic", "aws_sns_topic"),
    ("AWS::SQS::Queue", "aws_sqs_queue"),
];

/// Types of Terraform's that are one property of a resource in CloudFormation.
const PARTS: [&str; 3] =
    ["aws_iam_role_policy", "aws_cloudwatch_event_target", "aws_lambda_function_recursion_config"];

/// Names that CloudFormation makes up, and what is not in the template.
const MADE_UP: [&str; 4] = ["name", "name_prefix", "alarm_name", "filename"];

pub(super) fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut after = ' ';
    for letter in name.chars() {
        if letter.is_uppercase() && after.is_lowercase() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
        after = letter;
    }
    snake
}

/// A value, however either spells it: texts of JSON are read, numbers are texts, what is empty is
/// not there.
fn same(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(said) if said.starts_with('{') => same(&serde_json::from_str(said).unwrap()),
        Value::String(said) => Some(said.replace(" without :*:*", "").into()),
        Value::Number(number) => Some(number.as_f64().unwrap().to_string().into()),
        Value::Bool(decided) => Some(decided.to_string().into()),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => Some(items.iter().filter_map(same).collect()),
        Value::Object(fields) => Some(
            fields
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), same(value)?)))
                .collect::<Map<_, _>>()
                .into(),
        ),
    }
}

fn take(from: &mut Map<String, Value>, name: &str) -> Option<Value> {
    from.remove(name)
}

fn renamed(fields: &mut Map<String, Value>, names: &[(&str, &str)]) {
    for (old, new) in names {
        if let Some(value) = take(fields, old) {
            fields.insert((*new).to_owned(), value);
        }
    }
}

/// Members of an object, with Terraform's names.
fn snaked(value: &Value) -> Map<String, Value> {
    members(value).iter().map(|(name, value)| (snake(name), value.clone())).collect()
}

fn one(value: Option<Value>) -> Value {
    let Some(Value::Array(items)) = value else { panic!("{value:?}") };
    assert_eq!(items.len(), 1, "{items:?}");
    items[0].clone()
}

/// A resource of the template, as Terraform would say it.
fn as_terraform(of_type: &str, properties: &Value) -> Value {
    // A resource may have no properties.
    let mut said = if properties.is_null() { Map::new() } else { snaked(properties) };
    renamed(&mut said, &[("auto_scaling_group_name", "autoscaling_group_name")]);
    match of_type {
        "AWS::AutoScaling::ScalingPolicy" => {
            let steps = take(&mut said, "step_adjustments").unwrap();
            let steps: Value =
                steps.as_array().unwrap().iter().map(|step| Value::from(snaked(step))).collect();
            said.insert("step_adjustment".into(), steps);
        }
        "AWS::CloudWatch::Alarm" => {
            let dimensions = take(&mut said, "dimensions").unwrap();
            let pairs = dimensions.as_array().unwrap().iter();
            let pairs: Map<_, _> = pairs.map(|it| (text(&it["Name"]), it["Value"].clone())).collect();
            said.insert("dimensions".into(), pairs.into());
            let description = of_variables(said["alarm_description"].as_str().unwrap());
            said.insert("alarm_description".into(), description.into());
        }
        "AWS::Events::Rule" => {
            let mut target = snaked(&one(take(&mut said, "targets")));
            target.remove("id");
            if let Some(letters) = take(&mut target, "dead_letter_config") {
                target.insert("dead_letter_config".into(), json!([snaked(&letters)]));
            }
            said.insert("aws_cloudwatch_event_target".into(), target.into());
        }
        "AWS::IAM::Role" => {
            renamed(&mut said, &[("assume_role_policy_document", "assume_role_policy")]);
            let policy = one(take(&mut said, "policies"));
            let policy = json!({"name": policy["PolicyName"], "policy": policy["PolicyDocument"]});
            said.insert("aws_iam_role_policy".into(), policy);
        }
        "AWS::IAM::Policy" => {
            renamed(&mut said, &[("policy_name", "name"), ("policy_document", "policy")]);
            let role = one(take(&mut said, "roles"));
            said.insert("role".into(), role);
        }
        "AWS::Lambda::EventInvokeConfig" => {
            said.remove("destination_config");
            if let Some(to) = properties.pointer("/DestinationConfig/OnFailure/Destination") {
                said.insert("destination_config".into(), json!([{"on_failure": [{"destination": to}]}]));
            }
        }
        "AWS::Lambda::Function" => {
            said.retain(|name, _| name != "code" && name != "tags");
            said.insert("environment".into(), json!([{"variables": properties["Environment"]["Variables"]}]));
            said.insert("logging_config".into(), json!([snaked(&properties["LoggingConfig"])]));
            if let Some(recursive_loop) = take(&mut said, "recursive_loop") {
                let config = json!({"recursive_loop": recursive_loop});
                said.insert("aws_lambda_function_recursion_config".into(), config);
            }
        }
        "AWS::Logs::LogGroup" => renamed(&mut said, &[("log_group_name", "name")]),
        "AWS::SQS::Queue" => renamed(&mut said, &[("message_retention_period", "message_retention_seconds")]),
        _ => {}
    }
    same(&said.into()).unwrap_or_else(|| json!({}))
}

/// The resources of a template, by types of Terraform's and logical ids.
pub(super) fn made_by(stack: &Stack, template: &Value) -> BTreeMap<(String, String), Value> {
    let types: BTreeSet<_> =
        members(&template["Resources"]).values().map(|it| it["Type"].as_str().unwrap()).collect();
    let mut made = BTreeMap::new();
    for of_type in types {
        for (name, properties) in stack.all(of_type) {
            if of_type == "AWS::SQS::QueuePolicy" {
                let queue = one(Some(properties["Queues"].clone()));
                let said = json!({"queue_url": queue, "policy": properties["PolicyDocument"]});
                made.insert(("aws_sqs_queue_policy".into(), name.into()), same(&said).unwrap());
                continue;
            }
            let known = TYPES.iter().find(|(known, _)| *known == of_type);
            let (_, terraform) = known.unwrap_or_else(|| panic!("{name} is a {of_type}: not in the module"));
            made.insert(((*terraform).into(), name.into()), as_terraform(of_type, properties));
        }
    }
    made
}

/// The resources of a module with these variables. Parts are members of the resource that they
/// belong to.
pub(super) fn by_the_module(
    module: &Module,
    set: &BTreeMap<String, Value>,
) -> BTreeMap<(String, String), Value> {
    let mut made = BTreeMap::new();
    let mut parts = Vec::new();
    for ((of_type, name), said) in module.with(set) {
        let mut said = said.as_object().unwrap().clone();
        said.remove("depends_on");
        if PARTS.contains(&of_type.as_str()) {
            parts.push((of_type, name, said));
            continue;
        }
        let named = of_type == "aws_cloudwatch_log_group";
        said.retain(|name, _| named || !MADE_UP.contains(&name.as_str()));
        if of_type == "aws_lambda_function" {
            said.retain(|name, _| name != "function_name" && name != "source_code_hash");
            // Terraform's word for none.
            said.retain(|name, value| name != "reserved_concurrent_executions" || *value != -1);
        }
        made.insert((of_type, logical_id(&name)), same(&said.into()).unwrap_or_else(|| json!({})));
    }
    for (of_type, name, mut said) in parts {
        let (whole, refers) = match of_type.as_str() {
            "aws_iam_role_policy" => ("aws_iam_role", "role"),
            "aws_cloudwatch_event_target" => ("aws_cloudwatch_event_rule", "rule"),
            _ => ("aws_lambda_function", "function_name"),
        };
        let Some(whole) = made.get_mut(&(whole.to_owned(), logical_id(&name))) else {
            // A part of another module's resource.
            made.insert((of_type, logical_id(&name)), same(&said.into()).unwrap());
            continue;
        };
        assert_eq!(take(&mut said, refers), Some(logical_id(&name).into()), "{of_type}.{name}");
        whole[of_type] = same(&said.into()).unwrap();
    }
    made
}
