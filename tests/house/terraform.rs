//! The Terraform module and the templates: the same parameters give the same resources.

mod comparison;
mod group;
pub(crate) mod module;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use fleetkeeper_tests::repository::{in_repository, tool};
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::template::{OBSERVABILITY, Stack, exports, members, template, text, translated};
use comparison::{by_the_module, made_by, snake};
use module::{Module, attribute, evaluated, logical_id};

/// The parameter of the operators' alarms. The module has no dashboard, and it needs no name of
/// another stack.
const ALARM_TOPIC: &str = "AlarmTopicArn";

/// Variables that only Terraform needs.
const TERRAFORM_ONLY: [(&str, &str); 3] = [
    ("name", "fleetkeeper"),
    ("drainer_package", "lifecycle-drainer-arm64.zip"),
    ("calculator_package", "capacity-calculator-arm64.zip"),
];

/// A text that names parameters, with the names of the variables. A parameter of one word is a
/// plain word, too.
fn of_variables(said: &str) -> String {
    let word = Regex::new("[A-Za-z0-9]+").unwrap();
    let named = |word: &regex_lite::Captures<'_>| {
        let snake = snake(&word[0]);
        let is_name = snake.contains('_') && shared().any(|(name, _)| *name == word[0]);
        if is_name { snake } else { word[0].to_owned() }
    };
    word.replace_all(said, named).into_owned()
}

/// The parameters that the module has, too: all of the main template, and the topic of the
/// operators' alarms.
fn shared() -> impl Iterator<Item = (&'static String, &'static Value)> {
    let of_operators = members(&translated(OBSERVABILITY)["Parameters"]).iter();
    members(&template()["Parameters"]).iter().chain(of_operators.filter(|(name, _)| *name == ALARM_TOPIC))
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

/// The resources of the templates with these parameters, by types of Terraform's and logical ids.
fn by_the_templates(set: &BTreeMap<String, String>) -> BTreeMap<(String, String), Value> {
    let set: Vec<_> = set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (of_operators, of_main): (Vec<_>, Vec<_>) =
        set.into_iter().partition(|(name, _)| *name == ALARM_TOPIC);
    let operators = [of_operators, vec![("DashboardState", "DISABLED")]].concat();
    let operators = Stack::beside(exports(&of_main), OBSERVABILITY, &operators);
    let mut made = made_by(&Stack::with(&of_main), template());
    made.append(&mut made_by(&operators, translated(OBSERVABILITY)));
    made
}

/// Once with the defaults, and with other values for every way to scale and to drain, because these
/// two decide which resources there are.
#[test]
fn the_same_parameters_give_the_same_resources() {
    let module = Module::read();
    let decided = ["Off", "Alarms", "Direct"].map(|scaling| ["On", "DryRun"].map(|it| Some((scaling, it))));
    for decided in decided.into_iter().flatten().chain([None]) {
        let mut parameters = BTreeMap::new();
        let mut variables: BTreeMap<_, _> =
            TERRAFORM_ONLY.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        for (name, parameter) in shared() {
            let value = match (name.as_str(), decided) {
                ("Scaling", Some((scaling, _))) => scaling.to_owned(),
                ("Draining", Some((_, draining))) => draining.to_owned(),
                (_, None) if !parameter["Default"].is_null() => continue,
                _ => another(parameter),
            };
            variables.insert(snake(name), typed(&module, &snake(name), &value));
            parameters.insert(name.clone(), value);
        }
        let (template, made) = (by_the_templates(&parameters), by_the_module(&module, &variables));
        for (at, said) in &template {
            let found = made.get(at).unwrap_or_else(|| panic!("{at:?} is not in the module"));
            assert_eq!(found, said, "{at:?}: the module on the left, the template on the right");
        }
        let more: Vec<_> = made.keys().filter(|at| !template.contains_key(*at)).collect();
        assert!(more.is_empty(), "not in the template: {more:?}");
    }
}

/// The resources that a resource of a module waits for, as the template names them.
fn waits_for(resource: &Value) -> Vec<String> {
    let addresses = resource["depends_on"].as_array().unwrap().iter();
    addresses.map(|it| logical_id(it.as_str().unwrap().split_once('.').unwrap().1)).collect()
}

#[test]
fn what_waits_in_the_template_waits_in_the_module() {
    let module = Module::read();
    let set = |(name, _): (&String, &Value)| (snake(name), json!("7"));
    let required = shared().filter(|(_, parameter)| parameter["Default"].is_null()).map(set);
    let only = TERRAFORM_ONLY.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
    let made = module.with(&required.chain(only).collect());
    let of = |of_type: &str, name: &str| &made[&(of_type.to_owned(), name.to_owned())];
    let hook = of("aws_autoscaling_lifecycle_hook", "terminating_hook");
    let stack = Stack::with(&[]);
    for logical in stack.depends_on("TerminatingHook") {
        assert!(waits_for(hook).iter().any(|it| it == logical), "the hook does not wait for {logical}");
    }
    // Roles of the template have their policies in them; here these are resources of their own.
    let policy = json!("aws_iam_role_policy.lifecycle_hook_role");
    assert!(hook["depends_on"].as_array().unwrap().contains(&policy), "{hook}");
    let config = of("aws_lambda_function_event_invoke_config", "lifecycle_drainer_event_invoke_config");
    assert_eq!(config["depends_on"], json!(["aws_iam_role_policy.lifecycle_drainer_role"]));
}

#[test]
fn variables_are_the_parameters() {
    let module = Module::read();
    let variables = module.variables();
    let wanted: BTreeSet<_> = shared().map(|(name, _)| snake(name)).collect();
    let only = TERRAFORM_ONLY.iter().map(|(name, _)| (*name).to_owned());
    let all: BTreeSet<_> = wanted.iter().cloned().chain(only).collect();
    assert_eq!(variables.keys().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), all);
    for (name, parameter) in shared() {
        assert_is_parameter(&module, name, parameter);
    }
}

