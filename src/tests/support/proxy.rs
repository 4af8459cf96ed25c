//! A bad network: a TCP proxy that resets each connection after so many bytes, or one that knows nothing but JSON.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Forwards to a port of this machine until it is dropped.
pub(crate) struct Proxy {
    port: u16,
    cuts: Arc<AtomicU64>,
    _connections: JoinSet<()>,
}

impl Proxy {
    /// Each connection is reset once `limit` bytes have gone through it, in both directions together.
    pub(crate) async fn start(to: u16, limit: u64) -> Self {
        Self::run(to, limit, Passes::All).await
    }

    /// Answers requests for archives, and other methods than GET and POST, itself, with a page of its own.
    pub(crate) async fn of_json_only(to: u16) -> Self {
        Self::run(to, u64::MAX, Passes::Json).await
    }

    async fn run(to: u16, limit: u64, passes: Passes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&cuts);
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let counter = Arc::clone(&counter);
                open.spawn(async move {
                    // A server that is not there is a fault too.
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await {
                        forward(client, server, limit, passes, &counter).await;
                    }
                });
            }
        });
        Self { port, cuts, _connections: connections }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Passes {
    All,
    Json,
}

/// A request line of what some proxies do not let through. A request of the tests begins with a packet of its own.
fn is_for_an_archive(packet: &[u8]) -> bool {
    [&b"PATCH "[..], b"HEAD ", b"GET /api/sync/download-backup/"]
        .iter()
        .any(|start| packet.starts_with(start))
}

const PAGE: &[u8] =
    b"HTTP/1.1 405 Method Not Allowed\r\ncontent-type: text/html\r\ncontent-length: 12\r\nconnection: close\r\n\r\n<h1>No</h1>\n";

async fn forward(mut client: TcpStream, mut server: TcpStream, limit: u64, passes: Passes, cuts: &AtomicU64) {
    let (mut left, mut to_client, mut to_server) = (limit, vec![0; 8192], vec![0; 8192]);
    while left > 0 {
        let sent = tokio::select! {
            read = client.read(&mut to_server) => match read {
                Ok(count) if passes == Passes::Json && is_for_an_archive(&to_server[..count]) => {
                    client.write_all(PAGE).await.unwrap();
                    return;
                }
                Ok(count) if count > 0 => server.write_all(&to_server[..count]).await.map(|()| count),
                _ => return,
            },
            read = server.read(&mut to_client) => match read {
                Ok(count) if count > 0 => client.write_all(&to_client[..count]).await.map(|()| count),
                _ => return,
            },
        };
        match sent {
            Ok(count) => left = left.saturating_sub(count as u64),
            Err(_) => return,
        }
    }
    // Zero: what is under way is lost, as when a router forgets a connection.
    for stream in [&client, &server] {
        socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    cuts.fetch_add(1, Ordering::Relaxed);
}
