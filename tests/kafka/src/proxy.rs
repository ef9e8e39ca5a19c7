//! A TCP proxy that breaks connections in ways that are said beforehand: no chance, no clock but for delays and rates.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to connections. It may be changed at any time and holds for those that are open too.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Every piece waits this long before it goes on, in both directions.
    pub delay: Duration,
    /// Bytes per second of each direction of each connection; none = as fast as it goes.
    pub rate: Option<u32>,
    /// A connection is reset once so many bytes of its requests went on, none of the rest.
    pub cut_after: Option<u64>,
    /// A request with this text in its head waits until this changes, and what follows it on its connection too; others go on.
    pub hold: Option<String>,
    /// A piece of a body with the second text waits until this changes where the first one stands in the head of its request.
    pub hold_body: Option<(String, String)>,
    /// A connection is reset in the middle of the body whose request has this text in its head.
    pub cut_in: Option<String>,
    /// What happens to answers.
    pub replies: Replies,
    /// New connections are reset at once.
    pub refuse: bool,
}

/// What happens to answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replies {
    /// They go on.
    #[default]
    Pass,
    /// They wait until this changes, in order.
    Hold,
    /// The connection is reset when one comes: the request was done, and nobody hears of it.
    Drop,
}

/// A running proxy; its connections are reset when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    target: Option<SocketAddr>,
    faults: Faults,
    /// Connections made under an earlier number are reset.
    generation: u64,
}

#[derive(Default)]
struct Counters {
    connections: AtomicU64,
    resets: AtomicU64,
    held: AtomicU64,
}

