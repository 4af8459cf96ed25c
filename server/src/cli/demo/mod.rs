//! `tandem demo`: nothing → two PostgreSQL servers, two nodes, a first sync of sample data, and nothing again.

mod node;
mod secret;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use tandem::demo::{Cluster, ClusterOptions, Purpose, shop};
use tandem::model::{Direction, Method, Phase, Presence, SyncOptions, SyncRequest, SyncStatus, text};
use tempfile::TempDir;

use self::node::{Node, Plan};
use super::follow::{Following, OnInterrupt, follow};
use super::{Stop, api, output, signals, summary};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// End after the first sync; the exit code says whether it was verified
    #[arg(long)]
    exit: bool,
    /// Start the servers and nodes, but no sync
    #[arg(long, conflicts_with = "exit")]
    no_sync: bool,
    /// First port to try for the two nodes; 0 takes any that is free
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Folder with PostgreSQL's server programs (initdb, postgres)
    #[arg(long, value_name = "FOLDER")]
    pg_bin: Option<PathBuf>,
    /// Print what runs where, and the sync's final status, as one line of JSON
    #[arg(long)]
    json: bool,
    /// End when the standard input is closed
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

/// The one that pulls: its page is the first to be looked at.
const TARGET: &str = "Head Office";
const SOURCE: &str = "Harbour Branch";

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Stop> {
    api::use_ring();
    let mut stage = Stage::default();
    let ended = tokio::select! {
        ended = play(&mut stage, &arguments) => ended,
        // Who waits for a verified sync has not got one.
        () = signals::told_to_stop(arguments.exit_with_parent) => {
            Ok(if arguments.exit { ExitCode::from(1) } else { ExitCode::SUCCESS })
        }
    };
    stage.clear().await;
    ended
}

/// All that must be gone at the end, in the order in which it came.
#[derive(Default)]
struct Stage {
    folder: Option<TempDir>,
    clusters: Vec<Cluster>,
    nodes: Vec<Node>,
}

impl Stage {
    /// Nodes first: they still need their databases to end in order.
    async fn clear(mut self) {
        if !self.nodes.is_empty() {
            say("Stopping …");
        }
        futures::future::join_all(self.nodes.drain(..).map(Node::stop)).await;
        futures::future::join_all(self.clusters.drain(..).map(Cluster::stop)).await;
        // The nodes have removed it by now, unless one had to be killed.
        if let Some(folder) = self.folder.take()
            && let Err(error) = folder.close()
            && error.kind() != std::io::ErrorKind::NotFound
        {
            say(&format!("A temporary folder could not be removed: {error}"));
        }
    }
}

async fn play(stage: &mut Stage, arguments: &Arguments) -> Result<ExitCode, Stop> {
    let databases = start_databases(stage, arguments).await?;
    start_nodes(stage, arguments, &databases).await?;
    let status = if arguments.no_sync { None } else { Some(first_sync(&stage.nodes[0]).await?) };

    if arguments.json {
        output::json_line(&facts(stage, &databases, status.as_ref()))?;
    } else {
        output::text(&closing(stage, arguments, &databases, status.as_ref()))?;
    }
    if arguments.exit {
        let verified = status.is_some_and(|status| status.phase == Phase::Verified);
        return Ok(if verified { ExitCode::SUCCESS } else { ExitCode::from(1) });
    }
    let [target, source] = &mut stage.nodes[..] else { unreachable!("two nodes were started") };
    tokio::select! {
        reason = target.ended() => Err(reason),
        reason = source.ended() => Err(reason),
    }
}

/// The sample on one server, its bare tables on the other. Returns the addresses of both, the target's first.
async fn start_databases(stage: &mut Stage, arguments: &Arguments) -> Result<[String; 2], Stop> {
    let started = Instant::now();
    let options = || ClusterOptions {
        pg_bin: arguments.pg_bin.clone(),
        purpose: Purpose::Demo,
        ..ClusterOptions::default()
    };
    let failed = |error: &dyn std::error::Error| Stop::failed(with_causes("Cannot start PostgreSQL", error));
    let (target, source) = tokio::join!(Cluster::start(options()), Cluster::start(options()));
    // Both are kept before either is looked at, so that a failed one does not lose the other.
    let mut faults = Vec::new();
    for cluster in [target, source] {
        match cluster {
            Ok(cluster) => stage.clusters.push(cluster),
            Err(error) => faults.push(failed(&error)),
        }
    }
    if let Some(fault) = faults.pop() {
        return Err(fault);
    }
    for cluster in &stage.clusters {
        cluster.create_database(shop::DATABASE).await.map_err(|error| failed(&error))?;
    }
    let urls = [stage.clusters[0].url(shop::DATABASE), stage.clusters[1].url(shop::DATABASE)];
    done("two PostgreSQL servers of their own", started);

    let started = Instant::now();
    let load = async {
        tokio::try_join!(shop::load_schema(&urls[0]), shop::load_schema(&urls[1]))?;
        shop::load_data(&urls[1]).await
    };
    load.await.map_err(|error| Stop::failed(with_causes("Cannot load the sample", &error)))?;
    done(&format!("a sample shop at {SOURCE}, its empty tables at {TARGET}"), started);
    Ok(urls)
}

