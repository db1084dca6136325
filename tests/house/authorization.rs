//! Every policy against AWS's Service Authorization Reference: actions, resources and conditions.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

use fleetkeeper_tests::python::check;
use fleetkeeper_tests::repository::in_repository;
use serde_json::{Map, Value, json};

use crate::terraform::module::{Module, logical_id};

/// Every template, wherever it is.
fn templates() -> Vec<String> {
    let mut folders = vec![in_repository("infra")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// The policies of the Terraform module, and the types of what they refer to.
fn of_the_module() -> Value {
    let module = Module::read();
    let variables = module.variables();
    let required = variables.iter().filter(|(_, default)| default.is_none());
    let set: BTreeMap<String, Value> = required.map(|(name, _)| ((*name).to_owned(), json!("7"))).collect();
    let (mut types, mut policies) = (Map::new(), Map::new());
    for ((of_type, name), attributes) in module.with(&set) {
        for attribute in ["policy", "assume_role_policy"] {
            if let Some(text) = attributes[attribute].as_str() {
                let policy: Value = serde_json::from_str(text).unwrap();
                policies.insert(format!("{of_type}.{name}.{attribute}"), policy);
            }
        }
        if ["aws_sqs_queue", "aws_cloudwatch_log_group", "aws_cloudwatch_event_rule"].contains(&&*of_type) {
            types.insert(logical_id(&name), json!(of_type));
        }
    }
    assert!(!policies.is_empty());
    json!({"Types": types, "Policies": policies})
}

#[test]
fn every_action_takes_the_resource_and_the_condition_of_its_statement() {
    let mut file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    write!(file, "{}", of_the_module()).unwrap();
    let mut paths = templates();
    paths.push(file.path().to_str().unwrap().to_owned());
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    if let Err(found) = check("permissions.py", &paths) {
        panic!("{found}");
    }
}

#[test]
fn a_planted_typo_a_wrong_resource_and_a_wrong_key_are_found() {
    if let Err(found) = check("permissions.py", &["--planted"]) {
        panic!("{found}");
    }
}
