//! What facts about a machine mean for a failure beside them. A new meaning is a row here.
//!
//! A row says no more than the facts prove: files of facts tell how the machine was set up when somebody asked, not when it failed, and what
//! stands near a failure need not be its cause.

use super::Language;
use crate::scan::MachineFacts;
use event::{Finding, Severity};
use parse::facts::Fact;

/// For failures of these categories, or of these rules, facts may say more.
struct Bearing {
    categories: &'static [&'static str],
    rules: &'static [&'static str],
    says: fn(&MachineFacts) -> Option<Said>,
}

/// In English and in Chinese.
type Said = [String; 2];

/// Content that was not there.
const CONTENT: &[&str] = &["fod_content_not_found", "repair_source_missing"];

/// A service that was asked and did not serve.
const SERVICE: &[&str] = &["network", "network_dns", "wsus_server_error"];

/// The same, of rules whose category names no cause.
const SEARCHES: &[&str] = &[
    "configmgr_scan_failed",
    "event_check_failed",
    "event_download_failed",
];

/// Packages or sources that have to be of this very Windows.
const OF_THIS_WINDOWS: &[&str] = &[
    "component_store_corrupt",
    "fod_content_not_found",
    "hydration_failed",
    "missing_assembly",
    "missing_package_manifest",
    "package_invalid",
    "psfx_base_missing",
    "repair_source_missing",
    "sfc_unrepairable",
];

/// What a waiting restart may stand in the way of.
const MAY_WAIT: &[&str] = &[
    "advanced_installer_failed",
    "driver_operation_failed",
    "installer_failed",
    "locked_file",
    "servicing_timeout",
    "unclassified",
    "upgrade_rollback",
];

/// Files that something kept from being opened.
const HELD: &[&str] = &["access_denied", "locked_file", "reparse_or_filter"];

/// The cause of these is the object itself, which its record names with the code: a trace shows the same once more.
const PROVEN: &[&str] = &[
    "disk_full",
    "filesystem_corruption",
    "filesystem_or_disk",
    "missing_system_path",
    "reparse_or_filter",
];

/// Why such a finding is believed where a record itself proves it: keys of its reasons.
const PROOF: [&str; 3] = ["known_signature", "origin_of_chain", "object_named"];

