//! Writes made-up event logs, as small as the reader lets them be: no templates, every value a string.

/// An event.
pub(super) struct Made<'a> {
    pub(super) provider: &'a str,
    pub(super) event_id: &'a str,
    pub(super) record_id: u64,
    pub(super) time: &'a str,
    pub(super) data: &'a [(&'a str, &'a str)],
}

/// A file of chunks that hold these events each.
pub(super) fn file(chunks: &[&[Made<'_>]]) -> Vec<u8> {
    let mut file = super::MAGIC.to_vec();
    file.resize(super::FILE_HEAD as usize, 0);
    for events in chunks {
        file.extend(chunk(events));
    }
    file
}

fn chunk(events: &[Made<'_>]) -> Vec<u8> {
    let mut chunk = b"ElfChnk\0".to_vec();
    chunk.resize(512, 0);
    let mut last = 0;
    for event in events {
        last = chunk.len();
        record(&mut chunk, event);
    }
    let first_id = events.first().map_or(0, |event| event.record_id);
    let last_id = events.last().map_or(0, |event| event.record_id);
    for (at, number) in [(8, first_id), (16, last_id), (24, first_id), (32, last_id)] {
        chunk[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    for (at, number) in [(40, 128), (44, last as u32), (48, chunk.len() as u32)] {
        chunk[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    chunk.resize(super::CHUNK as usize, 0);
    chunk
}

fn record(chunk: &mut Vec<u8>, event: &Made<'_>) {
    let start = chunk.len();
    chunk.extend([0x2a, 0x2a, 0, 0, 0, 0, 0, 0]);
    chunk.extend(event.record_id.to_le_bytes());
    chunk.extend(133_000_000_000_000_000_u64.to_le_bytes());
    // Fragment header, then the tree of elements, then the end of the stream.
    chunk.extend([0x0f, 1, 1, 0]);
    element(chunk, "Event", &[], |chunk| {
        element(chunk, "System", &[], |chunk| {
            element(chunk, "Provider", &[("Name", event.provider)], |_| {});
            element(chunk, "EventID", &[], |chunk| text(chunk, event.event_id));
            element(chunk, "TimeCreated", &[("SystemTime", event.time)], |_| {});
            let id = event.record_id.to_string();
            element(chunk, "EventRecordID", &[], |chunk| text(chunk, &id));
            element(chunk, "Channel", &[], |chunk| text(chunk, "System"));
            element(chunk, "Computer", &[], |chunk| text(chunk, "PC-1"));
        });
        element(chunk, "EventData", &[], |chunk| {
            for (name, value) in event.data {
                element(chunk, "Data", &[("Name", name)], |chunk| text(chunk, value));
            }
        });
    });
    chunk.push(0);
    let size = (chunk.len() - start + 4) as u32;
    chunk[start + 4..start + 8].copy_from_slice(&size.to_le_bytes());
    chunk.extend(size.to_le_bytes());
}

fn element(
    chunk: &mut Vec<u8>,
    name: &str,
    attributes: &[(&str, &str)],
    inside: impl FnOnce(&mut Vec<u8>),
) {
    let has_attributes = !attributes.is_empty();
    chunk.push(if has_attributes { 0x41 } else { 0x01 });
    // The size of what follows, which readers do not need.
    chunk.extend([0, 0, 0, 0]);
    self::name(chunk, name);
    if has_attributes {
        chunk.extend([0, 0, 0, 0]);
        for (index, (name, value)) in attributes.iter().enumerate() {
            chunk.push(if index + 1 < attributes.len() {
                0x46
            } else {
                0x06
            });
            self::name(chunk, name);
            text(chunk, value);
        }
    }
    chunk.push(0x02);
    inside(chunk);
    chunk.push(0x04);
}

/// A name stands where it is used, behind its own offset.
fn name(chunk: &mut Vec<u8>, name: &str) {
    let at = chunk.len() as u32 + 4;
    chunk.extend(at.to_le_bytes());
    chunk.extend([0, 0, 0, 0, 0, 0]);
    characters(chunk, name);
    chunk.extend([0, 0]);
}

fn text(chunk: &mut Vec<u8>, text: &str) {
    chunk.extend([0x05, 0x01]);
    characters(chunk, text);
}

fn characters(chunk: &mut Vec<u8>, text: &str) {
    let units: Vec<u16> = text.encode_utf16().collect();
    chunk.extend((units.len() as u16).to_le_bytes());
    chunk.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
}
