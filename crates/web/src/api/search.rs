//! `/search`: PCs, updates, codes, causes and objects that some words may mean, a pasted line of a log too.

use super::{alike, filter::now, name, rows::Cause};
use crate::{
    error::{ApiError, Result},
    json::Json,
    rule_texts::RuleTexts,
    schema::{CodeText, PcState},
    server::Web,
    texts::Text,
};
use axum::extract::{Query, State};
use event::{Code, Format, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::{EndpointsAsked, Filter, Sort};
use utoipa::{IntoParams, ToSchema};

/// Lines of each list.
const LINES: usize = 8;

/// The longest text that is looked for: a record of a log has a few hundred bytes.
const TEXT_MAX: usize = 4 << 10;

/// Letters from which on something is looked for that any short word would hold.
const WORD_MIN: usize = 3;

#[derive(Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// Words, a code, a KB, or a whole line of a log; of 4 KiB at most.
    #[serde(default)]
    q: String,
}

pub(crate) async fn search(State(web): State<Web>, Query(asked): Query<Asked>) -> Result<Found> {
    let text = asked.q.trim();
    if text.len() > TEXT_MAX {
        return Err(ApiError::Request {
            message: format!("`q` has {} bytes", text.len()),
            hint: "look for 4 KiB at most: one line of a log",
        });
    }
    let mut found = Found {
        q: text.to_owned(),
        ..Found::default()
    };
    if text.is_empty() {
        return Ok(Json(found));
    }
    let rules = web.rule_texts().await;
    let meant = Meant::of(text, &rules);
    let filter = Filter {
        tenant: web.tenant.to_string(),
        now: Some(now()),
        ..Filter::default()
    };
    let of_codes = Filter {
        codes: meant.alike(),
        ..filter.clone()
    };
    let is_word = text.chars().count() >= WORD_MIN;
    let pcs = web.store.endpoints(EndpointsAsked {
        filter: &filter,
        search: text,
        wanted: None,
        sort: Sort::Name,
        limit: LINES,
        after: None,
    });
    let kbs: Vec<&str> = meant.kbs.iter().map(String::as_str).collect();
    let updates = web.store.updates_like(&filter, &kbs, LINES);
    let causes = async {
        match (meant.codes.is_empty(), is_word) {
            (false, _) => web.store.causes_met(&of_codes).await,
            (true, true) => web.store.causes_met(&filter).await,
            (true, false) => Ok(Vec::new()),
        }
    };
    let objects = async {
        match is_word {
            true => web.store.objects_like(&filter, text, LINES).await,
            false => Ok(Vec::new()),
        }
    };
    let (pcs, updates, causes, objects) = tokio::try_join!(pcs, updates, causes, objects)?;
    let has_codes = !meant.codes.is_empty();
    let words = text.to_lowercase();
    let causes = causes.into_iter().filter_map(|cause| {
        let is_of_rule = meant.rules.contains(&cause.rule);
        let pcs = cause.endpoints;
        let cause = Cause::new(&rules, cause);
        (has_codes || is_of_rule || cause.head.is_like(&words)).then_some((is_of_rule, cause, pcs))
    });
    let mut causes: Vec<(bool, Cause, u64)> = causes.collect();
    // What a rule says of the line comes before what only has its code.
    causes.sort_by_key(|(is_of_rule, _, pcs)| std::cmp::Reverse((*is_of_rule, *pcs)));
    found.pcs = pcs.endpoints.into_iter().map(Pc::from).collect();
    found.updates = updates
        .into_iter()
        .map(|(kb, machines)| Update {
            kb,
            failing: machines.of(store::State::Failing),
            tried: machines.tried(),
        })
        .collect();
    found.codes = meant
        .codes
        .iter()
        .take(LINES)
        .map(|code| CodeOut {
            code: code.to_string(),
            names: classify::catalogue::names(*code),
        })
        .collect();
    found.causes = causes
        .into_iter()
        .take(LINES)
        .map(|(_, cause, pcs)| CauseOut {
            id: cause.head.id,
            title: cause.head.title,
            pcs,
        })
        .collect();
    found.objects = objects
        .into_iter()
        .map(|object| ObjectOut {
            object: name(object.object),
            cause: object.cause.to_string(),
            pcs: object.endpoints,
        })
        .collect();
    found.go = found.only_exact(&meant);
    Ok(Json(found))
}

