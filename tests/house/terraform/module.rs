//! The Terraform module, and what Terraform would make of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use fleetkeeper_tests::repository::in_repository;
use hcl::eval::{Context, Evaluate, FuncArgs, FuncDef, ParamType};
use hcl::{Block, Body, Expression};
use regex_lite::Regex;
use serde_json::{Map, Value, json};

/// What of a resource can be referred to, and what that is in a stack of the template: a `Ref`, or
/// an attribute.
const REFERENCES: [(&str, &[(&str, &str)]); 9] = [
    ("aws_sns_topic", &[("arn", "arn:aws:sns:us-east-1:111122223333:{}")]),
    ("aws_iam_role", &[("arn", "{}.Arn"), ("name", "{}")]),
    ("aws_iam_role_policy", &[]),
    ("aws_lambda_function", &[("arn", "{}.Arn"), ("function_name", "{}")]),
    ("aws_sqs_queue", &[("arn", "{}.Arn"), ("name", "{}.QueueName"), ("url", "{}")]),
    // Terraform cuts off the `:*` that CloudFormation's has, and that policies need.
    ("aws_cloudwatch_log_group", &[("arn", CUT), ("name", "{}")]),
    ("aws_cloudwatch_event_rule", &[("arn", "{}.Arn"), ("name", "{}")]),
    ("aws_autoscaling_lifecycle_hook", &[("name", "{}")]),
    ("aws_autoscaling_policy", &[("arn", "{}")]),
];
const CUT: &str = "{}.Arn without :*";

/// Resources of the module that another one calls, and the names that they have there. In the main
/// template SAM names the sweep after its function.
const IN_A_CALL: [(&str, &str); 2] =
    [("sweep", "lifecycle_drainer_sweep"), ("sweep_permission", "lifecycle_drainer_sweep_permission")];

/// Resources, by their types and names.
pub(crate) type Resources = BTreeMap<(String, String), Value>;

/// Every file of the module.
pub(crate) struct Module {
    folder: String,
    /// Names that differ from those in the files.
    names: &'static [(&'static str, &'static str)],
    pub(crate) text: BTreeMap<String, String>,
    pub(crate) body: Body,
}

impl Module {
    /// The module of the functions.
    pub(crate) fn read() -> Self {
        Self::read_from("infra/terraform")
    }

