//! The failures that can be planted: one function each, listed here.

mod boot;
mod capability;
mod repair;
mod store;
mod system;

use crate::update::Update;
use crate::writer::Writer;

/// When a scenario happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// On the endpoint's own update day, with its monthly cumulative update, and again on the days after.
    Update,
    /// With the monthly update on every endpoint it touches, from one day on, every day: an outbreak.
    Outbreak,
    /// On any day, with an optional feature.
    Feature,
    /// On any day; no package is involved.
    AnyDay,
}

/// Where a scenario may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// Windows 10 and later.
    Ten,
    /// The main client build only.
    MainClient,
    /// The long-term build of the founding case, and its server.
    LongTerm,
    /// Windows 7 and 8.
    Old,
    /// Any build.
    Any,
}

/// A kind of failure.
pub(crate) struct Scenario {
    /// Its name, which [`crate::EndpointPlan`] shows.
    pub(crate) name: &'static str,
    pub(crate) place: Where,
    pub(crate) when: When,
    /// Endpoints of 100 that meet it.
    pub(crate) share: u64,
    /// Most attempts that fail before somebody mends it.
    pub(crate) tries: u64,
    /// Writes one whole failure, worker start and end included.
    pub(crate) write: fn(&mut Writer, &Update),
}

/// Every scenario. The shares sum to 31: seven endpoints of ten have no trouble.
// Shares are a guess at a fleet's mix, but for the outbreak: 4 of 100 are a tenth of the main client build.
pub(crate) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "psfx_base_missing",
        place: Where::MainClient,
        when: When::Outbreak,
        share: 4,
        tries: 12,
        write: store::base_missing,
    },
    Scenario {
        name: "filesystem_corruption",
        place: Where::LongTerm,
        when: When::Update,
        share: 2,
        tries: 5,
        write: system::file_corrupt,
    },
    Scenario {
        name: "component_store_corrupt",
        place: Where::Ten,
        when: When::Update,
        share: 2,
        tries: 3,
        write: store::store_corrupt,
    },
    Scenario {
        name: "missing_package_manifest",
        place: Where::Any,
        when: When::Update,
        share: 2,
        tries: 3,
        write: store::manifest_missing,
    },
    Scenario {
        name: "network_dns",
        place: Where::Ten,
        when: When::Feature,
        share: 2,
        tries: 4,
        write: capability::name_not_resolved,
    },
    Scenario {
        name: "pending_reboot",
        place: Where::Any,
        when: When::Update,
        share: 1,
        tries: 2,
        write: store::pending,
    },
    Scenario {
        name: "driver_operation_failed",
        place: Where::Ten,
        when: When::Update,
        share: 2,
        tries: 2,
        write: boot::driver,
    },
    Scenario {
        name: "http_installer",
        place: Where::Ten,
        when: When::Update,
        share: 2,
        tries: 3,
        write: boot::http_installer,
    },
    Scenario {
        name: "component_metadata_corrupt",
        place: Where::Old,
        when: When::Update,
        share: 1,
        tries: 3,
        write: store::out_of_sequence,
    },
    Scenario {
        name: "disk_full",
        place: Where::Any,
        when: When::Update,
        share: 2,
        tries: 3,
        write: system::disk_full,
    },
    Scenario {
        name: "repair_source_missing",
        place: Where::Any,
        when: When::AnyDay,
        share: 1,
        tries: 2,
        write: repair::source_missing,
    },
    Scenario {
        name: "sfc_unrepairable",
        place: Where::Any,
        when: When::AnyDay,
        share: 2,
        tries: 1,
        write: repair::sfc,
    },
    Scenario {
        name: "servicing_timeout",
        place: Where::Ten,
        when: When::Update,
        share: 1,
        tries: 2,
        write: boot::hang,
    },
    Scenario {
        name: "access_denied",
        place: Where::Any,
        when: When::Update,
        share: 1,
        tries: 3,
        write: system::access_denied,
    },
    Scenario {
        name: "locked_file",
        place: Where::Ten,
        when: When::Update,
        share: 2,
        tries: 2,
        write: system::sharing_violation,
    },
    Scenario {
        name: "fod_content_not_found",
        place: Where::Ten,
        when: When::Feature,
        share: 2,
        tries: 3,
        write: capability::no_content,
    },
    Scenario {
        name: "cancelled",
        place: Where::Any,
        when: When::Update,
        share: 2,
        tries: 1,
        write: capability::cancelled,
    },
];
