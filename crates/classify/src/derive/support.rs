//! What event logs tell of disks, file systems and power near a failure that damaged files or disks explain.
//!
//! It does not make a cause, but makes one more likely, and stands in its evidence.

use super::Line;
use super::causes::MAX_EVIDENCE;
use super::findings::evidence;
use crate::rules::Rules;
use event::{Event, Finding, Source, UtcMillis};

/// Reasons, as keys of the report's texts.
pub(crate) const DISK_NEAR: &str = "disk_events_near";
pub(crate) const POWER_NEAR: &str = "power_lost_near";

/// How near, by UTC. A day: a failing disk and the repairs of its file system show within one.
const NEAR_MS: i64 = 24 * 3_600 * 1_000;

/// Points for disk and file system errors, and for lost power, which damages files less surely. A judgement, as all weights of a confidence.
const DISK_POINTS: u8 = 10;
const POWER_POINTS: u8 = 5;

/// No confidence is higher, as for causes by themselves.
const MOST: u8 = 95;

/// Records of event logs in the evidence of one finding, beyond its own: the nearest ones.
const MAX_RECORDS: usize = 3;

/// Causes that damaged files, or a disk that loses data, explain.
const EXPLAINED: [&str; 6] = [
    "filesystem_corruption",
    "filesystem_or_disk",
    "hydration_failed",
    "component_store_corrupt",
    "component_metadata_corrupt",
    "catalog_corrupt",
];

/// An event that supports causes, and when it was.
pub(super) struct Support<'a> {
    event: &'a Event,
    utc: UtcMillis,
    is_power: bool,
}

/// All events of event logs that support causes.
pub(super) fn find<'a>(rules: &Rules, timelines: &[Line<'a>]) -> Vec<Support<'a>> {
    let of_event_logs = timelines
        .iter()
        .filter(|timeline| timeline.source == Source::EventLog);
    let mut found: Vec<Support<'a>> = of_event_logs
        .flat_map(|timeline| timeline.events.iter())
        .filter_map(|event| {
            let is_power = match rules.get(&event.rule)?.category.as_str() {
                "filesystem_or_disk" => false,
                "unexpected_shutdown" => true,
                _ => return None,
            };
            // True UTC only: a shipper's local time is not compared.
            let utc = event.stamp?;
            Some(Support {
                event,
                utc,
                is_power,
            })
        })
        .collect();
    found.sort_by_key(|support| (support.utc, support.event.id));
    found
}

/// Adds to a finding what supports it.
pub(super) fn add(supports: &[Support<'_>], finding: &mut Finding) {
    let is_own = finding
        .evidence
        .first()
        .is_none_or(|evidence| evidence.source == Source::EventLog);
    let Some(utc) = finding.utc else { return };
    if is_own || !EXPLAINED.contains(&finding.category.as_str()) {
        return;
    }
    let distance = |support: &Support<'_>| (support.utc.0 - utc.0).abs();
    let mut near: Vec<&Support<'_>> = supports
        .iter()
        .filter(|support| distance(support) <= NEAR_MS)
        .collect();
    // Disks before power, the nearest first; of one rule one record is enough.
    near.sort_by_key(|support| (support.is_power, distance(support), support.event.id));
    let mut rules: Vec<&str> = Vec::new();
    near.retain(|support| {
        let is_new = !rules.contains(&support.event.rule.as_str());
        rules.push(&support.event.rule);
        is_new
    });
    for (is_power, points, reason) in [
        (false, DISK_POINTS, DISK_NEAR),
        (true, POWER_POINTS, POWER_NEAR),
    ] {
        if near.iter().any(|support| support.is_power == is_power) {
            finding.confidence = finding
                .confidence
                .max((finding.confidence + points).min(MOST));
            finding.reasons.push(reason.to_owned());
        }
    }
    let records = near.iter().take(MAX_RECORDS);
    let most = MAX_EVIDENCE + MAX_RECORDS;
    for support in records {
        let one = evidence(support.event);
        if finding.evidence.len() < most && !finding.evidence.contains(&one) {
            finding.evidence.push(one);
        }
    }
}
