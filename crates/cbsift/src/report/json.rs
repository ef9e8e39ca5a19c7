//! The stable form for machines; its schema is `crates/cbsift/scan.schema.json`.

use super::{Language, advice, title, words};
use crate::here::probe::Probe;
use crate::scan::{Scan, Whose};
use classify::{Rules, catalogue};
use event::{Code, LoggedAt};
use serde::Serialize;

#[derive(Serialize)]
struct Answer {
    version: u32,
    verdict: &'static str,
    endpoint: Endpoint,
    inputs: Vec<Input>,
    codes: Vec<CodeLine>,
    noise: Vec<NoiseLine>,
    attempts: Vec<Attempt>,
    findings: Vec<Finding>,
    gaps: Vec<Gap>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    machines: Vec<Machine>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    facts: Vec<Fact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    narrowed: Option<Narrowed>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: Vec<String>,
}

#[derive(Serialize)]
struct Machine {
    name: String,
    told_by: &'static str,
    verdict: &'static str,
    servicing_stack: Option<String>,
    inputs: Vec<usize>,
    attempts: Vec<usize>,
    findings: Vec<usize>,
}

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<usize>,
    is_agreed: bool,
    values: Vec<FactValue>,
}

#[derive(Serialize)]
struct FactValue {
    value: String,
    inputs: Vec<usize>,
}

#[derive(Serialize)]
struct Traced {
    process: &'static str,
    result: String,
    count: u64,
}

#[derive(Serialize)]
struct Narrowed {
    kb: Option<String>,
    since: Option<String>,
    attempts_left_out: usize,
    findings_left_out: usize,
}

#[derive(Serialize)]
struct Endpoint {
    id: Option<String>,
    host: Option<String>,
    build: Option<String>,
    servicing_stack: Option<String>,
}

