//! Lambda: an event in, an answer out, and the log.

use std::error::Error;
use std::fmt;
use std::panic::PanicHookInfo;

use fleetkeeper_core::error_chain::ErrorChain;
use fleetkeeper_core::invocation::Invocation;
use fleetkeeper_core::ports::Clock;
use fleetkeeper_core::setting::{SettingError, Settings};
use json_subscriber::JsonLayer;
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::SystemClock;

/// Lambda's variable for the log level, and what it may be.
pub(crate) const LOG_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";
pub(crate) const LOG_LEVELS: &str = "TRACE, DEBUG, INFO, WARN, ERROR or FATAL";

/// Why a function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable is missing or malformed.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Lambda's runtime API can't be had.
    #[error("Lambda's runtime API failed")]
    Runtime(#[source] lambda_runtime::Error),
}

/// The function's error in the form that Lambda shows.
pub struct FunctionError {
    /// A stable name, for Lambda's `errorType`.
    pub kind: &'static str,
    /// The error.
    pub error: Box<dyn Error>,
}

impl fmt::Debug for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, ErrorChain(self.error.as_ref()))
    }
}

impl From<FunctionError> for Diagnostic {
    /// The whole chain: the runtime's own conversions keep the outermost text only, and a type name
    /// that says nothing.
    fn from(FunctionError { kind, error }: FunctionError) -> Self {
        Self { error_type: kind.to_owned(), error_message: ErrorChain(error.as_ref()).to_string() }
    }
}

/// A function's `main`: starts the log, runs `function` with the environment's variables, and where
/// it fails says why in one line.
pub async fn start(
    function: impl AsyncFnOnce(Settings<'_>) -> Result<(), StartError>,
) -> std::process::ExitCode {
    let lookup = |variable: &str| std::env::var(variable).ok();
    let settings = || Settings::new(&lookup);
    let level = log_level(&settings());
    start_log(*level.as_ref().unwrap_or(&LevelFilter::INFO));
    std::panic::set_hook(Box::new(say_panic));
    let ran = match level {
        Ok(_) => function(settings()).await,
        Err(error) => Err(error.into()),
    };
    match ran {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(event = "start_failed", error = %ErrorChain(&error), "the function does not start");
            std::process::ExitCode::FAILURE
        }
    }
}

/// Serves events, one after another, for as long as Lambda sends them.
pub async fn serve<Answer: Serialize>(
    handle: impl AsyncFn(Value, Invocation) -> Result<Answer, FunctionError>,
) -> Result<(), StartError> {
    let handle = &handle;
    let service = service_fn(move |event: LambdaEvent<Value>| {
        let invocation = Invocation::new(event.context.deadline, SystemClock.now());
        // An ERROR span: one of a lower level would take the request id with it where the log is
        // set to errors only.
        let span = tracing::error_span!("invocation", requestId = event.context.request_id);
        async move { handle(event.payload, invocation).await }.instrument(span)
    });
    Runtime::new(service).run().await.map_err(StartError::Runtime)
}

/// Lambda sets `AWS_LAMBDA_LOG_LEVEL` by the function's `LoggingConfig`. FATAL, which `tracing`
/// does not have, is its ERROR.
pub fn log_level(settings: &Settings<'_>) -> Result<LevelFilter, SettingError> {
    let level = settings.optional(LOG_LEVEL, LOG_LEVELS, |text| {
        Some(match text.to_ascii_uppercase().as_str() {
            "TRACE" => LevelFilter::TRACE,
            "DEBUG" => LevelFilter::DEBUG,
            "INFO" => LevelFilter::INFO,
            "WARN" => LevelFilter::WARN,
            "ERROR" | "FATAL" => LevelFilter::ERROR,
            _ => return None,
        })
    })?;
    Ok(level.unwrap_or(LevelFilter::INFO))
}

/// The process ends with a panic, of which Lambda knows no reason. So the hook logs it here, within
/// the spans of the invocation.
fn say_panic(info: &PanicHookInfo<'_>) {
    let said = info.payload_as_str().unwrap_or("no text");
    let at = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(event = "function_panicked", panic = said, at, "the function panicked");
}

/// One flat JSON object a line: `timestamp`, `level`, `message`, the event's fields, and the fields
/// of the spans around it (request id, cluster, instance).
fn start_log(level: LevelFilter) {
    let mut lines = JsonLayer::stdout();
    in_one_line(&mut lines);
    tracing_subscriber::registry().with(lines).with(level).init();
}

fn in_one_line<Output>(lines: &mut JsonLayer<Registry, Output>) {
    lines.with_timer("timestamp", SystemTime);
    lines.with_level("level");
    lines.with_flattened_event();
    lines.with_top_level_flattened_span_list();
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The output.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_said_in_one_line_with_the_request_id() {
        let written = Written::default();
        let mut lines = JsonLayer::new({
            let written = written.clone();
            move || written.clone()
        });
        in_one_line(&mut lines);
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(say_panic));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            let span = tracing::error_span!("invocation", requestId = "the-request");
            let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
                span.in_scope(|| panic!("an invariant\ndoes not hold"))
            }));
            panicked.unwrap_err();
        });
        std::panic::set_hook(usual);

        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.find('\n'), Some(written.len() - 1), "{written}");
        let line: Value = serde_json::from_str(&written).unwrap();
        assert_eq!((&line["level"], &line["requestId"]), (&"ERROR".into(), &"the-request".into()));
        assert_eq!(line["event"], "function_panicked");
        assert_eq!(line["panic"], "an invariant\ndoes not hold");
        assert!(line["at"].as_str().unwrap().contains("lambda.rs:"), "{line}");
    }
}
