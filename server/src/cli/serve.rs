//! `tandem serve`: settings → a running node, until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use tandem::Engine;
use tandem::engine::AdminPassword;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::settings::Settings;
use super::{Stop, api, signals};
use crate::node::Node;
use crate::{assets, listen, routes};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// End when the standard input is closed: so a node never outlives the demo that started it
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

/// What is still open after this time is cut off.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Stop> {
    api::use_ring();
    let config = arguments.settings.load()?;
    // The port comes first: a second start by mistake must not touch the database of the first.
    let listener = bind(config.listen).await?;
    let address = listener.local_addr().unwrap_or(config.listen);
    let stop = CancellationToken::new();
    let mut told_to_stop = pin!(signals::told_to_stop(arguments.exit_with_parent));
    let (engine, password) = tokio::select! {
        started = Engine::start(config) => started?,
        () = &mut told_to_stop => return Ok(ExitCode::SUCCESS),
    };
    greet(&engine, address, &password);

    let router = routes::router(&Node::new(engine.clone(), address, stop.clone()));
    let mut server = tokio::spawn(listen::serve(listener, router, stop.clone()));
    tokio::select! {
        () = &mut told_to_stop => {}
        ended = &mut server => {
            let reason = ended.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
            return Err(Stop::failed(format!("The server stopped by itself: {reason}.")));
        }
    }

    info!("stopping");
    stop.cancel();
    let finish = async {
        engine.shutdown().await;
        if let Err(error) = (&mut server).await {
            warn!(%error, "the server did not end in order");
        }
    };
    if tokio::time::timeout(SHUTDOWN_LIMIT, finish).await.is_err() {
        warn!("connections were still open after {} s and are cut off", SHUTDOWN_LIMIT.as_secs());
        server.abort();
    }
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Stop> {
    TcpListener::bind(address).await.map_err(|error| {
        Stop::misconfigured(match error.kind() {
            std::io::ErrorKind::AddrInUse => format!(
                "Another program listens on {address} already. Stop it, or choose another port with --listen."
            ),
            std::io::ErrorKind::AddrNotAvailable => format!(
                "{address} is not an address of this machine. Set TANDEM_LISTEN to one of its own, or to 0.0.0.0."
            ),
            std::io::ErrorKind::PermissionDenied => {
                format!("No right to listen on {address}. Choose a port above 1023.")
            }
            _ => format!("Cannot listen on {address}: {error}."),
        })
    })
}

/// For people, on the standard output; the log goes to the error output.
fn greet(engine: &Engine, address: SocketAddr, password: &AdminPassword) {
    let mut text = format!("{} is ready at http://{address}\n", engine.config().name);
    if let AdminPassword::Generated(password) = password {
        text += &format!(
            "The panel's password is {password} (generated now and shown only this once; \
             TANDEM_ADMIN_PASSWORD sets another).\n"
        );
    }
    if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
        warn!(%error, "cannot write to the standard output");
    }
    info!(%address, name = engine.config().name, "the node is ready");
    if !address.ip().is_loopback() {
        warn!(
            %address,
            "everybody in the network can read what is sent here: put a proxy with TLS in front, or a VPN around it"
        );
    }
    if !assets::are_there() {
        warn!("the panel's files are missing in this build: run `make build`");
    }
}
