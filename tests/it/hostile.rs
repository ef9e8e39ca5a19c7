//! Hostile clients against a real `up`, each kind alone and then all at once: every good request is answered, and soon.

use crate::harness::{PATIENCE, Up};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

/// Where the hostile ones are, and where the good ones are too.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// How soon the slowest good request must be answered, its tries included. Measured beside all of them were 0.2 s and 0.1 s, on two
/// cores at a load of 4.
struct Within {
    put: Duration,
    page: Duration,
}

const BESIDE_OTHERS: Within = Within {
    put: Duration::from_secs(2),
    page: Duration::from_secs(3),
};

/// Where the good ones share the address of the hostile ones.
const AMONG_THEM: Within = Within {
    put: Duration::from_secs(5),
    page: Duration::from_secs(5),
};

/// A connection that is opened anew whenever it is ended.
#[derive(Clone)]
struct Hostile {
    to: SocketAddr,
    says: Vec<u8>,
    /// Sent again each second.
    goes_on: Vec<u8>,
}

impl Hostile {
    fn silent(to: SocketAddr) -> Self {
        Self {
            to,
            says: Vec::new(),
            goes_on: Vec::new(),
        }
    }

    fn slow_head(to: SocketAddr) -> Self {
        Self {
            to,
            says: b"PUT /v1/streams/cbs/0000000000000001?offset=0 HTTP/1.1\r\nx: ".to_vec(),
            goes_on: b"x".to_vec(),
        }
    }

    fn slow_body(to: SocketAddr, token: &str, number: usize) -> Self {
        let head = format!(
            "PUT /v1/streams/cbs/{number:016x}?offset=0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncbsift-endpoint: EVIL\r\ncontent-length: 16777216\r\n\r\n"
        );
        Self {
            to,
            says: [head.into_bytes(), vec![b'x'; 12_000]].concat(),
            goes_on: vec![b'x'; 1_200],
        }
    }

    async fn once(&self, from: Ipv4Addr, opened: &AtomicUsize) -> io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let mut stream = socket.connect(self.to).await?;
        opened.fetch_add(1, Ordering::Relaxed);
        stream.write_all(&self.says).await?;
        let mut answer = [0; 1024];
        loop {
            match tokio::time::timeout(Duration::from_secs(1), stream.read(&mut answer)).await {
                Ok(Ok(0) | Err(_)) => return Ok(()),
                Ok(Ok(_)) => {}
                Err(_) => stream.write_all(&self.goes_on).await?,
            }
        }
    }
}

/// Runs until it is dropped.
struct Attack {
    runtime: Option<tokio::runtime::Runtime>,
    opened: Arc<AtomicUsize>,
}