async fn start_nodes(stage: &mut Stage, arguments: &Arguments, databases: &[String; 2]) -> Result<(), Stop> {
    let started = Instant::now();
    let folder = tempfile::Builder::new()
        .prefix("tandem-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| Stop::failed(format!("Cannot make a temporary folder: {error}.")))?;
    let [target_port, source_port] = node::free_ports(arguments.port)?;
    let key = secret::digits(32)?;
    let password = secret::password()?;
    let token = secret::digits(32)?;
    for (name, port, peer, peer_port, database) in
        [(TARGET, target_port, SOURCE, source_port, 0), (SOURCE, source_port, TARGET, target_port, 1)]
    {
        let node = Node::start(Plan {
            name,
            port,
            peers: format!("{peer}=http://127.0.0.1:{peer_port}"),
            database_url: &databases[database],
            pg_bin: stage.clusters[database].bin(),
            folder: folder.path(),
            key: &key,
            password: &password,
            token: &token,
        })?;
        stage.nodes.push(node);
    }
    stage.folder = Some(folder);
    for node in &mut stage.nodes {
        node.wait_until_ready().await?;
    }
    wait_until_they_meet(&stage.nodes).await?;
    done("two nodes, which know each other", started);
    Ok(())
}

async fn wait_until_they_meet(nodes: &[Node]) -> Result<(), Stop> {
    let started = Instant::now();
    for node in nodes {
        loop {
            let overview = node.api.refresh().await?;
            let Some(peer) = overview.peers.first() else {
                return Err(Stop::failed(format!("{} has no peer.", node.name)));
            };
            if peer.presence == Presence::Online {
                break;
            }
            if started.elapsed() > Duration::from_secs(20) {
                let why = peer.problem.as_ref().map_or("it does not answer", |error| error.message.as_str());
                return Err(Stop::failed(format!("{} cannot reach {}: {why}", node.name, peer.name)));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}

async fn first_sync(target: &Node) -> Result<SyncStatus, Stop> {
    let request = SyncRequest {
        action: Direction::Pull,
        peer: SOURCE.to_owned(),
        method: Method::Auto,
        options: SyncOptions::default(),
    };
    let session = target.api.start_sync(&request).await?;
    match follow(&target.api, &session, OnInterrupt::Nothing).await? {
        Following::Ended(status) => Ok(*status),
        Following::Left => Err(Stop::failed("The sync was left alone.")),
    }
}

fn closing(
    stage: &Stage,
    arguments: &Arguments,
    databases: &[String; 2],
    status: Option<&SyncStatus>,
) -> String {
    let mut out = String::new();
    if let Some(status) = status {
        out += &format!("\n{}\n", summary::short(status));
    }
    if !arguments.exit {
        let target = &stage.nodes[0];
        for (node, database) in stage.nodes.iter().zip(databases) {
            out += &format!("\n  {:<15} {}\n  {:<15} {database}", node.name, node.api.node(), "its database");
        }
        out += &format!("\n  {:<15} {}\n", "Password", target.password);
        out += &format!(
            "
Open both. Change some rows with psql, sync again: on a panel, or in another terminal by

  TANDEM_API_TOKEN={} {} sync pull {SOURCE:?} --node {}

Ctrl-C ends the demo and removes everything.",
            target.token,
            std::env::args().next().unwrap_or_else(|| "tandem".to_owned()),
            target.api.node(),
        );
    }
    out
}

fn facts(stage: &Stage, databases: &[String; 2], status: Option<&SyncStatus>) -> serde_json::Value {
    let nodes: Vec<serde_json::Value> = stage
        .nodes
        .iter()
        .zip(databases)
        .map(|(node, database)| {
            json!({
                "name": node.name, "url": node.api.node().as_str(), "database_url": database,
                "password": node.password, "api_token": node.token, "pid": node.pid(),
            })
        })
        .collect();
    json!({ "nodes": nodes, "status": status })
}

fn done(what: &str, since: Instant) {
    let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    say(&format!("✓ {what} ({})", text::duration(ms)));
}

/// For who watches; what the demo found out goes to the standard output.
fn say(line: &str) {
    eprintln!("{line}");
}

fn with_causes(what: &str, error: &dyn std::error::Error) -> String {
    let mut text = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