#[derive(Serialize)]
struct Input {
    path: String,
    source: Option<&'static str>,
    encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    bytes: u64,
    records: u64,
    /// Left out where there are none.
    #[serde(skip_serializing_if = "is_none")]
    half_read: u64,
    skipped_bytes: u64,
    utc_offsets: Vec<UtcOffset>,
    first: Option<String>,
    last: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unexamined: Vec<Unexamined>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts_of: Option<String>,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

#[derive(Serialize)]
struct Unexamined {
    offset: u64,
    length: u64,
}

#[derive(Serialize)]
struct UtcOffset {
    line: u64,
    offset: String,
    how: &'static str,
}

#[derive(Serialize)]
struct CodeLine {
    code: String,
    space: &'static str,
    names: Vec<&'static str>,
    count: u64,
    events: u64,
    noise: u64,
}

#[derive(Serialize)]
struct NoiseLine {
    rule: String,
    count: u64,
}

#[derive(Serialize)]
struct Attempt {
    package: Option<String>,
    kb: Option<String>,
    client: Option<String>,
    session: Option<String>,
    start: Option<String>,
    end: Option<String>,
    outcome: &'static str,
    terminal_code: Option<String>,
    finding: Option<u32>,
}

#[derive(Serialize)]
struct Finding {
    rule: Option<String>,
    category: String,
    severity: &'static str,
    root_code: Option<String>,
    root_name: Option<&'static str>,
    terminal_code: Option<String>,
    object: Option<String>,
    kb: Option<String>,
    package: Option<String>,
    component: Option<String>,
    utc_time: Option<String>,
    logged: Option<String>,
    confidence: u8,
    reasons: Vec<String>,
    count: u32,
    title: String,
    advice: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    process_monitor: Vec<Traced>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    on_this_machine: Vec<Probe>,
    evidence: Vec<Evidence>,
}

#[derive(Serialize)]
struct Evidence {
    path: String,
    line: u64,
    offset: u64,
    text: String,
}

#[derive(Serialize)]
struct Gap {
    source: &'static str,
    from: Option<String>,
    to: Option<String>,
    reason: String,
}

/// The answer as one JSON object.
pub(crate) fn json(
    rules: &Rules,
    scan: &Scan,
    endpoint: Option<&str>,
    language: Language,
    narrowed: Option<&super::narrow::Narrowed>,
) -> serde_json::Result<String> {
    let answer = Answer {
        version: 1,
        verdict: scan.verdict.name(),
        endpoint: Endpoint {
            id: endpoint.map(str::to_owned),
            host: None,
            build: scan.servicing_stack.as_deref().map(build_of),
            servicing_stack: scan.servicing_stack.clone(),
        },
        inputs: scan
            .inputs
            .iter()
            .map(|input| Input {
                path: input.path.to_string_lossy().into_owned(),
                source: input.source.map(event::Source::name),
                encoding: input.encoding.name(),
                format: input.format.map(event::Format::name),
                bytes: input.bytes,
                records: input.records,
                half_read: input.half_read,
                skipped_bytes: input.skipped_bytes,
                utc_offsets: input
                    .utc_changes
                    .iter()
                    .map(|(line, anchor)| UtcOffset {
                        line: *line,
                        offset: offset(anchor.minutes),
                        how: anchor.how.name(),
                    })
                    .collect(),
                first: shown(input.first),
                last: shown(input.last),
                reason: input.reason.clone(),
                unexamined: input
                    .unexamined
                    .iter()
                    .map(|one| Unexamined {
                        offset: one.offset,
                        length: one.length,
                    })
                    .collect(),
                facts: input.facts.as_ref().map(|facts| facts.form.name()),
                facts_of: input.facts.as_ref().and_then(|facts| match &facts.whose {
                    Whose::Machine => None,
                    Whose::Other(host) => Some(host.clone()),
                    Whose::Unknown => Some(String::new()),
                }),
            })
            .collect(),
        codes: scan
            .codes
            .iter()
            .map(|(code, count)| CodeLine {
                code: code.to_string(),
                space: code.space().name(),
                names: catalogue::names(*code),
                count: count.records,
                events: count.events,
                noise: count.noise,
            })
            .collect(),
        noise: scan
            .noise
            .iter()
            .map(|(rule, count)| NoiseLine {
                rule: rule.clone(),
                count: *count,
            })
            .collect(),
        attempts: scan
            .derived
            .attempts
            .iter()
            .map(|attempt| Attempt {
                package: some(&attempt.package),
                kb: some(&attempt.kb),
                client: some(&attempt.client),
                session: some(&attempt.session),
                start: shown(attempt.start),
                end: shown(attempt.end),
                outcome: attempt.outcome.name(),
                terminal_code: hex(attempt.terminal_code),
                finding: attempt.finding,
            })
            .collect(),
        findings: scan
            .derived
            .findings
            .iter()
            .map(|finding| finding_of(rules, scan, finding, language))
            .collect(),
        gaps: super::gaps::gaps(scan)
            .into_iter()
            .map(|gap| Gap {
                source: gap.source.name(),
                from: shown(Some(gap.from)),
                to: shown(gap.to),
                reason: match (gap.to, &gap.lost) {
                    _ if gap.is_cut => format!("{} ends within a line", gap.before),
                    (_, Some(lost)) => format!(
                        "an event log tells of a failure ({lost}) before {} begins: that log was overwritten",
                        gap.after
                    ),
                    (Some(_), None) => format!("no part between {} and {}", gap.before, gap.after),
                    (None, None) => format!("no part after {}", gap.before),
                },
            })
            .collect(),
        machines: machines(scan),
        facts: facts(scan),
        narrowed: narrowed.map(|narrowed| Narrowed {
            kb: narrowed.to.kb.clone(),
            since: shown(narrowed.to.since),
            attempts_left_out: narrowed.attempts,
            findings_left_out: narrowed.findings,
        }),
        errors: scan.failed.clone(),
    };
    let text = serde_json::to_string_pretty(&answer)?;
    // People read it on terminals too; what reads JSON sees no difference.
    Ok(harmless::json(&text).into_owned())
}

/// Each machine with the places of what is its own in the lists of the answer.
fn machines(scan: &Scan) -> Vec<Machine> {
    let machines = scan.machines.iter().enumerate();
    machines
        .map(|(index, machine)| {
            let is_own = |id| machine.ids.contains(&id);
            let inputs = scan.inputs.iter();
            let inputs = inputs.map(|input| input.machine == index && input.source.is_some());
            let attempts = scan.derived.attempts.iter();
            let findings = scan.derived.findings.iter();
            Machine {
                name: machine.name.clone(),
                told_by: machine.told.name(),
                verdict: machine.verdict.name(),
                servicing_stack: machine.servicing_stack.clone(),
                inputs: places(inputs),
                attempts: places(attempts.map(|one| is_own(one.id))),
                findings: places(findings.map(|one| is_own(one.id))),
            }
        })
        .collect()
}

/// What is known of the machines; where there are several, each with its place in their list.
fn facts(scan: &Scan) -> Vec<Fact> {
    let machines = scan.facts.iter().enumerate();
    machines
        .flat_map(|(machine, facts)| facts.iter().map(move |one| (machine, facts, one)))
        .map(|(machine, facts, (fact, values))| Fact {
            name: fact.name(),
            machine: (!scan.machines.is_empty()).then_some(machine),
            is_agreed: facts.is_agreed(fact),
            values: values
                .iter()
                .map(|(value, inputs)| FactValue {
                    value: value.clone(),
                    inputs: inputs.iter().copied().collect(),
                })
                .collect(),
        })
        .collect()
}

fn places(is_own: impl Iterator<Item = bool>) -> Vec<usize> {
    let own = is_own.enumerate().filter(|(_, is_own)| *is_own);
    own.map(|(place, _)| place).collect()
}

fn finding_of(rules: &Rules, scan: &Scan, finding: &event::Finding, language: Language) -> Finding {
    Finding {
        rule: some(&finding.rule),
        category: finding.category.clone(),
        severity: finding.severity.name(),
        root_code: hex(finding.root_code),
        root_name: finding.root_code.and_then(Code::name),
        terminal_code: hex(finding.terminal_code),
        object: some(&finding.object),
        kb: some(&finding.kb),
        package: some(&finding.package),
        component: some(&finding.component),
        utc_time: finding.utc.map(|utc| utc.to_string()),
        logged: shown(finding.logged),
        confidence: finding.confidence,
        reasons: finding
            .reasons
            .iter()
            .map(|reason| words::reason(reason, language))
            .collect(),
        count: finding.count,
        title: title(rules, finding, language),
        advice: advice(rules, scan, finding, language),
        process_monitor: scan
            .facts_of(finding.id)
            .into_iter()
            .flat_map(|facts| facts.hits(&finding.object))
            .map(|hit| Traced {
                process: hit.process,
                result: hit.result.clone(),
                count: hit.count,
            })
            .collect(),
        on_this_machine: scan.probes.get(&finding.id).cloned().unwrap_or_default(),
        evidence: finding
            .evidence
            .iter()
            .map(|evidence| {
                let place = scan.places.get(&(evidence.stream, evidence.offset));
                Evidence {
                    path: place
                        .and_then(|place| scan.inputs.get(place.input))
                        .map(|input| input.path.to_string_lossy().into_owned())
                        .unwrap_or_default(),
                    line: place.map_or(0, |place| place.line),
                    offset: evidence.offset,
                    text: evidence.text.clone(),
                }
            })
            .collect(),
    }
}

/// `10.0.19041` of `10.0.19041.1220`.
pub(crate) fn build_of(servicing_stack: &str) -> String {
    servicing_stack
        .split('.')
        .take(3)
        .collect::<Vec<_>>()
        .join(".")
}

/// `+08:00`
pub(crate) fn offset(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn shown(time: Option<LoggedAt>) -> Option<String> {
    time.map(|time| time.to_string())
}

fn hex(code: Option<Code>) -> Option<String> {
    code.map(|code| code.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_every_name() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../scan.schema.json")).unwrap();
        let input = &schema["properties"]["inputs"]["items"]["properties"];
        let known = |list: &serde_json::Value, name: &str| {
            let names = list["enum"].as_array().unwrap();
            names.iter().any(|one| one == name)
        };
        for format in event::Format::ALL {
            assert!(known(&input["format"], format.name()), "{format:?}");
        }
        for source in event::Source::ALL {
            assert!(known(&input["source"], source.name()), "{source:?}");
        }
        for form in parse::facts::FactsForm::ALL {
            assert!(known(&input["facts"], form.name()), "{form:?}");
        }
        for fact in parse::facts::Fact::all() {
            let names = &schema["properties"]["facts"]["items"]["properties"]["name"];
            assert!(known(names, fact.name()), "{fact:?}");
        }
        for verdict in classify::Verdict::ALL {
            assert!(
                known(&schema["properties"]["verdict"], verdict.name()),
                "{verdict:?}"
            );
        }
    }

    #[test]
    fn offsets_are_written_with_sign_and_minutes() {
        assert_eq!(
            [offset(480), offset(-480), offset(210), offset(0)],
            ["+08:00", "-08:00", "+03:30", "+00:00"]
        );
    }
}
