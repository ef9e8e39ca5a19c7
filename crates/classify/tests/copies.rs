//! What rules, codes and markers say of a record must not change when its text is copied about.

use classify::{Classified, Rules, classify};
use copies::{Keeps, WAYS, Way};
use event::{Chunk, Format, StreamId};
use std::collections::BTreeMap;

/// Harmless records around the one that is looked at.
const BEFORE: &str = "2024-03-15 09:12:00, Info                  CBS    Reboot mark cleared\n";
const AFTER: &str =
    "2024-03-15 09:12:02, Info                  CBS    Ending TrustedInstaller finalization.\n";

/// Every text through the same functions as a scan.
fn read(bytes: &[u8], target: usize) -> (Format, Classified) {
    let found = parse::detect("x.log", bytes);
    let mut all = Classified::default();
    let Some(source) = found.source else {
        return (found.format, all);
    };
    let mut cutter = parse::Cutter::new(found.encoding, found.format, 0, target);
    let mut pieces = Vec::new();
    cutter.push(bytes, &mut pieces);
    cutter.finish(&mut pieces);
    for piece in pieces {
        let chunk = Chunk {
            tenant: "default".to_owned(),
            endpoint: "pc".to_owned(),
            source,
            stream: StreamId(1),
            path: String::new(),
            offset: piece.offset,
            length: piece.length,
            encoding: found.encoding,
            format: found.format,
            open: false,
            sender: String::new(),
            received_ms: 0,
            text: piece.text,
        };
        let part = classify(Rules::shipped(), &chunk);
        all.records += part.records;
        all.loose_bytes += part.loose_bytes;
        all.events.extend(part.events);
        all.noise.extend(part.noise);
    }
    (found.format, all)
}

/// What was said of the records, in their order.
fn said(found: &Classified) -> Vec<String> {
    let events = found.events.iter().map(|event| {
        let mut codes: Vec<String> = event.codes.iter().map(ToString::to_string).collect();
        codes.sort();
        (
            event.offset,
            format!("{} {:?} {}", event.rule, event.marker, codes.join(" ")),
        )
    });
    let noise = found.noise.iter().map(|noise| {
        (
            noise.offset,
            format!("noise {} {:?}", noise.rule, noise.code),
        )
    });
    let mut all: Vec<(u64, String)> = events.chain(noise).collect();
    all.sort();
    all.into_iter().map(|(_, said)| said).collect()
}

/// The examples of every rule, as exact records.
fn texts() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for rule in Rules::shipped().iter() {
        for example in &rule.tests.matching {
            let record = if example.starts_with("20") {
                example.clone()
            } else {
                let Some(head) = parse::records(example, Format::WdsHeadless)
                    .next()
                    .and_then(|record| record.head())
                else {
                    continue;
                };
                let id = head
                    .message_id
                    .map(|id| format!("[{id:#08x}]"))
                    .unwrap_or_default();
                let text = parse::records(example, Format::WdsHeadless)
                    .next()
                    .map(|record| record.text().into_owned())
                    .unwrap_or_default();
                format!(
                    "2024-03-15 09:12:01, {:<11}{id:<11}{:<7}{text}",
                    head.level_word, head.component
                )
            };
            // Another kind of log than the records around it.
            let is_servicing = parse::detect("x.log", record.as_bytes()).format == Format::Wds;
            let text = if is_servicing {
                format!("{BEFORE}{record}\n{AFTER}")
            } else {
                format!("{record}\n")
            };
            texts.push((rule.id.clone(), text));
        }
    }
    texts
}

#[test]
fn rules_codes_and_markers_are_kept_on_every_way() {
    let mut kept: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut lost = Vec::new();
    for (rule, text) in texts() {
        let (format, exact) = read(text.as_bytes(), 256 * 1024);
        if !matches!(
            format,
            Format::Wds | Format::WindowsUpdate | Format::WindowsUpdateOld
        ) {
            continue;
        }
        let wanted = said(&exact);
        // An example may ask for a source that its text does not show.
        if wanted.is_empty() {
            continue;
        }
        for way in WAYS {
            if exact.records == 1 && matches!(way.keeps, Keeps::Head | Keeps::Tail) {
                continue;
            }
            let bytes = way.bytes(&text);
            let (format, found) = read(&bytes, 256 * 1024);
            let (_, cut) = read(&bytes, 1);
            assert_eq!(
                found.events, cut.events,
                "{}: cuts decide nothing\n{text}",
                way.name
            );
            let is_kept = said(&found) == wanted && has_records(way, &exact, &found);
            let (ok, all) = kept.entry(way.name).or_default();
            *ok += usize::from(is_kept);
            *all += 1;
            if !is_kept {
                lost.push(format!(
                    "{}: {rule} ({}): {} records of {}, {:?} instead of {wanted:?}",
                    way.name,
                    format.name(),
                    found.records,
                    exact.records,
                    said(&found)
                ));
            }
        }
    }
    let (ok, all) = kept
        .values()
        .fold((0, 0), |(ok, all), (one, of)| (ok + one, all + of));
    for way in WAYS {
        let (ok, all) = kept[way.name];
        println!("{:<32} {ok:>4} of {all}", way.name);
    }
    println!("{:<32} {ok:>4} of {all}", "all");
    for line in &lost {
        println!("lost: {line}");
    }
    assert!(all > 5_000, "{all} texts");
    for (name, (ok, all)) in &kept {
        assert!(ok * 100 >= all * 90, "{name}: {ok} of {all} kept");
    }
    assert!(ok * 1_000 >= all * 985, "{ok} of {all} kept");
}

fn has_records(way: &Way, exact: &Classified, found: &Classified) -> bool {
    let missing = match way.keeps {
        Keeps::All | Keeps::Records => 0,
        Keeps::Head | Keeps::Tail => 1,
    };
    found.records + missing == exact.records
}