/// A variable has a parameter's default, description and bounds.
fn assert_is_parameter(module: &Module, name: &str, parameter: &Value) {
    let plain = hcl::eval::Context::new();
    let variables = module.variables();
    let variable = snake(name);
    {
        let default = parameter.get("Default").map(text);
        assert_eq!(variables[variable.as_str()].as_ref().map(text), default, "{variable}");
        let (_, block) = module.blocks("variable").find(|(at, _)| at[0] == variable).unwrap();
        let description = evaluated(attribute(block, "description").unwrap(), &plain);
        assert_eq!(description, of_variables(parameter["Description"].as_str().unwrap()), "{variable}");
        let check = block.body().blocks().find(|inner| inner.identifier() == "validation").unwrap();
        let message = evaluated(attribute(check, "error_message").unwrap(), &plain);
        assert_eq!(message, format!("{variable} must be {}.", accepted(parameter)));
    }
}

/// The values that a parameter accepts, in words.
fn accepted(parameter: &Value) -> String {
    if let Some(values) = parameter["AllowedValues"].as_array() {
        return format!("one of {}", values.iter().map(text).collect::<Vec<_>>().join(", "));
    }
    match (&parameter["MinValue"], &parameter["MaxValue"]) {
        (Value::Null, _) => text(&parameter["ConstraintDescription"]),
        (least, Value::Null) => format!("a whole number of at least {least}"),
        (least, most) => format!("a whole number from {least} to {most}"),
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

/// Returns whether CloudFormation accepts a parameter's value.
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
    for module in [Module::read(), Module::read_from(group::FOLDER)] {
        let files = module.text.iter().filter(|(file, _)| *file != "variables.tf");
        let used = files.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n");
        for variable in module.variables().keys() {
            let reference = Regex::new(&format!("var\\.{variable}\\b")).unwrap();
            assert!(reference.is_match(&used), "{variable} is not used");
        }
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
    let page = fs::read_to_string(in_repository("infra/terraform/README.md")).unwrap();
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
    let outputs: BTreeSet<_> = module.blocks("output").map(|(at, _)| at[0]).collect();
    let referred = Regex::new(r"module\.fleetkeeper\.([a-z_]+)").unwrap();
    for output in referred.captures_iter(&page).map(|it| it.get(1).unwrap().as_str()) {
        assert!(outputs.contains(output), "the module has no output {output}");
    }
}

#[test]
fn the_readme_has_the_variables_and_outputs_of_the_module() {
    let script = in_repository("infra/terraform_readme.py");
    let check = Command::new(tool("python").unwrap()).arg(script).arg("--check").output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
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
