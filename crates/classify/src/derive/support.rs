//! What event logs tell of disks, file systems and power near a failure that damaged files or disks explain.
//!
//! It does not make a cause, but makes one more likely, and stands in its evidence.

use super::Line;
use super::causes::MAX_EVIDENCE;
use super::findings::evidence;
use crate::rules::Rules;
use event::{Event, Finding, Source, UtcMillis};
use std::collections::BTreeMap;

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

/// Such records of an endpoint: by rule, and there by time.
pub(super) struct Supports<'a>(BTreeMap<&'a str, Vec<Support<'a>>>);

struct Support<'a> {
    event: &'a Event,
    utc: UtcMillis,
    /// It tells of lost power, not of a disk.
    is_power: bool,
}

impl<'a> Supports<'a> {
    /// What event logs tell of disks and power.
    pub(super) fn find(rules: &Rules, timelines: &[Line<'a>]) -> Self {
        let of_event_logs = timelines
            .iter()
            .filter(|timeline| timeline.source == Source::EventLog);
        let mut by_rule: BTreeMap<&str, Vec<Support<'a>>> = BTreeMap::new();
        for event in of_event_logs.flat_map(|timeline| timeline.events.iter().copied()) {
            let category = rules.get(&event.rule).map(|rule| rule.category.as_str());
            let is_power = match category {
                Some("filesystem_or_disk") => false,
                Some("unexpected_shutdown") => true,
                _ => continue,
            };
            if let Some(utc) = event.stamp {
                let of_rule = by_rule.entry(&event.rule).or_default();
                of_rule.push(Support {
                    event,
                    utc,
                    is_power,
                });
            }
        }
        for supports in by_rule.values_mut() {
            supports.sort_by_key(|support| (support.utc, support.event.id));
        }
        Self(by_rule)
    }

    /// Adds to a finding what stands near it.
    pub(super) fn add(&self, finding: &mut Finding) {
        let is_own = finding
            .evidence
            .first()
            .is_none_or(|evidence| evidence.source == Source::EventLog);
        let Some(utc) = finding.utc else { return };
        if is_own || !EXPLAINED.contains(&finding.category.as_str()) {
            return;
        }
        // The same event again and again says no more than once: of each rule the nearest.
        let mut near: Vec<(i64, &Support<'_>)> = self
            .0
            .values()
            .filter_map(|supports| nearest(supports, utc))
            .collect();
        near.sort_by_key(|(distance, support)| (support.is_power, *distance, support.event.id));
        for (is_power, points, reason) in [
            (false, DISK_POINTS, DISK_NEAR),
            (true, POWER_POINTS, POWER_NEAR),
        ] {
            if near.iter().any(|(_, support)| support.is_power == is_power) {
                finding.confidence = finding
                    .confidence
                    .max((finding.confidence + points).min(MOST));
                finding.reasons.push(reason.to_owned());
            }
        }
        let most = MAX_EVIDENCE + MAX_RECORDS;
        for (_, support) in near.iter().take(MAX_RECORDS) {
            let one = evidence(support.event);
            if finding.evidence.len() < most && !finding.evidence.contains(&one) {
                finding.evidence.push(one);
            }
        }
    }
}

/// The nearest of one rule's records that is near, of equally near ones that with the smaller id, and how far it is.
fn nearest<'s, 'a>(supports: &'s [Support<'a>], utc: UtcMillis) -> Option<(i64, &'s Support<'a>)> {
    let after = supports.partition_point(|support| support.utc < utc);
    // Equal times are sorted by id, so the first of them is the one.
    let before = after
        .checked_sub(1)
        .and_then(|last| supports.get(last))
        .map(|last| supports.partition_point(|support| support.utc < last.utc));
    [before, Some(after)]
        .into_iter()
        .flatten()
        .filter_map(|at| supports.get(at))
        .map(|support| ((support.utc.0 - utc.0).abs(), support))
        .filter(|(distance, _)| *distance <= NEAR_MS)
        .min_by_key(|(distance, support)| (*distance, support.event.id))
}
