//! Everything in one process: what `cbsift up` builds, top to bottom in the order data flows.

use crate::settings::Settings;
use crate::{keeper, token};
use anyhow::{Context, anyhow};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use classify::Rules;
use event::{Chunk, Source, StreamId};
use ingest::{ChunkSink, FileDigest, Import, Offsets, Owner, SinkError};
use pipeline::Pipeline;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{Store, StoreConfig};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// The only tenant until somebody needs more.
const TENANT: &str = "default";

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")
}

/// Runs what opens the engine, and ends the process with it: what was acknowledged is on disk, and the engine is not asked to close.
pub(crate) fn to_the_end(
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(work);
    embedded_clickhouse::leave(match outcome {
        Ok(()) => 0,
        Err(error) => i32::from(crate::report_error(&error)),
    })
}

/// Cancelled at the first SIGINT or SIGTERM; the second one ends the process at once.
pub(crate) fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        signal().await;
        token.cancel();
        signal().await;
        std::process::exit(1);
    });
    stop
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Opens a port; says what to do when it is taken.
async fn listen(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    ingest::check_listen(address).map_err(|error| anyhow!("`{key}`: {error}"))?;
    TcpListener::bind(address).await.with_context(|| {
        format!("listen on {address} (`{key}`)\nhint: another program has the port; choose one with CBSIFT__{}=127.0.0.1:PORT", key.to_uppercase().replace('.', "__"))
    })
}

/// The embedded engine, served on loopback.
pub(crate) struct Engine {
    pub(crate) address: SocketAddr,
    server: JoinHandle<std::io::Result<()>>,
}

impl Engine {
    pub(crate) async fn start(
        settings: &Settings,
        token: &str,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let listener = listen(settings.engine_listen, "engine.listen").await?;
        let mut config = embedded_clickhouse::EngineConfig::new(settings.data.join("engine"));
        config.library.clone_from(&settings.library);
        config.max_memory_bytes = settings.max_memory;
        let engine = tokio::task::spawn_blocking(move || embedded_clickhouse::Engine::open(config))
            .await?
            .context("open the embedded engine")?;
        let engine = Arc::new(engine);
        // Never closed: the process ends with it, see `leave`.
        std::mem::forget(Arc::clone(&engine));
        let address = listener.local_addr()?;
        let tokens = embedded_clickhouse::Tokens::new(token);
        let server = tokio::spawn(embedded_clickhouse::serve(
            Arc::clone(&engine),
            listener,
            tokens,
            stop.cancelled_owned(),
        ));
        Ok(Self { address, server })
    }

    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        self.server.await?.context("serve the embedded engine")
    }
}

/// Where a running `up` is found.
pub(crate) struct Addresses {
    pub(crate) page: SocketAddr,
    pub(crate) intake: SocketAddr,
    pub(crate) engine: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// Runs everything until `stop`; `ready` is called once all addresses answer.
pub(crate) async fn up(
    settings: &Settings,
    stop: CancellationToken,
    ready: impl FnOnce(&Addresses, &str),
) -> anyhow::Result<()> {
    let token = token::make(&settings.data)?;
    // Ports first: a taken one must not cost the time to open the engine.
    let intake_listener = listen(settings.ingest.listen, "ingest.listen").await?;
    let page_listener = listen(settings.web_listen, "web.listen").await?;
    let admin_listener = listen(settings.admin_listen, "admin.listen").await?;

    // The engine goes last of all, so it has a stop of its own.
    let engine_stop = CancellationToken::new();
    let engine = Engine::start(settings, &token, engine_stop.clone()).await?;
    let store = Store::connect(StoreConfig::embedded(
        format!("http://{}", engine.address),
        token.as_str(),
    ))
    .await
    .context("connect to the store")?;
    store.migrate().await.context("migrate the store")?;

    let rules = Rules::shipped();
    let pipeline = Pipeline::start_with(settings.pipeline.clone(), store.clone(), rules)
        .await
        .context("start the pipeline")?;
    let is_full = Arc::new(AtomicBool::new(false));

    let mut tokens = match &settings.ingest.tokens_file {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("read token file `{}`", path.display()))?;
            ingest::Tokens::parse(&text).map_err(|errors| {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                anyhow!("token file `{}`: {}", path.display(), errors.join("; "))
            })?
        }
        None => ingest::Tokens::default(),
    };
    tokens = tokens.with_relay(&token);
    let sink = Sink {
        pipeline: pipeline.handle(),
        is_full: Arc::clone(&is_full),
    };
    let intake = ingest::router(
        sink,
        Held {
            store: store.clone(),
        },
        Arc::new(tokens),
        &settings.ingest,
    );
    let web = web::Web::new(
        store.clone(),
        rules,
        TENANT,
        settings.max_disk,
        &settings.web,
    );
    let web_is_full = web.disk_full();
    let admin = admin(
        store.clone(),
        pipeline.status(),
        settings.max_disk,
        Arc::clone(&is_full),
    );

    let addresses = Addresses {
        page: page_listener.local_addr()?,
        intake: intake_listener.local_addr()?,
        engine: engine.address,
        admin: admin_listener.local_addr()?,
    };
    let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let ingest_config = settings.ingest.clone();
    let (one, two, three) = (stop.clone(), stop.clone(), stop.clone());
    tasks.spawn(async move {
        ingest::serve(intake_listener, intake, &ingest_config, one)
            .await
            .context("serve the intake")
    });
    tasks.spawn(async move {
        axum::serve(page_listener, web::router(web))
            .with_graceful_shutdown(two.cancelled_owned())
            .await
            .context("serve the pages")
    });
    tasks.spawn(async move {
        axum::serve(admin_listener, admin)
            .with_graceful_shutdown(three.cancelled_owned())
            .await
            .context("serve health and metrics")
    });
    tasks.spawn(keeper::keep(
        store,
        settings.max_disk,
        vec![is_full, web_is_full],
        stop.clone(),
    ));

    ready(&addresses, &token);

    // The first failure stops everything, and everybody is awaited.
    let mut outcome = Ok(());
    tokio::select! {
        () = stop.cancelled() => {}
        Some(ended) = tasks.join_next() => outcome = ended.map_err(anyhow::Error::from).and_then(|result| result),
    }
    stop.cancel();
    let drain = async {
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    };
    // Open pages would otherwise hold the stop for as long as people look at them.
    if let Ok(ended) = tokio::time::timeout(Duration::from_secs(10), drain).await {
        outcome = outcome.and(ended);
    }
    outcome = outcome.and(pipeline.stop().await.context("stop the pipeline"));
    engine_stop.cancel();
    outcome.and(engine.ended().await)
}

