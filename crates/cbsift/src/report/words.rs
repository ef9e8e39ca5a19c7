//! The fixed words of reports in both languages; the compiler sees to it that none is missing.

use crate::here::probe::State;
use clap::ValueEnum;

/// Language of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// English.
    #[value(name = "en")]
    English,
    /// Chinese.
    #[value(name = "zh")]
    Chinese,
}

impl Language {
    /// The language that the environment asks for: LC_ALL, LC_MESSAGES, LANG, in that order.
    pub(crate) fn of_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("zh") {
            Self::Chinese
        } else {
            Self::English
        }
    }

    /// The language of a Windows user interface, by its id: the lower ten bits say which, whatever the region.
    pub(crate) fn of_windows(id: u16) -> Self {
        const CHINESE: u16 = 0x04;
        if id & 0x3FF == CHINESE {
            Self::Chinese
        } else {
            Self::English
        }
    }
}

pub(crate) struct Words {
    pub(crate) failed: &'static str,
    pub(crate) healthy: &'static str,
    pub(crate) repaired: &'static str,
    pub(crate) restart: &'static str,
    pub(crate) restart_more: &'static str,
    pub(crate) unexplained_more: &'static str,
    pub(crate) inconclusive: &'static str,
    pub(crate) healthy_more: &'static str,
    pub(crate) repaired_more: &'static str,
    pub(crate) inconclusive_more: &'static str,
    pub(crate) nothing_left: &'static str,
    pub(crate) unexamined_more: &'static str,
    pub(crate) half_read_more: &'static str,
    pub(crate) half_read: fn(events: u64) -> String,
    pub(crate) unexamined: fn(bytes: u64, from: u64) -> String,
    pub(crate) not_examined: fn(names: &str) -> String,
    pub(crate) not_derived: &'static str,
    pub(crate) noticed: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) raised_by: fn(function: &str, file: &str, line: &str) -> String,
    pub(crate) ended_with: &'static str,
    pub(crate) object: &'static str,
    pub(crate) package: &'static str,
    pub(crate) when: &'static str,
    pub(crate) local: &'static str,
    pub(crate) utc_unknown: &'static str,
    pub(crate) no_time: &'static str,
    pub(crate) confidence: &'static str,
    pub(crate) high: &'static str,
    pub(crate) medium: &'static str,
    pub(crate) low: &'static str,
    pub(crate) advice: &'static str,
    pub(crate) not_the_cause: fn(codes: &str) -> String,
    pub(crate) evidence: &'static str,
    pub(crate) lines: fn(first: u64, last: u64) -> String,
    pub(crate) joined: &'static str,
    pub(crate) attempts: &'static str,
    pub(crate) attempts_sum: fn(all: usize, failed: usize) -> String,
    pub(crate) not_seen: &'static str,
    pub(crate) no_package: &'static str,
    pub(crate) only_span: fn(span: &str) -> String,
    pub(crate) no_utc: &'static str,
    pub(crate) collect: &'static str,
    pub(crate) collect_cbs: &'static str,
    pub(crate) collect_events: &'static str,
    pub(crate) collect_again: fn(names: &str) -> String,
    pub(crate) noise: fn(records: u64, kinds: usize) -> String,
    pub(crate) other_codes: &'static str,
    pub(crate) skipped: &'static str,
    pub(crate) records: fn(records: u64, lines: u64) -> String,
    pub(crate) endpoint: &'static str,
    pub(crate) build: &'static str,
    pub(crate) stack: &'static str,
    pub(crate) gaps: &'static str,
    pub(crate) description: &'static str,
    pub(crate) analysis: &'static str,
    pub(crate) conclusion: &'static str,
    pub(crate) inputs: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) code: &'static str,
    pub(crate) noise_title: &'static str,
    pub(crate) no_cause: &'static str,
    pub(crate) gap_between: fn(from: &str, to: &str, before: &str, after: &str) -> String,
    pub(crate) gap_after: fn(from: &str, before: &str) -> String,
    pub(crate) gap_cut: fn(from: &str, name: &str) -> String,
    pub(crate) gap_lost: fn(from: &str, to: &str, what: &str, log: &str) -> String,
    pub(crate) narrowed: fn(to: &str, attempts: usize, findings: usize) -> String,
    pub(crate) since: fn(time: &str) -> String,
    pub(crate) and_more: fn(count: usize) -> String,
    /// Behind a number: seconds, minutes, hours, days.
    pub(crate) units: [&'static str; 4],
    /// How far a verdict reaches: records read, and the time between the first and the last of them.
    pub(crate) reach: fn(records: u64, span: Option<&str>) -> String,
    /// Where to stand in a list of several failures.
    pub(crate) nth: fn(number: usize, of: usize) -> String,
    pub(crate) start_here: &'static str,
    pub(crate) several_failures: fn(count: usize) -> String,
    pub(crate) no_record_of_cause: &'static str,
    pub(crate) comma: &'static str,
    pub(crate) semicolon: &'static str,
    pub(crate) colon: &'static str,
    pub(crate) brackets: (&'static str, &'static str),
    pub(crate) event: fn(id: u32, channel: &str, provider: &str) -> String,
    pub(crate) machine: &'static str,
    pub(crate) machines: &'static str,
    pub(crate) machines_told: fn(count: usize, how: &str) -> String,
    pub(crate) told_by_folder: &'static str,
    pub(crate) told_by_computer: &'static str,
    pub(crate) machine_line: fn(name: &str, verdict: &str, files: usize, failures: usize) -> String,
    pub(crate) facts_reach: &'static str,
    pub(crate) facts_disagree: &'static str,
    pub(crate) facts_of_several: &'static str,
    pub(crate) facts_of_other: fn(host: &str) -> String,
    pub(crate) facts_of_unknown: &'static str,
    pub(crate) government_edition: &'static str,
    pub(crate) no_proxy: &'static str,
    pub(crate) trace: &'static str,
    /// What servicing's processes met, and on which object.
    pub(crate) traced: fn(met: &str, object: &str) -> String,
    pub(crate) no_trace_needed: &'static str,
    /// What became of opening on the machine itself what a finding names.
    pub(crate) probe: &'static str,
    /// In the order of the states: opens, missing, access denied, corrupt, in use, another error.
    pub(crate) probe_states: [&'static str; 6],
}

impl Words {
    /// Text in the language's own brackets.
    pub(crate) fn bracketed(&self, text: &str) -> String {
        let (open, close) = self.brackets;
        format!("{open}{text}{close}")
    }

    /// What came of opening an object.
    pub(crate) fn probed(&self, state: &State) -> String {
        let [opens, missing, denied, corrupt, in_use, failed] = self.probe_states;
        match state {
            State::Opens => opens.to_owned(),
            State::Missing => missing.to_owned(),
            State::AccessDenied => denied.to_owned(),
            State::Corrupt => corrupt.to_owned(),
            State::InUse => in_use.to_owned(),
            State::Failed(error) => format!("{failed}{}{error}", self.colon),
        }
    }

    /// A stretch of time in the largest unit of which there are two.
    pub(crate) fn span(&self, seconds: i64) -> String {
        let [second, minute, hour, day] = self.units;
        let (count, unit) = match seconds {
            ..120 => (seconds, second),
            120..7_200 => (seconds / 60, minute),
            7_200..172_800 => (seconds / 3_600, hour),
            _ => (seconds / 86_400, day),
        };
        format!("{count} {unit}")
    }
}

/// `1 record`, `2 records`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

pub(crate) fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::Chinese => &CHINESE,
    }
}