const BEARINGS: &[Bearing] = &[
    Bearing {
        categories: CONTENT,
        rules: &[],
        says: |facts| {
            let server = server(facts)?;
            Some(match facts.get(Fact::RepairFrom) {
                Some("2") => [
                    format!(
                        "policy of this PC takes features and repairs from Windows Update instead of {server} (RepairContentServerSource = 2): look at its way there"
                    ),
                    format!(
                        "本机策略规定功能与修复内容取自 Windows 更新而非 {server}（RepairContentServerSource = 2）：检查本机到 Windows 更新的通路"
                    ),
                ],
                _ => [
                    format!(
                        "policy sends this PC to the update server {server} (UseWUServer = 1): ask whether that server offers this content, or name another source"
                    ),
                    format!(
                        "本机策略指向更新服务器 {server}（UseWUServer = 1）：确认该服务器是否提供此内容，或另行指定来源"
                    ),
                ],
            })
        },
    },
    Bearing {
        categories: SERVICE,
        rules: SEARCHES,
        says: |facts| {
            let server = server(facts)?;
            let is_split = facts.get(Fact::UsesClassSources) == Some("1")
                && facts.get(Fact::QualitySource) == Some("0");
            Some(if is_split {
                [
                    format!(
                        "policy of this PC names the update server {server} and takes quality updates from Windows Update (SetPolicyDrivenUpdateSourceForQualityUpdates = 0): check the way to both"
                    ),
                    format!(
                        "本机策略指定更新服务器 {server}，但质量更新取自 Windows 更新（SetPolicyDrivenUpdateSourceForQualityUpdates = 0）：两处通路都要检查"
                    ),
                ]
            } else {
                let open = server.trim_end_matches('/');
                [
                    format!(
                        "policy sends this PC to the update server {server} (UseWUServer = 1): check from this PC whether {open}/ClientWebService/client.asmx answers"
                    ),
                    format!(
                        "本机策略指向更新服务器 {server}（UseWUServer = 1）：在本机检查 {open}/ClientWebService/client.asmx 是否应答"
                    ),
                ]
            })
        },
    },
    Bearing {
        categories: &[
            "fod_content_not_found",
            "repair_source_missing",
            "network",
            "network_dns",
            "wsus_server_error",
            "wsus_policy",
        ],
        rules: SEARCHES,
        says: |facts| {
            match facts.get(Fact::UsesUpdateServer)? {
            "1" if !facts.is_told(Fact::UpdateServer) => Some([
                "UseWUServer is 1 on this PC, and the facts that were read name no server: look at WUServer".to_owned(),
                "本机 UseWUServer 为 1，而所读信息中没有服务器地址：检查 WUServer".to_owned(),
            ]),
            "0" => Some([
                "UseWUServer is 0 on this PC: a server in WUServer is not used".to_owned(),
                "本机 UseWUServer 为 0：WUServer 中的服务器不会被使用".to_owned(),
            ]),
            _ => None,
        }
        },
    },
    Bearing {
        categories: CONTENT,
        rules: &["code_redirector_policy"],
        says: |facts| {
            is_on(facts, Fact::StaysOffInternet)?;
            let server = server(facts);
            Some([
                format!(
                    "policy keeps this PC from Windows Update on the internet (DoNotConnectToWindowsUpdateInternetLocations = 1): content has to come from {} or from a folder (/Source … /LimitAccess)",
                    server.unwrap_or("the organisation's update server")
                ),
                format!(
                    "本机策略禁止连接互联网上的 Windows 更新（DoNotConnectToWindowsUpdateInternetLocations = 1）：内容只能来自 {} 或文件夹（/Source … /LimitAccess）",
                    server.unwrap_or("内部更新服务器")
                ),
            ])
        },
    },
    Bearing {
        categories: &[],
        rules: &["updates_disabled_by_policy"],
        says: |facts| {
            let on: Vec<&str> = [Fact::IsAccessDisabled, Fact::StaysOffInternet]
                .into_iter()
                .filter(|fact| is_on(facts, *fact).is_some())
                .map(|fact| english(fact))
                .collect();
            (!on.is_empty()).then(|| {
                [
                    format!("set to 1 on this PC: {}", on.join(", ")),
                    format!("本机已设为 1：{}", on.join("，")),
                ]
            })
        },
    },
    Bearing {
        categories: CONTENT,
        rules: &[],
        says: |facts| {
            (facts.get(Fact::RepairFromWindowsUpdate) == Some("2")).then(|| [
                "policy of this PC forbids to take features and repairs from Windows Update (UseWindowsUpdate = 2)".to_owned(),
                "本机策略禁止从 Windows 更新获取功能与修复内容（UseWindowsUpdate = 2）".to_owned(),
            ])
        },
    },
    Bearing {
        categories: CONTENT,
        rules: &[],
        says: |facts| {
            let path = facts.get(Fact::RepairPath)?;
            Some([
                format!(
                    "policy of this PC names the source {path} (LocalSourcePath): check that the computer's account can read it, and that its content is of this build"
                ),
                format!(
                    "本机策略指定了来源 {path}（LocalSourcePath）：确认计算机账户可读取，且内容与本机版本一致"
                ),
            ])
        },
    },
    Bearing {
        categories: SERVICE,
        rules: SEARCHES,
        says: |facts| {
            Some(match facts.get(Fact::Proxy)? {
                Fact::DIRECT => [
                    "WinHTTP is set to no proxy on this PC".to_owned(),
                    "本机 WinHTTP 未设代理".to_owned(),
                ],
                proxy => [
                    format!(
                        "WinHTTP is set to the proxy {proxy} on this PC: check that it lets the computer's account reach the update source"
                    ),
                    format!("本机 WinHTTP 设有代理 {proxy}：确认它允许计算机账户访问更新源"),
                ],
            })
        },
    },
    Bearing {
        categories: &["pending_reboot"],
        rules: &[],
        says: |facts| {
            let marks = restart_marks(facts, true)?;
            Some([
                format!("marks of a waiting restart were on this PC: {marks}"),
                format!("本机有等待重启的标记：{marks}"),
            ])
        },
    },
    Bearing {
        categories: MAY_WAIT,
        rules: &[],
        says: |facts| {
            let marks = restart_marks(facts, false)?;
            Some([
                format!(
                    "restart this PC before the next try: a restart was waiting when its facts were taken ({marks}); they do not say whether it was when this failed"
                ),
                format!(
                    "下次尝试前先重启：采集信息时本机正等待重启（{marks}）；这不说明失败当时也是如此"
                ),
            ])
        },
    },
    Bearing {
        categories: HELD,
        rules: &[],
        says: |facts| {
            let all = facts.get(Fact::FilterCount)?;
            let others: Vec<&str> = facts.all(Fact::Filter).take(SHOWN).collect();
            Some(if others.is_empty() {
                [
                    format!(
                        "all {all} file-system filters that fltmc lists on this PC are known as Microsoft's"
                    ),
                    format!("本机 fltmc 列出的 {all} 个文件系统筛选器均为已知的微软组件"),
                ]
            } else {
                [
                    format!(
                        "file-system filters on this PC that are not known as Microsoft's: {}; that they are loaded does not prove that one is the reason: try once without each, as its product allows",
                        others.join(", ")
                    ),
                    format!(
                        "本机非微软的文件系统筛选器：{}；已加载并不证明由其引起：在产品允许时逐个停用后各试一次",
                        others.join("，")
                    ),
                ]
            })
        },
    },
    Bearing {
        categories: OF_THIS_WINDOWS,
        rules: &[],
        says: |facts| {
            let build = build(facts)?;
            Some([
                format!(
                    "this PC was at build {build} when its facts were taken: a source has to be of this build"
                ),
                format!("采集信息时本机内部版本为 {build}：来源须为同一版本"),
            ])
        },
    },
    Bearing {
        categories: &[
            "component_store_corrupt",
            "fod_content_not_found",
            "hydration_failed",
            "licence",
            "missing_assembly",
            "missing_package_manifest",
            "not_applicable",
            "package_invalid",
            "prerequisite_missing",
            "psfx_base_missing",
            "repair_source_missing",
            "sfc_unrepairable",
            "ssu_required",
        ],
        rules: &[],
        says: |facts| {
            is_government_edition(facts).then(|| [
                "this PC runs the edition EnterpriseG (CMGE, 神州网信政府版): packages, media and repair sources for it come from its supplier".to_owned(),
                "本机为神州网信政府版（CMGE，EnterpriseG）：程序包、介质与修复来源须向其供应商获取".to_owned(),
            ])
        },
    },
];

