//! The registry.

use crate::{RegistryKey, RegistryValue};
use windows_registry::{LOCAL_MACHINE, Type};

/// The 64-bit registry, also for a 32-bit process.
const KEY_WOW64_64KEY: u32 = 0x0100;

pub(crate) fn local_machine(path: &str) -> Option<RegistryKey> {
    let mut options = LOCAL_MACHINE.options();
    let key = options.read().access(KEY_WOW64_64KEY).open(path).ok()?;
    let mut found = RegistryKey::default();
    if let Ok(values) = key.values() {
        for (name, value) in values {
            let value = match value.ty() {
                Type::String | Type::ExpandString => String::try_from(value)
                    .map(RegistryValue::Text)
                    .unwrap_or(RegistryValue::Other),
                Type::U32 => u32::try_from(value)
                    .map(RegistryValue::Number)
                    .unwrap_or(RegistryValue::Other),
                Type::MultiString => key
                    .get_multi_string(&name)
                    .map(RegistryValue::Texts)
                    .unwrap_or(RegistryValue::Other),
                _ => RegistryValue::Other,
            };
            found.values.push((name, value));
        }
    }
    found.values.sort_by(|a, b| a.0.cmp(&b.0));
    Some(found)
}