    /// The module in a folder.
    pub(crate) fn read_from(folder: &str) -> Self {
        let mut text = BTreeMap::new();
        for entry in fs::read_dir(in_repository(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.extension().is_some_and(|extension| extension == "tf") {
                text.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
        let all: Vec<&str> = text.values().map(String::as_str).collect();
        let body = hcl::parse(&all.join("\n")).unwrap();
        Self { folder: folder.to_owned(), names: &[], text, body }
    }

    /// Blocks of a kind, by their labels.
    pub(crate) fn blocks<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (Vec<&'a str>, &'a Block)> {
        let blocks = self.body.blocks().filter(move |block| block.identifier() == kind);
        blocks.map(|block| (block.labels().iter().map(hcl::BlockLabel::as_str).collect(), block))
    }

    /// The variables, with their defaults.
    pub(crate) fn variables(&self) -> BTreeMap<&str, Option<Value>> {
        let plain = Context::new();
        self.blocks("variable")
            .map(|(labels, block)| (labels[0], attribute(block, "default").map(|it| evaluated(it, &plain))))
            .collect()
    }

    /// The members of a variable whose type is an object.
    pub(crate) fn members(&self, variable: &str) -> BTreeSet<String> {
        let (_, block) = self.blocks("variable").find(|(at, _)| at[0] == variable).unwrap();
        let Some(Expression::FuncCall(of_type)) = attribute(block, "type") else { return BTreeSet::new() };
        let Expression::Object(members) = &of_type.args[0] else { panic!("{of_type:?}") };
        members.keys().map(ToString::to_string).collect()
    }

    /// The resources that these variables give, with the defaults of all others. Those of the
    /// modules that this one calls are among them.
    pub(crate) fn with(&self, set: &BTreeMap<String, Value>) -> Resources {
        self.made(set).0
    }

    /// The resources, and the outputs.
    fn made(&self, set: &BTreeMap<String, Value>) -> (Resources, Value) {
        let mut context = self.context(set);
        let mut made = Vec::new();
        let mut modules = Map::new();
        for (at, call) in self.blocks("module") {
            let (resources, outputs) = self.called(call, &context);
            made.extend(resources);
            modules.insert(at[0].to_owned(), outputs);
        }
        declare(&mut context, "module", &modules.into());
        for (at, block) in self.blocks("resource") {
            for (name, mut resource) in instances(self.named(at[1]), block, &context) {
                let waits_for = resource.get("depends_on").map(addresses).unwrap_or_default();
                resource.insert("depends_on".into(), waits_for.into());
                made.push(((at[0].to_owned(), name), resource.into()));
            }
        }
        let count = made.len();
        let made: Resources = made.into_iter().collect();
        assert_eq!(made.len(), count, "two resources have one name: {:?}", made.keys());
        let output = |block: &Block| evaluated(attribute(block, "value").unwrap(), &context);
        let outputs = self.blocks("output").map(|(at, block)| (at[0].to_owned(), output(block)));
        (made, outputs.collect())
    }

    /// The resources and the outputs of a module that this one calls.
    fn called(&self, call: &Block, context: &Context<'static>) -> (Resources, Value) {
        let mut given = contents(call.body(), context);
        let source = given.remove("source").unwrap();
        let waits_for = given.remove("depends_on").as_ref().map(addresses).unwrap_or_default();
        let mut module = Self::read_from(&format!("{}/{}", self.folder, source.as_str().unwrap()));
        module.names = &IN_A_CALL;
        for (variable, value) in &given {
            let members: BTreeSet<_> =
                value.as_object().into_iter().flatten().map(|(name, _)| name).collect();
            assert_eq!(members, module.members(variable).iter().collect(), "{variable} of {source}");
        }
        let (mut resources, outputs) = module.made(&given.into_iter().collect());
        for resource in resources.values_mut() {
            resource["depends_on"].as_array_mut().unwrap().extend(waits_for.iter().cloned().map(Value::from));
        }
        (resources, outputs)
    }

    /// The name of a resource, as it is compared.
    fn named<'a>(&self, name: &'a str) -> &'a str {
        self.names.iter().find(|(here, _)| *here == name).map_or(name, |(_, there)| there)
    }

    /// Returns whether the module accepts a variable's value.
    pub(crate) fn takes(&self, variable: &str, value: &Value) -> bool {
        let mut context = functions();
        declare(&mut context, "var", &json!({ (variable): value }));
        let (_, block) = self.blocks("variable").find(|(labels, _)| labels[0] == variable).unwrap();
        let checks = block.body().blocks().filter(|inner| inner.identifier() == "validation");
        let mut holds = checks.map(|check| evaluated(attribute(check, "condition").unwrap(), &context));
        holds.all(|it| it == true)
    }

    fn context(&self, set: &BTreeMap<String, Value>) -> Context<'static> {
        let mut context = functions();
        let mut variables = self.variables();
        for (name, value) in set {
            let known = variables.insert(name.as_str(), Some(value.clone()));
            assert!(known.is_some(), "the module has no variable {name}");
        }
        let given = |name: &str, value: Option<Value>| value.unwrap_or_else(|| panic!("{name} is not given"));
        let variables: Map<_, _> =
            variables.into_iter().map(|(name, value)| (name.to_owned(), given(name, value))).collect();
        declare(&mut context, "var", &variables.into());
        let known = json!({
            "aws_caller_identity": {"current": {"account_id": "111122223333"}},
            "aws_partition": {"current": {"partition": "aws"}},
            "aws_region": {"current": {"id": "us-east-1"}},
        });
        let declared: Map<_, _> = self
            .blocks("data")
            .map(|(at, _)| (at[0].to_owned(), json!({ (at[1]): known[at[0]][at[1]] })))
            .collect();
        declare(&mut context, "data", &declared.into());
        let mut locals = Map::new();
        for local in self.blocks("locals").flat_map(|(_, block)| block.body().attributes()) {
            locals.insert(local.key().to_owned(), evaluated(local.expr(), &context));
            declare(&mut context, "local", &locals.clone().into());
        }
        let mut resources: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for (at, block) in self.blocks("resource") {
            let attributes = REFERENCES.iter().find(|(of_type, _)| *of_type == at[0]);
            let attributes = attributes.map(|(_, attributes)| *attributes).unwrap_or_default();
            let mut referred = json!({"address": format!("{}.{}", at[0], at[1])});
            for (name, pattern) in attributes {
                referred[*name] = pattern.replace("{}", &logical_id(self.named(at[1]))).into();
            }
            // With a count, a resource is a list.
            let referred = if attribute(block, "count").is_some() { json!([referred]) } else { referred };
            resources.entry(at[0]).or_default().insert(at[1].to_owned(), referred);
        }
        for (of_type, named) in resources {
            declare(&mut context, of_type, &named.into());
        }
        context
    }
}

/// The template's name of a resource that has this name here.
pub(crate) fn logical_id(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('_').map(capital).collect()
}

pub(crate) fn attribute<'a>(block: &'a Block, name: &str) -> Option<&'a Expression> {
    block.body().attributes().find(|attribute| attribute.key() == name).map(hcl::Attribute::expr)
}

