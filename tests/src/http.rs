//! Requests to the servers, as plain as can be: what is under test are the functions' clients, not
//! this one.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use crate::Error;

/// The account that everything is in, as the sample events have it.
pub const ACCOUNT: &str = "111122223333";

/// The Region that everything is in.
pub const REGION: &str = "us-east-1";

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The error header of Lambda's `Invoke`, where the function failed.
    pub function_error: bool,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body, where the status is a good one; else an error that quotes both.
    pub fn ok(self, what: &str) -> Result<String, Error> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            Err(format!("{what}: status {}: {}", self.status, self.body).into())
        }
    }

    /// The same as JSON.
    pub fn json(self, what: &str) -> Result<Value, Error> {
        let body = self.ok(what)?;
        serde_json::from_str(&body).map_err(|error| format!("{what}: {error}: {body}").into())
    }
}

/// Returns whether a GET is answered with 200.
#[must_use]
pub fn answers(url: &str) -> bool {
    agent(Duration::from_secs(2)).get(url).call().is_ok_and(|answer| answer.status() == 200)
}

/// POSTs `body` with `headers`.
pub fn post(url: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, Error> {
    let mut request = Request::post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = agent(Duration::from_secs(60)).run(request.body(body.to_owned())?)?;
    Ok(Answer {
        status: answer.status().as_u16(),
        function_error: answer.headers().contains_key("x-amz-function-error"),
        body: answer.body_mut().read_to_string()?,
    })
}

/// An `Authorization` header that names the service and the account. Nobody here checks the
/// signature.
#[must_use]
pub fn unsigned(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

fn agent(timeout: Duration) -> Agent {
    Agent::config_builder().http_status_as_error(false).timeout_global(Some(timeout)).build().new_agent()
}
