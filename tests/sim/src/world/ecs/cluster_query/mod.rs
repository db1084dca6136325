//! The cluster query language: placement constraints `memberOf`, and filters of
//! `ListContainerInstances`.
//!
//! Source: developer guide, "Create expressions to define container instances for Amazon ECS
//! tasks".
//!
//! | module | purpose |
//! | --- | --- |
//! | `parser` | from text to an expression |
//! | `evaluation` | whether a container instance matches |
//!
//! AWS leaves some questions open. In the world `and` binds tighter than `or`. A regular expression
//! matches the whole value, as Java's `matches` does. A negated operator is true where its positive
//! form is false, so an attribute that is not there is not equal to anything.

mod evaluation;
mod parser;

use std::collections::BTreeSet;
use std::sync::Arc;

use regex_lite::Regex;

use crate::world::ApiError;
pub(crate) use evaluation::QueriedInstance;

/// ECS takes no longer expression (API reference, `PlacementConstraint`).
const LENGTH_MAX: usize = 2000;

/// A parsed expression of the cluster query language.
#[derive(Debug, Clone)]
pub(crate) struct ClusterQuery(Arc<Expression>);

#[derive(Debug)]
enum Expression {
    Or(Vec<Expression>),
    And(Vec<Expression>),
    Not(Box<Expression>),
    Condition { subject: Subject, test: Test },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    AgentConnected,
    AgentVersion,
    Attribute(String),
    Ec2InstanceId,
    RegisteredAt,
    RunningTasksCount,
    TaskGroup,
}

/// A test of a subject. Negated operators are `Expression::Not`.
#[derive(Debug)]
enum Test {
    Exists,
    Equals(String),
    Greater(String),
    Less(String),
    In(BTreeSet<String>),
    Matches(Box<Regex>),
}

impl ClusterQuery {
    /// Parses an expression. A malformed one is an `InvalidParameterException`.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let expression = Some(text).filter(|text| text.chars().count() <= LENGTH_MAX).and_then(parser::parse);
        let expression =
            expression.ok_or_else(|| ApiError::invalid_parameter(format!("Invalid expression: {text}")))?;
        Ok(Self(Arc::new(expression)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::world::ecs::instance_type::Attributes;

    fn matches(text: &str) -> bool {
        let attributes: Attributes = BTreeMap::from([
            ("ecs.instance-type".to_owned(), Some("c5.large".to_owned())),
            ("ecs.availability-zone".to_owned(), Some("us-east-1a".to_owned())),
            ("stack".to_owned(), Some("prod".to_owned())),
            ("bare".to_owned(), None),
        ]);
        let groups = || vec!["service:web".to_owned(), "family:job".to_owned()];
        let instance = QueriedInstance {
            agent_connected: true,
            attributes: &attributes,
            ec2_instance_id: "i-0abc",
            registered_at: "2026-11-22T10:00:00Z".parse().unwrap(),
            running_tasks: &|| 3,
            task_groups: &groups,
        };
        ClusterQuery::parse(text).unwrap().matches(&instance)
    }

    #[test]
    fn subjects_and_operators_are_those_of_the_developer_guide() {
        for (text, expected) in [
            ("attribute:ecs.instance-type == c5.large", true),
            ("attribute:ecs.instance-type equals 'c5.large'", true),
            ("attribute:ecs.instance-type == t2.small", false),
            ("attribute:ecs.instance-type != t2.small", true),
            ("attribute:ecs.instance-type not_equals c5.large", false),
            ("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", true),
            ("attribute:ecs.availability-zone in ['us-east-1b','us-east-1c']", false),
            ("attribute:ecs.availability-zone !in [us-east-1b]", true),
            ("attribute:ecs.availability-zone not_in [us-east-1a]", false),
            ("attribute:ecs.instance-type =~ c5.*", true),
            ("attribute:ecs.instance-type =~ [cm]5.*", true),
            ("attribute:ecs.instance-type =~ (c|m)5\\.large", true),
            ("attribute:ecs.instance-type =~ c5", false),
            ("attribute:ecs.instance-type !~ c5.*", false),
            ("attribute:ecs.instance-type not_matches 'm5.*'", true),
            ("attribute:stack exists", true),
            ("attribute:bare exists", true),
            ("attribute:none exists", false),
            ("attribute:none !exists", true),
            ("attribute:none not_exists", true),
            ("attribute:none == prod", false),
            ("attribute:none != prod", true),
            ("agentConnected == true", true),
            ("agentVersion >= 1.9.0", true),
            ("agentVersion > 1.97.1", false),
            ("runningTasksCount < 4", true),
            ("runningTasksCount greater_than_equal 3", true),
            ("runningTasksCount > 10", false),
            ("registeredAt >= 2026-11-22T00:00:00Z", true),
            ("registeredAt < 2026-11-22", false),
            ("task:group == service:web", true),
            ("not(task:group == service:database)", true),
            ("task:group == service:database", false),
            ("ec2InstanceId in ['i-0abd', 'i-0abc']", true),
            ("ec2InstanceId==i-0abc", true),
        ] {
            assert_eq!(matches(text), expected, "{text}");
        }
    }

    #[test]
    fn conditions_are_joined_negated_and_nested() {
        for (text, expected) in [
            ("attribute:stack == prod and runningTasksCount > 5", false),
            ("attribute:stack == prod && runningTasksCount > 1", true),
            ("attribute:stack == test or runningTasksCount > 1", true),
            ("attribute:stack == test || runningTasksCount > 5", false),
            ("attribute:stack == prod or attribute:stack == test and runningTasksCount > 5", true),
            ("(attribute:stack == prod or attribute:stack == test) and runningTasksCount > 5", false),
            ("!(attribute:stack == prod)", false),
            ("not not attribute:stack == prod", true),
            ("not (attribute:stack == test) and (runningTasksCount == 3)", true),
        ] {
            assert_eq!(matches(text), expected, "{text}");
        }
    }

    #[test]
    fn a_malformed_expression_is_refused() {
        let long = format!("attribute:stack == {}", "x".repeat(2000));
        for text in [
            "",
            "ec2InstanceId",
            "ec2InstanceId ==",
            "ec2InstanceId = i-0abc",
            "ec2InstanceId == 'i-0abc",
            "ec2InstanceId in []",
            "ec2InstanceId in i-0abc",
            "ec2InstanceId in ['i-0abc', 'i-0abd]",
            "ec2InstanceId == i-0abc i-0abd",
            "attribute: == prod",
            "attribute:stack exists prod",
            "colour == red",
            "(attribute:stack exists",
            "attribute:stack exists)",
            "attribute:stack exists and",
            "or attribute:stack exists",
            "attribute:stack =~ '('",
            &long,
        ] {
            let refused = ClusterQuery::parse(text).unwrap_err();
            assert_eq!(refused.code, "InvalidParameterException", "{text}");
        }
    }
}
