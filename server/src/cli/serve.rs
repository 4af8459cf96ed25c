//! `tandem serve`: settings → a running node, until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
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
    /// The working directory was made for this process: clear it away at the end
    #[arg(long, hide = true, requires = "exit_with_parent")]
    temporary_home: bool,
}

/// The file in a demo node's folder that its log goes to.
pub(super) const NODE_LOG: &str = "log";

/// What is still open after this time is cut off.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Stop> {
    api::use_ring();
    let mut config = arguments.settings.load()?;
    // The port comes first: a second start by mistake must not touch the database of the first.
    let listener = bind(config.listen).await?;
    let address = listener.local_addr().unwrap_or(config.listen);
    // With port 0 only now it is known what others can call.
    config.listen = address;
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
    if arguments.temporary_home {
        clear_home(&engine.config().data_dir);
    }
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

/// Removes what a node of the demo has made, and its folder and the demo's if nothing else is left in them: a demo that
/// was killed can no longer do it.
fn clear_home(data_dir: &Path) {
    let home = Path::new(".").canonicalize();
    let cleared = std::fs::remove_dir_all(data_dir).and_then(|()| {
        let home = home?;
        std::fs::remove_file(home.join(NODE_LOG))?;
        std::fs::remove_dir(&home)?;
        match home.parent().map(std::fs::remove_dir) {
            Some(Err(error)) if error.kind() != std::io::ErrorKind::DirectoryNotEmpty => Err(error),
            _ => Ok(()),
        }
    });
    if let Err(error) = cleared {
        warn!(%error, "cannot clear away the temporary files");
    }
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
