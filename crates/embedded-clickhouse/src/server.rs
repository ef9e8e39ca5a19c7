//! ClickHouse's HTTP interface, on a loopback address for clients and on a path socket for the process that started the engine.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net;
use std::os::unix::net as std_unix;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{HeaderMap, Method, Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use ::serve::{Admission, Limits, Peer};

use crate::access::{Access, Tokens};
use crate::body::Piece;
use crate::engine::{Engine, spawn_on_engine_stack};
use crate::exception::Exception;
use crate::execute::{Job, Mark, Running};
use crate::places::Places;
use crate::reply::{self, ReplyBody};
use crate::request::{self, Request};
use crate::session::Sessions;

/// Connections at once through one door; clients keep some open. A descriptor each, well below the usual 1024.
const MAX_CONNECTIONS: usize = 256;

/// Of them, those that have shown no good token yet: all clients are on this machine and share an address, so one that opens many
/// without a word leaves half of the door to the others, and its oldest ones make room for its next.
const MAX_STRANGERS: usize = MAX_CONNECTIONS / 2;

/// A stranger whose request takes longer may have to make room, too: whoever has a token has shown it by then.
const STRANGERS_PATIENCE: Duration = Duration::from_secs(10);

/// For the head of a request and for an idle connection, as ClickHouse's `keep_alive_timeout`.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Between two pieces of a body; ClickHouse's `http_receive_timeout` is 30 s.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// After an early error the rest of the body is read and thrown away, so that the client, still
/// busy sending, meets the answer instead of a broken pipe.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Pieces of a body that wait for the engine: its backpressure reaches the client.
const PIECES_WAITING: usize = 4;

/// Together below the ten seconds that `serve` promises.
const GRACE: Duration = Duration::from_secs(8);
const LAST_QUERIES: Duration = Duration::from_millis(1500);

/// Where requests come from.
pub(crate) struct Doors {
    /// On loopback, for whoever has a token.
    pub(crate) tcp: Option<net::TcpListener>,
    /// For processes of our own user, which may do everything and have connections and turns of their own: strangers cannot
    /// take them.
    pub(crate) local: std_unix::UnixListener,
}

/// One door: who comes through it, and how many statements at once.
struct Door {
    /// `None`: whoever comes may do everything.
    tokens: Option<Tokens>,
    places: Places,
}

impl Door {
    fn new(tokens: Option<Tokens>) -> Arc<Self> {
        Arc::new(Self {
            tokens,
            places: Places::new(),
        })
    }

    fn access(&self, headers: &HeaderMap, password: Option<&str>) -> Result<Access, Exception> {
        match &self.tokens {
            Some(tokens) => tokens.access(headers, password),
            None => Ok(Access::Writer),
        }
    }
}

/// Serves the engine until `shutdown` resolves, then finishes what is in flight within ten seconds:
/// an insert whose data is complete is committed, one still sending when the time is over is
/// cancelled, a query is killed.
pub(crate) async fn serve(
    engine: Arc<Engine>,
    doors: Doors,
    tokens: Tokens,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let shared = Arc::new(Shared {
        engine,
        sessions: Arc::default(),
    });
    let (of_clients, of_parent) = (Door::new(Some(tokens)), Door::new(None));
    if let Some(listener) = &doors.tcp {
        listener.set_nonblocking(true)?;
    }
    let clients = doors.tcp.map(TcpListener::from_std).transpose()?;
    doors.local.set_nonblocking(true)?;
    let local = UnixListener::from_std(doors.local)?;
    let own_user = local_user()?;
    let admission = Admission::new(Limits {
        connections_max: MAX_CONNECTIONS,
        address_max: MAX_STRANGERS,
        patience: STRANGERS_PATIENCE,
    });
    let of_our_own = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let stop = CancellationToken::new();
    let mut connections = JoinSet::new();
    // Sessions end on their own, also when nobody asks for one.
    let mut sweep = interval(Duration::from_secs(10));
    let mut shutdown = pin!(shutdown);

    loop {
        let of_a_client = async {
            match &clients {
                Some(listener) => {
                    admission.settled().await;
                    listener.accept().await
                }
                None => pending().await,
            }
        };
        let of_the_parent = async {
            let slot = of_our_own.clone().acquire_owned().await;
            let slot = slot.expect("this semaphore is never closed");
            (slot, local.accept().await)
        };
        let error = tokio::select! {
            () = &mut shutdown => break,
            _ = sweep.tick() => {
                let sessions = shared.sessions.clone();
                // Closing connections is the engine's work. Without a thread for it now they are closed the next time.
                let close = move || sessions.close_expired();
                if let Err(error) = spawn_on_engine_stack("engine-sweep", close) {
                    tracing::warn!(%error, "cannot start a thread");
                }
                continue;
            }
            Some(_) = connections.join_next() => continue,
            (slot, accepted) = of_the_parent => match accepted {
                Ok((stream, _)) if stream.peer_cred().is_ok_and(|peer| peer.uid() == own_user) => {
                    let context = (shared.clone(), of_parent.clone());
                    connections.spawn(connection(context, stream, stop.clone(), slot));
                    continue;
                }
                Ok(_) => {
                    tracing::warn!("somebody else's process found the way into our folder, and is sent away");
                    continue;
                }
                Err(error) => error,
            },
            accepted = of_a_client => match accepted {
                Ok((stream, address)) => {
                    let Some(place) = admission.admit(address.ip()) else {
                        tracing::debug!("a connection was refused, because every other one is of use");
                        continue;
                    };
                    // Small answers must not wait for an acknowledgement of earlier ones.
                    let _ = stream.set_nodelay(true);
                    let service = service((shared.clone(), of_clients.clone()));
                    connections.spawn(::serve::connection(stream, service, place, None, HEAD_TIMEOUT, stop.clone()));
                    continue;
                }
                Err(error) => {
                    admission.shed(&error);
                    error
                }
            },
        };
        // Out of descriptors, or a peer that left at once: neither ends the service.
        tracing::warn!(%error, "cannot accept a connection");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop((clients, local));
    stop.cancel();
    let drained = timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    });
    if drained.await.is_err() {
        tracing::warn!(open = connections.len(), "requests did not finish in time");
        connections.shutdown().await;
    }
    // Dropped connections leave their threads to cancel or to be killed.
    let all = async {
        for door in [&of_clients, &of_parent] {
            door.places.empty().await;
        }
    };
    if timeout(LAST_QUERIES, all).await.is_err() {
        tracing::warn!("a query did not react to being killed");
    }
    let sessions = shared.sessions.clone();
    spawn_on_engine_stack("engine-sweep", move || sessions.close_all())
}

