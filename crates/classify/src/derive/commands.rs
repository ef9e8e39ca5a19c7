//! Commands of DISM as tries: what was asked for, and how it ended.

use super::Line;
use super::attempts::{Found, Kind, Links, Try, outcome, value};
use super::timeline::is_near;
use event::{Event, Marker, Outcome};

/// The commands of a DISM log that failed, and those that ended well after their start was seen, in the order of their ends.
pub(super) fn find<'a>(timeline: &Line<'a>) -> Found<'a> {
    let mut links = Links::default();
    let mut tries: Vec<Try<'a>> = Vec::new();
    let mut begun: Option<(usize, &'a str)> = None;
    // Nothing before the last end belongs to the next command.
    let mut after_last = 0;
    for (at, event) in timeline.events.iter().copied().enumerate() {
        match event.marker {
            Marker::CommandStart => {
                begun = Some((at, event.field("command").unwrap_or_default()));
            }
            Marker::CommandEnd => {
                let result = event.field("hresult").and_then(value);
                let has_failed = event.field("failure").is_some();
                let (ended, terminal) = match result {
                    Some(_) => outcome(result),
                    None if has_failed => (Outcome::Failed, None),
                    None => (Outcome::Succeeded, None),
                };
                let is_near = |from: usize| is_near(timeline.day(from), timeline.day(at));
                let begun = begun.take();
                let last = tries.last().filter(|_| begun.is_none());
                let known = begun.map(|(from, _)| from).or(last.map(|last| last.begun));
                // One that began longer ago than a day looks back is not known.
                if let Some(known) = known {
                    links.add(timeline.day(known), timeline.day(at));
                }
                let begun = begun.filter(|(from, _)| is_near(*from));
                // One failure is told by several layers, the session's end among them.
                if let Some(last) = tries.last_mut()
                    && begun.is_none()
                    && is_near(last.begun)
                    && last.outcome == Outcome::Failed
                    && (!has_failed || last.terminal == terminal)
                {
                    last.to = at;
                    if last.package.is_empty() {
                        last.package = named_by_end(event);
                    }
                    if last.kb.is_empty() {
                        last.kb = &event.kb;
                    }
                    after_last = at + 1;
                    continue;
                }
                let has_start = begun.is_some();
                let Some((from, command)) =
                    begun.or_else(|| (ended == Outcome::Failed).then(|| (after_last.min(at), "")))
                else {
                    continue;
                };
                let command = Some(command)
                    .filter(|command| !command.is_empty())
                    .unwrap_or_else(|| named_by_end(event));
                let start = timeline.events.get(from).filter(|_| has_start);
                let started = start.map_or("", |start| &start.kb);
                if ended != Outcome::Failed && !changes_something(command) {
                    after_last = at + 1;
                    continue;
                }
                tries.push(Try {
                    kind: Kind::Command,
                    from,
                    seen_from: from,
                    begun: if has_start { from } else { at },
                    is_of_session: false,
                    to: at,
                    named_by: at,
                    has_start,
                    package: command,
                    kb: if event.kb.is_empty() {
                        started
                    } else {
                        &event.kb
                    },
                    client: "DISM",
                    session: "",
                    outcome: ended,
                    terminal,
                });
                after_last = at + 1;
            }
            _ => {}
        }
    }
    for one in &mut tries {
        one.seen_from = timeline.first_seen(one.from..=one.begun, one.to);
    }
    let failed = tries.last().filter(|last| last.outcome == Outcome::Failed);
    Found {
        links,
        open_command: begun.map(|(from, _)| from).or(failed.map(|last| last.to)),
        tries,
    }
}

/// Whether a command changes a machine or an image: one that only asks is worth a word only where it fails.
fn changes_something(command: &str) -> bool {
    let command = command.to_ascii_lowercase();
    [
        "/add-",
        "/remove-",
        "/enable-",
        "/disable-",
        "/apply-",
        "/cleanup-",
        "/restorehealth",
        "/set-",
        "/mount-",
        "/unmount-",
        "/commit-",
        "/capture-",
        "/export-",
        "/import-",
        "/revertpendingactions",
    ]
    .iter()
    .any(|verb| command.contains(verb))
}

/// What a command line names that it is about: `Made-Up` of `/FeatureName:Made-Up`.
pub(super) fn object(command: &str) -> Option<&str> {
    const OPTIONS: [&str; 7] = [
        "/featurename:",
        "/capabilityname:",
        "/packagename:",
        "/packagepath:",
        "/driver:",
        "/imagefile:",
        "/wimfile:",
    ];
    let lower = command.to_ascii_lowercase();
    let start = OPTIONS
        .iter()
        .find_map(|option| Some(lower.find(option)? + option.len()))?;
    let rest = command.get(start..)?;
    let value = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split(' ').next()?,
    };
    Some(value).filter(|value| !value.is_empty())
}

/// `enable-feature` of `Failed while processing command enable-feature.`, `DismDisableFeatureInternal` of the API's record.
fn named_by_end(event: &Event) -> &str {
    let after = |intro: &str| {
        let (_, rest) = event.text.split_once(intro)?;
        let word = rest.split([' ', '(']).next()?.trim_end_matches('.');
        (!word.is_empty()).then_some(word)
    };
    after("Failed while processing command ")
        .or_else(|| after(" internal execution failed - "))
        .unwrap_or_default()
}
