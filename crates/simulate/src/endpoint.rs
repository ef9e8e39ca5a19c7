//! From a plan to files and truth.

use crate::fleet::{EndpointPlan, Task, What};
use crate::healthy::inventory;
use crate::random::Random;
use crate::scenario::SCENARIOS;
use crate::side_logs;
use crate::truth::Truth;
use crate::update::{install, install_feature};
use crate::writer::{LogFile, Writer};

/// The files of an endpoint, the newest CBS.log first, and what was planted in them.
pub fn produce(plan: &EndpointPlan) -> (Vec<LogFile>, Truth) {
    let mut writer = history(plan);
    side_logs::add(&mut writer, plan);
    let mut truth = empty_truth(plan);
    let written = writer.finish();
    truth.files = written.truth_files;
    truth.attempts = written.attempts;
    truth.findings = written.findings;
    truth.noise = written.noise;
    (written.files, truth)
}

/// The files of an endpoint.
pub fn logs(plan: &EndpointPlan) -> Vec<LogFile> {
    produce(plan).0
}

/// What was planted on an endpoint.
pub fn truth(plan: &EndpointPlan) -> Truth {
    produce(plan).1
}

/// A writer that has lived through the plan.
pub(crate) fn history(plan: &EndpointPlan) -> Writer {
    let mut writer = Writer::new(
        plan.build,
        Random::new(plan.seed, 1),
        plan.offset_minutes,
        plan.start_us,
        plan.end_us,
    );
    writer.chinese = plan.chinese;
    for task in &plan.tasks {
        run(&mut writer, task);
    }
    writer
}

fn run(writer: &mut Writer, task: &Task) {
    writer.wait_until_us(task.at_us);
    match &task.what {
        What::Inventory(records) => inventory(writer, *records),
        What::Rotate => writer.rotate(),
        What::Install(update, wait_s) => install(writer, update, *wait_s),
        What::Feature(update) => install_feature(writer, update),
        What::Fail(place, update) => (SCENARIOS[*place].write)(writer, update),
    }
}

pub(crate) fn empty_truth(plan: &EndpointPlan) -> Truth {
    let (sign, minutes) = (
        if plan.offset_minutes < 0 { '-' } else { '+' },
        plan.offset_minutes.abs(),
    );
    Truth {
        version: 1,
        id: plan.id.clone(),
        host: plan.host.clone(),
        site: plan.site.to_owned(),
        model: plan.model.to_owned(),
        ring: plan.ring.to_owned(),
        windows: plan.build.windows.to_owned(),
        build: plan.build.version.to_owned(),
        servicing_stack: plan.build.servicing_stack.to_owned(),
        offset: format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        ..Truth::default()
    }
}
