#![doc = include_str!("../README.md")]

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character drives a terminal, turns the direction of writing or is not seen; see the table above.
pub fn is_unsafe(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control() && c != '\t';
    }
    matches!(
        c,
        '\u{80}'..='\u{9F}'
            | '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// A name, or one line of a text: a line feed is unsafe as well, or a name could forge a line.
pub fn line(text: &str) -> Cow<'_, str> {
    marked(text, is_unsafe)
}

/// A text of several lines, whose line feeds are its own.
pub fn lines(text: &str) -> Cow<'_, str> {
    marked(text, |c| is_unsafe(c) && c != '\n')
}

/// Longest name kept: four times what Windows allows without its long form. It is text for people.
const NAME_MAX: usize = 1024;

/// A name given from outside that is kept and compared, bounded. What is unsafe is left out rather than marked: a mark would be text
/// that nobody gave.
pub fn name(name: &str) -> String {
    let mut clean: String = name
        .chars()
        .filter(|c| !is_unsafe(*c) && *c != '\t')
        .take(NAME_MAX)
        .collect();
    clean.truncate(clean.floor_char_boundary(NAME_MAX));
    clean
}

/// JSON as it was written out: unsafe characters can stand only in its strings, and there an escape is the same value.
pub fn json(json: &str) -> Cow<'_, str> {
    rewritten(
        json,
        // Between values a writer puts line feeds; in a string there is none.
        |c| is_unsafe(c) && !matches!(c, '\n' | '\r'),
        |out, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        },
    )
}

fn marked(text: &str, is_unsafe: impl Fn(char) -> bool) -> Cow<'_, str> {
    rewritten(text, is_unsafe, |out, c| {
        let _ = write!(out, "<U+{:04X}>", u32::from(c));
    })
}

/// Writing to a String, as `write` does, cannot fail.
fn rewritten(
    text: &str,
    is_unsafe: impl Fn(char) -> bool,
    write: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    // Nearly every text is as it should be.
    let Some(first) = text.find(&is_unsafe) else {
        return Cow::Borrowed(text);
    };
    let (safe, rest) = text.split_at_checked(first).unwrap_or(("", text));
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(safe);
    for c in rest.chars() {
        if is_unsafe(c) {
            write(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_unsafe_is_shown_by_its_number() {
        for c in [
            '\0',
            '\u{7}',
            '\u{8}',
            '\r',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0001}',
            '\u{e007f}',
            '\u{e01ef}',
        ] {
            let mark = format!("a<U+{:04X}>b", u32::from(c));
            assert_eq!(line(&format!("a{c}b")), mark);
            assert_eq!(lines(&format!("a{c}b")), mark);
        }
        assert_eq!(line("a\nb"), "a<U+000A>b");
    }

    #[test]
    fn text_of_any_script_stays_as_it_is() {
        for text in [
            "",
            "C:\\Windows\\Logs\tx",
            "错误：0x80070002",
            "é",
            "עברית",
            "हिन्दी",
            "ไทย",
            "한국어",
            "👍🏽 ☃\u{fe0f}",
            "\u{a0}\u{3000}",
            "e\u{301}",
            "\u{fffd}",
        ] {
            assert!(matches!(line(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(json(text), Cow::Borrowed(same) if same == text));
        }
        assert_eq!(lines("a\nb\tc"), "a\nb\tc");
    }

    #[test]
    fn a_name_loses_what_could_forge_a_line_and_stays_short() {
        assert_eq!(
            name("C:\\Windows\\Logs\\CBS\\CBS.log"),
            "C:\\Windows\\Logs\\CBS\\CBS.log"
        );
        assert_eq!(
            name("a\r\n\tb\u{1b}[31m\u{202e}c\u{7f}\u{9b}日志"),
            "ab[31mc日志"
        );
        assert_eq!(name(&"日".repeat(1000)).len(), 1023);
    }

    proptest! {
        #[test]
        fn any_text_comes_out_safe_and_cleaning_twice_changes_nothing(text in any::<String>()) {
            let clean = line(&text);
            prop_assert!(!clean.contains(is_unsafe));
            prop_assert_eq!(line(&clean), clean.as_ref());
            prop_assert!(!lines(&text).contains(|c| is_unsafe(c) && c != '\n'));
        }

        #[test]
        fn json_keeps_its_values(texts in proptest::collection::vec(any::<String>(), 0..4)) {
            let value = serde_json::Value::from(texts);
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let clean = json(&text);
                prop_assert!(!clean.contains(|c| is_unsafe(c) && c != '\n'));
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&clean).unwrap(), &value);
            }
        }
    }
}
