//! `cbsift alerts`: the workshop of those who write alert rules.

use super::rules::refuse;
use crate::access::{Access, patiently, user};
use crate::alert_rules::files;
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::report::{Language, counted};
use crate::run::{TENANT, receivers::Shown};
use crate::{run, settings};
use alert::{Did, MessageStatus, Rule, Rules, RulesError, Setting, by_name};
use anyhow::Context;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use event::LoggedAt;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use store::{Action, Day, RuleSetOrigin};

/// List, test, preview and publish alert rules, and see when they would have fired
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Each rule: what it counts, when it fires, and the case that it is for
    List(Folder),
    /// Say every fault of the rules at once, and run their own tests
    Test(Folder),
    Preview(Preview),
    Backtest(Backtest),
    Publish(Publish),
}

#[derive(Args)]
struct Folder {
    /// Folder of alert rules (*.yaml) [default: the shipped rules]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Language [default: that of the locale]
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

/// Show the message of each rule in both languages, made of its own tests
#[derive(Args)]
struct Preview {
    /// Only this rule
    #[arg(value_name = "RULE")]
    rule: Option<String>,
    /// Folder of alert rules (*.yaml) [default: the shipped rules]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// The message that it is over
    #[arg(long)]
    resolved: bool,
    /// What any receiver of this kind is sent; `mail-page` is the page in a mail, for a browser
    #[arg(long = "as", value_name = "KIND", value_parser = PossibleValuesParser::new(Shown::forms()))]
    form: Option<String>,
    /// What this receiver of `alerts.receivers` is sent, in its language and by its template
    #[arg(long, value_name = "NAME", conflicts_with = "form")]
    receiver: Option<String>,
    #[command(flatten)]
    site: super::Site,
}

/// Say when rules would have fired over what is stored, how long, and on what
///
/// Goes by logged time with today's knowledge: each day as it ended, as pages show it now, whenever its logs arrived. So a rule fires here
/// on the day on which it could have known, and times of rules count in days.
#[derive(Args)]
struct Backtest {
    /// First day, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    from: String,
    /// Last day
    #[arg(long, value_name = "DAY")]
    to: String,
    /// Only this rule
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Folder of alert rules (*.yaml) [default: the shipped rules]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Language [default: that of the locale]
    #[arg(long, value_enum)]
    lang: Option<Language>,
    #[command(flatten)]
    site: super::Site,
}

/// Publish alert rules to the store: evaluation goes on with them within seconds
///
/// Rules with faults, or whose own tests do not hold, are refused as a whole. Without --rules the shipped ones are published, which is
/// the way back from rules of your own: `cbsift up` replaces only shipped ones.
#[derive(Args)]
struct Publish {
    /// Folder of alert rules (*.yaml) [default: the shipped rules]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    #[command(flatten)]
    site: super::Site,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::List(of) => list(&of),
        Command::Test(of) => test(&of),
        Command::Preview(of) => preview(&of),
        Command::Backtest(of) => backtest(&of),
        Command::Publish(of) => publish(&of),
    }
}

