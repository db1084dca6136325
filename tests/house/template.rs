//! The templates as CloudFormation gets them, and the stacks that CloudFormation creates from them.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use fleetkeeper_tests::repository::{in_repository, tool};
use serde_json::{Map, Value};

/// The main template, which the others import from.
pub(crate) const MAIN: &str = "infra/template.yaml";
pub(crate) const GROUP: &str = "infra/group.yaml";
pub(crate) const OBSERVABILITY: &str = "infra/observability.yaml";
pub(crate) const SCALING_BOOK: &str = "infra/scaling-book.yaml";
pub(crate) const SERVICE_SCALING: &str = "infra/service-scaling.yaml";

/// Every template that a user deploys on its own.
pub(crate) const ALL: [&str; 5] = [MAIN, GROUP, OBSERVABILITY, SCALING_BOOK, SERVICE_SCALING];

/// The main template, translated.
pub(crate) fn template() -> &'static Value {
    translated(MAIN)
}

/// Any template, translated, once in a test run.
pub(crate) fn translated(path: &str) -> &'static Value {
    static TRANSLATED: LazyLock<Mutex<BTreeMap<String, &'static Value>>> = LazyLock::new(Mutex::default);
    let mut translated = TRANSLATED.lock().unwrap();
    translated.entry(path.to_owned()).or_insert_with(|| {
        let translate = Command::new(tool("python").unwrap())
            .args([in_repository("infra/translate.py"), in_repository(path)])
            .output()
            .unwrap();
        assert!(translate.status.success(), "{}", String::from_utf8_lossy(&translate.stderr));
        Box::leak(Box::new(serde_json::from_slice(&translate.stdout).unwrap()))
    })
}

/// The properties of a resource, as they stand in a template.
pub(crate) fn properties<'a>(template: &'a Value, resource: &str) -> &'a Value {
    let properties = &template["Resources"][resource]["Properties"];
    assert!(properties.is_object(), "{resource} is in the template");
    properties
}

/// The members of an object of the template.
pub(crate) fn members(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("no object: {value}"))
}

