//! The facts: what each is called, and where it stands. A new fact is a name and a row here.

use super::reads::Reads;

/// What is known of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// The computer's name.
    Host,
    /// Name of the product, as Windows shows it.
    Product,
    /// EditionID.
    Edition,
    /// `19045`.
    Build,
    /// UBR, the part behind the build.
    Revision,
    /// `22H2`.
    Release,
    /// `x64-based PC`.
    SystemType,
    /// When it was started, as the tool wrote it.
    Started,
    /// UseWUServer: whether `UpdateServer` counts.
    UsesUpdateServer,
    /// WUServer.
    UpdateServer,
    /// WUStatusServer.
    StatusServer,
    /// UpdateServiceUrlAlternate.
    AlternateServer,
    /// DoNotConnectToWindowsUpdateInternetLocations.
    StaysOffInternet,
    /// DisableWindowsUpdateAccess.
    IsAccessDisabled,
    /// NoAutoUpdate.
    NoAutomaticUpdates,
    /// UseUpdateClassPolicySource: whether the two below count.
    UsesClassSources,
    /// SetPolicyDrivenUpdateSourceForQualityUpdates.
    QualitySource,
    /// SetPolicyDrivenUpdateSourceForFeatureUpdates.
    FeatureSource,
    /// TargetReleaseVersionInfo.
    TargetRelease,
    /// RepairContentServerSource.
    RepairFrom,
    /// LocalSourcePath of the policy on repairs.
    RepairPath,
    /// UseWindowsUpdate of the policy on repairs: 2 forbids it.
    RepairFromWindowsUpdate,
    /// WinHTTP's proxy, or [`Fact::DIRECT`].
    Proxy,
    /// Component Based Servicing\RebootPending is there.
    RebootPending,
    /// Auto Update\RebootRequired is there.
    RebootRequired,
    /// Files that are renamed or deleted at the next start.
    Renames,
    /// Packages that wait for a restart.
    PendingPackage,
    /// File-system filters of all makers.
    FilterCount,
    /// File-system filters that are not known as Microsoft's, with their altitudes.
    Filter,
    /// Version of the newest cumulative update that is installed.
    Rollup,
    /// Version of the newest servicing stack that is installed.
    Stack,
    /// KB of an installed update.
    Update,
}

/// What a fact is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The computer and its Windows.
    System,
    /// Where updates come from.
    Policy,
    /// How services reach the network.
    Proxy,
    /// What waits for a restart.
    Restart,
    /// Who watches files.
    Filters,
    /// What is installed.
    Updates,
}

/// A fact's row.
struct Row {
    fact: Fact,
    /// For machines.
    name: &'static str,
    group: Group,
    /// English and Chinese; the same where it is a name of Windows.
    label: [&'static str; 2],
    /// Whether it may have several values at a time.
    is_many: bool,
    /// Keys and values below HKEY_LOCAL_MACHINE.
    registry: &'static [Place],
    /// What tools print before it, with the colon or tabulator behind it.
    printed: &'static [&'static str],
    reads: Reads,
}

/// Where a fact stands in the registry.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// A value of a key.
    Value(&'static str, &'static str),
    /// That there is such a key.
    Key(&'static str),
}

const WINDOWS_NT: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const UPDATE_POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
const AUTOMATIC: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU";
const REPAIR_POLICY: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\Servicing";

