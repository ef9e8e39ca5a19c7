//! An address that is served: connections are taken as they come, with or without TLS, and end in order.

use crate::admission::Admission;
use crate::connection::connection;
use crate::tls::{Tls, names_of};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};
use std::error::Error;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Pause after a failed accept, which mostly means that no file is left: what was ended for it closes meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How an address is served.
#[derive(Clone)]
pub struct Serving {
    /// Who may hold a connection; shared with the other addresses of the process.
    pub admission: Admission,
    /// A handshake, and each request's head, must be complete by then; idle connections end by it too.
    pub head_timeout: Duration,
    /// Requests under way may finish for so long after a stop.
    pub shutdown_grace: Duration,
    /// The certificate; without it plain HTTP.
    pub tls: Option<Tls>,
}

/// Serves until `shutdown`; then takes no more, and gives requests under way `shutdown_grace` to finish.
pub async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    serving: &Serving,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let next = async {
            serving.admission.settled().await;
            listener.accept().await
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = next => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                serving.admission.shed(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(place) = serving.admission.admit(address.ip()) else {
            tracing::debug!("a connection was refused, because every other one is of use");
            continue;
        };
        // Answers are small and waited for. An error means that the other side is gone, which shows soon enough.
        let _ = stream.set_nodelay(true);
        let (service, serving, shutdown) = (service.clone(), serving.clone(), shutdown.clone());
        tasks.spawn(async move {
            let within = serving.head_timeout;
            let Some(tls) = serving.tls else {
                return connection(stream, service, place, None, within, shutdown).await;
            };
            let shaken = tokio::select! {
                biased;
                shaken = shake_hands(&tls, stream, within, &shutdown) => shaken,
                () = place.evicted() => None,
            };
            if let Some(stream) = shaken {
                let names = names_of(stream.get_ref().1.peer_certificates());
                connection(stream, service, place, names, within, shutdown).await;
            }
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
