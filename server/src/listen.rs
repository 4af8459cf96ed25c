//! A listening socket and a router → answered connections, until told to stop.
//!
//! `axum::serve` sets no limit on the time that a client may take to send a request's head, so a few thousand silent
//! connections would shut everybody else out. HTTP/1.1 only: without TLS no browser speaks anything else.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, warn};

/// Also ends connections that are kept open and not used.
const HEAD_TIME: Duration = Duration::from_secs(20);
/// Below the usual limit of 1024 open files a process.
const CONNECTIONS: usize = 768;

/// Returns when the last connection has ended after `stop`.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_ended) = connections.join_next() => continue,
            accepted = accept(&listener, &free) => accepted,
        };
        let Some((stream, from, slot)) = accepted else { continue };
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(from));
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                // Browsers close connections whenever they like.
                debug!(%from, %error, "a connection broke off");
            }
            drop(slot);
        });
    }
    drop(listener);
    graceful.shutdown().await;
    while connections.join_next().await.is_some() {}
}

type Slot = tokio::sync::OwnedSemaphorePermit;

/// None when this one failed and the next may not.
async fn accept(listener: &TcpListener, free: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, Slot)> {
    let slot = Arc::clone(free).acquire_owned().await.expect("the semaphore is never closed");
    match listener.accept().await {
        Ok((stream, from)) => {
            // Progress lines are small, and each is wanted at once.
            if let Err(error) = stream.set_nodelay(true) {
                debug!(%from, %error, "a connection is slower than it could be");
            }
            Some((stream, from, slot))
        }
        Err(error) => {
            let is_of_the_client = matches!(
                error.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
            );
            if !is_of_the_client {
                warn!(%error, "cannot accept a connection");
                // Out of files or memory: at once it would be the same again.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_request_under_way_is_answered_before_the_end() {
        let (entered, mut has_entered) = tokio::sync::mpsc::channel(1);
        let leave = Arc::new(tokio::sync::Notify::new());
        let may_leave = Arc::clone(&leave);
        let slow = move || async move {
            entered.send(()).await.unwrap();
            may_leave.notified().await;
            "done"
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, Router::new().route("/", get(slow)), stop.clone()));

        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: node\r\n\r\n").await.unwrap();
        has_entered.recv().await.unwrap();
        stop.cancel();
        leave.notify_one();

        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("done"), "{answer}");
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_shown_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, Router::new(), CancellationToken::new()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HT").await.unwrap();
        let mut answer = Vec::new();
        // Ends only because the server closes the connection.
        let ended = client.read_to_end(&mut answer).await;
        assert!(ended.is_err() || answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{answer:?}");
        server.abort();
    }
}
