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

/// Longest name of a label, in bytes.
const LABEL_NAME_MAX: usize = 32;

/// Longest value of a label, in letters: names of sites and models, with room.
const LABEL_VALUE_MAX: usize = 64;

/// Whether a text may name a label: 1 to 32 of `a-z 0-9 _ -`, the first a letter. So it stands in an address, in a column's head and before
/// a `:` without quotes.
pub fn is_label_name(text: &str) -> bool {
    (1..=LABEL_NAME_MAX).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
        })
}

/// Whether a text may be a label's value: 1 to 64 letters without control characters, no blank at its ends, and nothing that a
/// spreadsheet takes for a formula.
pub fn is_label_value(text: &str) -> bool {
    (1..=LABEL_VALUE_MAX).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(char::is_control)
        && !is_formula(text)
}

/// Whether a spreadsheet takes a cell for a formula.
pub fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_a_syntax_and_a_length() {
        for good in ["ring", "site", "asset-tag", "a1_b", &"x".repeat(32)] {
            assert!(is_label_name(good), "{good}");
        }
        for bad in ["", "Ring", "1a", "a b", "a:b", "é", "_a", &"x".repeat(33)] {
            assert!(!is_label_name(bad), "{bad}");
        }
        for good in [
            "pilot",
            "上海 浦东",
            "Latitude 7440",
            "a, b",
            &"磁".repeat(64),
        ] {
            assert!(is_label_value(good), "{good}");
        }
        for bad in [
            "",
            " a",
            "a ",
            "a\nb",
            "=1+1",
            "+86",
            "-x",
            "@SUM(A1)",
            "＝1",
            &"磁".repeat(65),
        ] {
            assert!(!is_label_value(bad), "{bad:?}");
        }
    }

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
