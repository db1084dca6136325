//! How the stand-ins for AWS are served: on a free port, by a thread of their own, until they are
//! dropped; over TLS or not.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use axum::Router;
use axum::serve::Listener;
use fleetkeeper_tests::Error;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(router: Router, tls: Option<TlsAcceptor>) -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = serve(listener, router, tls) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    /// Its requests end with it: a function that waits for its next event would wait forever.
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, router: Router, tls: Option<TlsAcceptor>) -> io::Result<()> {
    let plain = Plain(tokio::net::TcpListener::from_std(listener)?);
    match tls {
        None => axum::serve(plain, router).await,
        Some(acceptor) => axum::serve(Encrypted::start(plain, acceptor), router).await,
    }
}

/// Connections without Nagle's delay, as AWS has none.
struct Plain(tokio::net::TcpListener);

impl Listener for Plain {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // A connection that is gone already is the reader's to find.
        let _ = stream.set_nodelay(true);
        (stream, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Connections whose handshake is done. Handshakes go side by side.
struct Encrypted {
    address: io::Result<SocketAddr>,
    ready: mpsc::UnboundedReceiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl Encrypted {
    fn start(mut listener: Plain, acceptor: TlsAcceptor) -> Self {
        let (done, ready) = mpsc::unbounded_channel();
        let address = listener.local_addr();
        tokio::spawn(async move {
            loop {
                let (stream, address) = listener.accept().await;
                let (acceptor, done) = (acceptor.clone(), done.clone());
                tokio::spawn(async move {
                    // A client that breaks off a handshake logs it on its own side.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = done.send((stream, address));
                    }
                });
            }
        });
        Self { address, ready }
    }
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.address {
            Ok(address) => Ok(*address),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}