/// From the intake straight into the pipeline: acknowledged means stored.
#[derive(Clone)]
struct Sink {
    pipeline: pipeline::Handle,
    is_full: Arc<AtomicBool>,
}

impl ChunkSink for Sink {
    async fn store(&self, chunks: Vec<Chunk>) -> Result<(), SinkError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(SinkError::Full("`store.max_disk` is reached".to_owned()));
        }
        self.pipeline.store(chunks).await.map_err(|error| {
            if error.is_full() {
                SinkError::Full(error.to_string())
            } else {
                SinkError::Unavailable(error.to_string())
            }
        })
    }
}

/// What the store holds, as far as senders ask.
#[derive(Clone)]
struct Held {
    store: Store,
}

impl Offsets for Held {
    async fn next_offset(
        &self,
        owner: &Owner,
        _source: Source,
        stream: StreamId,
    ) -> Result<u64, SinkError> {
        self.store
            .next_offset(&owner.tenant, &owner.endpoint, stream)
            .await
            .map_err(away)
    }

    async fn is_imported(&self, owner: &Owner, digest: FileDigest) -> Result<bool, SinkError> {
        self.store
            .is_imported(&owner.tenant, &owner.endpoint, &digest.to_string())
            .await
            .map_err(away)
    }

    async fn record_import(&self, import: Import) -> Result<(), SinkError> {
        let row = store::Import {
            tenant: import.owner.tenant,
            endpoint: import.owner.endpoint,
            digest: import.digest.to_string(),
            source: import.source,
            stream: import.stream,
            path: import.path,
            bytes: import.bytes,
        };
        self.store.record_import(&row).await.map_err(away)
    }
}

fn away(error: store::StoreError) -> SinkError {
    SinkError::Unavailable(error.to_string())
}

/// Health and metrics, on an address of their own.
fn admin(
    store: Store,
    status: pipeline::Status,
    max_disk: u64,
    is_full: Arc<AtomicBool>,
) -> Router {
    let ready = {
        let (store, status) = (store.clone(), status.clone());
        move || async move {
            match status.pending_units(&store).await {
                Ok(0) => (StatusCode::OK, "ready\n".to_owned()),
                Ok(pending) => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("{pending} units left to derive\n"),
                ),
                Err(error) => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("the store does not answer: {error}\n"),
                ),
            }
        }
    };
    let metrics = move || async move {
        let used = store.disk_used().await.unwrap_or_default();
        let pending = status.pending_units(&store).await.unwrap_or_default();
        let full = u8::from(is_full.load(Ordering::Relaxed));
        let counts = status.counts();
        format!(
            "# HELP cbsift_pipeline_chunks_total Chunks stored.\n# TYPE cbsift_pipeline_chunks_total counter\ncbsift_pipeline_chunks_total {}\n\
             # HELP cbsift_pipeline_bytes_total Source bytes of the chunks stored.\n# TYPE cbsift_pipeline_bytes_total counter\ncbsift_pipeline_bytes_total {}\n\
             # HELP cbsift_pipeline_derivations_total Units derived.\n# TYPE cbsift_pipeline_derivations_total counter\ncbsift_pipeline_derivations_total {}\n\
             # HELP cbsift_pipeline_pending_units Units whose news are not derived yet.\n# TYPE cbsift_pipeline_pending_units gauge\ncbsift_pipeline_pending_units {pending}\n\
             # HELP cbsift_store_disk_bytes Disk that the store takes.\n# TYPE cbsift_store_disk_bytes gauge\ncbsift_store_disk_bytes {used}\n\
             # HELP cbsift_store_disk_max_bytes Disk that it may take; 0 = no bound.\n# TYPE cbsift_store_disk_max_bytes gauge\ncbsift_store_disk_max_bytes {max_disk}\n\
             # HELP cbsift_store_full Whether the intake refuses logs because the disk is full.\n# TYPE cbsift_store_full gauge\ncbsift_store_full {full}\n",
            counts.chunks, counts.bytes, counts.derivations
        )
    };
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}
