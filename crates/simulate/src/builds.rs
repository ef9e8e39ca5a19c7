//! The Windows builds of the fleet, and the names of packages and components in them.

use crate::calendar::Release;
use crate::random::hash;

/// How a build's servicing stack writes: three generations differ in wording and in how strings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// Windows 7 and Server 2008 R2: no TiWorker, no `Universal Time` line, `[l:162{81}]"text"`.
    Seven,
    /// Windows 8.1 and Server 2012: TiWorker, SQM, otherwise as Windows 7.
    Eight,
    /// Windows 10 and later: `[l:37]'text'`, `Universal Time`, PSFX.
    Ten,
}

/// One Windows build.
#[derive(Debug, PartialEq, Eq)]
pub struct Build {
    /// As people say it, `Windows 10 22H2`.
    pub windows: &'static str,
    /// Version of the servicing stack, as the `Loaded Servicing Stack` line says.
    pub servicing_stack: &'static str,
    /// The `Build:` line's text; empty where this build logs none.
    pub build_line: &'static str,
    /// Version prefix of components, `10.0.19041`.
    pub version: &'static str,
    /// First part of a cumulative update's package version, `19041`.
    pub(crate) branch: &'static str,
    /// Revision of January 2024's cumulative update; later months add to it.
    pub(crate) revision: i64,
    pub(crate) era: Era,
    pub(crate) server: bool,
    /// Share of the healthy fleet, in parts of the sum of all.
    pub(crate) weight: u64,
}

/// Every build, in the order that numbers them in KBs.
// Shares are a guess at a bank's fleet: one main client build, two newer ones rolling out, servers, and leftovers under extended support.
pub static BUILDS: [Build; 9] = [
    Build {
        windows: "Windows 10 22H2",
        servicing_stack: "10.0.19041.5790",
        build_line: "19041.1.amd64fre.vb_release.191206-1406",
        version: "10.0.19041",
        branch: "19041",
        revision: 3930,
        era: Era::Ten,
        server: false,
        weight: 38,
    },
    Build {
        windows: "Windows 11 23H2",
        servicing_stack: "10.0.22621.5261",
        build_line: "22621.1.amd64fre.ni_release.220506-1250",
        version: "10.0.22621",
        branch: "22621",
        revision: 3007,
        era: Era::Ten,
        server: false,
        weight: 18,
    },
    Build {
        windows: "Windows 11 24H2",
        servicing_stack: "10.0.26100.3900",
        build_line: "26100.1.amd64fre.ge_release.240331-1435",
        version: "10.0.26100",
        branch: "26100",
        revision: 863,
        era: Era::Ten,
        server: false,
        weight: 10,
    },
    Build {
        windows: "Windows 10 LTSC 2019",
        servicing_stack: "10.0.17763.7240",
        build_line: "17763.1.amd64fre.rs5_release.180914-1434",
        version: "10.0.17763",
        branch: "17763",
        revision: 5329,
        era: Era::Ten,
        server: false,
        weight: 10,
    },
    Build {
        windows: "Windows Server 2019",
        servicing_stack: "10.0.17763.7246",
        build_line: "17763.1.amd64fre.rs5_release.180914-1434",
        version: "10.0.17763",
        branch: "17763",
        revision: 5330,
        era: Era::Ten,
        server: true,
        weight: 6,
    },
    Build {
        windows: "Windows Server 2022",
        servicing_stack: "10.0.20348.3561",
        build_line: "20348.1.amd64fre.fe_release.210507-1500",
        version: "10.0.20348",
        branch: "20348",
        revision: 2227,
        era: Era::Ten,
        server: true,
        weight: 7,
    },
    Build {
        windows: "Windows 8.1",
        servicing_stack: "6.3.9600.21501",
        build_line: "",
        version: "6.3.9600",
        branch: "9600",
        revision: 21765,
        era: Era::Eight,
        server: false,
        weight: 3,
    },
    Build {
        windows: "Windows Server 2012",
        servicing_stack: "6.2.9200.24612",
        build_line: "",
        version: "6.2.9200",
        branch: "9200",
        revision: 24664,
        era: Era::Eight,
        server: true,
        weight: 3,
    },
    Build {
        windows: "Windows 7",
        servicing_stack: "6.1.7601.26910",
        build_line: "",
        version: "6.1.7601",
        branch: "7601",
        revision: 26910,
        era: Era::Seven,
        server: false,
        weight: 5,
    },
];

impl Build {
    /// Its place in [`BUILDS`].
    pub(crate) fn index(&self) -> i64 {
        BUILDS
            .iter()
            .position(|build| build.windows == self.windows)
            .map_or(0, |index| index as i64)
    }

    /// Revision of a month's cumulative update.
    pub(crate) fn revision_of(&self, release: Release) -> i64 {
        // About a hundred revisions a month is what release tables show; never below 100 so that it stays a sane number.
        (self.revision
            + (release.index()
                - Release {
                    year: 2024,
                    month: 1,
                }
                .index())
                * 107)
            .max(100)
    }

    /// Version of components in a month's cumulative update.
    pub(crate) fn component_version(&self, release: Release) -> String {
        format!("{}.{}", self.version, self.revision_of(release))
    }

    /// A month's cumulative update: package identity and KB. KBs are made up, and equal over the fleet.
    pub(crate) fn cumulative(&self, release: Release) -> (String, String) {
        let kb = self.kb(release, 0);
        let package = if self.era == Era::Ten {
            let revision = self.revision_of(release);
            format!(
                "Package_for_RollupFix~31bf3856ad364e35~amd64~~{}.{revision}.1.{}",
                self.branch, release.month
            )
        } else {
            // These builds write no `Identifier`, so the package is all that names the KB.
            format!(
                "Package_for_{kb}~31bf3856ad364e35~amd64~~{}.1.{}",
                &self.version[..3],
                release.month
            )
        };
        (package, kb)
    }

    /// A made-up KB: `kind` tells apart what one build gets in one month.
    pub(crate) fn kb(&self, release: Release, kind: i64) -> String {
        // Five years of months, 9 builds and up to 27 kinds do not collide in the range 5030000..5089999.
        format!(
            "KB{}",
            5_030_000 + release.index().rem_euclid(60) * 1_000 + self.index() * 100 + kind * 3 + 7
        )
    }

    /// The servicing stack's component key.
    pub(crate) fn stack_key(&self) -> String {
        component_key("microsoft-windows-servicingstack", self.servicing_stack)
    }

    /// `C:\WINDOWS` or `C:\Windows`: both spellings occur in the field.
    pub(crate) fn windir(&self) -> &'static str {
        if self.index() % 2 == 1 {
            r"C:\WINDOWS"
        } else {
            r"C:\Windows"
        }
    }
}

/// `amd64_name_31bf3856ad364e35_version_none_hash`, long names elided as Windows does.
pub(crate) fn component_key(name: &str, version: &str) -> String {
    let lower = name.to_ascii_lowercase();
    // Keys keep about 40 characters of a name: the first part, `..`, the tail.
    let shown = if lower.len() > 40 {
        format!("{}..{}", &lower[..19], &lower[lower.len() - 19..])
    } else {
        lower
    };
    format!(
        "amd64_{shown}_31bf3856ad364e35_{version}_none_{:016x}",
        hash(format!("{name}{version}").as_bytes())
    )
}
