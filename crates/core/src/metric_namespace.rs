//! `METRIC_NAMESPACE`, the variable that both functions have, and their metrics' dimension.

use crate::setting::{SettingError, Settings};

/// The namespace where the variable is not set.
const DEFAULT: &str = "ECS/Fleetkeeper";

const ACCEPTED: &str = "a CloudWatch namespace that is not AWS's own (1 to 255 letters, digits, spaces and . - _ / # :, \
                        not blank, not starting with a colon or with AWS/)";

/// The dimension that every metric has. Its value is the cluster's name, not its ARN.
pub const CLUSTER_DIMENSION: &str = "ClusterName";

/// The metrics' namespace.
pub fn metric_namespace(settings: &Settings<'_>) -> Result<String, SettingError> {
    let namespace = settings.optional("METRIC_NAMESPACE", ACCEPTED, namespace)?;
    Ok(namespace.unwrap_or_else(|| DEFAULT.to_owned()))
}

/// CloudWatch's rules (user guide, namespaces; API reference, `PutMetricData`). It takes a name
/// that starts with `AWS/` from nobody but AWS.
fn namespace(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" .-_/#:".contains(&byte);
    let accepted = (1..=255).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.trim().is_empty()
        && !text.starts_with(':')
        && !text.starts_with("AWS/");
    accepted.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Option<&str>) -> Result<String, SettingError> {
        let value = value.map(str::to_owned);
        metric_namespace(&Settings::new(&|_| value.clone()))
    }

    #[test]
    fn it_is_ours_unless_set() {
        assert_eq!(read(None).as_deref(), Ok("ECS/Fleetkeeper"));
        assert_eq!(read(Some("My Team/ECS #1")).as_deref(), Ok("My Team/ECS #1"));
    }

    #[test]
    fn what_cloudwatch_refuses_is_refused_with_its_value() {
        for value in ["", " ", ":x", "AWS/ECS", "a*b", "Flotte für ECS", &"x".repeat(256)] {
            let said = read(Some(value)).unwrap_err().to_string();
            assert!(said.starts_with(&format!("METRIC_NAMESPACE={value:?} is not accepted: ")), "{said}");
        }
    }
}