/// Who we are, as the other end of a path socket sees it.
fn local_user() -> io::Result<u32> {
    let (ours, _other) = UnixStream::pair()?;
    Ok(ours.peer_cred()?.uid())
}

struct Shared {
    engine: Arc<Engine>,
    sessions: Arc<Sessions>,
}

/// Answers the requests of a connection.
fn service(
    (shared, door): (Arc<Shared>, Arc<Door>),
) -> impl Service<
    HttpRequest<Incoming>,
    Response = Response<ReplyBody>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ 'static {
    service_fn(move |request| {
        let (shared, door) = (shared.clone(), door.clone());
        async move { Ok::<_, Infallible>(answer(&shared, &door, request).await) }
    })
}

async fn connection(
    context: (Arc<Shared>, Arc<Door>),
    stream: impl AsyncRead + AsyncWrite + Unpin,
    stop: CancellationToken,
    _slot: OwnedSemaphorePermit,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service(context));
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        // A client may leave at any moment.
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(shared: &Shared, door: &Door, http: HttpRequest<Incoming>) -> Response<ReplyBody> {
    match routed(shared, door, http).await {
        Ok(response) => response,
        Err(exception) => reply::failed(&exception),
    }
}

async fn routed(
    shared: &Shared,
    door: &Door,
    http: HttpRequest<Incoming>,
) -> Result<Response<ReplyBody>, Exception> {
    let ok = || Ok(reply::text(StatusCode::OK, "Ok.\n"));
    let (head, body) = http.into_parts();
    if head.uri.path() == "/ping" {
        return ok();
    }
    let fields = request::query_fields(&head.uri)?;
    let field = |name: &str| {
        let pair = fields.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str())
    };
    let access = door.access(&head.headers, field("password"))?;
    if let Some(peer) = head.extensions.get::<Peer>() {
        peer.trust(access.name());
    }
    if !matches!(head.uri.path(), "/" | "/query") {
        let message = format!("There is no handle {}\n", head.uri.path());
        return Ok(reply::text(StatusCode::NOT_FOUND, message));
    }
    if !matches!(head.method, Method::GET | Method::HEAD | Method::POST) {
        return Err(Exception::not_implemented(format_args!(
            "method {} is not available",
            head.method
        )));
    }
    if head.method != Method::POST && field("query").is_none() {
        return ok();
    }
    let request = Request::new(access, &head.method, &fields, &head.headers)?;
    run(shared, door, request, body).await
}

async fn run(
    shared: &Shared,
    door: &Door,
    request: Request,
    body: Incoming,
) -> Result<Response<ReplyBody>, Exception> {
    let permit = door.places.take(request.access).await?;
    let query_id = request.query_id.clone().unwrap_or_else(|| {
        let (high, low) = (reply::random_hex(), reply::random_hex());
        format!(
            "{}-{}-{}-{}-{}",
            &high[..8],
            &high[8..12],
            &high[12..],
            &low[..4],
            &low[4..]
        )
    });
    let (sender, pieces) = mpsc::channel(PIECES_WAITING);
    let (reply, mut answer) = reply::channel();
    let mark = Mark::new();
    let running = Running::new(shared.engine.clone(), mark.clone());
    let job = Job {
        engine: shared.engine.clone(),
        sessions: shared.sessions.clone(),
        request,
        pieces,
        reply,
        mark,
        permit,
    };
    spawn_on_engine_stack("engine-query", move || job.run())
        .map_err(|error| Exception::unknown(format_args!("cannot start a thread: {error}")))?;

    // Dropping this future drops both: the client is gone, an insert is cancelled, a query killed.
    let mut pump = pin!(pump(body, sender));
    let head = tokio::select! {
        biased;
        head = &mut answer.head => {
            let _ = timeout(DRAIN_TIMEOUT, pump).await;
            head
        }
        () = &mut pump => (&mut answer.head).await,
    };
    let head = head.map_err(|_| Exception::unknown("the query thread died"))?;
    Ok(answer.response(head, running, &query_id))
}

/// Carries a body to its thread; what nobody takes any more is thrown away.
async fn pump(mut body: Incoming, sender: mpsc::Sender<Piece>) {
    loop {
        let next = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let piece = match timeout(BODY_TIMEOUT, next).await {
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Piece::Data(data),
                // Trailers mean nothing to ClickHouse.
                Err(_) => continue,
            },
            Ok(None) => Piece::End,
            Ok(Some(Err(error))) => Piece::Failed(error.to_string()),
            Err(_) => Piece::Failed(format!("nothing came for {} s", BODY_TIMEOUT.as_secs())),
        };
        let is_last = !matches!(piece, Piece::Data(_));
        let _ = sender.send(piece).await;
        if is_last {
            return;
        }
    }
}
