//! Readers of this crate that nobody else calls by themselves, for a fuzzer.

use crate::http::body::{Coding, decode};

/// As many bytes as a body may decode to here: enough to reach every branch, little enough to be fast.
const MAX: usize = 1024 * 1024;

/// A body in each compression. What comes out is bounded, or refused.
pub fn body(data: &[u8]) {
    for coding in [Coding::Gzip, Coding::Zstd] {
        if let Ok(decoded) = decode(coding, data.to_vec(), MAX) {
            assert!(decoded.len() <= MAX, "a body keeps to its bound");
        }
    }
}
