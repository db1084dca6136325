//! The template's parameters and conditions: each is of use, and each parameter is asked for in one place.

use std::collections::BTreeSet;
use std::fs;

use fleetkeeper_tests::repository::in_repository;
use serde_json::Value;

use crate::template::{members, template};

/// All names that a part of the template refers to: by `Ref`, by `Fn::Sub`, as a condition.
fn named(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| named(item, names)),
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("Ref" | "Condition", Value::String(name)) => {
                        names.insert(name.clone());
                    }
                    ("Fn::If", Value::Array(three)) => names.extend(three[0].as_str().map(str::to_owned)),
                    ("Fn::Sub", value) => {
                        let pattern = value.as_str().or_else(|| value[0].as_str()).unwrap();
                        let filled_in = pattern.split("${").skip(1).filter_map(|part| part.split('}').next());
                        names.extend(filled_in.map(str::to_owned));
                    }
                    _ => {}
                }
                named(value, names);
            }
        }
        _ => {}
    }
}

fn names_of(section: &str) -> BTreeSet<String> {
    members(&template()[section]).keys().cloned().collect()
}

#[test]
fn every_parameter_is_used_and_so_is_every_condition() {
    let mut used = BTreeSet::new();
    for section in ["Resources", "Outputs", "Conditions"] {
        named(&template()[section], &mut used);
    }
    let unused: Vec<_> = names_of("Parameters").union(&names_of("Conditions")).cloned().collect();
    let unused: Vec<_> = unused.iter().filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_parameter_is_in_one_group_and_says_what_it_is() {
    let groups = &template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let grouped = groups.as_array().unwrap().iter().flat_map(|group| group["Parameters"].as_array().unwrap());
    let mut grouped: Vec<_> = grouped.map(|name| name.as_str().unwrap().to_owned()).collect();
    grouped.sort();
    assert_eq!(grouped, names_of("Parameters").into_iter().collect::<Vec<_>>());
    for (name, parameter) in members(&template()["Parameters"]) {
        assert!(parameter["Description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
        let bounded =
            ["AllowedPattern", "AllowedValues", "MinValue"].iter().any(|it| parameter.get(it).is_some());
        assert!(bounded, "{name} takes anything");
    }
}

#[test]
fn the_example_of_a_configuration_sets_parameters_that_there_are() {
    let parameters = members(&template()["Parameters"]);
    let example = fs::read_to_string(in_repository("infra/samconfig.example.toml")).unwrap();
    let set: Vec<_> = example.lines().filter_map(|line| line.strip_prefix("  \"")?.split_once('=')).collect();
    assert!(set.len() >= 2);
    for (parameter, value) in set {
        let found = parameters.get(parameter).unwrap_or_else(|| panic!("{parameter} is no parameter"));
        let value = value.trim_end_matches("\",");
        let default = &found["Default"];
        assert!(default.is_null() || default.to_string().trim_matches('"') == value, "{parameter}");
    }
    for (parameter, _) in parameters.iter().filter(|(_, it)| it["Default"].is_null()) {
        assert!(example.contains(&format!("\"{parameter}=")), "{parameter} is not set");
    }
}
