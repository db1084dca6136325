//! The templates' parameters and conditions: each is used, and each parameter is in one group with
//! a description.

use std::collections::BTreeSet;
use std::fs;

use fleetkeeper_tests::repository::in_repository;
use serde_json::Value;

use crate::template::{ALL, MAIN, members, template, translated};

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

fn names_of(template: &Value, section: &str) -> BTreeSet<String> {
    template[section].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// CloudFormation takes at most 51,200 bytes with a request (AWS CloudFormation quotas, "Template
/// body size in a request").
const INLINE_LIMIT: usize = 51_200;

#[test]
fn every_template_fits_into_a_request_and_the_main_one_is_thin() {
    for path in ALL {
        let source = fs::read_to_string(in_repository(path)).unwrap();
        assert!(source.len() < INLINE_LIMIT, "{path} has {} bytes", source.len());
        let parameters = names_of(translated(path), "Parameters").len();
        assert!(parameters <= 20, "{path} has {parameters} parameters");
        let lines = source.lines().count();
        assert!(path != MAIN || lines <= 600, "{path} has {lines} lines");
    }
}

#[test]
fn every_parameter_is_used_and_so_is_every_condition() {
    for path in ALL {
        let template = translated(path);
        let mut used = BTreeSet::new();
        for section in ["Resources", "Outputs", "Conditions"] {
            named(&template[section], &mut used);
        }
        let all = names_of(template, "Parameters").into_iter().chain(names_of(template, "Conditions"));
        let unused: Vec<_> = all.filter(|name| !used.contains(name)).collect();
        assert!(unused.is_empty(), "{path}: {unused:?}");
    }
}

#[test]
fn every_parameter_is_in_one_group_and_says_what_it_is() {
    for path in ALL {
        let template = translated(path);
        let groups = &template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
        let groups = groups.as_array().unwrap().iter();
        let grouped = groups.flat_map(|group| group["Parameters"].as_array().unwrap());
        let mut grouped: Vec<_> = grouped.map(|name| name.as_str().unwrap().to_owned()).collect();
        grouped.sort();
        assert_eq!(grouped, names_of(template, "Parameters").into_iter().collect::<Vec<_>>(), "{path}");
        for (name, parameter) in members(&template["Parameters"]) {
            assert!(parameter["Description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
            let bounded =
                ["AllowedPattern", "AllowedValues", "MinValue"].iter().any(|it| parameter.get(it).is_some());
            assert!(bounded, "{path}: {name} takes anything");
        }
    }
}

/// Templates with the same parameter describe and bound it alike.
#[test]
fn a_parameter_is_the_same_in_every_template() {
    for name in ["AutoScalingGroupName", "AlarmTopicArn", "Scaling", "SpareHosts", "ScaleOutSeconds"] {
        let mut all = ALL.iter().filter_map(|path| translated(path)["Parameters"].get(name));
        let first = all.next().unwrap_or_else(|| panic!("no template has {name}"));
        for other in all {
            for bound in ["Type", "Default", "AllowedPattern", "AllowedValues", "MinValue", "MaxValue"] {
                assert_eq!(first[bound], other[bound], "{name} {bound}");
            }
        }
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
        // The first deployment only observes.
        let observes = ["Draining=DryRun", "Scaling=Off"].contains(&&*format!("{parameter}={value}"));
        let is_default = default.is_null() || default.to_string().trim_matches('"') == value;
        assert!(is_default || observes, "{parameter}");
    }
    for (parameter, _) in parameters.iter().filter(|(_, it)| it["Default"].is_null()) {
        assert!(example.contains(&format!("\"{parameter}=")), "{parameter} is not set");
    }
}
