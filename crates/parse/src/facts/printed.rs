//! What tools print, line by line. All of them are looked for in any file: people write the output of several into one.

use super::packages::Packages;
use super::reads::from_text;
use super::registry::{below_machine, queried, take_key, take_value};
use super::table::of_label;
use super::{Fact, Facts, FactsForm, filters};

pub(super) struct Printed {
    facts: Facts,
    /// A list of updates, where a KB on any line is one.
    is_list: bool,
    /// The machine's key whose values follow, as `reg query` prints it.
    key: Option<String>,
    packages: Packages,
    filters: Option<FilterTable>,
    /// Within what netsh says of WinHTTP.
    is_proxy: bool,
    /// Sections of msinfo32 so far: only the first is about the whole machine.
    sections: usize,
}

/// The table of `fltmc` that is being read.
struct FilterTable {
    rows: usize,
}

impl Printed {
    pub(super) fn new(form: FactsForm) -> Self {
        Self {
            facts: Facts::default(),
            is_list: form == FactsForm::Updates,
            key: None,
            packages: Packages::default(),
            filters: None,
            is_proxy: false,
            sections: 0,
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.labelled(line);
        self.registry(line);
        self.filter(line);
        self.proxy(line);
        self.update(line);
        self.packages.line(line, &mut self.facts);
    }

    /// `Label:   value`, or `Label<tab>value`.
    fn labelled(&mut self, line: &str) {
        if line.starts_with(char::is_whitespace) {
            return;
        }
        if line.starts_with('[') && line.trim_end().ends_with(']') {
            self.sections += 1;
        }
        let Some(at) = line.find([':', '：', '\t']) else {
            return;
        };
        let (label, rest) = line.split_at(at);
        let mut letters = rest.chars();
        let separator = match letters.next() {
            Some('\t') => '\t',
            _ => ':',
        };
        // Longer than any label that is known; or of a part of the machine.
        if label.len() > 64 || (separator == '\t' && self.sections > 1) {
            return;
        }
        let label = format!("{label}{separator}");
        for fact in of_label(&label) {
            if let Some(value) = from_text(fact, letters.as_str()) {
                self.facts.add(fact, &value);
            }
        }
    }

    fn registry(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if line.starts_with(char::is_whitespace) {
            if let Some(key) = &self.key
                && let Some((name, value)) = queried(line)
            {
                take_value(&mut self.facts, key, name, &value);
            }
            return;
        }
        // Whatever else begins a line ends the key's values.
        let key = line.starts_with("HKEY_").then(|| line.trim());
        let key = key.and_then(below_machine);
        self.key = key.map(str::to_owned);
        if let Some(key) = key {
            take_key(&mut self.facts, key);
        }
    }

    fn filter(&mut self, line: &str) {
        // The titles of its columns, in English and in Chinese.
        let is_head = |words: [&str; 2]| words.iter().all(|word| line.contains(word));
        if is_head(["Num Instances", "Altitude"]) || is_head(["筛选器名称", "高度"]) {
            self.filters = Some(FilterTable { rows: 0 });
            return;
        }
        let Some(table) = &mut self.filters else {
            return;
        };
        if let Some((name, altitude)) = filters::row(line) {
            table.rows += 1;
            if !filters::is_of_microsoft(name) {
                let value = match altitude {
                    "" => name.to_owned(),
                    altitude => format!("{name} ({altitude})"),
                };
                self.facts.add(Fact::Filter, &value);
            }
        } else if !line.trim_start().starts_with('-') {
            self.end_filters();
        }
    }

    fn end_filters(&mut self) {
        if let Some(FilterTable { rows: 1.. }) = self.filters {
            let rows = self.filters.take().map_or(0, |table| table.rows);
            self.facts.add(Fact::FilterCount, &rows.to_string());
        }
    }

    fn proxy(&mut self, line: &str) {
        if line.contains("WinHTTP") {
            self.is_proxy = line.contains("proxy") || line.contains("代理");
            return;
        }
        if !self.is_proxy || line.trim().is_empty() {
            return;
        }
        let line = line.trim();
        if line.starts_with("Direct access") || line.starts_with("直接访问") {
            self.facts.add(Fact::Proxy, Fact::DIRECT);
        } else if let Some((label, value)) = line.split_once([':', '：'])
            && matches!(
                label.trim(),
                "Proxy Server(s)" | "Proxy Server" | "代理服务器"
            )
        {
            self.facts.add(Fact::Proxy, value);
        } else {
            self.is_proxy = false;
        }
    }

    /// `[01]: KB5000001` of systeminfo, or a KB in a row of a list.
    fn update(&mut self, line: &str) {
        let line = line.trim();
        if !self.is_list && !line.starts_with('[') {
            return;
        }
        let words = line.split(|letter: char| !letter.is_ascii_alphanumeric());
        for word in words {
            let digits = word.strip_prefix("KB").unwrap_or_default();
            if (6..=7).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                self.facts.add(Fact::Update, word);
            }
        }
    }

    pub(super) fn finish(mut self) -> Facts {
        self.end_filters();
        self.packages.finish(&mut self.facts);
        self.facts
    }
}
