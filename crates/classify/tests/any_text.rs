//! No text makes the classifier, the deriver or the table of codes panic, and what they point at are whole letters.

#[path = "../../parse/tests/any_text/generator.rs"]
mod generator;

use classify::{Clusters, Inspector, Rules, StreamFacts, UnitInput};
use event::{Chunk, Format, Source, StreamId, TextEncoding};
use proptest::prelude::*;
use proptest::sample::select;

/// What the shipped rules look for, and the lines of their own tests.
fn literals() -> Vec<String> {
    let rules = Rules::shipped().iter();
    rules
        .flat_map(|rule| rule.tests.matching.iter().chain(&rule.tests.not_matching))
        .cloned()
        .collect()
}

fn chunk(
    text: String,
    source: Source,
    encoding: TextEncoding,
    format: Format,
    offset: u64,
) -> Chunk {
    Chunk {
        tenant: "default".to_owned(),
        endpoint: "e".to_owned(),
        source,
        stream: StreamId(1),
        path: "p".to_owned(),
        offset,
        length: text.len() as u64,
        encoding,
        format,
        open: true,
        sender: String::new(),
        received_ms: 0,
        text,
    }
}

fn chunks() -> impl Strategy<Value = Chunk> {
    let offset = prop_oneof![Just(0), 0..1_000_000_u64, Just(u64::MAX)];
    let of = (
        select(&Source::ALL[..]),
        select(&TextEncoding::ALL[..]),
        select(&Format::ALL[..]),
        offset,
    );
    (generator::text(literals()), of).prop_map(|(text, (source, encoding, format, offset))| {
        chunk(text, source, encoding, format, offset)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn codes_of_any_text_are_whole_spellings_in_it(text in generator::text(literals())) {
        let mut found = Vec::new();
        classify::codes_in(&text, &mut found);
        for spelling in found {
            prop_assert!(text.get(spelling.at..spelling.end).is_some_and(|code| !code.is_empty()));
        }
        let _ = classify::template(&text);
        let _ = classify::reason_text(&text);
        let mut clusters = Clusters::default();
        clusters.add(&text, || text.clone());
    }

    #[test]
    fn any_chunks_are_classified_and_derived(chunks in prop::collection::vec(chunks(), 1..4)) {
        let rules = Rules::shipped();
        let mut input = UnitInput::default();
        let mut records = 0;
        for chunk in chunks {
            let classified = classify::classify(rules, &chunk);
            for place in classified.event_places.iter().chain(&classified.anchor_places) {
                prop_assert!(chunk.text.is_char_boundary(*place));
            }
            records += classified.records;
            input.streams.push(StreamFacts {
                stream: chunk.stream,
                source: chunk.source,
                anchors: classified.anchors,
                ranges: vec![(chunk.offset, chunk.offset.saturating_add(chunk.length))],
                first: classified.first,
                last: classified.last,
            });
            input.events.extend(classified.events);
            let mut inspector = Inspector::new(rules);
            inspector.inspect(&chunk, |record| drop(record.sample()));
        }
        let derived = classify::derive_all(rules, "default", "e", &input);
        let _ = classify::verdict(derived.values(), &input.events, records);
    }

    #[test]
    fn any_line_is_tried_on_the_rules(text in generator::text(literals()), source in select(&Source::ALL[..]), format in select(&Format::ALL[..])) {
        let _ = classify::rules_matching(Rules::shipped(), source, format, &text);
    }

    #[test]
    fn any_text_may_be_a_spelling(text in generator::text(Vec::new())) {
        let _ = windows_error_codes::decode(&text);
        let _ = windows_error_codes::lookup(&text);
        for word in text.split_whitespace() {
            for reading in windows_error_codes::decode(word).iter() {
                let _ = (reading.code.names().count(), reading.code.meaning(), reading.code.canonical());
            }
        }
    }
}

proptest! {
    // Each reads a whole file of rules.
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rules_of_any_text_are_refused_or_taken(text in generator::text(vec!["\n- ".to_owned(), "rules:\n".to_owned(), ": ".to_owned(), "[[[[".to_owned(), "&a ".to_owned(), "*a ".to_owned()])) {
        let _ = Rules::load(&[("x.yaml", &text)]);
        let shipped = Rules::shipped_files()[0].1;
        let cut = shipped.floor_char_boundary(text.len() * 7 % shipped.len());
        let torn = [&shipped[..cut], &text, &shipped[cut..]].concat();
        if let Ok(rules) = Rules::load(&[("x.yaml", &torn)]) {
            let _ = classify::rules_matching(&rules, Source::Cbs, Format::Wds, &text);
        }
    }
}
