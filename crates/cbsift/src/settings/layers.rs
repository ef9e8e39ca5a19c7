//! The configuration: default file, file, environment, flags, in that order.
//!
//! `config/default.toml` holds every key and is compiled in, so an unknown key is one that does not stand there.

use crate::misuse::Misuse;
use config::{Config, Environment, File, FileFormat, Value, ValueKind};
use std::collections::BTreeMap;
use std::path::Path;

/// Every key with its default and a sentence.
pub(crate) const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// A key's final value and where it came from.
pub(crate) struct Shown {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) origin: String,
}

/// All layers as one, and each key with its origin; an unknown key is refused.
pub(super) fn merged(
    file: Option<&Path>,
    flags: &[(&str, String)],
) -> Result<(Config, Vec<Shown>), Misuse> {
    let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    if let Some(file) = file {
        if !file.is_file() {
            return Err(Misuse(format!(
                "no configuration file at `{}`",
                file.display()
            )));
        }
        builder = builder.add_source(File::from(file).format(FileFormat::Toml));
    }
    builder = builder.add_source(
        Environment::with_prefix("CBSIFT")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(false),
    );
    for (key, value) in flags {
        builder = builder
            .set_override(*key, value.as_str())
            .map_err(|error| Misuse(error.to_string()))?;
    }
    let mut merged = builder
        .build()
        .map_err(|error| Misuse(format!("cannot read the configuration: {error}")))?;

    let known = keys(
        &Config::builder()
            .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
            .build()
            .map_err(|error| Misuse(error.to_string()))?,
    );
    spread("", &mut merged.cache, &known);
    let found = keys(&merged);
    let problems: Vec<String> = found
        .iter()
        .filter(|(key, _)| !known.contains_key(*key))
        .map(|(key, value)| {
            let near = known.keys().min_by_key(|known| distance(known, key)).map(String::as_str).unwrap_or_default();
            format!("unknown key `{key}` (from {})\nhint: did you mean `{near}`? `cbsift config show` lists every key", origin(value, flags, key))
        })
        .collect();
    if !problems.is_empty() {
        return Err(Misuse(problems.join("\n")));
    }
    let shown = found
        .iter()
        .map(|(key, value)| Shown {
            key: key.clone(),
            value: text(value),
            origin: origin(value, flags, key),
        })
        .collect();
    Ok((merged, shown))
}

/// Every key of the form `table.key`.
fn keys(config: &Config) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    collect("", &config.cache, &mut found);
    found
}

fn collect(prefix: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    if let ValueKind::Table(table) = &value.kind {
        for (key, value) in table {
            collect(&path(prefix, key), value, found);
        }
    } else {
        found.insert(prefix.to_owned(), value.clone());
    }
}

fn path(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

/// Flags and the environment have no lists: where the defaults have one, a text is words with comma between them.
fn spread(prefix: &str, value: &mut Value, known: &BTreeMap<String, Value>) {
    let is_list = |default: &Value| matches!(default.kind, ValueKind::Array(_));
    match &mut value.kind {
        ValueKind::Table(table) => {
            for (key, value) in table {
                spread(&path(prefix, key), value, known);
            }
        }
        ValueKind::String(text) if known.get(prefix).is_some_and(is_list) => {
            let words = text.split(',').map(str::trim);
            let words = words
                .filter(|word| !word.is_empty())
                .map(|word| Value::new(None, word));
            value.kind = ValueKind::Array(words.collect());
        }
        _ => {}
    }
}

fn text(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::Array(values) => format!(
            "[{}]",
            values.iter().map(text).collect::<Vec<_>>().join(", ")
        ),
        other => other.to_string(),
    }
}

fn origin(value: &Value, flags: &[(&str, String)], key: &str) -> String {
    if flags.iter().any(|(flag, _)| *flag == key) {
        return "flag".to_owned();
    }
    match value.origin() {
        Some(origin) if origin.contains("environment") => format!(
            "environment CBSIFT__{}",
            key.to_uppercase().replace('.', "__")
        ),
        Some(origin) => origin.to_owned(),
        None => "default".to_owned(),
    }
}

/// Edits between two short words, to guess what was meant.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let next = (diagonal + usize::from(a != *b))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[other.len()]
}