/// What a text names beside words.
struct Meant {
    /// Codes: the text is one, in any spelling, or a line that holds some.
    codes: Vec<Code>,
    /// Whether it is one code and nothing else.
    is_code: bool,
    /// KBs in it, or what may be a part of one.
    kbs: Vec<String>,
    /// Rules that know the line.
    rules: BTreeSet<String>,
}

impl Meant {
    fn of(text: &str, rules: &RuleTexts) -> Self {
        let readings = windows_error_codes::decode(text);
        let mut codes: Vec<Code> = readings.iter().map(|reading| reading.code).collect();
        let is_code = !codes.is_empty();
        let mut knowing = BTreeSet::new();
        if !is_code && text.contains(char::is_whitespace) {
            // An event of an event log in whatever shape is looked at in the canonical one.
            let event = parse::event_json::normalise(text);
            let line = event.as_deref().unwrap_or(text);
            let mut spellings = Vec::new();
            classify::codes_in(line, &mut spellings);
            spellings.sort_by_key(|spelling| spelling.at);
            codes.extend(spellings.iter().map(|spelling| spelling.code));
            knowing = rules_of(line, rules);
        }
        let mut seen = BTreeSet::new();
        codes.retain(|code| seen.insert(code.to_string()));
        Self {
            codes,
            is_code,
            kbs: kbs(text),
            rules: knowing,
        }
    }

