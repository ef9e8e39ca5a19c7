//! The given logs, what a naive reader counts in them, and the fleet made of them.

use crate::TENANT;
use event::{Chunk, Format, Source, TextEncoding};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A given log, decoded, with what a naive reader counts in it.
pub(crate) struct Log {
    pub(crate) name: String,
    pub(crate) bytes: usize,
    raw: Vec<u8>,
    detection: parse::Detection,
    pub(crate) text: String,
    pub(crate) counted: Counted,
}

/// What the straightforward reader of the bench finds; the legs must find the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) records: u64,
    pub(crate) errors: u64,
    pub(crate) warnings: u64,
    pub(crate) sequences: u64,
    /// Source offset of the record and value, of each `[HRESULT = 0x8…`.
    pub(crate) results: BTreeSet<(u64, u32)>,
}

pub(crate) fn folder() -> PathBuf {
    std::env::var_os("CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    )
}

pub(crate) fn corpus() -> Vec<Log> {
    let folder = folder();
    let Ok(folders) = std::fs::read_dir(folder.join("logs")) else {
        eprintln!(
            "no corpus at `{}`\nhint: CORPUS=FOLDER make bench",
            folder.display()
        );
        std::process::exit(2);
    };
    let mut paths: Vec<PathBuf> = folders
        .filter_map(|folder| std::fs::read_dir(folder.ok()?.path()).ok())
        .flatten()
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.eq_ignore_ascii_case("cbs.log")
                || (name.starts_with("Windows_2k") && name.ends_with(".log"))
        })
        .collect();
    paths.sort();
    let labels = std::fs::read(folder.join("labels/cbs.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let logs: Vec<Log> = paths
        .iter()
        .map(|path| {
            let name = path
                .strip_prefix(folder.join("logs"))
                .unwrap_or(path)
                .display()
                .to_string();
            let raw = std::fs::read(path).expect("a file just listed");
            let detection = parse::detect(&name, &raw[..raw.len().min(parse::HEAD_BYTES)]);
            assert_eq!(
                (detection.encoding, detection.format),
                (TextEncoding::Utf8, Format::Wds),
                "{name}"
            );
            let text = String::from_utf8_lossy(&raw[detection.bom..]).into_owned();
            let counted = count(&text, detection.bom as u64);
            if let Some(label) = labels.as_ref().and_then(|labels| labels.get(&name)) {
                let number = |key: &str| label[key].as_u64().expect("a count");
                let records = number("header_lines") - number("csi_cont_header");
                assert_eq!(
                    (counted.records, counted.sequences),
                    (records, number("csi_with_seq")),
                    "{name} against its labels"
                );
            }
            Log {
                name,
                bytes: raw.len(),
                raw,
                detection,
                text,
                counted,
            }
        })
        .collect();
    assert!(!logs.is_empty(), "no CBS log in `{}`", folder.display());
    logs
}

/// Line by line, head by its blanks and digits: slow, and another way than `parse` goes.
fn count(text: &str, bom: u64) -> Counted {
    let mut counted = Counted::default();
    let (mut at, mut record) = (bom, bom);
    for line in text.split_inclusive('\n') {
        let is_head = line.split_once(", ").is_some_and(|(stamp, rest)| {
            stamp.len() == 19 && stamp.as_bytes()[4] == b'-' && !rest.starts_with(' ')
        });
        if is_head {
            let component = line.get(43..50).unwrap_or_default().trim_end();
            let digits = line
                .get(50..)
                .unwrap_or_default()
                .chars()
                .take_while(char::is_ascii_hexdigit)
                .count();
            let is_csi = component == "CSI";
            if !is_csi || digits == 8 {
                record = at;
                counted.records += 1;
                counted.sequences += u64::from(is_csi);
                counted.errors += u64::from(line[21..].starts_with("Error "));
                counted.warnings += u64::from(line[21..].starts_with("Warning "));
            }
        }
        for (_, after) in line
            .match_indices("[HRESULT = 0x")
            .map(|(at, word)| line.split_at(at + word.len()))
        {
            if let Some(value) = after.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok())
                // 0x80070bc2 says that a reboot is needed: success.
                && value >> 31 == 1 && value != 0x8007_0BC2
            {
                counted.results.insert((record, value));
            }
        }
        at += line.len() as u64;
    }
    counted
}

/// The log as one endpoint would send it.
pub(crate) fn chunks(log: &Log, endpoint: &str, target: usize) -> Vec<Chunk> {
    let mut cutter = parse::Cutter::new(log.detection.encoding, log.detection.format, 0, target);
    let mut pieces = Vec::new();
    cutter.push(&log.raw, &mut pieces);
    cutter.finish(&mut pieces);
    let stream = parse::stream_id(
        TENANT,
        endpoint,
        Source::Cbs,
        parse::first_record_hash(&log.text),
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is past 1970");
    pieces
        .into_iter()
        .map(|piece| Chunk {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
            source: Source::Cbs,
            stream,
            path: log.name.clone(),
            offset: piece.offset,
            length: piece.length,
            encoding: log.detection.encoding,
            format: log.detection.format,
            open: piece.open,
            sender: "bench".to_owned(),
            received_ms: i64::try_from(now.as_millis())
                .expect("the clock is before the year 292 million"),
            text: piece.text,
        })
        .collect()
}

pub(crate) fn endpoint(repeat: usize) -> String {
    format!("pc-{repeat:04}")
}

pub(crate) fn repeated(logs: &[&Log], repeats: usize, target: usize) -> Vec<Vec<Chunk>> {
    (0..repeats)
        .map(|repeat| {
            logs.iter()
                .flat_map(|log| chunks(log, &endpoint(repeat), target))
                .collect()
        })
        .collect()
}
