//! A slow link: a TCP proxy that lets so many bytes through in a second, each way.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// 100 Mbit/s.
pub(super) const BYTES_A_SECOND: u32 = 12_500_000;
/// Small enough that a pause is short.
const PIECE: usize = 32 * 1024;

/// Forwards connections to `to` for as long as the process lives. Returns the address to connect to.
pub(super) fn open(to: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for here in listener.incoming().flatten() {
            // A connection that cannot be forwarded ends, as it would on a broken link.
            let Ok(there) = TcpStream::connect(to) else { continue };
            // A link is slow by its width, not by a kernel that waits for more to send.
            if here.set_nodelay(true).and_then(|()| there.set_nodelay(true)).is_err() {
                continue;
            }
            let (Ok(from), Ok(into)) = (here.try_clone(), there.try_clone()) else { continue };
            thread::spawn(move || forward(from, there));
            thread::spawn(move || forward(into, here));
        }
    });
    Ok(address)
}

fn forward(mut from: TcpStream, mut into: TcpStream) {
    let mut piece = vec![0; PIECE];
    let mut free = Instant::now();
    while let Ok(length) = from.read(&mut piece) {
        if length == 0 || into.write_all(&piece[..length]).is_err() {
            break;
        }
        let bytes = u32::try_from(length).unwrap_or(u32::MAX);
        free = free.max(Instant::now()) + Duration::from_secs(1) * bytes / BYTES_A_SECOND;
        thread::sleep(free.saturating_duration_since(Instant::now()));
    }
    // Its other end may be gone already.
    into.shutdown(std::net::Shutdown::Write).unwrap_or_default();
}
