//! The listening side: which addresses are allowed, and connections within limits.

use crate::Config;
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Largest head: far above any honest one (paths are cut at 1 KiB); larger ones are answered with 431.
const HEAD_MAX: usize = 64 * 1024;

/// Pause after a failed accept, which mostly means that no file handles are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that may not be listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot listen on `{0}` without TLS: tokens and logs would cross the network in the clear\nhint: use a loopback address such as 127.0.0.1:{port}, and put a TLS proxy in front of it", port = .0.port()
)]
pub struct ListenError(SocketAddr);

/// Allows loopback addresses only, as long as the intake does not speak TLS itself.
pub fn check_listen(address: SocketAddr) -> Result<(), ListenError> {
    if address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(ListenError(address))
    }
}

/// Serves until `shutdown`; then takes no more, and gives requests under way `shutdown_grace` to finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &Config,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(config.connections_max));
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = connection(
            stream,
            router.clone(),
            config.head_timeout,
            shutdown.clone(),
        );
        tasks.spawn(async move {
            connection.await;
            drop(permit);
        });
    }
    drop(listener);
    let finish = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(config.shutdown_grace, finish)
        .await
        .is_err()
    {
        tracing::warn!(
            connections = tasks.len(),
            "connections were cut at the end of the grace time"
        );
    }
    Ok(())
}

/// A connection waits in the kernel's queue while there are too many.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are small and waited for.
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

async fn connection(
    stream: TcpStream,
    router: Router,
    head_timeout: Duration,
    shutdown: CancellationToken,
) {
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_listened_on() {
        for good in [
            "127.0.0.1:7070",
            "127.8.8.8:1",
            "[::1]:7070",
            "[::ffff:127.0.0.1]:7070",
        ] {
            assert_eq!(check_listen(good.parse().unwrap()), Ok(()), "{good}");
        }
        for bad in [
            "0.0.0.0:7070",
            "[::]:7070",
            "10.1.2.3:7070",
            "[::ffff:10.1.2.3]:1",
        ] {
            let error = check_listen(bad.parse().unwrap()).unwrap_err().to_string();
            assert!(
                error.contains(bad.rsplit_once(':').unwrap().1) && error.contains("\nhint: "),
                "{error}"
            );
        }
    }
}
