//! What of event logs leaves in a redacted bundle: what servicing, the update agent and the disk say, and nothing of people.

use parse::event_json::WindowsEvent;

/// Ends of providers' names, and ids where only some of theirs leave.
const ALLOWED: &[(&str, &[u32])] = &[
    ("windowsupdateclient", &[]),
    ("-servicing", &[]),
    ("-wusa", &[]),
    ("-winreagent", &[]),
    ("-tpm-wmi", &[]),
    ("-bits-client", &[]),
    ("-security-spp", &[]),
    ("dism", &[]),
    ("dismapi", &[]),
    ("ntfs", &[55, 98, 130, 131, 132, 137, 140]),
    ("disk", &[7, 11, 51, 52, 153, 154, 157]),
    ("volsnap", &[]),
    ("-kernel-power", &[41]),
    ("-kernel-general", &[12, 13]),
    ("eventlog", &[6005, 6006, 6008, 6009, 6013]),
    (
        "service control manager",
        &[7000, 7001, 7009, 7011, 7023, 7024, 7031, 7034],
    ),
];

/// Whether an event may leave.
pub(crate) fn allowed(event: &WindowsEvent<'_>) -> bool {
    if event.channel.eq_ignore_ascii_case("Security") {
        return false;
    }
    let provider = event.provider.to_lowercase();
    // Of all crashes only what servicing reports of its own failures.
    if provider == "windows error reporting" {
        return event.event_id == 1001
            && event
                .data
                .iter()
                .any(|(_, value)| value == "WindowsServicingFailureInfo");
    }
    ALLOWED.iter().any(|(ending, ids)| {
        provider.ends_with(ending) && (ids.is_empty() || ids.contains(&event.event_id))
    })
}