    /// The codes and those that say the same.
    fn alike(&self) -> Vec<Code> {
        let mut all: Vec<Code> = self.codes.iter().flat_map(|code| alike(*code)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Rules that know a line. The servicing logs share one head, so a line of it may be from any of them.
fn rules_of(line: &str, rules: &RuleTexts) -> BTreeSet<String> {
    let detected = parse::detect("line.log", line.as_bytes());
    let (format, sources) = match (detected.format, detected.source) {
        (format @ (Format::Wds | Format::WdsHeadless), Some(source))
            if source != Source::WindowsUpdate =>
        {
            (format, None)
        }
        (format, Some(source)) if format.is_pasted() && source != Source::WindowsUpdate => {
            (format, None)
        }
        (format, Some(source)) => (format, Some(source)),
        (_, None) => (Format::WdsHeadless, None),
    };
    let sources = sources.map_or_else(
        || vec![Source::Cbs, Source::Dism, Source::Setup],
        |source| vec![source],
    );
    let rules = rules.rules();
    let matching = sources
        .into_iter()
        .flat_map(|source| classify::rules_matching(rules, source, format, line));
    // A rule of harmless records names no cause.
    matching
        .filter(|(_, _, is_noise)| !is_noise)
        .map(|(id, _, _)| id.to_owned())
        .collect()
}

/// The KBs that a text names; of a short one its digits, which may be a part of one.
fn kbs(text: &str) -> Vec<String> {
    let upper = text.to_ascii_uppercase();
    let mut found: Vec<String> = upper
        .match_indices("KB")
        .filter_map(|(at, _)| {
            let digits: String = upper
                .get(at + 2..)?
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            (!digits.is_empty()).then(|| format!("KB{digits}"))
        })
        .collect();
    if found.is_empty()
        && (WORD_MIN..=7).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
    {
        found.push(text.to_owned());
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(LINES);
    found
}

#[derive(Default, Serialize, ToSchema)]
#[schema(as = SearchAnswer)]
pub(crate) struct Found {
    /// What was asked for.
    q: String,
    /// The page of the only thing that the text names exactly, `/…`.
    go: Option<String>,
    pcs: Vec<Pc>,
    updates: Vec<Update>,
    codes: Vec<CodeOut>,
    causes: Vec<CauseOut>,
    objects: Vec<ObjectOut>,
}

impl Found {
    /// The page of what the text names exactly, where that is one thing.
    fn only_exact(&self, meant: &Meant) -> Option<String> {
        let is = |text: &str| !text.is_empty() && text.eq_ignore_ascii_case(&self.q);
        let pcs = self.pcs.iter();
        let pcs = pcs.filter(|pc| {
            [&pc.id, &pc.name, &pc.host]
                .into_iter()
                .any(|text| is(text))
        });
        let updates = self.updates.iter().filter(|update| is(&update.kb));
        let causes = self.causes.iter().filter(|cause| is(&cause.id));
        let codes = self.codes.iter().filter(|_| meant.is_code);
        let mut exact = pcs
            .map(|pc| format!("/endpoints/{}", segment(&pc.id)))
            .chain(updates.map(|update| format!("/updates/{}", segment(&update.kb))))
            .chain(causes.map(|cause| format!("/causes/{}", segment(&cause.id))))
            .chain(codes.map(|code| format!("/codes/{}", code.code)));
        let first = exact.next()?;
        exact.next().is_none().then_some(first)
    }
}

/// A part of an address: whatever is no plain letter stands as its bytes.
fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[derive(Serialize, ToSchema)]
#[schema(as = SearchPc)]
struct Pc {
    id: String,
    /// What people call it, or empty.
    name: String,
    /// The last host name told of it, or empty.
    host: String,
    #[schema(value_type = PcState)]
    state: &'static str,
}

impl From<store::EndpointSummary> for Pc {
    fn from(endpoint: store::EndpointSummary) -> Self {
        Self {
            state: super::endpoints::state(endpoint.state),
            id: endpoint.endpoint,
            name: endpoint.name,
            host: endpoint.host,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = SearchUpdate)]
struct Update {
    kb: String,
    failing: u64,
    tried: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SearchCode)]
struct CodeOut {
    #[schema(value_type = CodeText)]
    code: String,
    names: Vec<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SearchCause)]
struct CauseOut {
    id: String,
    title: Text,
    pcs: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SearchObject)]
struct ObjectOut {
    object: String,
    cause: String,
    pcs: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use classify::Rules;

    fn meant(text: &str) -> Meant {
        Meant::of(text, &RuleTexts::new(Rules::shipped()))
    }

    #[test]
    fn codes_are_meant_in_every_spelling_and_in_lines() {
        for text in [
            "0x80070570",
            "80070570",
            "ERROR_FILE_CORRUPT",
            "-2147023504",
        ] {
            let meant = meant(text);
            assert!(meant.is_code, "{text}");
            // By the code of the founding case, which is another spelling of what people see.
            assert!(meant.alike().contains(&Code::new(0xC000_0102)), "{text}");
        }
        let line = "2022-08-18 15:53:46, Error                 CSI    00009626 (F) STATUS_FILE_CORRUPT_ERROR #34109804# [gle=0xd0000102]";
        let meant = meant(line);
        assert!(
            !meant.is_code && meant.codes.contains(&Code::new(0xC000_0102)),
            "{:?}",
            meant.codes
        );
    }

    #[test]
    fn updates_are_meant_by_their_names_and_by_digits() {
        for (text, expected) in [
            ("KB5016616", vec!["KB5016616"]),
            ("kb50166", vec!["KB50166"]),
            ("5016616", vec!["5016616"]),
            ("50", vec![]),
            (
                "Package: x, Identifier: KB5016616 and KB1",
                vec!["KB1", "KB5016616"],
            ),
            ("pc-0042", vec![]),
        ] {
            assert_eq!(kbs(text), expected, "{text}");
        }
    }

    #[test]
    fn an_address_holds_no_letter_that_ends_it() {
        assert_eq!(segment("a/b?c#d 中"), "a%2Fb%3Fc%23d%20%E4%B8%AD");
        assert_eq!(segment("disk_full~0x80070070"), "disk_full~0x80070070");
    }
}
