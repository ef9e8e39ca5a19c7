//! Addresses to listen on: which are allowed, and how they are opened.

use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel keeps for us until we take them. A burst of strangers beyond it costs everybody else a second, which is
/// how long a lost first packet takes to be sent again. The kernel cuts it at `net.core.somaxconn`, by default this.
const BACKLOG: u32 = 4096;

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

/// Opens an address with room for a burst of connections.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart must not wait for the connections of the run before to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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
