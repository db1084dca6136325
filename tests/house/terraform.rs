//! The Terraform module and the template: the same parameters give the same resources.

pub(crate) mod module;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use fleetkeeper_tests::repository::in_repository;
use regex_lite::Regex;
use serde_json::{Map, Value, json};

use crate::template::{Stack, members, template, text};
use module::{Module, attribute, evaluated, logical_id};

/// Parameters that the module does not have, and what the template is given for them.
const LEFT_OUT: [(&str, &str); 4] = [
    ("DashboardState", "DISABLED"),
    ("EncryptTopic", "false"),
    ("ScalingSignals", "Fleetkeeper"),
    ("ScaledServices", ""),
];

/// Those that go with the last two, and mean nothing without them.
const LEFT_OUT_WITH_THEM: [(&str, &str); 6] = [
    ("ScaleOutBelow", "1"),
    ("ScaleInAbove", "1"),
    ("ServiceScalingMode", "TargetTracking"),
    ("ServiceMinTasks", "1"),
    ("ServiceMaxTasks", "4"),
    ("ServiceTargetCpuPercent", "40"),
];

/// What Terraform needs and the template does not.
const TERRAFORM_ONLY: [(&str, &str); 3] = [
    ("name", "fleetkeeper"),
    ("drainer_package", "lifecycle-drainer-arm64.zip"),
    ("calculator_package", "capacity-calculator-arm64.zip"),
];

/// CloudFormation's types and Terraform's.
const TYPES: [(&str, &str); 12] = [
    ("AWS::AutoScaling::LifecycleHook", "aws_autoscaling_lifecycle_hook"),
    ("AWS::AutoScaling::ScalingPolicy", "aws_autoscaling_policy"),
    ("AWS::CloudWatch::Alarm", "aws_cloudwatch_metric_alarm"),
    ("AWS::Events::Rule", "aws_cloudwatch_event_rule"),
    ("AWS::IAM::Role", "aws_iam_role"),
    ("AWS::Lambda::EventInvokeConfig", "aws_lambda_function_event_invoke_config"),
    ("AWS::Lambda::Function", "aws_lambda_function"),
    ("AWS::Lambda::Permission", "aws_lambda_permission"),
    ("AWS::Logs::LogGroup", "aws_cloudwatch_log_group"),
    ("AWS::SNS::Subscription", "aws_sns_topic_subscription"),
    ("AWS::SNS::Topic", "aws_sns_topic"),
    ("AWS::SQS::Queue", "aws_sqs_queue"),
];

/// What is one property in CloudFormation and a resource of its own in Terraform.
const PARTS: [&str; 3] =
    ["aws_iam_role_policy", "aws_cloudwatch_event_target", "aws_lambda_function_recursion_config"];

/// Names that CloudFormation makes up, and what is not in the template.
const MADE_UP: [&str; 4] = ["name", "name_prefix", "alarm_name", "filename"];

fn snake(name: &str) -> String {
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

/// A text that names parameters, with the names of the variables.
fn of_variables(said: &str) -> String {
    let parameters = members(&template()["Parameters"]);
    let word = Regex::new("[A-Za-z0-9]+").unwrap();
    let named = |word: &regex_lite::Captures<'_>| {
        if parameters.contains_key(&word[0]) { snake(&word[0]) } else { word[0].to_owned() }
    };
    word.replace_all(said, named).into_owned()
}

/// All parameters that the module does not have.
fn left_out() -> impl Iterator<Item = (&'static str, &'static str)> {
    LEFT_OUT.into_iter().chain(LEFT_OUT_WITH_THEM)
}

/// The parameters that both have.
fn shared() -> impl Iterator<Item = (&'static String, &'static Value)> {
    let left_out = |name: &str| left_out().any(|(left_out, _)| left_out == name);
    members(&template()["Parameters"]).iter().filter(move |(name, _)| !left_out(name))
}

/// A value that a parameter does not have by default.
fn another(parameter: &Value) -> String {
    let default = text(&parameter["Default"]);
    let allowed = parameter["AllowedValues"].as_array().into_iter().flatten().map(text);
    allowed.rev().find(|value| !value.is_empty() && *value != default).unwrap_or_else(|| {
        let one_more = parameter["Default"].as_u64().map_or(7, |number| number + 1);
        one_more.to_string()
    })
}

/// A variable's value, as its type has it.
fn typed(module: &Module, variable: &str, value: &str) -> Value {
    let (_, block) = module.blocks("variable").find(|(at, _)| at[0] == variable).unwrap();
    match attribute(block, "type").unwrap().to_string().as_str() {
        "number" | "bool" => serde_json::from_str(value).unwrap(),
        _ => value.into(),
    }
}

