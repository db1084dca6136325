//! The one expression of the cluster query language that the world knows: `ec2InstanceId == i-...`.

use crate::world::ApiError;

/// The EC2 instance id that a filter asks for. AWS's own examples write literals bare and quoted, and its CDK leaves
/// out the spaces: all are taken.
pub(crate) fn ec2_instance_id(filter: &str) -> Result<&str, ApiError> {
    let refused = || ApiError::invalid_parameter(format!("Invalid filter: {filter}"));
    let (subject, literal) = filter.split_once("==").ok_or_else(refused)?;
    if subject.trim() != "ec2InstanceId" {
        return Err(refused());
    }
    let literal = literal.trim();
    let quoted = ['\'', '"'].into_iter().find_map(|quote| literal.strip_prefix(quote)?.strip_suffix(quote));
    let id = quoted.unwrap_or(literal);
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if id.is_empty() || !plain { Err(refused()) } else { Ok(id) }
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
            assert_eq!(ec2_instance_id(filter).unwrap(), "i-0abc");
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
            "ec2InstanceId in [i-0abc]",
            "ec2InstanceId == i-0abc or ec2InstanceId == i-0abd",
            "attribute:ecs.instance-type == t2.small",
        ] {
            assert_eq!(ec2_instance_id(filter).unwrap_err().code, "InvalidParameterException", "{filter}");
        }
    }
}
