//! A relay that keeps every request to AWS, and checks the requests against the service models.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, Response, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use ureq::Agent;
use ureq::http::Request;

use crate::Error;
use crate::python;

/// Requests that relays have seen.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    seen: Arc<Mutex<Vec<Value>>>,
}

/// A server in front of another one, which keeps every request that passes through it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Headers that describe a body. The relay drops all others.
const HEADERS: [&str; 8] = [
    "content-type",
    "content-encoding",
    "x-amz-target",
    "authorization",
    "smithy-protocol",
    "x-amzn-requestid",
    "x-amzn-errortype",
    "x-amzn-query-mode",
];

impl Requests {
    /// Starts a relay to the server at `url`.
    pub fn relay(&self, url: &str) -> Result<Relay, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (requests, url) = (self.clone(), url.to_owned());
        let pass = move |uri: Uri, headers: HeaderMap, body: Bytes| {
            requests.keep(&uri, &headers, &body);
            let url = format!("{url}{uri}");
            async move {
                let answer = tokio::task::spawn_blocking(move || forward(&url, &headers, &body)).await;
                answer.ok().and_then(Result::ok).unwrap_or_else(|| {
                    let mut answer = Response::new(Body::empty());
                    *answer.status_mut() = StatusCode::BAD_GATEWAY;
                    answer
                })
            }
        };
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let served = axum::serve(listener, Router::new().fallback(pass));
                tokio::select! {
                    _ = served.into_future() => {}
                    _ = stopped => {}
                }
            });
            // A request that hangs must not hold the test.
            runtime.shutdown_background();
        });
        Ok(Relay { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns an error if the service models reject a request, or if one of `operations` is
    /// missing.
    pub fn check(&self, operations: &[&str]) -> Result<(), Error> {
        let mut file = tempfile::NamedTempFile::new()?;
        for request in self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            writeln!(file, "{request}")?;
        }
        let path = file.path().to_string_lossy().into_owned();
        let arguments: Vec<&str> = std::iter::once(path.as_str()).chain(operations.iter().copied()).collect();
        python::check("sent.py", &arguments)
    }

    fn keep(&self, uri: &Uri, headers: &HeaderMap, body: &[u8]) {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut hexadecimal = String::with_capacity(2 * body.len());
        for byte in body {
            // Writing to a string cannot fail.
            let _ = write!(hexadecimal, "{byte:02x}");
        }
        let request = json!({
            "path": uri.path(),
            "target": header("x-amz-target"),
            "encoding": header("content-encoding"),
            "authorization": header("authorization"),
            "body": hexadecimal,
        });
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }
}

impl Relay {
    /// Its endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn forward(url: &str, headers: &HeaderMap, body: &[u8]) -> Result<Response<Body>, Error> {
    let agent = Agent::config_builder().http_status_as_error(false);
    let agent = agent.timeout_global(Some(Duration::from_secs(60))).build().new_agent();
    let mut request = Request::post(url);
    for name in HEADERS {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let mut answered = agent.run(request.body(body)?)?;
    let mut answer = Response::new(Body::from(answered.body_mut().read_to_vec()?));
    *answer.status_mut() = answered.status();
    for name in HEADERS {
        if let Some(value) = answered.headers().get(name) {
            answer.headers_mut().insert(HeaderName::from_static(name), value.clone());
        }
    }
    Ok(answer)
}
