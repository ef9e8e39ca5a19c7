//! One connection: its requests in turn, each within limits, until it ends or makes room.

use crate::admission::Place;
use crate::stall::Watched;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// Largest head: far above any honest one (paths are cut at 1 KiB); larger ones are answered with 431.
const HEAD_MAX: usize = 64 * 1024;

/// Headers of which a request has one at most, because two readers of it could take different ones: who speaks, to whom, how much.
const SINGLE: [HeaderName; 6] = [
    header::HOST,
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::EXPECT,
];

/// The connection that a request came on, among the request's extensions.
#[derive(Clone)]
pub struct Peer {
    place: Weak<Place>,
    names: Option<Arc<[String]>>,
}

impl Peer {
    /// The DNS names of the certificate that the connection began with; nothing where it showed none.
    pub fn certificate(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Its request has shown a good token, of `holder`: from now on it is no stranger.
    pub fn trust(&self, holder: &str) {
        if let Some(place) = self.place.upgrade() {
            place.trust(holder);
        }
    }
}

/// Serves a connection until it ends, until `shutdown` and the end of the request under way, or until it makes room for another. `names` are
/// those of its client's certificate, which was verified.
pub async fn connection<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: S,
    place: Place,
    names: Option<Arc<[String]>>,
    head_timeout: Duration,
    shutdown: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Given back last, when the socket is closed.
    let place = Arc::new(place);
    let requests = Arc::clone(&place);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer {
            place: Arc::downgrade(&requests),
            names: names.clone(),
        });
        answer(service.clone(), Arc::clone(&requests), request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD_MAX)
        .serve_connection(
            TokioIo::new(Watched::new(stream, Arc::clone(&place))),
            service,
        );
    let served = async {
        let mut connection = pin!(connection);
        tokio::select! {
            result = &mut connection => result,
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    tokio::select! {
        // First, so that a head that has come is seen before its connection goes.
        biased;
        result = served => if let Err(error) = result {
            tracing::debug!(%error, "a connection ended early");
        },
        () = place.evicted() => tracing::debug!("a connection made room"),
    }
}

async fn answer<S, B>(
    service: S,
    place: Arc<Place>,
    request: Request<Incoming>,
) -> Result<Response<Answer<B>>, S::Error>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
{
    let has_place = place.begin();
    let under_way = UnderWay(Arc::clone(&place));
    if !has_place {
        return Ok(refusal(StatusCode::SERVICE_UNAVAILABLE, under_way));
    }
    if let Some(name) = repeated(request.headers(), &SINGLE) {
        tracing::debug!(%name, "a request has a header twice");
        return Ok(refusal(StatusCode::BAD_REQUEST, under_way));
    }
    let response = service.call(request).await?;
    Ok(response.map(|body| Answer {
        body: Some(body),
        _under_way: under_way,
    }))
}

/// The first of the names that stands more than once among the headers.
fn repeated<'a>(headers: &HeaderMap, names: &'a [HeaderName]) -> Option<&'a HeaderName> {
    names
        .iter()
        .find(|name| headers.get_all(*name).iter().nth(1).is_some())
}

fn refusal<B>(status: StatusCode, under_way: UnderWay) -> Response<Answer<B>> {
    let mut response = Response::new(Answer {
        body: None,
        _under_way: under_way,
    });
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A request whose answer is not made yet; ends when dropped.
struct UnderWay(Arc<Place>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// A response's body, which tells the place when it is made.
struct Answer<B> {
    body: Option<B>,
    _under_way: UnderWay,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}
