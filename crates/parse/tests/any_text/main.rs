//! No text and no bytes make the parser panic, lose a byte or read beyond what is there.

mod generator;

use event::{Format, TextEncoding};
use parse::{Cutter, event_json};
use proptest::prelude::*;
use proptest::sample::select;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn records_of_any_text_tile_it_in_every_format(text in generator::text(Vec::new())) {
        for format in Format::ALL {
            let mut end = 0;
            for record in parse::records(&text, format) {
                prop_assert_eq!(record.offset, end);
                end += record.raw.len();
                for encoding in TextEncoding::ALL {
                    let _ = record.place(encoding);
                }
                let _ = (record.head(), record.stamp_bytes(), record.logged(), record.stamp());
                let _ = (record.lines(), record.csi(), record.is_orphan(), record.is_cut());
                let _ = (record.event(), parse::utc_anchor(&record, u64::MAX));
                prop_assert!(record.text().len() <= 2 * text.len() + 1_024);
            }
            prop_assert_eq!(end, text.len());
        }
    }

    #[test]
    fn any_text_is_looked_at(text in generator::text(Vec::new())) {
        let _ = (parse::check_sur(&text), parse::first_record_hash(&text));
        let _ = event_json::unescaped(&text);
        for encoding in TextEncoding::ALL {
            let length = parse::source_length(encoding, &text);
            let _ = parse::covered_mark(encoding, 0, length, &text);
            let _ = parse::covered_mark(encoding, 0, u64::MAX, &text);
        }
        if let Some(line) = event_json::normalise(&text) {
            // The canonical form reads back as itself.
            prop_assert_eq!(event_json::normalise(&line), Some(line));
        }
    }

    #[test]
    fn any_values_of_an_event_come_through_every_shape(name in generator::text(Vec::new()), value in generator::text(Vec::new())) {
        let (name, value) = (serde_json::Value::from(name), serde_json::Value::from(value));
        for line in [
            format!(r##"{{"Event":{{"System":{{"EventID":1,"Provider":{{"#attributes":{{"Name":{value}}}}},"TimeCreated":{{"#attributes":{{"SystemTime":{value}}}}}}},"EventData":{{{name}:{value}}}}}}}"##),
            format!(r##"{{"ts_utc":{value},"provider":{value},"event_id":1,"level":{value},"data":{{{name}:{value}}}}}"##),
            format!(r##"{{"@timestamp":{value},"winlog":{{"provider_name":{value},"event_id":1,"event_data":{{{name}:{value}}}}}}}"##),
            format!(r##"{{"timestamp":{value},"provider_name":{value},"event_id":1,"event_data":{{{name}:{value}}}}}"##),
            format!(r##"{{"TimeCreated":{value},"ProviderName":{value},"EventID":1,"StringInserts":[{value},{name}]}}"##),
            format!(r##"{{"EventTime":{value},"SourceName":{value},"EventID":1,{name}:{value}}}"##),
            format!(r##"{{"system_time":{value},"provider":{{"name":{value}}},"event_id":{{"id":1}},"event_data":{{"data":[{{{name}:{value}}}]}}}}"##),
        ] {
            let event = event_json::read(&line);
            if let Some(event) = event {
                let _ = (event.head(), event.identity(), event.value("x"));
                let canonical = event.to_line();
                prop_assert_eq!(event_json::normalise(&canonical), Some(canonical));
            }
            parse::records(&line, Format::EventJson).for_each(|record| _ = record.logged());
        }
    }

    #[test]
    fn any_bytes_are_judged_and_cut_without_a_byte_lost(
        bytes in generator::bytes(),
        name in generator::text(Vec::new()),
        encoding in select(&TextEncoding::ALL[..]),
        format in select(&Format::ALL[..]),
        offset in prop_oneof![Just(0), 0..10_000_u64, Just(u64::MAX), (u64::MAX - 70_000)..u64::MAX],
        slice in 1..200_usize,
        target in 1..400_usize,
    ) {
        let detection = parse::detect(&name, &bytes);
        prop_assert!(detection.bom <= bytes.len());
        for (encoding, format) in [(detection.encoding, detection.format), (encoding, format)] {
            let mut cutter = Cutter::new(encoding, format, offset, target);
            let mut pieces = Vec::new();
            for slice in bytes.chunks(slice) {
                cutter.push(slice, &mut pieces);
            }
            cutter.finish(&mut pieces);
            let covered: u64 = pieces.iter().map(|piece| piece.length).sum();
            prop_assert_eq!(covered, bytes.len() as u64);
        }
    }
}
