//! How every client of the AWS SDK is configured.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// A try that has not been answered by then is given up. ECS answers in tens of milliseconds, its largest answers, a
/// hundred container instances with all their attributes, in some hundreds; and the drainer gives a call 10 s where its
/// hook is a short one, which is to be enough for two tries.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Tries of one call; the SDK slows down by itself while it is throttled. What fails all of them is the handler's to
/// try again, for as long as its invocation lasts.
const ATTEMPTS: u32 = 4;

/// The configuration that Lambda's environment gives: region and credentials, and `AWS_ENDPOINT_URL[_<SERVICE>]`.
pub async fn config() -> SdkConfig {
    loader().load().await
}

/// The same before the environment is read, for whoever has other endpoints or credentials.
///
/// TLS is rustls on ring: with aws-lc, the SDK's own choice, the first response takes four times as long.
#[must_use]
pub fn loader() -> ConfigLoader {
    let https = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(https)
        .retry_config(RetryConfig::adaptive().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
}
