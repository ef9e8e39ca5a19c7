//! Readers of this crate that nobody else calls by themselves, for a fuzzer: what stands between a client's bytes and the engine.

use crate::{multipart, policy, statement};

/// Any bytes as a statement, as what the engine prints of one, and as a form.
pub fn statement(data: &[u8]) {
    for complete in [false, true] {
        let _ = statement::scan(data, complete);
    }
    let _ = statement::has_more_after_semicolon(data);
    policy::read_printed(&String::from_utf8_lossy(data));
    if let Ok(fields) = multipart::fields(data, "x") {
        assert!(
            fields.iter().map(|(_, value)| value.len()).sum::<usize>() <= data.len(),
            "a form's fields stand in it"
        );
    }
}
