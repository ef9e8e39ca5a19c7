//! Columns that hold bytes rather than text.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A ClickHouse `String` that need not be text.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// The same, read back.
pub(crate) struct OwnedBytes(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for OwnedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = OwnedBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> std::result::Result<OwnedBytes, E> {
                Ok(OwnedBytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E: de::Error>(
                self,
                bytes: Vec<u8>,
            ) -> std::result::Result<OwnedBytes, E> {
                Ok(OwnedBytes(bytes))
            }
        }

        deserializer.deserialize_byte_buf(Visitor)
    }
}
