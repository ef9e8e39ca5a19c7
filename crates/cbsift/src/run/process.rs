//! What every role is made of: its runtime, its end, its ports and its servers.

use crate::settings::Settings;
use anyhow::{Context, anyhow};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The only tenant until somebody needs more.
pub(crate) const TENANT: &str = "default";

/// Why a task has no result. Its own error quotes the panic, and that the text of a log.
pub(super) fn cut_short(error: tokio::task::JoinError) -> anyhow::Error {
    let what = if error.is_panic() {
        "panicked"
    } else {
        "was cancelled"
    };
    anyhow::anyhow!("a task {what}")
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")
}

/// What must be done before the end of a role is awaited in it. What then still blocks a thread asks brokers that do not answer,
/// for up to 30 s, and nobody would hear the answer.
const LEFT_BEHIND: Duration = Duration::from_millis(100);

/// Runs a role to its end.
pub(crate) fn role(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(LEFT_BEHIND);
    outcome?;
    Ok(ExitCode::SUCCESS)
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
pub(super) fn listen(address: SocketAddr, key: &str, has_tls: bool) -> anyhow::Result<TcpListener> {
    serve::check_listen(address, has_tls).map_err(|error| anyhow!("`{key}`: {error}"))?;
    serve::listen(address).with_context(|| {
        format!("listen on {address} (`{key}`)\nhint: another program has the port; choose one with CBSIFT__{}=127.0.0.1:PORT", key.to_uppercase().replace('.', "__"))
    })
}

/// The servers of a process. The first failure stops all of them, and all are awaited.
pub(super) struct Servers {
    tasks: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
    drain: Duration,
}

/// Servers end by themselves when the grace of their requests is over; what is cut this much later would not end at all.
pub(super) const CUT_AFTER: Duration = Duration::from_secs(2);

/// How long a role's servers have after a stop, where nothing else in it takes longer.
pub(super) fn drain(settings: &Settings) -> Duration {
    settings.ingest.shutdown_grace + CUT_AFTER
}

impl Servers {
    /// After a stop they have `drain` to end.
    pub(super) fn new(stop: &CancellationToken, drain: Duration) -> Self {
        Self {
            tasks: JoinSet::new(),
            stop: stop.clone(),
            drain,
        }
    }

    /// Adds one; `serve` ends when the token it gets is cancelled.
    pub(super) fn add<F>(&mut self, name: &'static str, serve: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let server = serve(self.stop.clone());
        self.tasks
            .spawn(async move { server.await.with_context(|| format!("serve {name}")) });
    }

    /// Runs until `stop` or the first failure, then stops and drains the rest.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        tokio::select! {
            () = self.stop.cancelled() => {}
            Some(ended) = self.tasks.join_next() => outcome = ended.map_err(cut_short).and_then(|result| result),
        }
        self.stop.cancel();
        let drain = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.map_err(cut_short)??;
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(self.drain, drain).await {
            Ok(ended) => outcome = outcome.and(ended),
            Err(_) => tracing::warn!(
                servers = self.tasks.len(),
                "not everything ended within {} s after the stop, and is cut",
                self.drain.as_secs()
            ),
        }
        outcome
    }
}

/// Between two tries to reach the brokers.
const BROKERS_AGAIN: Duration = Duration::from_secs(1);

/// Makes or checks the topics, as soon as brokers answer; none when `stop` comes first.
pub(super) async fn topics(
    config: &queue::Config,
    stop: &CancellationToken,
) -> anyhow::Result<Option<()>> {
    let mut last = String::new();
    loop {
        let error = tokio::select! {
            () = stop.cancelled() => return Ok(None),
            ensured = queue::topics::ensure(config) => match ensured {
                Ok(_) => return Ok(Some(())),
                Err(error) => error,
            },
        };
        if !error.is_retryable() {
            return Err(error).context("check the topics");
        }
        // Said once a reason, not once a second.
        if error.to_string() != last {
            last = error.to_string();
            tracing::warn!("waiting for Kafka: {last}");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(BROKERS_AGAIN) => {}
        }
    }
}