impl Attack {
    /// Returns when so many connections were opened as there are to be at once.
    fn start(from: Ipv4Addr, clients: Vec<Hostile>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (opened, count) = (Arc::<AtomicUsize>::default(), clients.len());
        let counter = Arc::clone(&opened);
        runtime.spawn(async move {
            let mut tasks = JoinSet::new();
            for client in clients {
                let opened = Arc::clone(&counter);
                tasks.spawn(async move {
                    loop {
                        // Refused, reset or ended: all the same to it.
                        let _ = client.once(from, &opened).await;
                        tokio::time::sleep(Duration::from_millis(250)).await;
                    }
                });
            }
            tasks.join_all().await;
        });
        let deadline = Instant::now() + PATIENCE;
        while opened.load(Ordering::Relaxed) < count {
            assert!(Instant::now() < deadline, "the attack does not begin");
            std::thread::yield_now();
        }
        Self {
            runtime: Some(runtime),
            opened,
        }
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn address(url: &str) -> SocketAddr {
    let rest = url.trim_start_matches("http://").trim_end_matches('/');
    rest.parse().unwrap()
}

/// One request on a connection of its own; an error where there was no answer.
fn ask(to: SocketAddr, request: &[u8]) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    match String::from_utf8_lossy(&answer).lines().next() {
        Some(status) => Ok(status.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Asks as a sender does, again where there is no answer, until one comes; tells how many tries and how long they took.
fn insist(to: SocketAddr, request: &[u8]) -> (usize, Duration) {
    let start = Instant::now();
    for tries in 1.. {
        match ask(to, request) {
            Ok(status) => {
                assert_eq!(status, "HTTP/1.1 200 OK");
                return (tries, start.elapsed());
            }
            Err(error) => assert!(start.elapsed() < PATIENCE, "no answer: {error}"),
        }
    }
    unreachable!("tries end by an answer or by patience")
}

/// Good requests beside an attack; all must be answered well.
fn check(up: &Up, what: &str, tries_max: usize, within: &Within) {
    let token = up.token();
    let line = "2024-05-01 08:00:00, Info                  CBS    made up\r\n";
    let body = line.repeat(1_000);
    let mut said = String::new();
    for (name, to, count, bound) in [
        ("put", address(&up.intake), 15_u64, within.put),
        ("page", address(&up.page), 8, within.page),
        ("health", address(&up.admin), 10, within.page),
    ] {
        let mut took = Vec::new();
        let mut most = 0;
        for number in 0..count {
            let request = match name {
                "put" => format!(
                    "PUT /v1/streams/cbs/0000000000000002?offset={} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncbsift-endpoint: GOOD\r\ncontent-length: {}\r\n\r\n{body}",
                    number * body.len() as u64,
                    body.len()
                ),
                "page" => {
                    "GET /api/v1/overview HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
                        .to_owned()
                }
                _ => "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
                    .to_owned(),
            };
            let (tries, time) = insist(to, request.as_bytes());
            most = most.max(tries);
            took.push(time);
        }
        took.sort();
        let (median, longest) = (took[took.len() / 2], took[took.len() - 1]);
        said += &format!("  {name} {median:.1?} to {longest:.1?}, {most} tries");
        assert!(most <= tries_max, "{what}: {name} took {most} tries");
        assert!(
            longest < bound,
            "{what}: the slowest {name} of {count} took {longest:.1?}, and must take less than {bound:?}; all: {took:.1?}"
        );
    }
    eprintln!("{what}:{said}");
}

#[test]
fn good_requests_are_answered_beside_hostile_clients() {
    // Three thousand connections have an end here, too.
    let limit = serve::open_files::raise().unwrap();
    assert!(
        limit >= 8192,
        "only {limit} files may be open here\nhint: ulimit -n 8192"
    );
    let up = Up::start();
    let (intake, page, admin) = (address(&up.intake), address(&up.page), address(&up.admin));
    let token = up.token();
    check(&up, "nobody else", 1, &BESIDE_OTHERS);

    let silent = vec![Hostile::silent(intake); 1_500];
    let slow_heads = vec![Hostile::slow_head(intake); 400];
    let slow_bodies: Vec<Hostile> = (100..108)
        .map(|number| Hostile::slow_body(intake, &token, number))
        .collect();
    let flood: Vec<Hostile> = [intake, page, admin]
        .iter()
        .flat_map(|door| vec![Hostile::silent(*door); 480])
        .collect();
    let all = [
        silent.clone(),
        slow_heads.clone(),
        slow_bodies.clone(),
        flood.clone(),
    ]
    .concat();
    for (what, from, clients) in [
        ("1,500 silent connections", ELSEWHERE, silent),
        ("400 slow heads", ELSEWHERE, slow_heads),
        ("8 slow bodies", ELSEWHERE, slow_bodies),
        ("480 silent connections at each door", ELSEWHERE, flood),
        ("all of them", ELSEWHERE, all.clone()),
        ("all of them from the same address", HERE, all),
    ] {
        // Among thousands of its own address a connection may be the oldest before its head is read; its sender tries again.
        let (tries_max, within) = if from == HERE {
            (20, AMONG_THEM)
        } else {
            (1, BESIDE_OTHERS)
        };
        let attack = Attack::start(from, clients);
        check(
            &up,
            &format!("{what} from {}", IpAddr::from(from)),
            tries_max,
            &within,
        );
        eprintln!(
            "    {} connections opened",
            attack.opened.load(Ordering::Relaxed)
        );
    }
    check(&up, "nobody else again", 1, &BESIDE_OTHERS);
    up.stop();
}
