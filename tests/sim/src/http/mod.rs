//! The HTTP face: a world's ECS and Auto Scaling APIs on the wire, for real processes.
//!
//! Point them at it with `AWS_ENDPOINT_URL_ECS` and `AWS_ENDPOINT_URL_AUTO_SCALING`, and any
//! credentials: signatures are not checked.
//!
//! | module | purpose |
//! | --- | --- |
//! | `ecs`, `ecs_tasks`, `ecs_services`, `ecs_answer`, `ecs_shapes`, `ecs_service_shapes` | ECS: AWS JSON 1.1 |
//! | `auto_scaling`, `auto_scaling_groups`, `group_scaling`, `form`, `xml` | Auto Scaling: the Query protocol |

mod auto_scaling;
mod auto_scaling_groups;
mod ecs;
mod ecs_answer;
mod ecs_service_shapes;
mod ecs_services;
mod ecs_shapes;
mod ecs_tasks;
mod form;
mod group_scaling;
mod xml;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::post;
use tokio::sync::oneshot;

use crate::shared::SharedWorld;

/// A world's API on a port of this machine, served on a thread of its own until this is dropped.
///
/// Nothing ticks in the background. Every request and every read of the world first plays
/// everything that is due by then, each at its own time.
#[derive(Debug)]
pub struct Face {
    address: SocketAddr,
    world: SharedWorld,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// An answer on its way out.
struct Answer {
    status: u16,
    content_type: &'static str,
    /// `x-amzn-errortype`, of errors in AWS JSON.
    error_type: Option<&'static str>,
    body: String,
}

#[derive(Clone)]
struct Server {
    world: SharedWorld,
    requests: Arc<AtomicU64>,
}

impl Face {
    /// Serves a world on a free port of 127.0.0.1. Its time must be the wall clock's, scaled or
    /// not.
    pub fn start(world: SharedWorld) -> io::Result<Self> {
        Self::start_on(world, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Serves a world on an address.
    pub fn start_on(world: SharedWorld, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = Server { world: world.clone(), requests: Arc::default() };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("aws".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, server) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, world, stop: Some(stop), thread: Some(thread) })
    }

    /// The value of `AWS_ENDPOINT_URL_ECS` and `AWS_ENDPOINT_URL_AUTO_SCALING`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The world behind it.
    #[must_use]
    pub fn world(&self) -> &SharedWorld {
        &self.world
    }
}

impl Drop for Face {
    fn drop(&mut self) {
        // The server ends with its requests, those that hang included.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, server: Server) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let _ = axum::serve(listener, routes(server)).await;
}

/// A world's API for a server of the caller's own, which may put something in front of it.
pub fn router(world: SharedWorld) -> Router {
    routes(Server { world, requests: Arc::default() })
}

fn routes(server: Server) -> Router {
    Router::new().route("/", post(answer)).with_state(server)
}

async fn answer(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let request = server.requests.fetch_add(1, Ordering::Relaxed);
    let request_id = format!("00000000-0000-4000-8000-{request:012x}");
    let target = headers.get("x-amz-target").map(|target| target.to_str().unwrap_or_default());
    let answer = match target {
        Some(target) => ecs::answer(&server.world, target, &body),
        None => auto_scaling::answer(&server.world, &body, &request_id),
    };
    match answer {
        Some(answer) => response(answer, &request_id),
        None => std::future::pending().await,
    }
}

fn response(answer: Answer, request_id: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    if let Some(error_type) = answer.error_type {
        headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
    }
    response
}
