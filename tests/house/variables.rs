//! The functions' variables: each is given what it reads and nothing else, and a parameter takes
//! what the variable takes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;

use fleetkeeper_core::setting::{SettingError, Settings};
use fleetkeeper_tests::repository::in_repository;
use serde_json::Value;

use crate::template::{Stack, members, properties, template, text};

type Read = fn(&Settings<'_>) -> Result<(), SettingError>;

/// A function of the template, and how it reads its settings.
struct Function {
    resource: &'static str,
    read: Read,
    /// Variables that the template leaves at their defaults.
    left: &'static [&'static str],
}

const FUNCTIONS: [Function; 2] = [
    Function {
        resource: "LifecycleDrainer",
        read: |settings| lifecycle_drainer::Config::read(settings).map(drop),
        left: &["POLL_INTERVAL_SECONDS", "DEADLINE_MARGIN_SECONDS"],
    },
    Function {
        resource: "CapacityCalculator",
        read: |settings| capacity_calculator::Config::read(settings).map(drop),
        left: &[
            "CONTAINER_MAX_CPU",
            "CONTAINER_MAX_MEMORY",
            "TCP_PORT_RESOURCES",
            "UDP_PORT_RESOURCES",
            "CONTAINER_MAX_GPU",
            "CONTAINER_USES_ENI",
        ],
    },
];

/// A variable that both functions read. Lambda sets it by the function's `LoggingConfig`, and
/// reserves it.
const LOG_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

fn read_log_level(settings: &Settings<'_>) -> Result<(), SettingError> {
    fleetkeeper_aws::lambda::log_level(settings).map(drop)
}

/// The variables that a function asks for.
fn asked_for(function: &Function) -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        None
    };
    (function.read)(&Settings::new(&lookup)).unwrap();
    asked.take()
}

fn variables(of: &Value) -> &Value {
    &of["Environment"]["Variables"]
}

/// The parameters that a value is made of, in the order in which they stand there.
fn parameters_in(value: &Value) -> Vec<String> {
    let pattern = match &value["Fn::Sub"] {
        Value::String(pattern) => pattern.clone(),
        _ => value["Ref"].as_str().map(|name| format!("${{{name}}}")).unwrap_or_default(),
    };
    let named = pattern.split("${").skip(1).filter_map(|part| part.split('}').next());
    named.filter(|name| template()["Parameters"][name].is_object()).map(str::to_owned).collect()
}

/// The variables of all functions with the parameters that set them, the log's level among them.
fn set_by_parameters() -> Vec<(String, Vec<String>, Read)> {
    let mut all: Vec<(String, Vec<String>, Read)> = Vec::new();
    for Function { resource, read, .. } in FUNCTIONS {
        let properties = properties(template(), resource);
        let level = parameters_in(&properties["LoggingConfig"]["ApplicationLogLevel"]);
        all.push((LOG_LEVEL.to_owned(), level, read_log_level));
        for (variable, value) in members(variables(properties)) {
            // An empty parameter leaves its variable unset.
            let value = value["Fn::If"].get(1).unwrap_or(value);
            let parameters = parameters_in(value);
            if !parameters.is_empty() {
                all.push((variable.clone(), parameters, read));
            }
        }
    }
    all
}

#[test]
fn each_function_is_given_the_variables_that_it_reads_and_no_other() {
    for function in FUNCTIONS {
        let given = members(variables(properties(template(), function.resource)));
        let given_or_left: Vec<_> =
            given.keys().cloned().chain(function.left.iter().map(|it| (*it).to_owned())).collect();
        let each_once: BTreeSet<_> = given_or_left.iter().cloned().collect();
        assert_eq!(each_once.len(), given_or_left.len(), "{}", function.resource);
        assert_eq!(each_once, asked_for(&function), "{}", function.resource);
    }
}

#[test]
fn the_parameters_defaults_are_those_of_the_code() {
    let stack = Stack::with(&[]);
    let (drainer, calculator) =
        (stack.properties("LifecycleDrainer"), stack.properties("CapacityCalculator"));
    let all = |of: &Value, name: &str| variables(of).get(name).map(text);
    // The alarm's period needs the resolution.
    let set = ["ECS_CLUSTER", "LIFECYCLE_TOPIC_ARN", "AUTO_SCALING_GROUPS", "METRIC_RESOLUTION_SECONDS"];
    let without_defaults = |of: &Value, name: &str| all(of, name).filter(|_| set.contains(&name));
    assert_eq!(
        lifecycle_drainer::Config::read(&Settings::new(&|name| all(drainer, name))),
        lifecycle_drainer::Config::read(&Settings::new(&|name| without_defaults(drainer, name)))
    );
    assert_eq!(
        capacity_calculator::Config::read(&Settings::new(&|name| all(calculator, name))),
        capacity_calculator::Config::read(&Settings::new(&|name| without_defaults(calculator, name)))
    );
    for properties in [drainer, calculator] {
        let level = text(&properties["LoggingConfig"]["ApplicationLogLevel"]);
        let set = fleetkeeper_aws::lambda::log_level(&Settings::new(&|_| Some(level.clone())));
        assert_eq!(set, fleetkeeper_aws::lambda::log_level(&Settings::new(&|_| None)));
    }
}