/// A body's attributes, and a list for each kind of block in it.
fn contents(body: &Body, context: &Context<'static>) -> Map<String, Value> {
    let mut found: Map<String, Value> =
        body.attributes().map(|it| (it.key().to_owned(), evaluated(it.expr(), context))).collect();
    for block in body.blocks() {
        let (kind, made) = if block.identifier() == "dynamic" {
            let kind = block.labels()[0].as_str();
            let inner = block.body().blocks().find(|inner| inner.identifier() == "content").unwrap();
            let each = for_each(block, kind, context).unwrap().into_iter();
            (kind, each.map(|(_, context)| contents(inner.body(), &context)).collect())
        } else {
            (block.identifier(), vec![contents(block.body(), context)])
        };
        let list = found.entry(kind).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().extend(made.into_iter().map(Value::from));
    }
    found
}

/// The resources that a block gives: one or none by its count, or one for each key, which then is
/// its name.
fn instances(name: &str, block: &Block, context: &Context<'static>) -> Vec<(String, Map<String, Value>)> {
    let each = for_each(block, "each", context).unwrap_or_else(|| vec![(name.into(), context.clone())]);
    let mut made = Vec::new();
    for (name, context) in each {
        let mut resource = contents(block.body(), &context);
        resource.remove("for_each");
        match resource.remove("count").map(|count| count.as_u64()) {
            None | Some(Some(1)) => made.push((name.as_str().unwrap().to_owned(), resource)),
            Some(Some(0)) => {}
            other => panic!("the count of {name} is {other:?}"),
        }
    }
    made
}

/// For each key of a block's collection the context in which the block is evaluated.
fn for_each(block: &Block, each: &str, context: &Context<'static>) -> Option<Vec<(Value, Context<'static>)>> {
    let with = |key: Value, value: Value| {
        let mut context = context.clone();
        declare(&mut context, each, &json!({"key": key, "value": value}));
        (key, context)
    };
    Some(match evaluated(attribute(block, "for_each")?, context) {
        Value::Array(items) => {
            items.into_iter().enumerate().map(|(index, value)| with(index.into(), value)).collect()
        }
        Value::Object(members) => members.into_iter().map(|(name, value)| with(name.into(), value)).collect(),
        neither => panic!("{neither}"),
    })
}

/// The addresses of resources that are referred to, each as one or as a list.
fn addresses(referred: &Value) -> Vec<String> {
    match referred {
        Value::Array(items) => items.iter().flat_map(addresses).collect(),
        one => vec![one["address"].as_str().unwrap().to_owned()],
    }
}

pub(crate) fn evaluated(expression: &Expression, context: &Context<'_>) -> Value {
    let value = expression.evaluate(context).unwrap_or_else(|error| panic!("{expression:?}: {error}"));
    serde_json::to_value(value).unwrap()
}

fn declare(context: &mut Context<'_>, name: &str, value: &Value) {
    context.declare_var(name, serde_json::from_value::<hcl::Value>(value.clone()).unwrap());
}

/// Those of Terraform's functions that the module calls.
fn functions() -> Context<'static> {
    let mut context = Context::new();
    let functions: [(&str, usize, hcl::eval::Func); 10] = [
        ("concat", 2, |arguments| {
            let lists = arguments.iter().map(|list| list.as_array().ok_or("no list"));
            Ok(lists.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().cloned().collect())
        }),
        ("contains", 2, |arguments| {
            let list = arguments[0].as_array().ok_or("no list")?;
            Ok(list.contains(&arguments[1]).into())
        }),
        ("filebase64sha256", 1, |arguments| Ok(format!("sum of {}", text(&arguments, 0)?).into())),
        ("floor", 1, |arguments| {
            Ok(arguments[0].as_number().and_then(hcl::Number::as_f64).ok_or("no number")?.floor().into())
        }),
        ("jsonencode", 1, |arguments| {
            serde_json::to_string(&arguments[0]).map(Into::into).map_err(|it| it.to_string())
        }),
        ("length", 1, |arguments| Ok(arguments[0].as_array().ok_or("no list")?.len().into())),
        ("lookup", 3, |arguments| {
            let members = arguments[0].as_object().ok_or("no object")?;
            Ok(members.get(text(&arguments, 1)?).unwrap_or(&arguments[2]).clone())
        }),
        ("regexall", 2, |arguments| {
            let pattern = Regex::new(text(&arguments, 0)?).map_err(|it| it.to_string())?;
            Ok(pattern.find_iter(text(&arguments, 1)?).map(|it| hcl::Value::from(it.as_str())).collect())
        }),
        ("replace", 3, |arguments| {
            Ok(text(&arguments, 0)?.replace(text(&arguments, 1)?, text(&arguments, 2)?).into())
        }),
        ("startswith", 2, |arguments| Ok(text(&arguments, 0)?.starts_with(text(&arguments, 1)?).into())),
    ];
    for (name, parameters, function) in functions {
        let parameters = std::iter::repeat_n(ParamType::Any, parameters);
        context.declare_func(name, FuncDef::builder().params(parameters).build(function));
    }
    context
}

fn text(arguments: &FuncArgs, index: usize) -> Result<&str, String> {
    arguments[index].as_str().ok_or_else(|| format!("no text: {:?}", arguments[index]))
}
