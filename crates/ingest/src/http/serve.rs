//! The listening side: which addresses are allowed, and connections within limits, with or without TLS.

use super::tls::Tls;
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Largest head: far above any honest one (paths are cut at 1 KiB); larger ones are answered with 431.
const HEAD_MAX: usize = 64 * 1024;

/// Pause after a failed accept, which mostly means that no file handles are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How an address is served: the limits of its connections, and TLS where it is spoken.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Connections at once, those that still shake hands included.
    pub connections_max: usize,
    /// A handshake, and each request's head, must be complete by then; idle connections end by it too.
    pub head_timeout: Duration,
    /// Requests under way may finish for so long after a stop.
    pub shutdown_grace: Duration,
    /// The certificate; without it plain HTTP.
    pub tls: Option<Tls>,
}

/// An address that may not be listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot listen on `{0}` without TLS: tokens and logs would cross the network in the clear\nhint: use a loopback address such as 127.0.0.1:{port}, or give a certificate by `tls_cert` and `tls_key` where the table has them", port = .0.port()
)]
pub struct ListenError(SocketAddr);

/// Allows loopback addresses, and with TLS any.
pub fn check_listen(address: SocketAddr, has_tls: bool) -> Result<(), ListenError> {
    if has_tls || address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(ListenError(address))
    }
}

/// Serves until `shutdown`; then takes no more, and gives requests under way `shutdown_grace` to finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    serving: &Serving,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(serving.connections_max));
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
        let (router, serving, shutdown) = (router.clone(), serving.clone(), shutdown.clone());
        tasks.spawn(async move {
            match serving.tls {
                None => connection(stream, router, serving.head_timeout, shutdown).await,
                Some(tls) => {
                    if let Some(stream) =
                        shake_hands(&tls, stream, serving.head_timeout, &shutdown).await
                    {
                        connection(stream, router, serving.head_timeout, shutdown).await;
                    }
                }
            }
            drop(permit);
        });
    }
    drop(listener);
    let finish = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(serving.shutdown_grace, finish)
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

/// The TLS side of a new connection, or nothing where the other one speaks no TLS, too slowly, or trusts us not.
async fn shake_hands(
    tls: &Tls,
    stream: TcpStream,
    within: Duration,
    shutdown: &CancellationToken,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let shaken = tokio::select! {
        () = shutdown.cancelled() => return None,
        shaken = tokio::time::timeout(within, tls.acceptor().accept(stream)) => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("a TLS handshake was too slow");
            None
        }
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
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
    fn without_tls_only_loopback_is_listened_on() {
        for good in [
            "127.0.0.1:7070",
            "127.8.8.8:1",
            "[::1]:7070",
            "[::ffff:127.0.0.1]:7070",
        ] {
            assert_eq!(check_listen(good.parse().unwrap(), false), Ok(()), "{good}");
        }
        for bad in [
            "0.0.0.0:7070",
            "[::]:7070",
            "10.1.2.3:7070",
            "[::ffff:10.1.2.3]:1",
        ] {
            let address = bad.parse().unwrap();
            let error = check_listen(address, false).unwrap_err().to_string();
            assert!(
                error.contains(bad.rsplit_once(':').unwrap().1) && error.contains("\nhint: "),
                "{error}"
            );
            assert_eq!(check_listen(address, true), Ok(()), "{bad}");
        }
    }
}
