//! How every client of the AWS SDK is configured.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// An attempt without an answer ends after this time. ECS answers in tens of milliseconds. Its
/// largest answers, 100 container instances with all attributes, take some hundreds. With a short
/// hook the drainer gives a call 10 s, which must suffice for two attempts.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Attempts of one call. The SDK slows down on its own while it is throttled. The handler retries a
/// call that failed in all of them, for as long as its invocation lasts.
const ATTEMPTS: u32 = 4;

/// The configuration that Lambda's environment gives: region and credentials, and
/// `AWS_ENDPOINT_URL[_<SERVICE>]`.
pub async fn config() -> SdkConfig {
    loader().load().await
}

/// The same before the environment is read, for whoever has other endpoints or credentials.
///
/// TLS is rustls on ring: with aws-lc, the SDK's own choice, the first response takes four times as
/// long.
#[must_use]
pub fn loader() -> ConfigLoader {
    let https = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(https)
        .retry_config(RetryConfig::adaptive().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
}
