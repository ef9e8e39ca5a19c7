//! What names a machine.

/// Longest endpoint id: host names end at 63, GUIDs at 38; a guess with room.
const ENDPOINT_ID_MAX: usize = 128;

/// Whether a text may be an endpoint id: 1 to 128 of `A-Z a-z 0-9 . _ -`, the first a letter or a digit.
///
/// So `.` and `..` are none, which no path and no browser's address can hold, and neither is what a command line takes for a flag.
pub fn is_endpoint_id(text: &str) -> bool {
    (1..=ENDPOINT_ID_MAX).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_ids_have_a_syntax_and_a_length() {
        for good in [
            "PC-01",
            "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            "a.b_c",
            &"x".repeat(128),
        ] {
            assert!(is_endpoint_id(good), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a/b",
            "é",
            "a\n",
            &"x".repeat(129),
            ".",
            "..",
            "-",
            "_",
            "--help",
            ".a",
            "-1",
        ] {
            assert!(!is_endpoint_id(bad), "{bad}");
        }
    }
}