/// One text, or several.
pub(crate) fn texts(one_or_many: &Value) -> Vec<&str> {
    match one_or_many {
        Value::Array(many) => many.iter().map(|one| one.as_str().unwrap()).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// A stack of a template: conditions decided, references and imports resolved, `AWS::NoValue`
/// removed.
///
/// A resource's `Ref` is its logical id, an attribute is `ID.Attribute`, a topic's `Ref` is its
/// ARN. A parameter without a default has its own name as its value. An import has the value that
/// the main template exports.
#[derive(Debug)]
pub(crate) struct Stack {
    template: &'static Value,
    imports: BTreeMap<String, Value>,
    parameters: BTreeMap<String, Value>,
    resources: BTreeMap<String, Value>,
}

impl Stack {
    /// The main template's stack with these parameters, and the defaults of all others.
    pub(crate) fn with(set: &[(&str, &str)]) -> Self {
        Self::of(MAIN, set)
    }

    /// Any template's stack with these parameters, and the defaults of all others.
    pub(crate) fn of(path: &str, set: &[(&str, &str)]) -> Self {
        Self::beside(if path == MAIN { BTreeMap::new() } else { exports(&[]) }, path, set)
    }

    /// The same beside a main stack that exports this.
    pub(crate) fn beside(imports: BTreeMap<String, Value>, path: &str, set: &[(&str, &str)]) -> Self {
        let template = translated(path);
        let mut parameters: BTreeMap<String, Value> = members(&template["Parameters"])
            .iter()
            .map(|(name, parameter)| {
                (name.clone(), parameter.get("Default").unwrap_or(&name.as_str().into()).clone())
            })
            .collect();
        for (name, value) in set {
            let known = parameters.insert((*name).to_owned(), (*value).into());
            assert!(known.is_some(), "{path} has no parameter {name}");
        }
        let mut stack = Self { template, imports, parameters, resources: BTreeMap::new() };
        let there = |resource: &Value| resource["Condition"].as_str().is_none_or(|name| stack.holds(name));
        let resources: BTreeMap<_, _> = members(&template["Resources"])
            .iter()
            .filter(|(_, resource)| there(resource))
            .map(|(name, resource)| (name.clone(), resource.clone()))
            .collect();
        stack.resources.clone_from(&resources);
        for (name, resource) in &resources {
            let resolved = stack.resolved(resource).unwrap();
            stack.resources.insert(name.clone(), resolved);
        }
        stack
    }

    /// Stacks between which every condition holds once and does not once: by default, and with
    /// every parameter that a condition asks for set to something else.
    pub(crate) fn both_ways() -> [Self; 2] {
        Self::both_ways_of(MAIN)
    }

    /// The same for any template.
    pub(crate) fn both_ways_of(path: &str) -> [Self; 2] {
        let template = translated(path);
        let mut otherwise = BTreeMap::new();
        for condition in template["Conditions"].as_object().into_iter().flatten().map(|(_, it)| it) {
            turn(condition, &template["Parameters"], &mut otherwise);
        }
        let otherwise: Vec<_> =
            otherwise.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let both = [Self::of(path, &[]), Self::of(path, &otherwise)];
        for name in template["Conditions"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert_ne!(both[0].holds(name), both[1].holds(name), "{name} is decided in one way only");
        }
        both
    }

    /// A parameter's value.
    pub(crate) fn parameter(&self, name: &str) -> String {
        text(&self.parameters[name])
    }

    /// The properties of a resource.
    pub(crate) fn properties(&self, resource: &str) -> &Value {
        let properties = self.resources.get(resource).map(|it| &it["Properties"]);
        properties.filter(|it| it.is_object()).unwrap_or_else(|| panic!("{resource} is not in the stack"))
    }

    /// The resources of a type, with their properties.
    pub(crate) fn all<'a>(&'a self, of_type: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let resources = self.resources.iter().filter(move |(_, it)| it["Type"] == of_type);
        resources.map(|(name, it)| (name.as_str(), &it["Properties"]))
    }

    /// The resources that a resource depends on by name.
    pub(crate) fn depends_on(&self, resource: &str) -> Vec<&str> {
        texts(&self.resources[resource]["DependsOn"])
    }

    /// The resource of a type that an ARN is the ARN of: the logical id, where there is one.
    pub(crate) fn of_arn<'a>(&self, arn: &'a Value, of_type: &str) -> Option<&'a str> {
        let arn = arn.as_str()?;
        let name = arn.strip_suffix(".Arn").or_else(|| arn.strip_prefix(TOPIC))?;
        self.is(name, of_type).then_some(name)
    }

    /// Returns whether there is such a resource.
    pub(crate) fn is(&self, name: &str, of_type: &str) -> bool {
        self.resources.get(name).is_some_and(|resource| resource["Type"] == of_type)
    }

    /// The value of an output; where it is there by a condition that does not hold, null.
    pub(crate) fn output(&self, output: &Value) -> Option<Value> {
        let there = output["Condition"].as_str().is_none_or(|name| self.holds(name));
        if there { self.resolved(&output["Value"]) } else { Some(Value::Null) }
    }

    /// Returns whether a condition holds.
    fn holds(&self, condition: &str) -> bool {
        let found = &self.template["Conditions"][condition];
        assert!(found.is_object(), "there is no condition {condition}");
        self.decides(found)
    }

    fn decides(&self, condition: &Value) -> bool {
        let (function, arguments) = members(condition).iter().next().unwrap();
        match (function.as_str(), arguments) {
            ("Fn::Equals", Value::Array(two)) => text(&self.plain(&two[0])) == text(&self.plain(&two[1])),
            ("Fn::Not", Value::Array(one)) => !self.decides(&one[0]),
            ("Fn::And", Value::Array(many)) => many.iter().all(|one| self.decides(one)),
            ("Fn::Or", Value::Array(many)) => many.iter().any(|one| self.decides(one)),
            ("Condition", Value::String(name)) => self.holds(name),
            _ => panic!("{condition}"),
        }
    }

    fn plain(&self, value: &Value) -> Value {
        self.resolved(value).unwrap_or_else(|| panic!("no value: {value}"))
    }

    /// None for `AWS::NoValue`.
    fn resolved(&self, value: &Value) -> Option<Value> {
        let only =
            value.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next());
        match (only.map(|(name, argument)| (name.as_str(), argument)), value) {
            (Some(("Ref", Value::String(name))), _) => self.reference(name),
            (Some(("Fn::GetAtt", Value::Array(path))), _) => {
                Some(self.attribute(path[0].as_str().unwrap(), path[1].as_str().unwrap()).into())
            }
            (Some(("Fn::If", Value::Array(three))), _) => {
                let holds = self.holds(three[0].as_str().unwrap());
                self.resolved(&three[if holds { 1 } else { 2 }])
            }
            (Some(("Fn::Sub", Value::String(pattern))), _) => {
                Some(self.filled_in(pattern, &Value::Null).into())
            }
            (Some(("Fn::Sub", Value::Array(two))), _) => {
                Some(self.filled_in(two[0].as_str().unwrap(), &two[1]).into())
            }
            (Some(("Fn::ImportValue", name)), _) => {
                let name = text(&self.plain(name));
                let import = self.imports.get(&name).cloned();
                Some(import.unwrap_or_else(|| panic!("the main template does not export {name}")))
            }
            (Some(("Fn::Split", Value::Array(two))), _) => {
                let (separator, whole) = (text(&two[0]), text(&self.plain(&two[1])));
                Some(whole.split(&separator).collect())
            }
            (Some(("Fn::Select", Value::Array(two))), _) => {
                let nth = text(&two[0]).parse::<usize>().unwrap();
                Some(self.plain(&two[1])[nth].clone())
            }
            (_, Value::Array(items)) => Some(items.iter().filter_map(|item| self.resolved(item)).collect()),
            (_, Value::Object(members)) => {
                let resolved = |(name, value): (&String, &Value)| Some((name.clone(), self.resolved(value)?));
                Some(members.iter().filter_map(resolved).collect())
            }
            (_, plain) => Some(plain.clone()),
        }
    }

    fn reference(&self, name: &str) -> Option<Value> {
        let pseudo = match name {
            "AWS::NoValue" => return None,
            "AWS::Partition" => "aws",
            "AWS::Region" => "us-east-1",
            "AWS::AccountId" => "111122223333",
            "AWS::StackName" => "fleetkeeper",
            _ => match self.parameters.get(name) {
                Some(value) => return Some(value.clone()),
                None if self.is(name, "AWS::SNS::Topic") => return Some(format!("{TOPIC}{name}").into()),
                None if self.resources.contains_key(name) => name,
                None => panic!("{name} is neither a parameter nor a resource of the stack"),
            },
        };
        Some(pseudo.into())
    }

    fn attribute(&self, resource: &str, attribute: &str) -> String {
        assert!(self.resources.contains_key(resource), "{resource} is not in the stack");
        format!("{resource}.{attribute}")
    }

    fn filled_in(&self, pattern: &str, names: &Value) -> String {
        let mut parts = pattern.split("${");
        let mut filled = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            let value = match (names.get(name), name.split_once('.')) {
                (Some(value), _) => self.plain(value),
                (None, Some((resource, attribute))) => self.attribute(resource, attribute).into(),
                (None, None) => self.reference(name).unwrap(),
            };
            filled.push_str(&text(&value));
            filled.push_str(rest);
        }
        filled
    }
}

