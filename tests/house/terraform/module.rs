//! The Terraform module, and what Terraform would make of it.

use std::collections::BTreeMap;
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

/// Every file of the module.
pub(crate) struct Module {
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
        Self { text, body }
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

    /// The resources that these variables give, with the defaults of all others: by their types and
    /// names.
    pub(crate) fn with(&self, set: &BTreeMap<String, Value>) -> BTreeMap<(String, String), Value> {
        let context = self.context(set);
        let of = |block: &Block| contents(block.body(), &context);
        self.blocks("output").for_each(|(_, output)| drop(of(output)));
        let resources = self.blocks("resource").map(|(at, block)| ((at[0].into(), at[1].into()), of(block)));
        resources
            .filter_map(|(at, mut resource)| {
                let count = resource.as_object_mut().unwrap().remove("count");
                count.is_none_or(|count| count == 1).then_some((at, resource))
            })
            .collect()
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
        let variables: Map<_, _> =
            variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
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
                referred[*name] = pattern.replace("{}", &logical_id(at[1])).into();
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
fn contents(body: &Body, context: &Context<'_>) -> Value {
    let mut found: Map<String, Value> =
        body.attributes().map(|it| (it.key().to_owned(), evaluated(it.expr(), context))).collect();
    for block in body.blocks() {
        let list = found.entry(block.identifier()).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().push(contents(block.body(), context));
    }
    found.into()
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
    let functions: [(&str, usize, hcl::eval::Func); 8] = [
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
        ("regexall", 2, |arguments| {
            let pattern = Regex::new(text(&arguments, 0)?).map_err(|it| it.to_string())?;
            Ok(pattern.find_iter(text(&arguments, 1)?).map(|it| hcl::Value::from(it.as_str())).collect())
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
