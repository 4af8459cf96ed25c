//! A node of a test: the whole router, without a socket.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use tandem::config::{Config, PeerAddress, ScopeSettings, Secret};
use tandem::demo::{Cluster, ClusterOptions, Purpose};
use tandem::{Engine, model};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::node::Node;
use crate::routes;

pub(super) const PASSWORD: &str = "right horse battery";
pub(super) const TOKEN: &str = "token-of-the-test";
pub(super) const PEER: &str = "Harbour Branch";
pub(super) const NAME: &str = "Head Office";
pub(super) const KEY: &str = "a registration key of the test";

/// One server for all tests of this binary. It is never dropped; its watchdog removes it when the process ends.
static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
static COUNT: AtomicUsize = AtomicUsize::new(0);

pub(super) struct TestNode {
    pub(super) router: axum::Router,
    /// As the end of the server does it.
    pub(super) stop: CancellationToken,
    // Dropped last: the engine still uses it.
    _folder: tempfile::TempDir,
}

pub(super) async fn start() -> TestNode {
    start_with("").await
}

/// Beside a database that these statements have filled.
pub(super) async fn start_with(sql: &str) -> TestNode {
    crate::cli::api::use_ring();
    let cluster = CLUSTER
        .get_or_init(async || {
            let options = ClusterOptions { purpose: Purpose::Test, ..ClusterOptions::default() };
            Cluster::start(options).await.expect("PostgreSQL starts")
        })
        .await;
    let database = format!("node_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    cluster.create_database(&database).await.expect("a database can be made");
    let url = cluster.url(&database);
    let psql = cluster
        .command("psql")
        .args(["--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1"])
        .args(["-d", &url, "-c", sql])
        .output();
    let output = psql.expect("psql starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let address: SocketAddr = ([127, 0, 0, 1], 3000).into();
    let config = Config {
        database_url: Secret::new(url),
        listen: address,
        name: NAME.to_owned(),
        data_dir: folder.path().join("data"),
        registration_key: Some(Secret::new(KEY)),
        admin_password: Some(Secret::new(PASSWORD)),
        api_token: Some(Secret::new(TOKEN)),
        peers: vec![PeerAddress { name: PEER.to_owned(), url: None }],
        pg_bin: Some(cluster.bin().to_owned()),
        allow_initialise: None,
        undo_days: 7,
        undo_mb: 64,
        scope: ScopeSettings::default(),
        batch_size: 500,
    };
    let (engine, _password) = Engine::start(config).await.expect("the engine starts");
    let stop = CancellationToken::new();
    let node = Node::new(engine, address, stop.clone());
    TestNode { router: routes::router(&node), stop, _folder: folder }
}

/// What came back, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The error's code, when it is one of ours.
    pub(super) fn code(&self) -> Option<model::Code> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        serde_json::from_value(body.get("error")?.get("code")?.clone()).ok()
    }
}

impl TestNode {
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let request = headers
            .iter()
            .fold(Request::builder(), |request, (name, value)| request.header(*name, *value))
            .method(method)
            .uri(path)
            .body(Body::from(body.to_owned()))
            .unwrap();
        read(self.answer(request).await).await
    }

    pub(super) async fn answer(&self, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 50_000))));
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The cookie of an admin who has signed in.
    pub(super) async fn cookie(&self) -> String {
        let form = format!("password={}", PASSWORD.replace(' ', "+"));
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.call(Method::POST, "/login", &headers, &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

pub(super) async fn read(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}
