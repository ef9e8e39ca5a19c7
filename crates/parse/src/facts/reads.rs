//! How texts of tools and values of the registry become facts.

use super::Fact;
use super::registry::Value;

/// How a text or a value becomes the fact.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    AsIs,
    /// Without a domain.
    Host,
    /// `19045` of `10.0.19045 N/A Build 19045`.
    Build,
    /// `4291` of `10.0.19045.4291`.
    Revision,
    /// How many pairs of names there are.
    Renames,
    /// The proxy in WinHTTP's settings.
    WinHttp,
}

/// The fact that a value of the registry tells.
pub(super) fn from_value(fact: Fact, value: &Value) -> Option<String> {
    match fact.reads() {
        Reads::Renames => {
            let pairs = value.strings()?;
            let files = pairs.chunks(2);
            let files = files.filter(|pair| pair.first().is_some_and(|name| !name.is_empty()));
            Some(files.count())
                .filter(|count| *count > 0)
                .map(|count| count.to_string())
        }
        Reads::WinHttp => value.bytes().and_then(win_http),
        _ => from_text(fact, &value.text()?),
    }
}

/// The fact that a text tells.
pub(super) fn from_text(fact: Fact, text: &str) -> Option<String> {
    let text = text.trim();
    let part = |number: usize| {
        let version = text.split_whitespace().next()?;
        version.split('.').nth(number).map(str::to_owned)
    };
    let number = match fact.reads() {
        Reads::Host => return text.split('.').next().map(str::to_owned),
        Reads::Build if text.contains('.') => part(2)?,
        Reads::Revision if text.contains('.') => part(3)?,
        Reads::Build | Reads::Revision => text.to_owned(),
        _ => return Some(text.to_owned()),
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(number)
}

/// Two counters, flags, and behind them the proxy with its length before it.
fn win_http(bytes: &[u8]) -> Option<String> {
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    // 1: direct, 2: by the proxy that follows.
    const BY_PROXY: u32 = 2;
    if number(8)? & BY_PROXY == 0 {
        return Some(Fact::DIRECT.to_owned());
    }
    let length = usize::try_from(number(12)?).ok()?;
    let proxy = bytes.get(16..16_usize.checked_add(length)?)?;
    let proxy = std::str::from_utf8(proxy).ok()?;
    (!proxy.is_empty()).then(|| proxy.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_winhttp_are_read() {
        let with = |flags: u8, proxy: &str| {
            let mut bytes = vec![0x18, 0, 0, 0, 0, 0, 0, 0, flags, 0, 0, 0];
            bytes.extend(u32::try_from(proxy.len()).unwrap().to_le_bytes());
            bytes.extend(proxy.as_bytes());
            bytes.extend([0; 4]);
            win_http(&bytes)
        };
        assert_eq!(with(1, "").as_deref(), Some("direct"));
        assert_eq!(
            with(3, "proxy.example.test:8080").as_deref(),
            Some("proxy.example.test:8080")
        );
        // Cut off, or a length that lies.
        assert_eq!(win_http(&[0x18, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]), None);
        assert_eq!(
            win_http(&[0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 255, 255, 255, 255, b'x']),
            None
        );
    }
}
