//! Keys and values of the registry, as `.reg` files and `reg query` write them.

use super::reads::from_value;
use super::table::{of_key, of_value};
use super::{Fact, Facts};

/// Bytes kept of a value in hexadecimal: a long list of files to rename.
const BYTES_MAX: usize = 256 * 1024;

/// A value of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    Bytes(Vec<u8>),
    Strings(Vec<String>),
}

impl Value {
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Bytes(_) | Self::Strings(_) => None,
        }
    }

    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn strings(&self) -> Option<&[String]> {
        match self {
            Self::Strings(strings) => Some(strings),
            _ => None,
        }
    }
}

/// Takes down that a key of the machine is there. `key` = its path below the hive.
pub(super) fn take_key(facts: &mut Facts, key: &str) {
    for fact in of_key(key) {
        facts.add(fact, Fact::THERE);
    }
}

/// Takes down what a value tells.
pub(super) fn take_value(facts: &mut Facts, key: &str, name: &str, value: &Value) {
    for fact in of_value(key, name) {
        if let Some(text) = from_value(fact, value) {
            facts.add(fact, &text);
        }
    }
}

/// The path below the machine's hive; nothing for keys of users.
pub(super) fn below_machine(key: &str) -> Option<&str> {
    let (hive, path) = key.split_once('\\')?;
    let is_machine = ["HKEY_LOCAL_MACHINE", "HKLM"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(hive));
    is_machine.then_some(path)
}

/// Reads a `.reg` file line by line.
#[derive(Default)]
pub(super) struct Export {
    facts: Facts,
    /// The machine's key whose values follow.
    key: Option<String>,
    /// A value in hexadecimal that goes on in the next line.
    open: Option<Hex>,
    /// REGEDIT4, whose strings are no UTF-16.
    is_ansi: bool,
}

/// A value as bytes in hexadecimal.
struct Hex {
    name: String,
    kind: String,
    bytes: Vec<u8>,
}

impl Export {
    pub(super) fn line(&mut self, line: &str) {
        if let Some(mut hex) = self.open.take() {
            let goes_on = hex.push(line.trim());
            self.keep(hex, goes_on);
            return;
        }
        let line = line.trim();
        if line.eq_ignore_ascii_case("REGEDIT4") {
            self.is_ansi = true;
        } else if let Some(key) = line.strip_prefix('[') {
            // `[-…]` takes a key away.
            let key = key.strip_suffix(']').filter(|key| !key.starts_with('-'));
            let key = key.and_then(below_machine);
            self.key = key.map(str::to_owned);
            if let Some(key) = key {
                take_key(&mut self.facts, key);
            }
        } else if let Some(rest) = line.strip_prefix('"')
            && let Some(key) = &self.key
            && let Some((name, data)) = rest.split_once("\"=")
            && of_value(key, name).next().is_some()
        {
            self.value(name, data);
        }
    }

    fn value(&mut self, name: &str, data: &str) {
        if let Some(number) = data.strip_prefix("dword:") {
            if let Ok(number) = u32::from_str_radix(number.trim(), 16) {
                self.take(name, &Value::Number(number.into()));
            }
        } else if let Some(text) = data.strip_prefix('"') {
            let text = text.strip_suffix('"').unwrap_or(text);
            self.take(name, &Value::Text(unescaped(text)));
        } else if let Some(rest) = data.strip_prefix("hex")
            && let Some((kind, digits)) = rest.split_once(':')
        {
            let mut hex = Hex {
                name: name.to_owned(),
                kind: kind.to_owned(),
                bytes: Vec::new(),
            };
            let goes_on = hex.push(digits);
            self.keep(hex, goes_on);
        }
    }

    fn keep(&mut self, hex: Hex, goes_on: bool) {
        if goes_on {
            self.open = Some(hex);
        } else {
            let value = hex.value(self.is_ansi);
            self.take(&hex.name, &value);
        }
    }

    fn take(&mut self, name: &str, value: &Value) {
        if let Some(key) = &self.key {
            take_value(&mut self.facts, key, name, value);
        }
    }

    pub(super) fn finish(mut self) -> Facts {
        // A file that was cut off.
        if let Some(hex) = self.open.take() {
            self.keep(hex, false);
        }
        self.facts
    }
}

impl Hex {
    /// Takes one line of digits; whether it goes on in the next one.
    fn push(&mut self, digits: &str) -> bool {
        let (digits, goes_on) = match digits.strip_suffix('\\') {
            Some(digits) => (digits, true),
            None => (digits, false),
        };
        for byte in digits.split(',') {
            if let Ok(byte) = u8::from_str_radix(byte.trim(), 16)
                && self.bytes.len() < BYTES_MAX
            {
                self.bytes.push(byte);
            }
        }
        goes_on
    }

    fn value(&self, is_ansi: bool) -> Value {
        let text = || match is_ansi {
            true => String::from_utf8_lossy(&self.bytes).into_owned(),
            false => encoding_rs::UTF_16LE
                .decode_without_bom_handling(&self.bytes)
                .0
                .into_owned(),
        };
        match self.kind.as_str() {
            // REG_SZ and REG_EXPAND_SZ.
            "(1)" | "(2)" => Value::Text(text().trim_end_matches('\0').to_owned()),
            // REG_MULTI_SZ.
            "(7)" => Value::Strings(text().split('\0').map(str::to_owned).collect()),
            _ => Value::Bytes(self.bytes.clone()),
        }
    }
}

/// `\\` and `\"` as they are meant.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.extend(letters.next()),
            letter => out.push(letter),
        }
    }
    out
}

/// One line of `reg query`: `    Name    REG_SZ    Data`.
pub(super) fn queried(line: &str) -> Option<(&str, Value)> {
    let (before, rest) = line.trim().split_once("REG_")?;
    // A name may hold blanks; four or a tabulator stand between it and the type.
    let name = before.trim();
    let (kind, data) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let data = data.trim();
    let value = match kind {
        "DWORD" | "QWORD" => {
            let digits = data.strip_prefix("0x")?;
            Value::Number(u64::from_str_radix(digits, 16).ok()?)
        }
        "MULTI_SZ" => Value::Strings(data.split("\\0").map(str::to_owned).collect()),
        "BINARY" => {
            let digits = data.as_bytes().chunks_exact(2).take(BYTES_MAX);
            let digits = digits.map(|pair| std::str::from_utf8(pair).ok());
            let bytes = digits.map(|pair| u8::from_str_radix(pair?, 16).ok());
            Value::Bytes(bytes.collect::<Option<_>>()?)
        }
        _ => Value::Text(data.to_owned()),
    };
    Some((name, value))
}