static ENGLISH: Words = Words {
    failed: "FAILED",
    healthy: "HEALTHY",
    repaired: "REPAIRED",
    restart: "RESTART PENDING",
    restart_more: "nothing failed; what was installed waits for a restart",
    unexplained_more: "a record of a failure is left that nothing explains, see below",
    inconclusive: "INCONCLUSIVE",
    healthy_more: "no failed installation and no damage found",
    repaired_more: "damaged files were found and repaired; no installation failed",
    inconclusive_more: "too few servicing records were read to say anything",
    nothing_left: "nothing that was asked for stands in what was read",
    unexamined_more: "a part of the input could not be examined, and no failure stands in the rest",
    half_read_more: "events were not understood, and no failure stands in the rest",
    half_read: |events| {
        let events = counted(events, "event", "events");
        format!("{events} not understood: no provider, time, id or code found")
    },
    unexamined: |bytes, from| {
        let bytes = counted(bytes, "byte", "bytes");
        format!("{bytes} from byte {from} could not be examined: a defect of this build")
    },
    not_examined: |names| format!("what stands in the parts of {names} that could not be examined"),
    not_derived: "attempts and findings: this build failed on what was read",
    noticed: "NOTICED",
    cause: "Cause",
    raised_by: |function, file, line| format!(", raised by {function} at {file}({line})"),
    ended_with: "Ended with",
    object: "Object",
    package: "Package",
    when: "When",
    local: "local",
    utc_unknown: "local; UTC offset unknown",
    no_time: "unknown: the text carries no time stamps",
    confidence: "Confidence",
    high: "high",
    medium: "medium",
    low: "low",
    advice: "What to do",
    not_the_cause: |codes| format!("Not the cause: {codes} beside it is a stale last-error value"),
    evidence: "Evidence",
    lines: |first, last| {
        if first == last {
            format!("line {first}")
        } else {
            format!("line {first}-{last}")
        }
    },
    joined: "two or more lines, one record: cut by the logger, re-joined",
    attempts: "Attempts",
    attempts_sum: |all, failed| format!("{all} in all, {failed} failed"),
    not_seen: "Not seen",
    no_package: "which package was being installed",
    only_span: |span| {
        format!("whether this is the first failure: the input covers {span} of one log")
    },
    no_utc: "the clock's offset from UTC",
    collect: "Collect next",
    collect_cbs: "the whole CBS.log with CbsPersist_*.cab",
    collect_events: "the Setup and System event logs",
    collect_again: |names| format!("{names} once more, whole"),
    noise: |records, kinds| {
        format!(
            "{} of {} left out",
            counted(records, "harmless look-alike", "harmless look-alikes"),
            counted(kinds as u64, "kind", "kinds")
        )
    },
    other_codes: "Other codes",
    skipped: "Skipped",
    records: |records, lines| {
        format!(
            "{} in {}",
            counted(records, "record", "records"),
            counted(lines, "line", "lines")
        )
    },
    endpoint: "Endpoint",
    build: "build",
    stack: "servicing stack",
    gaps: "Gaps",
    description: "Description",
    analysis: "Analysis",
    conclusion: "Conclusion and next steps",
    inputs: "Logs read",
    outcome: "Outcome",
    code: "Code",
    noise_title: "Harmless look-alikes",
    no_cause: "No failure was found in what was read.",
    gap_between: |from, to, before, after| {
        format!("{from} – {to}: a part of the log between {before} and {after} is not here")
    },
    gap_after: |from, before| format!("after {from}: the log that follows {before} is not here"),
    gap_cut: |from, name| {
        format!("after {from}: {name} ends within a line, so its last record may be cut off")
    },
    gap_lost: |from, to, what, log| {
        format!(
            "{from} – {to}: the event log tells of a failure ({what}) before {log} begins; that log was overwritten, look for CbsPersist_*.cab of that day"
        )
    },
    narrowed: |to, attempts, findings| {
        format!(
            "Narrowed ({to}), left out: {}, {}",
            counted(attempts as u64, "attempt", "attempts"),
            counted(findings as u64, "finding", "findings")
        )
    },
    since: |time| format!("since {time}"),
    and_more: |count| format!("and {count} more"),
    units: ["s", "min", "h", "days"],
    reach: |records, span| {
        let records = match records {
            1 => "in this record".to_owned(),
            _ => format!("in these {records} records"),
        };
        span.map_or(records.clone(), |span| format!("{records}, {span}"))
    },
    nth: |number, of| format!("{number} of {of}"),
    start_here: "start here",
    several_failures: |count| format!("{count} different failures"),
    no_record_of_cause: "an attempt failed, and no record says why",
    comma: ", ",
    semicolon: "; ",
    colon: ": ",
    brackets: (" (", ")"),
    event: |id, channel, provider| format!("Event {id}, {channel}, {provider}"),
    machine: "Machine",
    machines: "Machines",
    machines_told: |count, how| {
        format!(
            "these logs are of {count} machines, told apart by {how} and kept apart (--endpoint NAME reads them as one)"
        )
    },
    told_by_folder: "their folders",
    told_by_computer: "the computer names in them",
    machine_line: |name, verdict, files, failures| {
        let files = counted(files as u64, "log", "logs");
        match failures {
            0 => format!("{name}: {verdict}, {files}"),
            _ => format!(
                "{name}: {verdict}, {files}, {}",
                counted(failures as u64, "failure", "failures")
            ),
        }
    },
    facts_reach: "as files beside the logs tell it, of the time when these were saved",
    facts_disagree: "the files do not agree, so it is not used",
    facts_of_several: "the files name several computers, so no advice relies on them",
    facts_of_other: |host| format!("of {host}, of which no log is here: not used"),
    facts_of_unknown: "nothing says of which machine: not used",
    government_edition: "this is CMGE (神州网信政府版), whose packages come from its supplier",
    no_proxy: "no proxy",
    trace: "Trace",
    traced: |met, object| format!("Process Monitor, {met} on {object}"),
    no_trace_needed: "Process Monitor is not needed: a record names the object and its error",
    probe: "On this PC now",
    probe_states: [
        "opens",
        "missing",
        "access denied",
        "corrupt (1392): the file system is damaged there",
        "in use",
        "cannot be opened",
    ],
};

