//! Packages as dism lists them, in lines of `label : value` or as a table.

use super::{Fact, Facts};

/// Gathers the newest versions; what is pending goes to the facts at once.
#[derive(Default)]
pub(super) struct Packages {
    /// The package whose state follows.
    identity: Option<String>,
    rollup: Option<Version>,
    stack: Option<Version>,
}

/// `19041.4291.1.6`, in order.
type Version = Vec<u64>;

/// Bytes of an identity: longer ones are none.
const IDENTITY_MAX: usize = 512;

impl Packages {
    pub(super) fn line(&mut self, line: &str, facts: &mut Facts) {
        let line = line.trim();
        if let Some((identity, rest)) = line.split_once('|') {
            let state = rest.split('|').next().unwrap_or_default();
            self.take(identity.trim(), state.trim(), facts);
            return;
        }
        let Some((label, value)) = line.split_once([':', '：']) else {
            return;
        };
        let value = value.trim();
        match label.trim() {
            "Package Identity" | "程序包标识" if value.len() <= IDENTITY_MAX => {
                self.identity = Some(value.to_owned());
            }
            "State" | "状态" => {
                if let Some(identity) = self.identity.take() {
                    self.take(&identity, value, facts);
                }
            }
            _ => {}
        }
    }

    fn take(&mut self, identity: &str, state: &str, facts: &mut Facts) {
        let mut parts = identity.split('~');
        let (Some(name), Some(version)) = (parts.next(), parts.next_back()) else {
            return;
        };
        if state.contains("Pending") || state.contains("挂起") {
            facts.add(Fact::PendingPackage, identity);
        }
        let newest = match name {
            "Package_for_RollupFix" => &mut self.rollup,
            name if name.starts_with("Package_for_ServicingStack") => &mut self.stack,
            _ => return,
        };
        let version: Option<Version> = version.split('.').map(|part| part.parse().ok()).collect();
        if matches!(state, "Installed" | "已安装")
            && let Some(version) = version
        {
            *newest = newest.take().max(Some(version));
        }
    }

    pub(super) fn finish(self, facts: &mut Facts) {
        for (fact, version) in [(Fact::Rollup, self.rollup), (Fact::Stack, self.stack)] {
            let parts = version.unwrap_or_default();
            let parts: Vec<String> = parts.iter().map(u64::to_string).collect();
            facts.add(fact, &parts.join("."));
        }
    }
}
