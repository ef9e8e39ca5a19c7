#![doc = include_str!("../README.md")]

use std::time::Duration;

/// Bytes of `20 GiB`, `512 MiB`, `4 KiB`, `512 B`, or a bare number of them.
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let bytes = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(bytes)
}

/// `500ms`, `10s`, `2m`, `3h`, `7d`; a unit is required.
pub fn time(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("4 KiB", Some(4096)),
            ("4KiB", Some(4096)),
            (" 4 KiB ", Some(4096)),
            ("20 GiB", Some(20 << 30)),
            ("2 TiB", Some(2 << 40)),
            ("12", Some(12)),
            ("4096", Some(4096)),
            ("0 B", Some(0)),
            ("1 GB", None),
            ("20 apples", None),
            ("", None),
            ("-1 B", None),
            ("1.5 GiB", None),
            ("16777216 TiB", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("10 s", Some(10_000)),
            ("3h", Some(10_800_000)),
            ("7d", Some(604_800_000)),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("1h 30m", None),
            ("18446744073709551615d", None),
        ] {
            let found = time(text).map(|time| time.as_millis());
            assert_eq!(found, expected, "{text}");
        }
    }
}
