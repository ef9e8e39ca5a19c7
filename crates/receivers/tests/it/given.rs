//! Messages, good and hostile, and receivers made of YAML.

use receivers::{Item, Message, ReceiverConfig, Receivers, Severity, Status, Text};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

pub fn text(en: &str, zh: &str) -> Text {
    Text {
        en: en.to_owned(),
        zh: zh.to_owned(),
    }
}

pub fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

/// Three PCs listed of twelve.
pub fn message() -> Message {
    let item = |pc: &str| Item {
        labels: labels(&[("endpoint", pc)]),
        value: 1.0,
        text: text(&format!("{pc}: 0x800f0922"), &format!("{pc}：0x800f0922")),
        page: format!("https://cbsift.bank.example/endpoints/{pc}"),
    };
    Message {
        id: "failing_update/KB5031356/1700000000".to_owned(),
        repetition: 0,
        rule: "failing_update".to_owned(),
        severity: Severity::Critical,
        status: Status::Firing,
        labels: labels(&[("kb", "KB5031356"), ("site", "北京")]),
        title: text("PCs fail an update", "有电脑安装更新失败"),
        body: text(
            "More than 3 % of those that tried.\nCBS_E_STORE_CORRUPTION",
            "超过尝试安装电脑的 3%。\nCBS_E_STORE_CORRUPTION",
        ),
        page: "https://cbsift.bank.example/causes/17?range=7d".to_owned(),
        starts_at: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        ends_at: None,
        alerts: ["PC-001", "PC-002", "PC-003"].map(item).to_vec(),
        total: 12,
    }
}

/// The same message when it is over.
pub fn resolved() -> Message {
    Message {
        status: Status::Resolved,
        ends_at: Some(UNIX_EPOCH + Duration::from_secs(1_700_003_600)),
        ..message()
    }
}

pub fn receivers(yaml: &str) -> Receivers {
    let configs = ReceiverConfig::list_from_yaml(yaml).unwrap();
    Receivers::from_config(&configs).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
