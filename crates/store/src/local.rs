//! The way to an engine on this machine that takes no port: HTTP over a path socket.

use clickhouse::Client;
use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper_util::{
    client::legacy::Client as HttpClient,
    rt::{TokioExecutor, TokioIo},
};
use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::UnixStream;
use tower_service::Service;

/// Idle connections are kept for so long: less than the engine's own 30 s, so that none is used just as it is closed.
const IDLE: Duration = Duration::from_secs(10);

/// A client whose every connection goes to `socket`, whatever its address says.
pub(crate) fn client(socket: &Path) -> Client {
    let client = HttpClient::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .build(Connector {
            socket: socket.to_owned(),
        });
    Client::with_http_client(client)
}

#[derive(Clone)]
struct Connector {
    socket: PathBuf,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<UnixStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let socket = self.socket.clone();
        Box::pin(async move { connect(&socket).await.map(TokioIo::new) })
    }
}

/// The address of a socket has 108 bytes, which a data folder deep in a tree is longer than; through the open folder it is short.
async fn connect(socket: &Path) -> io::Result<UnixStream> {
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(io::Error::other("the socket's path names no file"));
    };
    let open = File::open(folder)?;
    let short = Path::new("/proc/self/fd").join(open.as_raw_fd().to_string());
    UnixStream::connect(short.join(name)).await
}
