//! Types that a reader may name, in `CAST` and in parameters.
//!
//! A type is a text that makes the engine do things: `AggregateFunction(…)` reads the inside of an aggregate from given
//! bytes, `Identifier` puts a name into the statement, and `DateTime('file:…')` opens a file.

use super::canonical::is_word;

/// Types without anything in brackets that would be a type.
const PLAIN: [&str; 38] = [
    "Bool",
    "Date",
    "Date32",
    "DateTime",
    "DateTime32",
    "DateTime64",
    "Decimal",
    "Decimal128",
    "Decimal256",
    "Decimal32",
    "Decimal64",
    "Enum",
    "Enum16",
    "Enum8",
    "FixedString",
    "Float32",
    "Float64",
    "Int128",
    "Int16",
    "Int256",
    "Int32",
    "Int64",
    "Int8",
    "IPv4",
    "IPv6",
    "Nothing",
    "String",
    "Time",
    "Time64",
    "UInt128",
    "UInt16",
    "UInt256",
    "UInt32",
    "UInt64",
    "UInt8",
    "UUID",
    "BFloat16",
    "BOOL",
];

/// Types made of others.
const COMPOUND: [&str; 6] = [
    "Array",
    "LowCardinality",
    "Map",
    "Nullable",
    "Tuple",
    "Variant",
];

/// Nested types are read by recursion; the engine's own bound (`max_parser_depth`) is higher.
const MAX_DEPTH: usize = 32;

/// Whether a text is one type of the lists.
pub(super) fn is_allowed(text: &str) -> bool {
    let mut reader = Reader { rest: text.trim() };
    reader.one(0).is_some() && reader.rest.is_empty()
}

/// Whether a text may name a time zone: a relative name of the time zone database. cctz opens whatever follows `file:`.
pub(super) fn is_zone(text: &str) -> bool {
    let is_plain = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '+' | '/')
    };
    !text.starts_with('/') && text.chars().all(is_plain)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn one(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let name = self.word()?;
        if PLAIN.contains(&name) {
            if self.symbol('(') {
                self.values(name.starts_with("Enum"))?;
            }
            return Some(());
        }
        if !COMPOUND.contains(&name) || !self.symbol('(') {
            return None;
        }
        loop {
            if name == "Tuple" {
                // An element may have a name, which stands before its type.
                let before = self.rest;
                let is_named = self.word().is_some() && self.peek_word();
                if !is_named {
                    self.rest = before;
                }
            }
            self.one(depth + 1)?;
            if !self.symbol(',') {
                break;
            }
        }
        self.symbol(')').then_some(())
    }

    /// Lengths, zones and the values of an enumeration, up to the closing bracket.
    fn values(&mut self, is_enumeration: bool) -> Option<()> {
        loop {
            self.rest = self.rest.trim_start();
            let first = self.rest.chars().next()?;
            let length = match first {
                ')' => {
                    self.rest = self.rest.get(1..)?;
                    return Some(());
                }
                '\'' => {
                    let inside = self.rest.get(1..)?;
                    let value = inside.get(..inside.find('\'')?)?;
                    if value.contains('\\') || !is_enumeration && !is_zone(value) {
                        return None;
                    }
                    value.len() + 2
                }
                '=' | '-' if is_enumeration => 1,
                ',' | '0'..='9' => 1,
                _ => return None,
            };
            self.rest = self.rest.get(length..)?;
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start();
        let length = self
            .rest
            .find(|character| !is_word(character))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest.trim_start();
        (!word.is_empty()).then_some(word)
    }

    fn peek_word(&self) -> bool {
        Reader { rest: self.rest }.word().is_some()
    }

    fn symbol(&mut self, symbol: char) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_values_are_allowed() {
        for text in [
            "UInt8",
            "DateTime64(3, 'Europe/Berlin')",
            "DateTime('UTC')",
            "Array(Nullable(String))",
            "Map(String, Array(UInt8))",
            "Tuple(a UInt8, b Tuple(String, Date))",
            "Enum8('a: b/c' = 1, 'd' = -2)",
            "Decimal(18, 4)",
        ] {
            assert!(is_allowed(text), "{text}");
        }
    }

    #[test]
    fn types_that_do_things_are_not() {
        for text in [
            "",
            "Identifier",
            "AggregateFunction(sum, UInt8)",
            "Array(AggregateFunction(sum, UInt8))",
            "Tuple(a AggregateFunction(sum, UInt8))",
            "SimpleAggregateFunction(sum, UInt8)",
            "DateTime('file:/etc/localtime')",
            "DateTime('/etc/localtime')",
            "DateTime64(3, 'file:x')",
            "DateTime('a' 'file:x')",
            "DateTime('file:x' = 1)",
            "Array(DateTime('file:x'))",
            "UInt8, UInt8",
            "UInt8)",
            "JSON",
            "Dynamic",
            "Object('json')",
            "String'",
        ] {
            assert!(!is_allowed(text), "{text}");
        }
        assert!(!is_allowed(&"Array(".repeat(1000)));
    }
}
