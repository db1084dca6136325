//! The expressions of the cluster query language that the world knows: `ec2InstanceId == i-...` and
//! `ec2InstanceId in [i-..., ...]`.

use std::collections::BTreeSet;

use crate::world::ApiError;

/// The EC2 instance ids that a filter asks for. AWS's own examples write literals bare and quoted, and its CDK leaves
/// out the spaces: all are taken.
pub(crate) fn ec2_instance_ids(filter: &str) -> Result<BTreeSet<&str>, ApiError> {
    let refused = || ApiError::invalid_parameter(format!("Invalid filter: {filter}"));
    let rest = filter.trim().strip_prefix("ec2InstanceId").ok_or_else(refused)?.trim();
    if let Some(literal) = rest.strip_prefix("==") {
        return Ok(BTreeSet::from([id(literal).ok_or_else(refused)?]));
    }
    let list = rest.strip_prefix("in").map(str::trim);
    let list = list.and_then(|list| list.strip_prefix('[')?.strip_suffix(']')).ok_or_else(refused)?;
    list.split(',').map(|literal| id(literal).ok_or_else(refused)).collect()
}

fn id(literal: &str) -> Option<&str> {
    let literal = literal.trim();
    let quoted = ['\'', '"'].into_iter().find_map(|quote| literal.strip_prefix(quote)?.strip_suffix(quote));
    let id = quoted.unwrap_or(literal);
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (plain && !id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_quotings_and_any_spacing_ask_for_the_same_instance() {
        for filter in [
            "ec2InstanceId == i-0abc",
            "ec2InstanceId==i-0abc",
            "ec2InstanceId == 'i-0abc'",
            "ec2InstanceId==\"i-0abc\"",
            " ec2InstanceId  ==  i-0abc ",
        ] {
            assert_eq!(ec2_instance_ids(filter).unwrap(), BTreeSet::from(["i-0abc"]));
        }
    }

    #[test]
    fn a_list_asks_for_several() {
        for filter in ["ec2InstanceId in ['i-0abc', 'i-0abd']", "ec2InstanceId in [i-0abd,i-0abc]"] {
            assert_eq!(ec2_instance_ids(filter).unwrap(), BTreeSet::from(["i-0abc", "i-0abd"]));
        }
    }

    #[test]
    fn other_expressions_are_refused() {
        for filter in [
            "",
            "ec2InstanceId",
            "ec2InstanceId ==",
            "ec2InstanceId = i-0abc",
            "ec2InstanceId == 'i-0abc",
            "ec2InstanceId != i-0abc",
            "ec2InstanceId in []",
            "ec2InstanceId in i-0abc",
            "ec2InstanceId in ['i-0abc', 'i-0abd]",
            "ec2InstanceId == i-0abc or ec2InstanceId == i-0abd",
            "attribute:ecs.instance-type == t2.small",
        ] {
            assert_eq!(ec2_instance_ids(filter).unwrap_err().code, "InvalidParameterException", "{filter}");
        }
    }
}
