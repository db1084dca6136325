//! The SDK's errors as the domain knows them.

use std::error::Error;
use std::fmt;

use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::operation::RequestId;
use fleetkeeper_core::ports::{CallError, CallErrorKind};

/// Codes by which AWS asks to slow down. ECS does not model any of them: they arrive as unhandled
/// errors.
const THROTTLING: [&str; 5] = [
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
];

/// A service's answer, in its own words.
#[derive(Debug)]
pub(crate) struct ServiceAnswer {
    pub(crate) code: String,
    pub(crate) message: String,
    request_id: Option<String>,
}

impl fmt::Display for ServiceAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (AWS request id {id})"),
            None => Ok(()),
        }
    }
}

impl Error for ServiceAnswer {}

/// The service's answer, where it gave one.
pub(crate) fn service_answer<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
) -> Option<ServiceAnswer> {
    let service_error = error.as_service_error()?;
    let text = |text: Option<&str>, otherwise: &str| text.unwrap_or(otherwise).to_owned();
    Some(ServiceAnswer {
        code: text(service_error.code(), "an error without a code"),
        message: text(service_error.message(), "no message"),
        request_id: error.request_id().map(str::to_owned),
    })
}

/// The error of a failed call.
pub(crate) fn call_error<E>(
    operation: &'static str,
    resource: impl fmt::Display,
    error: SdkError<E, HttpResponse>,
) -> CallError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let answer = service_answer(&error);
    let kind = match (&answer, &error) {
        (Some(answer), _) if THROTTLING.contains(&answer.code.as_str()) => CallErrorKind::Throttled,
        (Some(_), _) if error.raw_response().is_some_and(|raw| raw.status().is_server_error()) => {
            CallErrorKind::Unavailable
        }
        (Some(_), _) | (None, SdkError::ConstructionFailure(_)) => CallErrorKind::Refused,
        (None, _) => CallErrorKind::Unavailable,
    };
    let source: Box<dyn Error + Send + Sync> = match answer {
        Some(answer) => Box::new(answer),
        None => Box::new(error),
    };
    CallError { operation, resource: resource.to_string(), kind, source: Some(source) }
}