/// The exports of the main template with these parameters.
pub(crate) fn exports(set: &[(&str, &str)]) -> BTreeMap<String, Value> {
    let main = Stack::with(set);
    let outputs = members(&template()["Outputs"]).values().filter(|it| it.get("Export").is_some());
    outputs
        .map(|output| {
            assert!(output.get("Condition").is_none(), "an export by a condition breaks whoever imports it");
            (text(&main.plain(&output["Export"]["Name"])), main.output(output).unwrap())
        })
        .collect()
}

/// The beginning of the ARNs of the stack's topics.
const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:";

/// A value as CloudFormation puts it into a text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Sets every parameter that a condition compares so that the comparison comes out the other way.
fn turn(condition: &Value, parameters: &Value, otherwise: &mut BTreeMap<String, String>) {
    if let Some([compared, with]) = condition["Fn::Equals"].as_array().map(Vec::as_slice) {
        let name = compared["Ref"].as_str().unwrap_or_else(|| panic!("{compared} is no parameter"));
        otherwise.insert(name.to_owned(), other_than(&text(with), &parameters[name]));
    }
    for nested in ["Fn::Not", "Fn::And", "Fn::Or"].iter().filter_map(|name| condition[name].as_array()) {
        for condition in nested {
            turn(condition, parameters, otherwise);
        }
    }
}

/// A value of a parameter: `this` where it is another one by default, and another one where it is
/// this.
fn other_than(this: &str, parameter: &Value) -> String {
    if text(&parameter["Default"]) != this {
        return this.to_owned();
    }
    let mut allowed = parameter["AllowedValues"].as_array().into_iter().flatten().map(text);
    allowed.find(|value| value != this).unwrap_or_else(|| "1".to_owned())
}
