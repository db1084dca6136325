//! AWS as a function reaches it: one endpoint for all services, each call answered after the same
//! time.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use fleetkeeper_sim::{SharedWorld, http};
use fleetkeeper_tests::Error;

use crate::server::Server;
use crate::tls::Tls;

/// From a request's arrival to its answer. ECS answers in some tens of milliseconds.
pub(crate) const LATENCY: Duration = Duration::from_millis(20);

/// How often each operation was called.
pub(crate) type Calls = BTreeMap<String, u32>;

/// The call that publishes a snapshot's figures, the only one to CloudWatch.
const PUT_METRIC_DATA: &str = "PutMetricData";

/// A stand-in for ECS, Auto Scaling and CloudWatch.
pub(crate) struct Aws {
    server: Server,
    desk: Arc<Desk>,
    bundle: PathBuf,
}

/// Lets the world change while it is served, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// It does: each request is the world's to answer.
    Live,
    /// It does not: the same request has the same answer, and what the world takes to make it is no
    /// part of a measurement.
    Still,
}

struct Desk {
    changes: Changes,
    answers: Mutex<HashMap<(String, Bytes), Kept>>,
    calls: Mutex<Vec<Call>>,
}

#[derive(Clone)]
struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// A call, and how it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    operation: String,
    is_throttled: bool,
}

impl Aws {
    /// Serves a world.
    pub(crate) fn start(world: SharedWorld, changes: Changes, tls: &Tls) -> Result<Self, Error> {
        let desk = Arc::new(Desk { changes, answers: Mutex::default(), calls: Mutex::default() });
        let router = http::router(world)
            .fallback(|| async { StatusCode::NOT_FOUND })
            .layer(from_fn_with_state(Arc::clone(&desk), attend));
        let server = Server::start(router, Some(tls.acceptor()))?;
        Ok(Self { server, desk, bundle: tls.bundle() })
    }

    /// The environment variables with which a function reaches it, in whichever language.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let bundle = self.bundle.display().to_string();
        vec![
            ("AWS_ENDPOINT_URL", format!("https://{}", self.server.address)),
            // One file, as on Amazon Linux.
            ("SSL_CERT_FILE", bundle.clone()),
            ("AWS_CA_BUNDLE", bundle),
        ]
    }

    /// The calls since they were last taken.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut lock(&self.desk.calls))
    }
}

/// How often each operation was called.
pub(crate) fn count(calls: &[Call]) -> Calls {
    let mut counts = Calls::new();
    for call in calls {
        *counts.entry(call.operation.clone()).or_default() += 1;
    }
    counts
}

/// How many of the calls were throttled.
pub(crate) fn throttled(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.is_throttled).count()
}

async fn attend(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response<Body> {
    let from = Instant::now();
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else { return Response::default() };
    let operation = operation(&parts, &body);
    let answer = if operation == PUT_METRIC_DATA {
        metrics_taken(&parts)
    } else {
        desk.answer(&operation, parts, body, next).await
    };
    tokio::time::sleep_until((from + LATENCY).into()).await;
    let is_throttled = answer.status == StatusCode::BAD_REQUEST && answer.is_throttling();
    lock(&desk.calls).push(Call { operation, is_throttled });
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

impl Desk {
    async fn answer(&self, operation: &str, parts: Parts, body: Bytes, next: Next) -> Kept {
        let key = (operation.to_owned(), body.clone());
        if self.changes == Changes::Still
            && let Some(kept) = lock(&self.answers).get(&key)
        {
            return kept.clone();
        }
        let (parts, body) = next.run(Request::from_parts(parts, Body::from(body))).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let answer = Kept { status: parts.status, headers: parts.headers, body };
        if self.changes == Changes::Still {
            lock(&self.answers).insert(key, answer.clone());
        }
        answer
    }
}

impl Kept {
    fn is_throttling(&self) -> bool {
        String::from_utf8_lossy(&self.body).contains("Throttling")
    }
}

/// AWS JSON names it in a header, the Query protocol in the form, Smithy's RPC in the path.
fn operation(parts: &Parts, body: &Bytes) -> String {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let named = target.and_then(|target| target.rsplit('.').next()).map(str::to_owned);
    let in_form = || {
        let mut fields = form_urlencoded::parse(body);
        fields.find_map(|(field, value)| (field == "Action").then(|| value.into_owned()))
    };
    let in_path = || parts.uri.path().rsplit('/').next().map(str::to_owned).filter(|name| !name.is_empty());
    named.or_else(in_path).or_else(in_form).unwrap_or_default()
}

/// CloudWatch's answer, in the protocol of the question: nothing.
fn metrics_taken(parts: &Parts) -> Kept {
    let is_cbor = parts.headers.contains_key("smithy-protocol");
    let (content_type, body) =
        if is_cbor { ("application/cbor", &b"\xa0"[..]) } else { ("application/x-amz-json-1.0", &b"{}"[..]) };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    if is_cbor {
        headers.insert("smithy-protocol", header::HeaderValue::from_static("rpc-v2-cbor"));
    }
    Kept { status: StatusCode::OK, headers, body: Bytes::from_static(body) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
