//! Text of strangers inside of what others format: it forms no link, no image, no mention and no heading.

/// Text within a line of Markdown.
///
/// Robots read dialects of their own, some without backslash escapes, so what would form something is shown by its full-width twin:
/// it looks the same and means nothing to any of them. An underscore between letters, as in names of codes, means nothing either and
/// stays.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut before: Option<char> = None;
    let mut letters = text.trim_start().chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let is_start = before.is_none();
        let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        out.push(match letter {
            '[' => '［',
            ']' => '］',
            '<' => '＜',
            '>' => '＞',
            '*' => '＊',
            '`' => '｀',
            '|' => '｜',
            '~' => '～',
            '_' if !(is_word(before) && is_word(next)) => '＿',
            // A path keeps its backslashes; before punctuation some would take one for an escape.
            '\\' if next.is_some_and(|next| next.is_ascii_punctuation() && next != '\\') => '＼',
            '#' if is_start => '＃',
            '-' if is_start => '－',
            '+' if is_start => '＋',
            '=' if is_start => '＝',
            '\t' | '\n' => ' ',
            other => other,
        });
        before = Some(letter);
    }
    out
}

/// Text within HTML, also within a quoted attribute.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// An address that may be linked: http(s), with everything that could end a link written as its number. Nothing where it is none, or
/// longer than any service takes.
pub(crate) fn link(address: &str) -> Option<String> {
    const LINK_BYTES: usize = 1000;
    let is_http = address.starts_with("https://") || address.starts_with("http://");
    if !is_http {
        return None;
    }
    let mut out = String::with_capacity(address.len());
    for byte in address.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&+,;=%".contains(&byte);
        if is_plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    (out.len() <= LINK_BYTES).then_some(out)
}

/// A value in a query or a form.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_forms_something_is_shown_by_its_twin_and_codes_stay() {
        for (text, expected) in [
            (
                "CBS_E_STORE_CORRUPTION 0x800f0922",
                "CBS_E_STORE_CORRUPTION 0x800f0922",
            ),
            (
                r"C:\Windows\Logs\CBS\CBS.log",
                r"C:\Windows\Logs\CBS\CBS.log",
            ),
            (r"HKLM\{1234}", r"HKLM＼{1234}"),
            ("[x](https://evil.example)", "［x］(https://evil.example)"),
            (
                "![x](https://evil.example/a.png)",
                "!［x］(https://evil.example/a.png)",
            ),
            ("<@all> <at id=all></at>", "＜@all＞ ＜at id=all＞＜/at＞"),
            ("# a\n# b", "＃ a # b"),
            ("  - a", "－ a"),
            ("_a_ **b** `c`", "＿a＿ ＊＊b＊＊ ｀c｀"),
        ] {
            assert_eq!(markdown(text), expected);
        }
    }

    #[test]
    fn only_http_is_linked_and_nothing_ends_the_link() {
        assert_eq!(
            link("https://a.example/c?x=1&y=(2)[3]").as_deref(),
            Some("https://a.example/c?x=1&y=%282%29%5B3%5D")
        );
        assert_eq!(
            link("https://a.example/部").as_deref(),
            Some("https://a.example/%E9%83%A8")
        );
        for bad in ["", "javascript:alert(1)", "/causes/1", "dingtalk://x"] {
            assert_eq!(link(bad), None, "{bad}");
        }
        assert_eq!(
            link(&format!("https://a.example/{}", "x".repeat(1000))),
            None
        );
    }

    proptest! {
        #[test]
        fn no_text_leaves_a_letter_that_forms_something(text in any::<String>()) {
            let clean = markdown(&text);
            prop_assert!(!clean.contains(['[', ']', '<', '>', '*', '`', '|', '~', '\n']));
            let clean = html(&text);
            prop_assert!(!clean.contains(['<', '>', '"', '\'']));
        }

        #[test]
        fn no_address_leaves_its_link(path in any::<String>()) {
            if let Some(link) = link(&format!("https://a.example/{path}")) {
                prop_assert!(!link.contains(|letter: char| " ()[]<>\"'`*|\\".contains(letter) || letter.is_control()));
            }
        }
    }
}
