//! Placement constraints of services and task definitions.

use super::cluster_query::ClusterQuery;
use crate::world::ApiError;

/// A placement constraint `memberOf`.
#[derive(Debug, Clone)]
pub struct MemberOf {
    expression: String,
    /// None where the expression is malformed: whoever creates something with it gets an error.
    query: Option<ClusterQuery>,
}

/// A placement constraint of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacementConstraint {
    /// `distinctInstance`: no container instance with another task of the service that is desired
    /// RUNNING.
    DistinctInstance,
    /// `memberOf`.
    MemberOf(MemberOf),
}

impl MemberOf {
    /// With an expression of the cluster query language.
    #[must_use]
    pub fn new(expression: &str) -> Self {
        Self { expression: expression.to_owned(), query: ClusterQuery::parse(expression).ok() }
    }

    /// The expression, as it was given.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub(crate) fn query(&self) -> Option<&ClusterQuery> {
        self.query.as_ref()
    }

    /// A malformed expression is an error of the call that would register it.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        ClusterQuery::parse(&self.expression).map(|_| ())
    }
}

impl PartialEq for MemberOf {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl Eq for MemberOf {}

impl PlacementConstraint {
    /// `memberOf`, with an expression of the cluster query language.
    #[must_use]
    pub fn member_of(expression: &str) -> Self {
        Self::MemberOf(MemberOf::new(expression))
    }

    /// Its type, as AWS writes it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::DistinctInstance => "distinctInstance",
            Self::MemberOf(_) => "memberOf",
        }
    }

    /// Its expression, if it has one.
    #[must_use]
    pub fn expression(&self) -> Option<&str> {
        match self {
            Self::DistinctInstance => None,
            Self::MemberOf(member_of) => Some(&member_of.expression),
        }
    }

    /// A malformed expression is an error of the call that creates or updates a service.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        match self {
            Self::DistinctInstance => Ok(()),
            Self::MemberOf(member_of) => member_of.check(),
        }
    }
}