/// A value, however either spells it: texts of JSON are read, numbers are texts, what is empty is not there.
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
    let mut said = snaked(properties);
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
        "AWS::Lambda::EventInvokeConfig" => {
            let to = &properties["DestinationConfig"]["OnFailure"]["Destination"];
            said.insert("destination_config".into(), json!([{"on_failure": [{"destination": to}]}]));
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

/// What the template makes with these parameters, by types of Terraform's and logical ids.
fn by_the_template(set: &BTreeMap<String, String>) -> BTreeMap<(String, String), Value> {
    let set: Vec<_> = set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let stack = Stack::with(&set);
    let types: BTreeSet<_> =
        members(&template()["Resources"]).values().map(|it| it["Type"].as_str().unwrap()).collect();
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

/// What the module makes with these variables, the parts that the template has in one in one, too.
fn by_the_module(set: &BTreeMap<String, Value>) -> BTreeMap<(String, String), Value> {
    let mut made = BTreeMap::new();
    let mut parts = Vec::new();
    for ((of_type, name), said) in Module::read().with(set) {
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
        assert_eq!(take(&mut said, refers), Some(logical_id(&name).into()), "{of_type}.{name}");
        let whole = made.get_mut(&(whole.to_owned(), logical_id(&name))).unwrap();
        whole[of_type] = same(&said.into()).unwrap();
    }
    made
}

#[test]
fn the_same_parameters_give_the_same_resources() {
    let module = Module::read();
    for differently in [false, true] {
        let mut parameters: BTreeMap<_, _> =
            left_out().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut variables: BTreeMap<_, _> =
            TERRAFORM_ONLY.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        for (name, parameter) in shared() {
            if differently || parameter["Default"].is_null() {
                let value = another(parameter);
                variables.insert(snake(name), typed(&module, &snake(name), &value));
                parameters.insert(name.clone(), value);
            }
        }
        let (template, module) = (by_the_template(&parameters), by_the_module(&variables));
        for (at, said) in &template {
            let found = module.get(at).unwrap_or_else(|| panic!("{at:?} is not in the module"));
            assert_eq!(found, said, "{at:?}: the module on the left, the template on the right");
        }
        let more: Vec<_> = module.keys().filter(|at| !template.contains_key(*at)).collect();
        assert!(more.is_empty(), "not in the template: {more:?}");
    }
}

#[test]
fn what_waits_in_the_template_waits_in_the_module() {
    let module = Module::read();
    let set = |(name, _): (&String, &Value)| (snake(name), json!("7"));
    let required = shared().filter(|(_, parameter)| parameter["Default"].is_null()).map(set);
    let only = TERRAFORM_ONLY.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
    let made = module.with(&required.chain(only).collect());
    let waits_for = |of_type: &str, name: &str| -> Vec<&str> {
        let on = made[&(of_type.to_owned(), name.to_owned())]["depends_on"].as_array();
        on.into_iter().flatten().map(|it| it["address"].as_str().unwrap()).collect()
    };
    let hook = waits_for("aws_autoscaling_lifecycle_hook", "terminating_hook");
    let stack = Stack::with(&[]);
    for logical in stack.depends_on("TerminatingHook") {
        let there = hook.iter().any(|it| logical_id(it.split_once('.').unwrap().1) == logical);
        assert!(there, "the hook does not wait for {logical}");
    }
    // Roles of the template have their policies in them; here these are resources of their own.
    assert!(hook.contains(&"aws_iam_role_policy.lifecycle_hook_role"), "{hook:?}");
    for function in ["lifecycle_drainer", "capacity_calculator"] {
        let config =
            waits_for("aws_lambda_function_event_invoke_config", &format!("{function}_event_invoke_config"));
        assert_eq!(config, [format!("aws_iam_role_policy.{function}_role")]);
    }
}

#[test]
fn variables_are_the_parameters() {
    let module = Module::read();
    let variables = module.variables();
    let wanted: BTreeSet<_> = shared().map(|(name, _)| snake(name)).collect();
    let only = TERRAFORM_ONLY.iter().map(|(name, _)| (*name).to_owned());
    let all: BTreeSet<_> = wanted.iter().cloned().chain(only).collect();
    assert_eq!(variables.keys().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), all);
    let plain = hcl::eval::Context::new();
    for (name, parameter) in shared() {
        let variable = snake(name);
        let default = parameter.get("Default").map(text);
        assert_eq!(variables[variable.as_str()].as_ref().map(text), default, "{variable}");
        let (_, block) = module.blocks("variable").find(|(at, _)| at[0] == variable).unwrap();
        let description = evaluated(attribute(block, "description").unwrap(), &plain);
        assert_eq!(description, of_variables(parameter["Description"].as_str().unwrap()), "{variable}");
    }
}

/// Values that are at the parameters' bounds, and beyond.
fn probes(parameter: &Value) -> Vec<Value> {
    let mut probes: Vec<_> = parameter["AllowedValues"].as_array().into_iter().flatten().cloned().collect();
    if parameter["Type"] == "Number" {
        let bounds = [&parameter["MinValue"], &parameter["MaxValue"]].into_iter().filter_map(Value::as_i64);
        probes.extend(bounds.flat_map(|bound| [bound - 1, bound, bound + 1]).map(Value::from));
        probes.extend([json!(-1), json!(2), json!(1_000_000)]);
    } else {
        let texts = [
            "",
            "*",
            "a*",
            "a b",
            "demo",
            "none",
            "80",
            "80,443",
            "80,",
            "12345678901",
            "true",
            "ECS/Fleetkeeper",
            "AWS/ECS",
            ":a",
            "enabled",
            "arn:aws:sns:us-east-1:111122223333:alarms",
            "arn:aws:iam::111122223333:policy/bound",
        ];
        probes.extend(texts.map(Value::from));
    }
    probes
}

/// Whether CloudFormation takes a parameter's value.
fn taken(parameter: &Value, value: &Value) -> bool {
    let allowed = parameter["AllowedValues"].as_array().is_none_or(|allowed| allowed.contains(value));
    let bound = |name: &str| parameter[name].as_i64();
    let above = bound("MinValue").is_none_or(|least| value.as_i64() >= Some(least));
    let below = bound("MaxValue").is_none_or(|most| value.as_i64() <= Some(most));
    let mut pattern = parameter["AllowedPattern"].as_str().unwrap_or_default().to_owned();
    let mut matches = true;
    // What may not begin so: the expressions at hand cannot say it.
    while let Some((refused, rest)) = pattern.strip_prefix("^(?!").and_then(|it| it.split_once(')')) {
        matches &= !text(value).starts_with(refused);
        pattern = format!("^{rest}");
    }
    matches &= Regex::new(&pattern).unwrap().is_match(&text(value));
    allowed && above && below && matches
}

#[test]
fn the_module_takes_what_the_template_takes() {
    let module = Module::read();
    for (name, parameter) in shared() {
        let variable = snake(name);
        if matches!(module.variables()[variable.as_str()], Some(Value::Bool(_))) {
            continue;
        }
        for value in probes(parameter) {
            let takes = module.takes(&variable, &value);
            assert_eq!(takes, taken(parameter, &value), "{variable} = {value}: the module on the left");
        }
    }
}

#[test]
fn every_variable_is_used() {
    let module = Module::read();
    let used: Vec<_> = module
        .text
        .iter()
        .filter(|(file, _)| *file != "variables.tf")
        .map(|(_, text)| text.as_str())
        .collect();
    let used = used.join("\n");
    for variable in module.variables().keys() {
        let reference = Regex::new(&format!("var\\.{variable}\\b")).unwrap();
        assert!(reference.is_match(&used), "{variable} is not used");
    }
}

/// The blocks of HCL in a page, each parsed.
fn examples(page: &str) -> Vec<hcl::Body> {
    let blocks = page.split("```hcl\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| hcl::parse(block).unwrap()).collect()
}

#[test]
fn the_documentation_uses_the_module_as_it_is() {
    let module = Module::read();
    let variables = module.variables();
    let page = fs::read_to_string(in_repository("docs/integration.md")).unwrap();
    let mut uses = 0;
    for block in examples(&page).iter().flat_map(hcl::Body::blocks).filter(|it| it.identifier() == "module") {
        uses += 1;
        let given: BTreeSet<_> = block.body().attributes().map(hcl::Attribute::key).collect();
        assert!(given.contains("source"));
        for name in given.iter().filter(|name| **name != "source") {
            assert!(variables.contains_key(name), "the module has no variable {name}");
        }
        for (name, _) in variables.iter().filter(|(_, default)| default.is_none()) {
            assert!(given.contains(name), "{name} is not given");
        }
    }
    assert!(uses > 0, "no example");
    for (name, _) in LEFT_OUT {
        assert!(page.contains(&format!("`{name}`")), "the page does not say that {name} is left out");
    }
    let outputs: BTreeSet<_> = module.blocks("output").map(|(at, _)| at[0]).collect();
    let referred = Regex::new(r"module\.fleetkeeper\.([a-z_]+)").unwrap();
    for output in referred.captures_iter(&page).map(|it| it.get(1).unwrap().as_str()) {
        assert!(outputs.contains(output), "the module has no output {output}");
    }
}

/// The CDK itself is not at hand.
#[test]
fn the_documentation_includes_what_the_template_has() {
    let page = fs::read_to_string(in_repository("docs/integration.md")).unwrap();
    let code = page.split("```ts\n").nth(1).unwrap().split("```").next().unwrap();
    let given = code.split("parameters: {").nth(1).unwrap().split('}').next().unwrap();
    let given: BTreeSet<_> = given.split(',').map(|pair| pair.split(':').next().unwrap().trim()).collect();
    let parameters = members(&template()["Parameters"]);
    for name in &given {
        assert!(parameters.contains_key(*name), "{name} is no parameter");
    }
    for (name, _) in parameters.iter().filter(|(_, parameter)| parameter["Default"].is_null()) {
        assert!(given.contains(name.as_str()), "{name} is not given");
    }
    let mut functions = 0;
    for (name, resource) in members(&template()["Resources"]) {
        if resource["Type"] == "AWS::Lambda::Function" {
            functions += 1;
            let package = snake(name).replace('_', "-");
            assert!(code.contains(&format!("['{name}', '{package}']")), "the code of {name} is not given");
        }
    }
    assert_eq!(functions, code.matches("['").count());
}
