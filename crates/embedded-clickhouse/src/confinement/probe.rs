//! Tries from inside what must not work. A wall that is not there is said, whatever the calls that built it answered.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::UdpSocket;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

/// Everything that worked, or failed for another reason than a refusal.
pub(super) fn what_got_through() -> Vec<String> {
    let mut tries = vec![
        ("list the root folder", outcome(std::fs::read_dir("/"))),
        (
            "open a UDP socket",
            outcome(UdpSocket::bind(("127.0.0.1", 0))),
        ),
        (
            "open a path socket",
            outcome(UnixStream::connect("/cbsift-no-such-socket")),
        ),
        (
            "open a pair of datagram sockets",
            outcome(UnixDatagram::pair()),
        ),
        ("run a program", run_a_program()),
    ];
    // To look whether it is there is no right that is taken.
    let accounts = Path::new("/etc/passwd");
    if accounts.exists() {
        let to_write = OpenOptions::new().append(true).open(accounts);
        tries.push(("read /etc/passwd", outcome(File::open(accounts))));
        tries.push(("write /etc/passwd", outcome(to_write)));
    }
    let worked = tries
        .into_iter()
        .filter(|(_, error)| error.kind() != io::ErrorKind::PermissionDenied);
    worked
        .map(|(what, error)| format!("it could {what} ({error})"))
        .collect()
}

fn outcome<T>(tried: io::Result<T>) -> io::Error {
    tried.err().unwrap_or_else(|| io::Error::other("it worked"))
}

/// Asks for a program that is not there: one that is would take this process's place.
#[expect(unsafe_code, reason = "asks the kernel for a program")]
fn run_a_program() -> io::Error {
    // SAFETY: the name and both lists are constants that end as they must; without such a program the call returns.
    unsafe {
        libc::execve(
            c"/cbsift-no-such-program".as_ptr(),
            [std::ptr::null()].as_ptr(),
            [std::ptr::null()].as_ptr(),
        );
    }
    io::Error::last_os_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_walls_is_seen() {
        let holes = what_got_through().join("; ");
        for hole in [
            "list the root folder",
            "read /etc/passwd",
            "open a UDP socket",
            "open a path socket",
            "open a pair of datagram sockets",
            "run a program",
        ] {
            assert!(holes.contains(hole), "{hole}: {holes}");
        }
    }
}