static CHINESE: Words = Words {
    failed: "失败",
    healthy: "正常",
    repaired: "已修复",
    restart: "等待重启",
    restart_more: "没有失败；已安装的内容等待重启",
    unexplained_more: "有一条无法解释的故障记录，见下",
    inconclusive: "无法判断",
    healthy_more: "没有失败的安装，也没有发现损坏",
    repaired_more: "发现损坏的文件并已修复；没有失败的安装",
    inconclusive_more: "读到的服务记录太少，无法得出结论",
    nothing_left: "所读内容中没有所要查询的记录",
    unexamined_more: "部分输入无法检查，其余部分没有发现失败",
    half_read_more: "有事件未能读懂，其余部分没有发现失败",
    half_read: |events| format!("{events} 个事件未能读懂：缺少来源、时间、ID 或代码"),
    unexamined: |bytes, from| {
        format!("自第 {from} 字节起的 {bytes} 字节无法检查：这是本程序的缺陷")
    },
    not_examined: |names| format!("{names} 中未能检查的部分"),
    not_derived: "安装尝试与发现：本程序处理所读内容时出错",
    noticed: "注意",
    cause: "根本原因",
    raised_by: |function, file, line| format!("，由 {file}({line}) 的 {function} 报出"),
    ended_with: "最终结果",
    object: "对象",
    package: "更新包",
    when: "发生时间",
    local: "本地",
    utc_unknown: "本地时间；与 UTC 的时差未知",
    no_time: "未知：文本中没有时间戳",
    confidence: "可信度",
    high: "高",
    medium: "中",
    low: "低",
    advice: "建议处理",
    not_the_cause: |codes| format!("旁边的 {codes} 是残留的上一次错误值，与此无关"),
    evidence: "证据",
    lines: |first, last| {
        if first == last {
            format!("第 {first} 行")
        } else {
            format!("第 {first}-{last} 行")
        }
    },
    joined: "多行同属一条记录：被日志程序截断，已重新拼接",
    attempts: "安装尝试",
    attempts_sum: |all, failed| format!("共 {all} 次，失败 {failed} 次"),
    not_seen: "未见信息",
    no_package: "正在安装哪个更新包",
    only_span: |span| format!("是否首次失败：输入只含一份日志中的 {span}"),
    no_utc: "本机时钟与 UTC 的时差",
    collect: "建议再收集",
    collect_cbs: "完整的 CBS.log 与 CbsPersist_*.cab",
    collect_events: "Setup 与 System 事件日志",
    collect_again: |names| format!("重新收集完整的 {names}"),
    noise: |records, kinds| format!("已略去 {records} 条无害的类似记录（{kinds} 种）"),
    other_codes: "其他代码",
    skipped: "已跳过",
    records: |records, lines| format!("{lines} 行共 {records} 条记录"),
    endpoint: "终端",
    build: "系统版本",
    stack: "服务堆栈",
    gaps: "缺失",
    description: "问题描述",
    analysis: "分析",
    conclusion: "结论与后续步骤",
    inputs: "已读日志",
    outcome: "结果",
    code: "代码",
    noise_title: "无害的类似记录",
    no_cause: "在所读内容中未发现故障。",
    gap_between: |from, to, before, after| {
        format!("{from} – {to}：{before} 与 {after} 之间的日志部分不在此处")
    },
    gap_after: |from, before| format!("{from} 之后：{before} 的后续日志不在此处"),
    gap_cut: |from, name| format!("{from} 之后：{name} 在一行中间结束，最后一条记录可能不完整"),
    gap_lost: |from, to, what, log| {
        format!(
            "{from} – {to}：事件日志记录了一次失败（{what}），早于 {log} 的起点；当时的日志已被覆盖，请查找当日的 CbsPersist_*.cab"
        )
    },
    narrowed: |to, attempts, findings| {
        format!("已限定（{to}）：略去 {attempts} 次安装尝试和 {findings} 项发现")
    },
    since: |time| format!("{time} 起"),
    and_more: |count| format!("另有 {count} 项"),
    units: ["秒", "分钟", "小时", "天"],
    reach: |records, span| match span {
        Some(span) => format!("就这 {records} 条记录、{span}而言"),
        None => format!("就这 {records} 条记录而言"),
    },
    nth: |number, of| format!("{number}/{of}"),
    start_here: "从这里开始",
    several_failures: |count| format!("{count} 项不同的故障"),
    no_record_of_cause: "有安装尝试失败，但没有记录说明原因",
    comma: "，",
    semicolon: "；",
    colon: "：",
    brackets: ("（", "）"),
    event: |id, channel, provider| format!("事件 {id}，{channel}，{provider}"),
    machine: "电脑",
    machines: "电脑",
    machines_told: |count, how| {
        format!(
            "这些日志来自 {count} 台电脑，已按{how}区分并分别处理（--endpoint NAME 则视为同一台）"
        )
    },
    told_by_folder: "文件夹",
    told_by_computer: "日志中的计算机名",
    machine_line: |name, verdict, files, failures| match failures {
        0 => format!("{name}：{verdict}，{files} 份日志"),
        _ => format!("{name}：{verdict}，{files} 份日志，{failures} 项故障"),
    },
    facts_reach: "据日志旁的文件所述，反映其保存时的状态",
    facts_disagree: "文件说法不一，不予采用",
    facts_of_several: "这些文件涉及多台电脑，建议不以其为依据",
    facts_of_other: |host| format!("属于 {host}，此处没有其日志：未采用"),
    facts_of_unknown: "无法判断属于哪台电脑：未采用",
    government_edition: "即神州网信政府版（CMGE），程序包来自其供应商",
    no_proxy: "无代理",
    trace: "跟踪",
    traced: |met, object| format!("Process Monitor 在 {object} 上看到：{met}"),
    no_trace_needed: "不需要 Process Monitor：已有记录指明对象及其错误",
    probe: "本机现在",
    probe_states: [
        "可以打开",
        "不存在",
        "拒绝访问",
        "已损坏（1392）：该处文件系统已损坏",
        "正在使用",
        "无法打开",
    ],
};