/// What the compiler cannot see to: a row for each fact, in order. A test does.
const ROWS: [Row; 32] = [
    Row {
        registry: &[
            Place::Value(
                r"SYSTEM\CurrentControlSet\Control\ComputerName\ActiveComputerName",
                "ComputerName",
            ),
            Place::Value(
                r"SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName",
                "ComputerName",
            ),
        ],
        printed: &["Host Name:", "主机名:", "System Name\t", "系统名称\t"],
        reads: Reads::Host,
        ..row(Fact::Host, "computer", Group::System, ["name", "计算机名"])
    },
    Row {
        printed: &["OS Name:", "OS 名称:", "OS Name\t", "OS 名称\t"],
        ..row(Fact::Product, "product", Group::System, ["product", "产品"])
    },
    Row {
        registry: &[Place::Value(WINDOWS_NT, "EditionID")],
        ..row(Fact::Edition, "edition", Group::System, ["edition", "版次"])
    },
    Row {
        registry: &[
            Place::Value(WINDOWS_NT, "CurrentBuild"),
            Place::Value(WINDOWS_NT, "CurrentBuildNumber"),
        ],
        printed: &[
            "OS Version:",
            "OS 版本:",
            "Version\t",
            "版本\t",
            "Image Version:",
            "映像版本:",
        ],
        reads: Reads::Build,
        ..row(Fact::Build, "build", Group::System, ["build", "内部版本"])
    },
    Row {
        registry: &[Place::Value(WINDOWS_NT, "UBR")],
        printed: &["Image Version:", "映像版本:"],
        reads: Reads::Revision,
        ..row(
            Fact::Revision,
            "revision",
            Group::System,
            ["revision", "修订"],
        )
    },
    Row {
        registry: &[Place::Value(WINDOWS_NT, "DisplayVersion")],
        ..row(
            Fact::Release,
            "release",
            Group::System,
            ["release", "发行版"],
        )
    },
    Row {
        printed: &["System Type:", "系统类型:", "System Type\t", "系统类型\t"],
        ..row(
            Fact::SystemType,
            "system_type",
            Group::System,
            ["type", "类型"],
        )
    },
    Row {
        printed: &["System Boot Time:", "系统启动时间:"],
        ..row(
            Fact::Started,
            "started",
            Group::System,
            ["started", "启动时间"],
        )
    },
    Row {
        registry: &[Place::Value(AUTOMATIC, "UseWUServer")],
        ..policy(Fact::UsesUpdateServer, "use_wu_server", "UseWUServer")
    },
    Row {
        registry: &[Place::Value(UPDATE_POLICY, "WUServer")],
        ..policy(Fact::UpdateServer, "wu_server", "WUServer")
    },
    Row {
        registry: &[Place::Value(UPDATE_POLICY, "WUStatusServer")],
        ..policy(Fact::StatusServer, "wu_status_server", "WUStatusServer")
    },
    Row {
        registry: &[Place::Value(UPDATE_POLICY, "UpdateServiceUrlAlternate")],
        ..policy(
            Fact::AlternateServer,
            "update_service_url_alternate",
            "UpdateServiceUrlAlternate",
        )
    },
    Row {
        registry: &[Place::Value(
            UPDATE_POLICY,
            "DoNotConnectToWindowsUpdateInternetLocations",
        )],
        ..policy(
            Fact::StaysOffInternet,
            "do_not_connect_to_windows_update_internet_locations",
            "DoNotConnectToWindowsUpdateInternetLocations",
        )
    },
    Row {
        registry: &[Place::Value(UPDATE_POLICY, "DisableWindowsUpdateAccess")],
        ..policy(
            Fact::IsAccessDisabled,
            "disable_windows_update_access",
            "DisableWindowsUpdateAccess",
        )
    },
    Row {
        registry: &[Place::Value(AUTOMATIC, "NoAutoUpdate")],
        ..policy(Fact::NoAutomaticUpdates, "no_auto_update", "NoAutoUpdate")
    },
    Row {
        registry: &[Place::Value(AUTOMATIC, "UseUpdateClassPolicySource")],
        ..policy(
            Fact::UsesClassSources,
            "use_update_class_policy_source",
            "UseUpdateClassPolicySource",
        )
    },
    Row {
        registry: &[Place::Value(
            UPDATE_POLICY,
            "SetPolicyDrivenUpdateSourceForQualityUpdates",
        )],
        ..policy(
            Fact::QualitySource,
            "set_policy_driven_update_source_for_quality_updates",
            "SetPolicyDrivenUpdateSourceForQualityUpdates",
        )
    },
    Row {
        registry: &[Place::Value(
            UPDATE_POLICY,
            "SetPolicyDrivenUpdateSourceForFeatureUpdates",
        )],
        ..policy(
            Fact::FeatureSource,
            "set_policy_driven_update_source_for_feature_updates",
            "SetPolicyDrivenUpdateSourceForFeatureUpdates",
        )
    },
    Row {
        registry: &[Place::Value(UPDATE_POLICY, "TargetReleaseVersionInfo")],
        ..policy(
            Fact::TargetRelease,
            "target_release_version_info",
            "TargetReleaseVersionInfo",
        )
    },
    Row {
        registry: &[Place::Value(REPAIR_POLICY, "RepairContentServerSource")],
        ..policy(
            Fact::RepairFrom,
            "repair_content_server_source",
            "RepairContentServerSource",
        )
    },
    Row {
        registry: &[Place::Value(REPAIR_POLICY, "LocalSourcePath")],
        ..policy(Fact::RepairPath, "local_source_path", "LocalSourcePath")
    },
    Row {
        registry: &[Place::Value(REPAIR_POLICY, "UseWindowsUpdate")],
        ..policy(
            Fact::RepairFromWindowsUpdate,
            "use_windows_update",
            "UseWindowsUpdate",
        )
    },
    Row {
        registry: &[Place::Value(
            r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections",
            "WinHttpSettings",
        )],
        reads: Reads::WinHttp,
        ..row(Fact::Proxy, "winhttp_proxy", Group::Proxy, ["WinHTTP"; 2])
    },
    Row {
        registry: &[Place::Key(
            r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
        )],
        ..row(
            Fact::RebootPending,
            "reboot_pending",
            Group::Restart,
            ["RebootPending"; 2],
        )
    },
    Row {
        registry: &[Place::Key(
            r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
        )],
        ..row(
            Fact::RebootRequired,
            "reboot_required",
            Group::Restart,
            ["RebootRequired"; 2],
        )
    },
    Row {
        registry: &[Place::Value(
            r"SYSTEM\CurrentControlSet\Control\Session Manager",
            "PendingFileRenameOperations",
        )],
        reads: Reads::Renames,
        ..row(
            Fact::Renames,
            "pending_file_rename_operations",
            Group::Restart,
            ["PendingFileRenameOperations"; 2],
        )
    },
    Row {
        is_many: true,
        ..row(
            Fact::PendingPackage,
            "pending_package",
            Group::Restart,
            ["package that waits", "等待的程序包"],
        )
    },
    row(
        Fact::FilterCount,
        "filters",
        Group::Filters,
        ["all", "总数"],
    ),
    Row {
        is_many: true,
        ..row(
            Fact::Filter,
            "other_filter",
            Group::Filters,
            ["not known as Microsoft's", "非微软的"],
        )
    },
    row(
        Fact::Rollup,
        "cumulative_update",
        Group::Updates,
        ["cumulative update", "累积更新"],
    ),
    row(
        Fact::Stack,
        "servicing_stack",
        Group::Updates,
        ["servicing stack", "服务堆栈"],
    ),
    Row {
        is_many: true,
        ..row(Fact::Update, "update", Group::Updates, ["KB"; 2])
    },
];

