//! What is said to a server leaves at once.
//!
//! sqlx 0.9.0 leaves Nagle's algorithm on: the end of each COPY then waits for 40 ms, until the server acknowledges the
//! rows before it. sqlx gives nobody its sockets, so they are found among all of this process. It sets the option itself
//! again since its pull request 4336, which is not released yet; when it is, this file goes.

use std::fs::{read_dir, read_link};
use std::io;
use std::net::TcpStream;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// For every connection of this process to a server at `port`.
pub(super) fn send_at_once(port: u16) {
    // A container may forbid it: then loads take longer, and that is all.
    if let Err(cause) = set_nodelay(port) {
        tracing::debug!(%cause, "small packets to the server wait for others");
    }
}

fn set_nodelay(port: u16) -> io::Result<()> {
    let process = pidfd_open(getpid(), PidfdFlags::empty())?;
    for entry in read_dir("/proc/self/fd")? {
        let entry = entry?;
        let is_socket = read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(number) = number.filter(|_| is_socket) else { continue };
        match pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
            Ok(socket) => {
                let socket = TcpStream::from(socket);
                if socket.peer_addr().is_ok_and(|peer| peer.port() == port) {
                    socket.set_nodelay(true)?;
                }
            }
            // Closed since it was listed.
            Err(rustix::io::Errno::BADF) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn small_packets_to_the_server_leave_at_once_and_others_are_left_alone() {
        let [server, other] = [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [ours, theirs] =
            [&server, &other].map(|to| TcpStream::connect(to.local_addr().unwrap()).unwrap());
        assert!(!ours.nodelay().unwrap(), "it is not what a socket has from the start");

        send_at_once(server.local_addr().unwrap().port());

        assert!(ours.nodelay().unwrap());
        assert!(!theirs.nodelay().unwrap());
    }
}
