//! Lambda's runtime API of 2018-06-01, for one process: it asks for an event, answers, and asks for
//! the next one.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::Utc;
use fleetkeeper_tests::Error;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::package::Function;
use crate::server::Server;

#[derive(Debug)]
pub(crate) struct RuntimeApi {
    server: Server,
    function: Function,
    events: UnboundedSender<Value>,
    said: Receiver<(Instant, Said)>,
}

/// A message of the process.
#[derive(Debug)]
enum Said {
    /// It asks for the next event.
    Next,
    /// Its answer to the last event.
    Answer(String),
    /// Its error.
    Failure(String),
}

#[derive(Clone)]
struct Peer {
    function: Function,
    events: Arc<Mutex<UnboundedReceiver<Value>>>,
    said: Sender<(Instant, Said)>,
}

impl RuntimeApi {
    pub(crate) fn start(function: Function) -> Result<Self, Error> {
        let (events, handed) = unbounded_channel();
        let (says, said) = channel();
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failure))
            .route("/2018-06-01/runtime/init/error", post(failure))
            .with_state(Peer { function, events: Arc::new(Mutex::new(handed)), said: says });
        Ok(Self { server: Server::start(router, None)?, function, events, said })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> String {
        self.server.address.to_string()
    }

    /// When the process asked for its first event, if it has.
    pub(crate) fn asked(&self) -> Option<Instant> {
        self.said.try_recv().ok().filter(|(_, said)| matches!(said, Said::Next)).map(|(at, _)| at)
    }

    /// Hands out an event. Returns how long the answer took, and the answer, once the process asks
    /// for the next event: all that belongs to this one is done then.
    pub(crate) fn invoke(&self, event: &Value) -> Result<(Duration, Value), Error> {
        let began = Instant::now();
        self.events.send(event.clone())?;
        let (answered, answer) = match self.next_said()? {
            (at, Said::Answer(answer)) => (at, serde_json::from_str(&answer)?),
            (_, Said::Failure(error)) => return Err(format!("the invocation failed: {error}").into()),
            (_, Said::Next) => return Err("it asks for the next event without an answer".into()),
        };
        match self.next_said()? {
            (_, Said::Next) => Ok((answered - began, answer)),
            (_, said) => Err(format!("it goes on with {said:?}").into()),
        }
    }

    fn next_said(&self) -> Result<(Instant, Said), Error> {
        self.said
            .recv_timeout(self.function.timeout())
            .map_err(|_| "the process no longer says anything".into())
    }
}

impl Peer {
    fn take(&self, said: Said) {
        // Nobody listens any more where the measuring broke off.
        let _ = self.said.send((Instant::now(), said));
    }
}

async fn next(State(peer): State<Peer>) -> Response {
    peer.take(Said::Next);
    let Some(event) = peer.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = Utc::now() + peer.function.timeout();
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.timestamp_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:us-east-1:111122223333:function:{}", peer.function.name()),
        ),
    ];
    (headers, event.to_string()).into_response()
}

async fn answer(State(peer): State<Peer>, body: String) -> StatusCode {
    peer.take(Said::Answer(body));
    StatusCode::ACCEPTED
}

async fn failure(State(peer): State<Peer>, body: String) -> StatusCode {
    peer.take(Said::Failure(body));
    StatusCode::ACCEPTED
}
