//! What is not well but stops nothing: said by `/readyz` and as metrics, and by the log when it begins.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::LostPart;

/// Notes of one process, by what they are about.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    notes: Arc<Mutex<BTreeMap<&'static str, String>>>,
    lost_parts: Arc<AtomicUsize>,
}

impl Notes {
    fn notes(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something, and says so where it is new.
    pub(super) fn set(&self, about: &'static str, text: String) {
        let mut notes = self.notes();
        if !notes.contains_key(about) {
            tracing::error!("{text}");
        }
        notes.insert(about, text);
    }

    pub(super) fn clear(&self, about: &'static str) {
        if self.notes().remove(about).is_some() {
            tracing::warn!(about, "well again");
        }
    }

    /// Notes parts of the store that were lost, by table and partition; the log has said each.
    pub(super) fn set_lost(&self, lost: &[LostPart]) {
        let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for part in lost {
            *places.entry((&part.table, &part.partition)).or_default() += 1;
        }
        let places: Vec<String> = places
            .iter()
            .map(|((table, partition), parts)| format!("{parts} of `{table}` in {partition}"))
            .collect();
        let text = format!(
            "parts of the store were lost: {}; `cbsift doctor` says which",
            places.join(", ")
        );
        self.lost_parts.store(lost.len(), Ordering::Relaxed);
        self.notes().insert("lost parts", text);
    }

    /// Parts of the store that this process knows to be lost.
    pub(crate) fn lost_parts(&self) -> usize {
        self.lost_parts.load(Ordering::Relaxed)
    }

    /// Whether there is a note about this.
    pub(crate) fn has(&self, about: &str) -> bool {
        self.notes().contains_key(about)
    }

    /// All notes.
    pub(crate) fn all(&self) -> Vec<String> {
        self.notes().values().cloned().collect()
    }
}
