//! What a record names: KB, package, component, session, trace.

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter};
use std::sync::LazyLock;

/// Searches made once: making one costs more than a search of a record.
static KB: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("KB"));
static KB_OF_FILE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("-kb"));
static SESSION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("ession"));

/// Microsoft's placeholder for features on demand and language packages; no patch.
const PLACEHOLDER_KB: &str = "KB777778";

/// `KB5014692`.
pub(crate) fn kb(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    KB.find_iter(bytes).find_map(|at| {
        let number = bytes.get(at + 2..)?.iter();
        let digits = number.take_while(|byte| byte.is_ascii_digit()).count();
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let is_free = before.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let kb = text.get(at..at + 2 + digits)?;
        ((6..=7).contains(&digits) && is_free && kb != PLACEHOLDER_KB).then_some(kb)
    })
}

/// `KB5014692` of a file's name, `windows10.0-kb5014692-x64.msu`.
pub(crate) fn kb_of_file(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    KB_OF_FILE.find_iter(bytes).find_map(|at| {
        let digits = bytes.get(at + 3..)?.iter();
        let digits = digits.take_while(|byte| byte.is_ascii_digit()).count();
        let number = text.get(at + 3..at + 3 + digits)?;
        (6..=7).contains(&digits).then(|| format!("KB{number}"))
    })
}

/// `Name~Token~Arch~Culture~Version`.
pub(crate) fn package(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let tilde = memchr(b'~', bytes)?;
    let is_end = |byte: &u8| {
        matches!(
            byte,
            b' ' | b','
                | b'\''
                | b'"'
                | b'('
                | b')'
                | b'['
                | b']'
                | b':'
                | b';'
                | b'\r'
                | b'\n'
                | b'\t'
                | b'<'
                | b'>'
                | b'|'
        )
    };
    let before = bytes.get(..tilde)?.iter();
    let start = before.clone().rposition(is_end).map_or(0, |at| at + 1);
    // `<PublicKeyToken>` stands in published excerpts for the masked token.
    let mut end = tilde;
    while let Some(byte) = bytes.get(end) {
        // The first is the tilde, so there is one before a `<`.
        if *byte == b'<' && bytes.get(end - 1) == Some(&b'~') {
            end += memchr(b'>', bytes.get(end..)?)? + 1;
        } else if is_end(byte) {
            break;
        } else {
            end += 1;
        }
    }
    let package = text.get(start..end)?.trim_end_matches(['.', '\\']);
    (memchr_iter(b'~', package.as_bytes()).count() == 4).then_some(package)
}

/// `amd64_microsoft-windows-x_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef`.
pub(crate) fn component(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    for at in memchr_iter(b'_', bytes) {
        let (after, token) = bytes.get(at + 1..at + 18)?.split_last()?;
        if *after != b'_' || !token.iter().all(u8::is_ascii_hexdigit) {
            continue;
        }
        let is_end = |byte: &u8| {
            matches!(
                byte,
                b' ' | b','
                    | b'\''
                    | b'"'
                    | b'\\'
                    | b'/'
                    | b'['
                    | b']'
                    | b'\r'
                    | b'\n'
                    | b'\t'
                    | b'('
                    | b')'
            )
        };
        let (before, after) = bytes.split_at(at);
        let start = before.iter().rposition(is_end).map_or(0, |start| start + 1);
        let end = after
            .iter()
            .position(is_end)
            .map_or(bytes.len(), |end| at + end);
        let identity = text.get(start..end)?.trim_end_matches('.');
        if ["amd64_", "x86_", "wow64_", "msil_", "arm64_", "arm_"]
            .iter()
            .any(|arch| identity.starts_with(arch))
        {
            return Some(identity);
        }
    }
    None
}

/// `30792633_2800134818` after `Session: ` or `session(…): `.
pub(crate) fn session(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    SESSION.find_iter(bytes).find_map(|at| {
        let mut rest = text.get(at + 6..)?;
        if rest.starts_with('(') {
            rest = rest.split_once(')')?.1;
        }
        let rest = rest.strip_prefix(':')?.trim_start_matches(' ');
        let high = rest.bytes().take_while(u8::is_ascii_digit).count();
        let low = rest
            .get(high + 1..)?
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let is_whole = high > 0 && low > 0 && rest.as_bytes().get(high) == Some(&b'_');
        rest.get(..high + 1 + low).filter(|_| is_whole)
    })
}

/// `34109804` of `#34109804#`.
pub(crate) fn trace(text: &str) -> Option<&str> {
    let at = memchr(b'#', text.as_bytes())?;
    let rest = text.get(at + 1..)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let is_whole = digits > 0 && rest.as_bytes().get(digits) == Some(&b'#');
    rest.get(..digits).filter(|_| is_whole)
}

/// A path as people write it: without the native prefix, with backslashes. An address stays as it stands.
pub(crate) fn path(text: &str) -> String {
    if text.starts_with("http://") || text.starts_with("https://") {
        return text.to_owned();
    }
    let text = text
        .strip_prefix(r"\??\")
        .or_else(|| text.strip_prefix(r"\\?\"))
        .unwrap_or(text);
    text.trim_end_matches('\\').replace('/', "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_read() {
        let text = "WER: Generating failure report for package: Package_for_KB5014692~31bf3856ad364e35~amd64~~17763.3046.1.3, status: 0x80070570";
        assert_eq!(
            package(text),
            Some("Package_for_KB5014692~31bf3856ad364e35~amd64~~17763.3046.1.3")
        );
        assert_eq!(kb(text), Some("KB5014692"));
        assert_eq!(
            package("Package_for_RollupFix~<PublicKeyToken>~amd64~~17763.4499.1.5, status"),
            Some("Package_for_RollupFix~<PublicKeyToken>~amd64~~17763.4499.1.5")
        );
        assert_eq!(package("about ~ nothing"), None);
        assert_eq!(kb("Identifier: KB777778"), None);
        assert_eq!(
            kb_of_file(r"wusa.exe C:\made up\windows10.0-kb5014692-x64.msu"),
            Some("KB5014692".to_owned())
        );
        assert_eq!(kb_of_file("a-kb12-x64.msu"), None);
        assert_eq!(
            component(
                r"file \SystemRoot\WinSxS\amd64_a-b_31bf3856ad364e35_10.0.1.2_none_0011223344556677\x.dll"
            ),
            Some("amd64_a-b_31bf3856ad364e35_10.0.1.2_none_0011223344556677")
        );
        assert_eq!(
            session(
                "Exec: Processing complete, session(Corruption Repairing): 30792633_28 [HRESULT"
            ),
            Some("30792633_28")
        );
        assert_eq!(
            session("Session: 30792633_28 initialized by client x"),
            Some("30792633_28")
        );
        assert_eq!(trace("STATUS_X #34109804# from y"), Some("34109804"));
        assert_eq!(
            path(r"\??\C:\Program Files\Windows Defender"),
            r"C:\Program Files\Windows Defender"
        );
    }
}
