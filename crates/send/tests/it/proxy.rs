//! A proxy that breaks connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the proxy does to one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Cuts it after so many bytes of the request.
    CutRequest(usize),
    /// Lets the request through and cuts before the answer.
    DropAnswer,
}

/// Forwards connections to a server; the first ones suffer the faults given, in order.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    used: Arc<AtomicUsize>,
    faults: usize,
}

impl Proxy {
    pub(crate) fn start(server: SocketAddr, faults: Vec<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let used = Arc::new(AtomicUsize::new(0));
        let (counter, count) = (Arc::clone(&used), faults.len());
        // Ends with the test process.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { break };
                let fault = faults.get(counter.fetch_add(1, Ordering::SeqCst)).copied();
                std::thread::spawn(move || forward(client, server, fault));
            }
        });
        Self {
            address,
            used,
            faults: count,
        }
    }

    /// Whether every fault was suffered.
    pub(crate) fn is_used_up(&self) -> bool {
        self.used.load(Ordering::SeqCst) > self.faults
    }
}

fn forward(client: TcpStream, server: SocketAddr, fault: Option<Fault>) {
    let server = TcpStream::connect(server).unwrap();
    let (up, down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let request_limit = if let Some(Fault::CutRequest(bytes)) = fault {
        bytes
    } else {
        usize::MAX
    };
    let answer_limit = if let Some(Fault::DropAnswer) = fault {
        0
    } else {
        usize::MAX
    };
    let requests = std::thread::spawn(move || copy(up, server, request_limit));
    copy(down, client, answer_limit);
    requests.join().unwrap();
}

/// Copies until an end or the limit, then cuts both sides.
fn copy(mut from: TcpStream, mut to: TcpStream, limit: usize) {
    let (mut copied, mut buffer) = (0, [0; 8192]);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let allowed = count.min(limit - copied);
        if to.write_all(&buffer[..allowed]).is_err() || allowed < count {
            break;
        }
        copied += allowed;
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
