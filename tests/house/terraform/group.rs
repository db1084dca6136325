//! The module of a further group and its template: the same parameters give the same resources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use fleetkeeper_tests::repository::in_repository;
use serde_json::{Value, json};

use super::comparison::{by_the_module, made_by, snake};
use super::module::Module;
use super::{another, assert_is_parameter, examples, probes, taken, typed, waits_for};
use crate::template::{GROUP, Stack, exports, members, template, translated};

pub(super) const FOLDER: &str = "infra/terraform/group";

/// The name of the main stack. The module of the functions is given as a whole in its place.
const STACK: &str = "FleetkeeperStack";

fn parameters() -> impl Iterator<Item = (&'static String, &'static Value)> {
    members(&translated(GROUP)["Parameters"]).iter().filter(|(name, _)| *name != STACK)
}

/// Not the parameter's name, which would be in Terraform's spelling in a description.
const CLUSTER: [(&str, &str); 1] = [("ClusterName", "demo")];

/// What the module of the functions gives: its outputs, with the values that the main template
/// exports.
fn fleetkeeper() -> Value {
    let exports = exports(&CLUSTER);
    let module = Module::read_from(FOLDER);
    let wanted = module.members("fleetkeeper");
    let main = Module::read();
    let outputs: BTreeSet<_> = main.blocks("output").map(|(at, _)| at[0].to_owned()).collect();
    assert!(wanted.len() >= 8 && wanted.is_subset(&outputs), "{wanted:?}");
    let exported = |output: &str| {
        let export = exports.iter().find(|(name, _)| snake(name).replace("fleetkeeper-", "") == output);
        export.unwrap_or_else(|| panic!("the main template does not export {output}")).1.clone()
    };
    wanted.iter().map(|output| (output.clone(), exported(output))).collect()
}

#[test]
fn the_same_parameters_give_the_same_resources() {
    let module = Module::read_from(FOLDER);
    for differently in [false, true] {
        let mut set = BTreeMap::new();
        let mut variables: BTreeMap<_, _> =
            [("name".to_owned(), json!("fleetkeeper")), ("fleetkeeper".to_owned(), fleetkeeper())].into();
        for (name, parameter) in parameters() {
            if differently || parameter["Default"].is_null() {
                let value = another(parameter);
                variables.insert(snake(name), typed(&module, &snake(name), &value));
                set.insert(name.as_str(), value);
            }
        }
        let set: Vec<_> = set.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let template = made_by(&Stack::beside(exports(&CLUSTER), GROUP, &set), translated(GROUP));
        let made = by_the_module(&module, &variables);
        assert_eq!(made.keys().collect::<Vec<_>>(), template.keys().collect::<Vec<_>>());
        for (at, value) in &template {
            assert_eq!(&made[at], value, "{at:?}: the module on the left, the template on the right");
        }
    }
}

#[test]
fn what_waits_in_the_template_waits_in_the_module() {
    let module = Module::read_from(FOLDER);
    let set = parameters().map(|(name, _)| (snake(name), json!("7")));
    let only = [("name".to_owned(), json!("fleetkeeper")), ("fleetkeeper".to_owned(), fleetkeeper())];
    let made = module.with(&set.chain(only).collect());
    let hook = &made[&("aws_autoscaling_lifecycle_hook".to_owned(), "terminating_hook".to_owned())];
    let stack = Stack::of(GROUP, &[]);
    assert_eq!(waits_for(hook), stack.depends_on("TerminatingHook"));
}

#[test]
fn variables_are_the_parameters() {
    let module = Module::read_from(FOLDER);
    let own = ["fleetkeeper", "name", "first_group"].map(str::to_owned);
    // Only the module of the functions gives this one, for its own group.
    let of_main = members(&template()["Parameters"]).iter().filter(|(name, _)| *name == "Draining");
    let all: Vec<_> = parameters().chain(of_main).collect();
    let names: BTreeSet<_> = all.iter().map(|(name, _)| snake(name)).chain(own).collect();
    assert_eq!(module.variables().keys().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), names);
    for (name, parameter) in all {
        assert_is_parameter(&module, name, parameter);
        for value in probes(parameter) {
            let takes = module.takes(&snake(name), &value);
            assert_eq!(takes, taken(parameter, &value), "{name} = {value}: the module on the left");
        }
    }
}

#[test]
fn its_page_uses_the_module_as_it_is() {
    let module = Module::read_from(FOLDER);
    let page = fs::read_to_string(in_repository("infra/terraform/group/README.md")).unwrap();
    let examples = examples(&page);
    let [block] = examples.iter().flat_map(hcl::Body::blocks).collect::<Vec<_>>()[..] else {
        panic!("{page}")
    };
    let given: BTreeSet<_> = block.body().attributes().map(hcl::Attribute::key).collect();
    let variables = module.variables();
    let unknown: Vec<_> =
        given.iter().filter(|name| **name != "source" && !variables.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for (name, _) in variables.iter().filter(|(_, default)| default.is_none()) {
        assert!(given.contains(name), "{name} is not given");
    }
}