const fn row(fact: Fact, name: &'static str, group: Group, label: [&'static str; 2]) -> Row {
    Row {
        fact,
        name,
        group,
        label,
        is_many: false,
        registry: &[],
        printed: &[],
        reads: Reads::AsIs,
    }
}

const fn policy(fact: Fact, name: &'static str, label: &'static str) -> Row {
    row(fact, name, Group::Policy, [label; 2])
}

impl Fact {
    /// The value of [`Fact::Proxy`] where WinHTTP uses none.
    pub const DIRECT: &'static str = "direct";

    /// The value of a key's being there.
    pub const THERE: &'static str = "yes";

    /// Every fact, in the order of reports.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.fact)
    }

    /// For machines.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// What it is about.
    pub fn group(self) -> Group {
        self.row().map_or(Group::System, |row| row.group)
    }

    /// What people call it, in English and in Chinese.
    pub fn label(self) -> [&'static str; 2] {
        self.row().map_or([""; 2], |row| row.label)
    }

    /// Whether a machine may have several values of it at a time; else two values are a contradiction.
    pub fn is_many(self) -> bool {
        self.row().is_some_and(|row| row.is_many)
    }

    /// How its texts and values are read.
    pub(super) fn reads(self) -> Reads {
        self.row().map_or(Reads::AsIs, |row| row.reads)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.fact == self)
    }
}

/// The facts that there is a key.
pub(super) fn of_key<'a>(key: &'a str) -> impl Iterator<Item = Fact> + 'a {
    let is_it =
        |place: &Place| matches!(place, Place::Key(known) if known.eq_ignore_ascii_case(key));
    let rows = ROWS.iter();
    let rows = rows.filter(move |row| row.registry.iter().any(is_it));
    rows.map(|row| row.fact)
}

/// The facts in a value of a key.
pub(super) fn of_value<'a>(key: &'a str, name: &'a str) -> impl Iterator<Item = Fact> + 'a {
    let is_it = |place: &Place| match place {
        Place::Value(known, value) => {
            known.eq_ignore_ascii_case(key) && value.eq_ignore_ascii_case(name)
        }
        Place::Key(_) => false,
    };
    let rows = ROWS.iter();
    let rows = rows.filter(move |row| row.registry.iter().any(is_it));
    rows.map(|row| row.fact)
}

/// The facts behind a label of a tool.
pub(super) fn of_label<'a>(label: &'a str) -> impl Iterator<Item = Fact> + 'a {
    let rows = ROWS.iter();
    let rows = rows.filter(move |row| row.printed.contains(&label));
    rows.map(|row| row.fact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_fact_has_a_row_and_a_name_of_its_own() {
        let facts: Vec<Fact> = Fact::all().collect();
        assert!(facts.is_sorted() && facts.last() == Some(&Fact::Update));
        let names: BTreeSet<&str> = Fact::all().map(Fact::name).collect();
        assert_eq!((names.len(), facts.len()), (ROWS.len(), ROWS.len()));
        // As many as there are: the last one's number tells.
        assert_eq!(Fact::Update as usize + 1, ROWS.len());
    }
}