fn list(of: &Folder) -> anyhow::Result<ExitCode> {
    let rules = match Rules::load(&files(of.folder.as_deref())?) {
        Ok(rules) => rules,
        Err(faults) => return refuse(&faults),
    };
    let language = super::language(of.lang);
    let mut out = String::new();
    for rule in rules.iter() {
        let about = match language {
            Language::Chinese => &rule.about.zh,
            Language::English => &rule.about.en,
        };
        let _ = writeln!(
            out,
            "{}  {}\n  {}\n  {about}\n",
            rule.name,
            rule.severity.name(),
            condition(rule)
        );
    }
    super::print(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// `failing by kb >= 20 and 1 % of those that tried, for 30m`
fn condition(rule: &Rule) -> String {
    let mut text = rule.figure.name().to_owned();
    if !rule.group_by.is_empty() {
        let by: Vec<&str> = rule.group_by.iter().map(by_name).collect();
        let _ = write!(text, " by {}", by.join(", "));
    }
    let _ = write!(text, " >= {}", rule.threshold.at_least);
    if let Some(share) = rule.threshold.share {
        let _ = write!(text, " and {} % of all", share * 100.0);
    }
    if let Some(baseline) = rule.baseline {
        let _ = write!(
            text,
            ", or where the update before is known >= {} and {} times its share",
            baseline.at_least, baseline.factor
        );
    }
    for (word, time) in [("for", rule.hold), ("until quiet for", rule.keep_firing)] {
        if !time.is_zero() {
            let _ = write!(text, ", {word} {}", short(time));
        }
    }
    text
}

fn short(time: Duration) -> String {
    match time.as_secs() {
        0 => "0s".to_owned(),
        seconds if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        seconds if seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

fn test(of: &Folder) -> anyhow::Result<ExitCode> {
    let rules = match Rules::load(&files(of.folder.as_deref())?) {
        Ok(rules) => rules,
        Err(faults) => return refuse(&faults),
    };
    let broken = rules.broken_tests();
    let mut out = String::new();
    let names = |names: &std::collections::BTreeSet<String>| match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.iter().cloned().collect::<Vec<_>>().join(", "),
    };
    for (rule, broken) in &broken {
        let _ = writeln!(
            out,
            "rule `{}`, case `{}`, at {}: {} should fire, {} does",
            rule.name,
            broken.case,
            short(broken.at),
            names(&broken.expected),
            names(&broken.fires)
        );
    }
    let cases: usize = rules.iter().map(|rule| rule.tests.len()).sum();
    let _ = writeln!(
        out,
        "{} of {}, {} failed",
        counted(cases as u64, "test", "tests"),
        counted(rules.iter().count() as u64, "rule", "rules"),
        broken.len()
    );
    super::print(&out)?;
    Ok(ExitCode::from(u8::from(!broken.is_empty())))
}

fn no_rule(name: &str) -> Misuse {
    Misuse(format!(
        "there is no alert rule `{name}`\nhint: `cbsift alerts list` names them"
    ))
}

fn preview(of: &Preview) -> anyhow::Result<ExitCode> {
    let rules = match Rules::load(&files(of.rules.as_deref())?) {
        Ok(rules) => rules,
        Err(faults) => return refuse(&faults),
    };
    let (settings, _) = settings::load(of.site.config.as_deref(), &of.site.flags())?;
    if let Some(name) = of.rule.as_deref().filter(|name| rules.get(name).is_none()) {
        return Err(no_rule(name).into());
    }
    let base = match settings.alerts.pages.as_str() {
        "" => format!("http://{}", settings.web_listen),
        pages => pages.trim_end_matches('/').to_owned(),
    };
    let status = match of.resolved {
        true => MessageStatus::Resolved,
        false => MessageStatus::Firing,
    };
    let shown = match (&of.form, &of.receiver) {
        (_, Some(name)) => Some(Shown::receiver(&settings, name)?),
        (Some(form), None) => Shown::form(form),
        (None, None) => None,
    };
    let mut out = String::new();
    for rule in rules.iter() {
        if of.rule.as_ref().is_some_and(|name| *name != rule.name) {
            continue;
        }
        let Some(message) = alert::preview(rule, classify::Rules::shipped(), &base, status) else {
            continue;
        };
        if let Some(shown) = &shown {
            let _ = writeln!(out, "{}", shown.of(&message).trim_end());
            continue;
        }
        let labels: Vec<String> = message
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let _ = writeln!(
            out,
            "{} {}\n\n{}\n{}\n\n{}\n{}\n\n{}\n",
            message.status.name(),
            labels.join(" "),
            message.title.en,
            message.body.en,
            message.title.zh,
            message.body.zh,
            message.page
        );
    }
    super::print(&out)?;
    Ok(ExitCode::SUCCESS)
}

fn day(text: &str, flag: &str) -> Result<Day, Misuse> {
    let wrong = || {
        Misuse(format!(
            "`{flag} {text}` is no day\nhint: give it like 2024-03-15"
        ))
    };
    let midnight = LoggedAt::parse(format!("{text} 00:00:00").as_bytes()).ok_or_else(wrong)?;
    match text.len() {
        10 => Day::try_from(midnight.0 / 86_400).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// Days looked back over at once: two years, each of which is asked as often as there are rules.
const DAYS_MAX: u16 = 800;

fn backtest(of: &Backtest) -> anyhow::Result<ExitCode> {
    let (from, to) = (day(&of.from, "--from")?, day(&of.to, "--to")?);
    if to < from || to - from >= DAYS_MAX {
        return Err(Misuse(format!(
            "from `{}` to `{}` are not 1 to {DAYS_MAX} days",
            of.from, of.to
        ))
        .into());
    }
    let rules = match Rules::load(&files(of.rules.as_deref())?) {
        Ok(rules) => rules,
        Err(faults) => return refuse(&faults),
    };
    let rules = match &of.rule {
        None => rules,
        Some(name) => rules.only(name).ok_or_else(|| no_rule(name))?,
    };
    let language = super::language(of.lang);
    let (settings, _) = settings::load(of.site.config.as_deref(), &of.site.flags())?;
    crate::log::start(crate::log::Format::Text);
    run::role(async {
        let access = Access::open(&settings).await?;
        let setting = Setting {
            tenant: TENANT.to_owned(),
            base: String::new(),
            repeat: Duration::ZERO,
        };
        let words = [classify::Rules::shipped()];
        let found = alert::backtest(access.store(), &setting, &rules, &words, (from, to))
            .await
            .context("look back")?;
        super::print(&told(&found, language))?;
        access.close().await
    })
}

fn told(found: &alert::Backtest, language: Language) -> String {
    let date = |day: Day| {
        let mut text = store::day_start(day).to_string();
        text.truncate(10);
        text
    };
    let mut out = String::new();
    for firing in &found.firings {
        let title = match language {
            Language::Chinese => &firing.title.zh,
            Language::English => &firing.title.en,
        };
        let (to, days) = match firing.to {
            Some(to) => (
                date(to),
                counted(u64::from(to - firing.from), "day", "days"),
            ),
            None => ("          ".to_owned(), "goes on".to_owned()),
        };
        let _ = writeln!(
            out,
            "{}  {to}  {days:>8}  {}  {title}  (at most {})",
            date(firing.from),
            firing.rule,
            firing.peak
        );
        if !firing.pcs.is_empty() {
            let _ = writeln!(out, "    {}", firing.pcs.join(", "));
        }
    }
    let times = counted(found.firings.len() as u64, "firing", "firings");
    let days = counted(u64::from(found.days), "day", "days");
    let _ = writeln!(
        out,
        "{times} in {days}, by logged time and with what is known today"
    );
    if !found.without_history.is_empty() {
        let names: Vec<&str> = found.without_history.iter().map(String::as_str).collect();
        let _ = writeln!(
            out,
            "not looked back over, as the store keeps no history of what they count: {}",
            names.join(", ")
        );
    }
    out
}

fn publish(of: &Publish) -> anyhow::Result<ExitCode> {
    let files = files(of.rules.as_deref())?;
    let rules = match Rules::load(&files) {
        Ok(rules) => rules,
        Err(faults) => return refuse(&faults),
    };
    let origin = match of.rules {
        Some(_) => RuleSetOrigin::Site,
        None => RuleSetOrigin::Shipped,
    };
    let (settings, _) = settings::load(of.site.config.as_deref(), &of.site.flags())?;
    crate::log::start(crate::log::Format::Text);
    run::role(async {
        let access = Access::open(&settings).await?;
        let store = access.store();
        let before = store
            .alert_rules_mark()
            .await
            .context("read the newest alert rules")?;
        if before
            .as_ref()
            .is_none_or(|(_, digest)| digest != rules.digest())
        {
            let action = Action {
                action: "alerts.publish".to_owned(),
                object: match origin {
                    RuleSetOrigin::Site => "this site's own".to_owned(),
                    RuleSetOrigin::Shipped => "the shipped rules".to_owned(),
                },
                before: before
                    .map(|(sequence, digest)| {
                        serde_json::json!({ "sequence": sequence, "digest": digest }).to_string()
                    })
                    .unwrap_or_default(),
                after: serde_json::json!({ "digest": rules.digest() }).to_string(),
            };
            let (user, now) = (user(), now_ms());
            patiently(|| store.audit(TENANT, &user, now, std::slice::from_ref(&action))).await?;
        }
        let published = alert::publish(store, &files, origin).await;
        let (sequence, did) = match published {
            Err(RulesError::Broken(broken)) => return Err(RulesError::Broken(broken).into()),
            published => published.context("publish the alert rules")?,
        };
        let count = counted(rules.iter().count() as u64, "rule", "rules");
        super::print(&match did {
            Did::Published => format!("alert rules {sequence} published: {count}\n"),
            _ => format!("alert rules {sequence} are the newest ones and these already\n"),
        })?;
        access.close().await
    })
}
