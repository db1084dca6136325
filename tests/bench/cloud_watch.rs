//! CloudWatch, as far as it takes metrics: what is in them the tests look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::routing::post;
use fleetkeeper_tests::Error;

use crate::server::Server;

/// Where the SDK calls `PutMetricData`: Smithy's RPC in CBOR.
const PUT_METRIC_DATA: &str = "/service/GraniteServiceVersion20100801/operation/PutMetricData";

/// An empty map in CBOR.
const NOTHING: [u8; 1] = [0xa0];

#[derive(Debug)]
pub(crate) struct CloudWatch {
    server: Server,
    puts: Arc<AtomicU32>,
}

impl CloudWatch {
    pub(crate) fn start() -> Result<Self, Error> {
        let puts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&puts);
        let answer = move || async move {
            counted.fetch_add(1, Ordering::Relaxed);
            ([("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")], NOTHING)
        };
        let server = Server::start(Router::new().route(PUT_METRIC_DATA, post(answer)))?;
        Ok(Self { server, puts })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// How often it was called.
    pub(crate) fn puts(&self) -> u32 {
        self.puts.load(Ordering::Relaxed)
    }
}
