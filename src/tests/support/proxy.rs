//! A bad network: a TCP proxy that resets each connection after so many bytes.

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
                        forward(client, server, limit, &counter).await;
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

async fn forward(mut client: TcpStream, mut server: TcpStream, limit: u64, cuts: &AtomicU64) {
    let (mut left, mut to_client, mut to_server) = (limit, vec![0; 8192], vec![0; 8192]);
    while left > 0 {
        let sent = tokio::select! {
            read = client.read(&mut to_server) => match read {
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