/// A kind of log, for people.
pub(crate) fn source(source: event::Source, language: Language) -> &'static str {
    use event::Source;
    match (source, language) {
        (Source::Cbs, Language::English) => "CBS",
        (Source::Cbs, Language::Chinese) => "CBS 日志",
        (Source::Dism, Language::English) => "DISM",
        (Source::Dism, Language::Chinese) => "DISM 日志",
        (Source::Setup, Language::English) => "Windows Setup",
        (Source::Setup, Language::Chinese) => "安装程序日志",
        (Source::ReportingEvents, Language::English) => "Windows Update reports",
        (Source::ReportingEvents, Language::Chinese) => "Windows 更新报告",
        (Source::WindowsUpdate, Language::English) => "Windows Update",
        (Source::WindowsUpdate, Language::Chinese) => "Windows 更新日志",
        (Source::Pfro, Language::English) => "PFRO",
        (Source::Pfro, Language::Chinese) => "PFRO 日志",
        (Source::EventLog, Language::English) => "event log",
        (Source::EventLog, Language::Chinese) => "事件日志",
        (Source::Configmgr, Language::English) => "ConfigMgr client",
        (Source::Configmgr, Language::Chinese) => "ConfigMgr 客户端日志",
        (Source::Intune, Language::English) => "Intune",
        (Source::Intune, Language::Chinese) => "Intune 日志",
    }
}

