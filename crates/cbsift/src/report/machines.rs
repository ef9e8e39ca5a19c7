//! What a report says of the machines, where the logs are of several.

use super::words::Words;
use crate::scan::{Machine, Scan, Told};
use classify::Verdict;
use event::Severity;

/// How they are told apart, then one line a machine: its verdict and what it has.
pub(super) fn lines(scan: &Scan, words: &Words) -> Vec<String> {
    let Some(first) = scan.machines.first() else {
        return Vec::new();
    };
    let how = match first.told {
        Told::Folder => words.told_by_folder,
        Told::Computer => words.told_by_computer,
    };
    let head = (words.machines_told)(scan.machines.len(), how);
    let is_failed = |machine: &Machine| machine.verdict == Verdict::Failed;
    let machines = scan.machines.iter().enumerate();
    let failed = machines.filter(|(_, machine)| is_failed(machine));
    let lines = failed.map(|(index, machine)| {
        let files = scan.inputs.iter();
        let files = files.filter(|input| input.machine == index && input.source.is_some());
        let failures = scan.derived.findings.iter().filter(|finding| {
            finding.severity > Severity::Info && machine.ids.contains(&finding.id)
        });
        (words.machine_line)(
            &machine.name,
            word(machine.verdict, words),
            files.count(),
            failures.count(),
        )
    });
    // Of the others their names are enough.
    let mut others: Vec<(&str, Vec<&str>)> = Vec::new();
    for machine in scan.machines.iter().filter(|machine| !is_failed(machine)) {
        let word = word(machine.verdict, words);
        match others.iter_mut().find(|(other, _)| *other == word) {
            Some((_, names)) => names.push(&machine.name),
            None => others.push((word, vec![&machine.name])),
        }
    }
    let others = others.into_iter();
    let others =
        others.map(|(word, names)| format!("{word}{}{}", words.colon, names.join(words.comma)));
    std::iter::once(head).chain(lines).chain(others).collect()
}

/// A verdict in a word.
pub(super) fn word(verdict: Verdict, words: &Words) -> &'static str {
    match verdict {
        Verdict::Failed => words.failed,
        Verdict::Healthy => words.healthy,
        Verdict::Restart => words.restart,
        Verdict::Repaired => words.repaired,
        Verdict::Inconclusive => words.inconclusive,
    }
}
