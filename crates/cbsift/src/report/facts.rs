//! What a report says of the machines themselves, as files beside the logs tell it.

use super::bearings::{SHOWN, is_government_edition, needs_no_trace};
use super::words::Words;
use super::{Language, counted};
use crate::scan::{FactsInput, MachineFacts, Scan, Whose};
use event::Finding;
use parse::facts::{Fact, FactsForm, Group};
use std::collections::BTreeMap;

/// One line a group of facts and machine, and last how far they reach; nothing where no file tells facts.
pub(super) fn lines(scan: &Scan, words: &Words, language: Language) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, facts) in scan.facts.iter().enumerate() {
        let name = scan
            .machines
            .get(index)
            .map(|machine| machine.name.as_str());
        let mut groups: BTreeMap<Group, Vec<String>> = BTreeMap::new();
        for (fact, values) in facts.iter() {
            let values: Vec<&str> = values.keys().map(String::as_str).collect();
            let text = shown(facts, fact, &values, words, language);
            groups.entry(fact.group()).or_default().push(text);
        }
        if is_government_edition(facts) {
            let system = groups.entry(Group::System).or_default();
            system.push(words.government_edition.to_owned());
        }
        for (group, facts) in groups {
            let name = name.map_or_else(String::new, |name| format!("{name}{}", words.comma));
            lines.push(format!(
                "{name}{}{}{}",
                label(group, language),
                words.colon,
                facts.join(words.semicolon)
            ));
        }
        if !facts.is_agreed(Fact::Host) {
            lines.push(words.facts_of_several.to_owned());
        }
    }
    if !lines.is_empty() {
        lines.push(words.facts_reach.to_owned());
    }
    lines
}

fn shown(
    facts: &MachineFacts,
    fact: Fact,
    values: &[&str],
    words: &Words,
    language: Language,
) -> String {
    let [english, chinese] = fact.label();
    let label = match language {
        Language::English => english,
        Language::Chinese => chinese,
    };
    if values == [Fact::THERE] {
        return label.to_owned();
    }
    let mut shown: Vec<String> = values
        .iter()
        .take(SHOWN)
        .map(|value| match *value {
            Fact::DIRECT if fact == Fact::Proxy => words.no_proxy.to_owned(),
            value => value.to_owned(),
        })
        .collect();
    if values.len() > SHOWN {
        shown.push((words.and_more)(values.len() - SHOWN));
    }
    let mut text = format!("{label} = {}", shown.join(words.comma));
    if !fact.is_many() && values.len() > 1 && !facts.is_agreed(fact) {
        text += &words.bracketed(words.facts_disagree);
    }
    text
}

fn label(group: Group, language: Language) -> &'static str {
    let [english, chinese] = match group {
        Group::System => ["system", "系统"],
        Group::Policy => ["update policy", "更新策略"],
        Group::Proxy => ["proxy", "代理"],
        Group::Restart => ["waits for a restart", "等待重启"],
        Group::Filters => ["file-system filters", "文件系统筛选器"],
        Group::Updates => ["installed", "已安装"],
    };
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// What a file of facts is and what was read of it, for people.
pub(super) fn input(input: &FactsInput, words: &Words, language: Language) -> String {
    let form = form(input.form, language);
    let count = match (input.form, language) {
        (FactsForm::ProcessMonitor, Language::English) => counted(input.count, "row", "rows"),
        (FactsForm::ProcessMonitor, Language::Chinese) => format!("{} 行", input.count),
        (_, Language::English) => counted(input.count, "fact", "facts"),
        (_, Language::Chinese) => format!("{} 项信息", input.count),
    };
    let line = format!("{form}{}{count}", words.comma);
    match &input.whose {
        Whose::Machine => line,
        Whose::Other(host) => line + words.semicolon + &(words.facts_of_other)(host),
        Whose::Unknown => line + words.semicolon + words.facts_of_unknown,
    }
}

fn form(form: FactsForm, language: Language) -> &'static str {
    let [english, chinese] = match form {
        FactsForm::Registry => ["facts: registry export", "机器信息：注册表导出"],
        FactsForm::RegQuery => ["facts: reg query", "机器信息：reg query"],
        FactsForm::SystemInfo => ["facts: systeminfo", "机器信息：systeminfo"],
        FactsForm::MsInfo => ["facts: msinfo32", "机器信息：msinfo32"],
        FactsForm::Updates => ["facts: installed updates", "机器信息：已安装更新列表"],
        FactsForm::Packages => ["facts: dism /get-packages", "机器信息：dism /get-packages"],
        FactsForm::Filters => ["facts: fltmc", "机器信息：fltmc"],
        FactsForm::Proxy => ["facts: netsh winhttp", "机器信息：netsh winhttp"],
        FactsForm::ProcessMonitor => ["Process Monitor's CSV", "Process Monitor 的 CSV"],
    };
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// What Process Monitor saw on the object of a finding, a process a part; or that it is not needed.
pub(super) fn trace(scan: &Scan, finding: &Finding, words: &Words) -> Option<String> {
    let facts = scan.facts_of(finding.id);
    let hits = facts
        .into_iter()
        .flat_map(|facts| facts.hits(&finding.object));
    let mut processes: Vec<(&str, Vec<String>)> = Vec::new();
    for hit in hits.take(SHOWN) {
        let text = format!("{} × {}", hit.count, hit.result);
        match processes.iter_mut().find(|(name, _)| *name == hit.process) {
            Some((_, texts)) => texts.push(text),
            None => processes.push((hit.process, vec![text])),
        }
    }
    if processes.is_empty() {
        return needs_no_trace(finding).then(|| words.no_trace_needed.to_owned());
    }
    let parts = processes
        .into_iter()
        .map(|(name, texts)| format!("{name}{}{}", words.colon, texts.join(words.comma)));
    let parts: Vec<String> = parts.collect();
    Some((words.traced)(
        &parts.join(words.semicolon),
        &finding.object,
    ))
}
