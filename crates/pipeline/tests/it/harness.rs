//! One engine for the whole test process, with migrated tables.

use embedded_clickhouse::testing::{TOKEN, TestEngine};
use pipeline::Config;
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use store::{Store, StoreConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OnceCell;

pub(crate) const TENANT: &str = "default";

/// The engine of all tests. Without the library the test fails with the way to get it.
pub(crate) async fn engine() -> &'static TestEngine {
    static ENGINE: OnceCell<TestEngine> = OnceCell::const_new();
    let start = || async {
        // Under target/tmp, so that a process that is killed leaves nothing elsewhere; emptied by the next run of the same name.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(concat!(
            env!("CARGO_PKG_NAME"),
            "-",
            env!("CARGO_CRATE_NAME")
        ));
        let engine = TestEngine::fresh(folder);
        let store = connect(&engine).await;
        store
            .migrate()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        pipeline::publish_shipped(&store)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        engine
    };
    ENGINE.get_or_init(start).await
}

async fn connect(engine: &TestEngine) -> Store {
    Store::connect(StoreConfig::local(engine.socket()))
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn store() -> Store {
    connect(engine().await).await
}

/// The engine as a client that is not ours meets it.
pub(crate) async fn client() -> clickhouse::Client {
    clickhouse::Client::default()
        .with_url(engine().await.url())
        .with_user("cbsift")
        .with_password(TOKEN)
        .with_database("cbsift")
}

/// Bounds that make a test quick. Sweeps are off: the pipelines of other tests write to the same store.
pub(crate) fn quick() -> Config {
    Config {
        derive_quiet: Duration::from_millis(50),
        derive_latest: Duration::from_millis(500),
        derive_pause: Duration::from_millis(50),
        derive_retry: Duration::from_millis(200),
        first_sweep_age: Duration::from_secs(3_600),
        sweep_age: Duration::from_secs(3_600),
        ..Config::default()
    }
}

/// Waits until nothing of an endpoint is left to derive.
pub(crate) async fn settle(store: &Store, endpoint: &str) {
    // Generous: the machine may be busy.
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let open = store
            .open_news(Duration::ZERO, 1_000_000)
            .await
            .expect("news");
        if open.iter().all(|news| news.unit.endpoint != endpoint) {
            return;
        }
        assert!(Instant::now() < deadline, "not derived in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A way to the engine that hangs up in the middle of a request when told to.
pub(crate) struct Breakable {
    address: SocketAddr,
    plan: Arc<Plan>,
}

/// Every n-th piece of a request is cut, so many times.
#[derive(Default)]
struct Plan {
    every: AtomicU64,
    times: AtomicU64,
    pieces: AtomicU64,
}

impl Breakable {
    pub(crate) async fn start() -> Self {
        let engine = engine().await.address();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let plan = Arc::new(Plan::default());
        let of_all = Arc::clone(&plan);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let plan = Arc::clone(&of_all);
                tokio::spawn(async move { pass(client, engine, &plan).await });
            }
        });
        Self { address, plan }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on every n-th piece is cut, so many times.
    pub(crate) fn cut(&self, every: u64, times: u64) {
        self.plan.every.store(every, Ordering::Relaxed);
        self.plan.times.store(times, Ordering::Relaxed);
    }

    /// Cuts still to come.
    pub(crate) fn cuts_left(&self) -> u64 {
        self.plan.times.load(Ordering::Relaxed)
    }
}

impl Plan {
    fn is_turn(&self) -> bool {
        let number = self.pieces.fetch_add(1, Ordering::Relaxed) + 1;
        number.is_multiple_of(self.every.load(Ordering::Relaxed).max(1))
            && self
                .times
                .try_update(Ordering::Relaxed, Ordering::Relaxed, |times| {
                    times.checked_sub(1)
                })
                .is_ok()
    }
}

/// Passes bytes both ways; half a piece of a request whose turn it is.
async fn pass(mut client: TcpStream, engine: SocketAddr, plan: &Plan) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let Ok(mut server) = TcpStream::connect(engine).await else {
        return;
    };
    let (mut up, mut down) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => match read {
                Ok(bytes) if bytes > 0 => {
                    let is_cut = plan.is_turn();
                    let bytes = if is_cut { bytes / 2 } else { bytes };
                    if server.write_all(&up[..bytes]).await.is_err() || is_cut {
                        return;
                    }
                }
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(bytes) if bytes > 0 => {
                    if client.write_all(&down[..bytes]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}