/// How an attempt ended, for people.
pub(crate) fn outcome(outcome: event::Outcome, language: Language) -> &'static str {
    use event::Outcome;
    match (outcome, language) {
        (Outcome::Succeeded, Language::English) => "succeeded",
        (Outcome::Succeeded, Language::Chinese) => "成功",
        (Outcome::Failed, Language::English) => "failed",
        (Outcome::Failed, Language::Chinese) => "失败",
        (Outcome::RolledBack, Language::English) => "rolled back",
        (Outcome::RolledBack, Language::Chinese) => "已回滚",
        (Outcome::PendingReboot, Language::English) => "waits for restart",
        (Outcome::PendingReboot, Language::Chinese) => "等待重启",
        (Outcome::Cancelled, Language::English) => "cancelled",
        (Outcome::Cancelled, Language::Chinese) => "已取消",
        (Outcome::Unknown, Language::English) => "not known",
        (Outcome::Unknown, Language::Chinese) => "未知",
    }
}

/// How a UTC offset is known, for people.
pub(crate) fn how(how: event::UtcHow, language: Language) -> &'static str {
    match (how, language) {
        (event::UtcHow::CsiStamp, Language::English) => "from a CSI stamp",
        (event::UtcHow::CsiStamp, Language::Chinese) => "由 CSI 时间戳推得",
        (event::UtcHow::UniversalTime, Language::English) => "from a `Universal Time is` line",
        (event::UtcHow::UniversalTime, Language::Chinese) => "由 `Universal Time is` 行推得",
        (event::UtcHow::StampOffset, Language::English) => "stated by the records' own stamps",
        (event::UtcHow::StampOffset, Language::Chinese) => "由记录自身的时间戳给出",
        (event::UtcHow::SessionId, Language::English) => "from session ids",
        (event::UtcHow::SessionId, Language::Chinese) => "由会话编号推得",
    }
}