impl Proxy {
    /// Listens on a free port of loopback. Connections are reset until [`Proxy::forward_to`] says where they lead.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (state, watched) = watch::channel(State::default());
        let counters = Arc::new(Counters::default());
        let task = tokio::spawn(accept(listener, watched, Arc::clone(&counters)));
        Ok(Self {
            address,
            state,
            counters,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where new connections lead.
    pub fn forward_to(&self, target: SocketAddr) {
        self.state.send_modify(|state| state.target = Some(target));
    }

    /// From now on.
    pub fn set(&self, faults: Faults) {
        self.state.send_modify(|state| state.faults = faults);
    }

    /// Resets every open connection.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.counters.connections.load(Ordering::Relaxed)
    }

    /// Connections reset by a fault so far.
    pub fn resets(&self) -> u64 {
        self.counters.resets.load(Ordering::Relaxed)
    }

    /// Times that an answer met [`Replies::Hold`], or a request [`Faults::hold`] or [`Faults::hold_body`], so far.
    pub fn held(&self) -> u64 {
        self.counters.held.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: watch::Receiver<State>, counters: Arc<Counters>) {
    while let Ok((client, _)) = listener.accept().await {
        counters.connections.fetch_add(1, Ordering::Relaxed);
        let (state, counters) = (state.clone(), Arc::clone(&counters));
        tokio::spawn(async move {
            // A connection that breaks by itself is its ends' matter.
            let _ = serve(client, state, counters).await;
        });
    }
}

async fn serve(
    client: TcpStream,
    state: watch::Receiver<State>,
    counters: Arc<Counters>,
) -> io::Result<()> {
    let (target, is_refused, generation) = {
        let state = state.borrow();
        (state.target, state.faults.refuse, state.generation)
    };
    let server = match target.filter(|_| !is_refused) {
        Some(target) => TcpStream::connect(target).await.ok(),
        None => None,
    };
    let Some(server) = server else {
        return client.set_zero_linger();
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let mut requests = Pump {
        from: client_read,
        to: server_write,
        state: state.clone(),
        counters: Arc::clone(&counters),
        generation,
        is_reply: false,
        is_in_body: false,
        head: Vec::new(),
        passed: 0,
    };
    let mut replies = Pump {
        from: server_read,
        to: client_write,
        state,
        counters: Arc::clone(&counters),
        generation,
        is_reply: true,
        is_in_body: false,
        head: Vec::new(),
        passed: 0,
    };
    let end = {
        let (requests, replies) = (requests.run(), replies.run());
        tokio::pin!(requests, replies);
        // An end of one direction is passed on and the other goes on; a reset or an error ends both.
        tokio::select! {
            end = &mut requests => match end { Ok(End::Closed) => replies.await, other => other },
            end = &mut replies => match end { Ok(End::Closed) => requests.await, other => other },
        }
    };
    if matches!(end, Ok(End::Reset)) {
        counters.resets.fetch_add(1, Ordering::Relaxed);
    }
    if !matches!(end, Ok(End::Closed)) {
        requests.from.as_ref().set_zero_linger()?;
        replies.from.as_ref().set_zero_linger()?;
        // Dropped as usual, these would say an orderly end first.
        requests.to.forget();
        replies.to.forget();
    }
    Ok(())
}

enum End {
    Closed,
    Reset,
}

/// One direction of a connection.
struct Pump {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    state: watch::Receiver<State>,
    counters: Arc<Counters>,
    generation: u64,
    is_reply: bool,
    /// Its last piece was the head of a request that is to be cut.
    is_in_body: bool,
    /// The newest head of a request that came.
    head: Vec<u8>,
    passed: u64,
}

impl Pump {
    async fn run(&mut self) -> io::Result<End> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = tokio::select! {
                read = self.from.read(&mut buffer) => read?,
                changed = self.state.changed() => {
                    if changed.is_err() || self.is_cut() {
                        return Ok(End::Reset);
                    }
                    continue;
                }
            };
            if read == 0 {
                self.to.shutdown().await?;
                return Ok(End::Closed);
            }
            if !self.may_pass(&buffer[..read]).await {
                return Ok(End::Reset);
            }
            let faults = self.state.borrow().faults.clone();
            if !faults.delay.is_zero() {
                tokio::time::sleep(faults.delay).await;
            }
            let left = match faults.cut_after.filter(|_| !self.is_reply) {
                Some(limit) => usize::try_from(limit.saturating_sub(self.passed)).unwrap_or(read),
                None => read,
            };
            let left = left.min(self.until_cut(faults.cut_in.as_deref(), &buffer[..read]));
            self.write(&buffer[..read.min(left)], faults.rate).await?;
            if left < read || self.is_cut() {
                return Ok(End::Reset);
            }
        }
    }

    /// Waits while this piece is held; `false` when its connection ends.
    async fn may_pass(&mut self, piece: &[u8]) -> bool {
        let mut is_counted = false;
        if piece.starts_with(b"POST ") {
            let end = piece.windows(4).position(|window| window == b"\r\n\r\n");
            self.head = piece[..end.unwrap_or(piece.len())].to_vec();
        }
        loop {
            if self.is_cut() {
                return false;
            }
            let is_held = {
                let state = self.state.borrow_and_update();
                let faults = &state.faults;
                match faults.replies {
                    Replies::Drop if self.is_reply => return false,
                    Replies::Hold if self.is_reply => true,
                    _ if self.is_reply => false,
                    _ => {
                        let (head, body) = faults.hold_body.clone().unwrap_or_default();
                        has(piece, faults.hold.as_deref())
                            || has(&self.head, Some(&head)) && has(piece, Some(&body))
                    }
                }
            };
            if !is_held {
                return true;
            }
            if !is_counted {
                is_counted = true;
                self.counters.held.fetch_add(1, Ordering::Relaxed);
            }
            if self.state.changed().await.is_err() {
                return false;
            }
        }
    }

    /// How much of a piece goes on before its connection is cut in a body.
    fn until_cut(&mut self, text: Option<&str>, piece: &[u8]) -> usize {
        if self.is_reply || text.is_none() {
            self.is_in_body = false;
            return piece.len();
        }
        if std::mem::take(&mut self.is_in_body) {
            return piece.len() / 2;
        }
        if !has(piece, text) {
            return piece.len();
        }
        let head = piece.windows(4).position(|window| window == b"\r\n\r\n");
        match head.map(|at| at + 4).filter(|head| *head < piece.len()) {
            // The body came along with its head.
            Some(head) => head + (piece.len() - head) / 2,
            None => {
                self.is_in_body = true;
                piece.len()
            }
        }
    }

    async fn write(&mut self, bytes: &[u8], rate: Option<u32>) -> io::Result<()> {
        self.passed += bytes.len() as u64;
        let Some(rate) = rate else {
            return self.to.write_all(bytes).await;
        };
        // Twenty pieces a second.
        let piece = (rate / 20).max(1) as usize;
        for part in bytes.chunks(piece) {
            self.to.write_all(part).await?;
            let seconds = part.len() as f64 / f64::from(rate);
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        }
        Ok(())
    }

    fn is_cut(&self) -> bool {
        self.state.borrow().generation != self.generation
    }
}

/// Whether a piece holds a text. Clients write the head of a request at once, so it comes as one piece.
fn has(piece: &[u8], text: Option<&str>) -> bool {
    text.filter(|text| !text.is_empty()).is_some_and(|text| {
        piece
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every byte with itself.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        address
    }

    async fn proxy(faults: Faults) -> Proxy {
        let proxy = Proxy::start().await.unwrap();
        proxy.forward_to(echo().await);
        proxy.set(faults);
        proxy
    }

    async fn say(proxy: &Proxy, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    async fn hear(stream: &mut TcpStream, count: usize) -> io::Result<Vec<u8>> {
        let mut heard = vec![0; count];
        let read = stream.read_exact(&mut heard);
        match tokio::time::timeout(Duration::from_secs(30), read).await {
            Ok(result) => result.map(|_| heard),
            Err(_) => panic!("nothing is heard"),
        }
    }

    #[tokio::test]
    async fn bytes_pass_whole_also_when_slow() {
        for faults in [
            Faults::default(),
            Faults {
                delay: Duration::from_millis(5),
                rate: Some(1 << 20),
                ..Faults::default()
            },
        ] {
            let proxy = proxy(faults).await;
            let bytes: Vec<u8> = (0..200_000_u32).map(|at| at as u8).collect();
            let mut stream = say(&proxy, b"").await;
            let (mut read, mut write) = stream.split();
            let mut heard = Vec::new();
            let (written, read) = tokio::join!(
                async {
                    write.write_all(&bytes).await?;
                    write.shutdown().await
                },
                read.read_to_end(&mut heard)
            );
            written.and(read.map(|_| ())).unwrap();
            assert_eq!(heard, bytes);
        }
    }

    #[tokio::test]
    async fn a_cut_lets_so_many_bytes_through_and_no_more() {
        let proxy = proxy(Faults {
            cut_after: Some(3),
            ..Faults::default()
        })
        .await;
        let mut stream = say(&proxy, b"abcdef").await;
        let error = hear(&mut stream, 6).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(proxy.resets(), 1);
    }

    #[tokio::test]
    async fn held_answers_come_when_they_are_let_go() {
        let proxy = proxy(Faults {
            replies: Replies::Hold,
            ..Faults::default()
        })
        .await;
        let mut stream = say(&proxy, b"abc").await;
        let nothing = tokio::time::timeout(Duration::from_millis(50), stream.readable()).await;
        assert!(nothing.is_err());
        proxy.set(Faults::default());
        assert_eq!(hear(&mut stream, 3).await.unwrap(), b"abc");
        assert_eq!(proxy.held(), 1);
    }

    #[tokio::test]
    async fn requests_that_are_named_wait_and_others_go_on() {
        let proxy = proxy(Faults {
            hold: Some("INTO chunks".to_owned()),
            ..Faults::default()
        })
        .await;
        let mut named = say(&proxy, b"INSERT INTO chunks").await;
        let mut other = say(&proxy, b"SELECT").await;
        assert_eq!(hear(&mut other, 6).await.unwrap(), b"SELECT");
        assert_eq!(proxy.held(), 1);
        proxy.set(Faults::default());
        assert_eq!(hear(&mut named, 6).await.unwrap(), b"INSERT");
    }

    #[tokio::test]
    async fn a_body_waits_only_behind_the_head_that_is_named() {
        let proxy = proxy(Faults {
            hold_body: Some(("INTO chunks".to_owned(), "marker".to_owned())),
            ..Faults::default()
        })
        .await;
        for passes in [
            b"POST INTO letters\r\n\r\nmarker".as_slice(),
            b"POST INTO chunks\r\n\r\nother.",
        ] {
            let mut stream = say(&proxy, passes).await;
            assert_eq!(hear(&mut stream, passes.len()).await.unwrap(), passes);
        }
        assert_eq!(proxy.held(), 0);
        let mut stream = say(&proxy, b"POST INTO chunks\r\n\r\n").await;
        hear(&mut stream, 20).await.unwrap();
        stream.write_all(b"a marker").await.unwrap();
        let held = async {
            while proxy.held() == 0 {
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_secs(30);
        tokio::time::timeout(patience, held).await.unwrap();
        proxy.set(Faults::default());
        assert_eq!(hear(&mut stream, 8).await.unwrap(), b"a marker");
    }

    #[tokio::test]
    async fn a_named_request_is_cut_in_its_body_whether_it_comes_with_its_head_or_after_it() {
        let proxy = proxy(Faults {
            cut_in: Some("chunks".to_owned()),
            ..Faults::default()
        })
        .await;
        let mut stream = say(&proxy, b"chunks\r\n\r\nabcd").await;
        assert!(hear(&mut stream, 14).await.is_err());
        assert_eq!(proxy.resets(), 1);
        let mut stream = say(&proxy, b"chunks\r\n\r\n").await;
        assert_eq!(hear(&mut stream, 10).await.unwrap(), b"chunks\r\n\r\n");
        stream.write_all(b"abcd").await.unwrap();
        assert!(hear(&mut stream, 4).await.is_err());
        assert_eq!(proxy.resets(), 2);
    }

    #[tokio::test]
    async fn dropped_answers_cut_and_refused_connections_too() {
        let proxy = proxy(Faults {
            replies: Replies::Drop,
            ..Faults::default()
        })
        .await;
        let mut stream = say(&proxy, b"abc").await;
        assert!(hear(&mut stream, 3).await.is_err());
        proxy.set(Faults {
            refuse: true,
            ..Faults::default()
        });
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(hear(&mut stream, 1).await.is_err());
        proxy.set(Faults::default());
        let mut stream = say(&proxy, b"abc").await;
        assert_eq!(hear(&mut stream, 3).await.unwrap(), b"abc");
        proxy.cut();
        assert!(hear(&mut stream, 1).await.is_err());
        assert_eq!(proxy.connections(), 3);
    }
}