/// The text that refuses a value is made of the very bounds that it is held against.
#[test]
fn the_parameters_take_what_the_variables_take() {
    let mut compared = 0;
    for (variable, parameters, read) in set_by_parameters() {
        // A name may be a question mark. A list of names must not have empty ones.
        let refused = ["?", ","].into_iter().find_map(|value| {
            read(&Settings::new(&|asked| (asked == variable).then(|| value.to_owned()))).err()
        });
        let Some(SettingError::Malformed { accepted, .. }) = refused else {
            panic!("{variable} takes anything")
        };
        let [name] = &parameters[..] else {
            let names = parameters.iter().map(|name| &template()["Parameters"][name]);
            assert!(names.clone().all(|it| it["AllowedPattern"].is_string()), "{parameters:?} take anything");
            continue;
        };
        let parameter = &template()["Parameters"][name];
        let bounds = (&parameter["MinValue"], &parameter["MaxValue"]);
        let accepts = if let Some(values) = parameter["AllowedValues"].as_array() {
            // Empty is not set.
            let values: Vec<_> = values.iter().map(text).filter(|value| !value.is_empty()).collect();
            let (last, others) = values.split_last().unwrap();
            format!("{} or {last}", others.join(", "))
        } else if parameter["Type"] == "Number" {
            let unit = if variable.ends_with("_MINUTES") { "minutes" } else { "seconds" };
            format!("a whole number of {unit} from {} to {}", bounds.0, bounds.1)
        } else {
            assert!(parameter["AllowedPattern"].is_string(), "{name} takes anything");
            continue;
        };
        assert_eq!(accepts, accepted, "{name}");
        compared += 1;
    }
    assert!(compared >= 4, "{compared}");
}

/// The page of variables. A row is `| variable | parameter | default | meaning |`.
const PAGE: &str = "docs/configuration.md";

#[test]
fn the_page_has_every_variable_with_its_parameter_and_its_default() {
    let page = fs::read_to_string(in_repository(PAGE)).unwrap();
    let row = |variable: &str| {
        let named = format!("`{variable}`");
        let mut rows = page.lines().filter(|line| line.starts_with("| `"));
        let row = rows.find(|line| line.split(" | ").next().is_some_and(|first| first.contains(&named)));
        let row = row.unwrap_or_else(|| panic!("{PAGE} has no row of {variable}"));
        row.split(" | ").map(str::to_owned).collect::<Vec<_>>()
    };
    for variable in FUNCTIONS.iter().flat_map(asked_for) {
        row(&variable);
    }
    for (variable, parameters, _) in set_by_parameters() {
        let row = row(&variable);
        for parameter in &parameters {
            assert!(row[1].contains(&format!("`{parameter}`")), "{variable}: {}", row[1]);
        }
        let default = match &template()["Parameters"][&parameters[0]]["Default"] {
            Value::Null => "none".to_owned(),
            Value::String(text) if text.is_empty() => "discovered".to_owned(),
            value => text(value),
        };
        assert_eq!(row[2].trim_matches('`'), default, "{variable}");
    }
    // Without a parameter, the documented default is the code's own.
    for variable in FUNCTIONS.iter().flat_map(|function| function.left) {
        let row = row(variable);
        assert_eq!(row[1], "none", "{variable}");
        let default = row[2].trim_matches('`');
        let set = |asked: &str| (asked == *variable && default != "discovered").then(|| default.to_owned());
        let (set, unset) = (Settings::new(&set), Settings::new(&|_| None));
        assert_eq!(
            lifecycle_drainer::Config::read(&set),
            lifecycle_drainer::Config::read(&unset),
            "{variable}"
        );
        assert_eq!(
            capacity_calculator::Config::read(&set),
            capacity_calculator::Config::read(&unset),
            "{variable}"
        );
    }
}

/// Off only observes: the log has what direct scaling would do, and the groups stay as they are.
#[test]
fn the_calculator_scales_directly_or_says_what_it_would_do_unless_alarms_scale() {
    for (parameter, scaling, dry_run) in
        [("Alarms", "metrics", "false"), ("Direct", "direct", "false"), ("Off", "direct", "true")]
    {
        let stack = Stack::with(&[("Scaling", parameter)]);
        let given = variables(stack.properties("CapacityCalculator"));
        assert_eq!(
            (text(&given["SCALING"]).as_str(), text(&given["FLEETKEEPER_DRY_RUN"]).as_str()),
            (scaling, dry_run)
        );
        let config = capacity_calculator::Config::read(&Settings::new(&|name| given.get(name).map(text)));
        assert_eq!(config.unwrap().direct.is_some(), scaling == "direct");
    }
}
