//! How many files a process may have open: every connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// More is never of use to us, and some libraries walk over every number that is allowed.
const MAX: u64 = 1 << 20;

/// Raises the bound that counts to the one that only root may raise, and returns what then counts.
///
/// The usual soft bound of 1,024 is there for programs that still use `select`; we do not.
pub fn raise() -> io::Result<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let soft = current.unwrap_or(u64::MAX);
    let wanted = maximum.unwrap_or(u64::MAX).min(MAX);
    if soft >= wanted {
        return Ok(soft);
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(wanted),
            maximum,
        },
    )?;
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_raised_is_what_counts() {
        let limit = raise().unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current, Some(limit));
        assert_eq!(raise().unwrap(), limit);
    }
}