/// That a text was read as a copy, and what was done to it, for people; nothing for a log as Windows wrote it.
pub(crate) fn read_as(format: event::Format, language: Language) -> Option<String> {
    use event::Format::{Pasted, PastedDmy, PastedMdy, PastedUndated};
    let english = language == Language::English;
    let dates = match format {
        Pasted => "",
        PastedDmy if english => "; dates have the day first",
        PastedDmy => "；日期为日在前",
        PastedMdy if english => "; dates have the month first",
        PastedMdy => "；日期为月在前",
        PastedUndated if english => {
            "; whether dates have the day or the month first cannot be told, so records have no time"
        }
        PastedUndated => "；无法判断日期是日在前还是月在前，故记录没有时间",
        _ => return None,
    };
    let done = if english {
        "read as a pasted copy (blanks folded, marks before lines and escapes taken away, wrapped lines joined"
    } else {
        "按粘贴的副本读取（合并空格，去掉行首标记与转义，接回折行"
    };
    Some(format!("{done}{dates}{}", if english { ")" } else { "）" }))
}

/// A reason for a confidence, for people.
pub(crate) fn reason(key: &str, language: Language) -> String {
    let text = classify::reason_text(key);
    match language {
        Language::English => text.en,
        Language::Chinese => text.zh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_chooses() {
        assert_eq!(Language::of_locale("zh_CN.UTF-8"), Language::Chinese);
        assert_eq!(Language::of_locale("de_DE.UTF-8"), Language::English);
        assert_eq!(Language::of_locale(""), Language::English);
    }
}