/// Values shown of a fact that may have many.
pub(super) const SHOWN: usize = 8;

/// What the facts about its machine mean for a failure, for people.
pub(super) fn steps(finding: &Finding, facts: &MachineFacts, language: Language) -> Vec<String> {
    if finding.severity <= Severity::Info {
        return Vec::new();
    }
    let bearings = BEARINGS.iter().filter(|bearing| {
        bearing.categories.contains(&finding.category.as_str())
            || bearing.rules.contains(&finding.rule.as_str())
    });
    let said = bearings.filter_map(|bearing| (bearing.says)(facts));
    said.map(|[en, zh]| match language {
        Language::English => en,
        Language::Chinese => zh,
    })
    .collect()
}

/// Whether a record proves the cause of a failure, so that a trace of Process Monitor could only repeat it.
pub(super) fn needs_no_trace(finding: &Finding) -> bool {
    finding.severity > Severity::Info
        && PROVEN.contains(&finding.category.as_str())
        && finding.root_code.is_some()
        && PROOF
            .iter()
            .all(|key| finding.reasons.iter().any(|reason| reason == key))
        && parse::facts::is_traced_object(&finding.object)
}

/// The organisation's server, where policy says to use one and names it.
fn server(facts: &MachineFacts) -> Option<&str> {
    is_on(facts, Fact::UsesUpdateServer)?;
    facts.get(Fact::UpdateServer)
}

fn is_on(facts: &MachineFacts, fact: Fact) -> Option<()> {
    (facts.get(fact)? == "1").then_some(())
}

/// The name that Windows has for it.
fn english(fact: Fact) -> &'static str {
    let [english, _] = fact.label();
    english
}

/// `19045.4291`, or the build alone.
fn build(facts: &MachineFacts) -> Option<String> {
    let build = facts.get(Fact::Build)?;
    Some(match facts.get(Fact::Revision) {
        Some(revision) => format!("{build}.{revision}"),
        None => build.to_owned(),
    })
}

/// The marks of a waiting restart. Files that wait to be renamed are one only `with_files`: most of them are of other programs.
fn restart_marks(facts: &MachineFacts, with_files: bool) -> Option<String> {
    let there = [Fact::RebootPending, Fact::RebootRequired];
    let there = there.into_iter().filter(|fact| facts.get(*fact).is_some());
    let mut marks: Vec<String> = there.map(|fact| english(fact).to_owned()).collect();
    let packages = facts.all(Fact::PendingPackage).take(SHOWN);
    marks.extend(packages.map(str::to_owned));
    if let Some(files) = facts.get(Fact::Renames).filter(|_| with_files) {
        marks.push(format!("{} ({files})", english(Fact::Renames)));
    }
    (!marks.is_empty()).then(|| marks.join(", "))
}

/// The edition of China's government, whose packages are not those of the public catalog.
pub(super) fn is_government_edition(facts: &MachineFacts) -> bool {
    let is_edition = |edition: &str| edition.starts_with("EnterpriseG");
    let is_product = |product: &str| {
        ["神州网信", "CMGE", "China Government"]
            .iter()
            .any(|name| product.contains(name))
    };
    facts.get(Fact::Edition).is_some_and(is_edition)
        || facts.get(Fact::Product).is_some_and(is_product)
}

#[cfg(test)]
mod tests;
