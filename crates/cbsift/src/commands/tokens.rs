//! `cbsift tokens`: who may send, enrol and read.

use crate::access::{patiently, user};
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::run::TENANT;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use event::{Role, SecretHash, TokenKind, UtcMillis, WaitReason, is_endpoint_id};
use serve::tokens::{hash, new_secret};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::ExitCode;
use store::{
    Action, EnrolledHost, Store, StoreError, StoredToken, TOKENS_LISTED, TokenState, TokenVia,
};

/// Make, list, approve and revoke the tokens of the store
///
/// Every intake and every page of the site follows within a minute. The store keeps a hash of a secret and never the secret.
/// What is revoked stays so, and stays listed.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    site: super::Site,
}

#[derive(Subcommand)]
enum Command {
    /// Make a token; it is printed once, alone on standard output
    ///
    /// Machines have a --kind: cbsift tokens create --kind endpoint --id PC-0042
    /// People have a --role: cbsift tokens create --role auditor --id j.doe --expires 90d
    #[command(verbatim_doc_comment, group(ArgGroup::new("what").required(true)))]
    Create {
        /// What it is for
        #[arg(long, group = "what")]
        kind: Option<Kind>,
        /// What somebody may see of the pages, in place of a kind
        #[arg(long, group = "what")]
        role: Option<RoleName>,
        /// Its name; of an endpoint its id
        #[arg(long, value_name = "ID")]
        id: String,
        /// How long it is good, such as 90d [default: until it is revoked]
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// For people
        #[arg(long, default_value = "")]
        note: String,
    },
    /// One line a token, the last made first
    List {
        /// Only of this id
        #[arg(long, value_name = "ID", default_value = "")]
        id: String,
        /// Only of this state
        #[arg(long)]
        state: Option<State>,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Let in an endpoint that enrolled and waits
    Approve {
        /// The endpoint
        id: String,
        /// First digits of the hash of its secret, as `list` shows them, where several wait
        #[arg(long, value_name = "HEX")]
        secret_prefix: Option<String>,
        /// Revoke the endpoint's other tokens with it
        #[arg(long)]
        replace: bool,
    },
    /// End a token, or an enrolment that waits
    Revoke {
        /// The name of the token; of an endpoint its id
        #[arg(required_unless_present = "made_by")]
        id: Option<String>,
        /// First digits of the hash of its secret, as `list` shows them, where there are several
        #[arg(long, value_name = "HEX", conflicts_with = "all")]
        secret_prefix: Option<String>,
        /// Every one of this id
        #[arg(long)]
        all: bool,
        /// Every one that enrolled with a fleet token; revoke that one first, or more come
        #[arg(long, value_name = "fleet:NAME", conflicts_with_all = ["id", "secret_prefix", "all"])]
        made_by: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Sends the logs of one endpoint
    Endpoint,
    /// Enrols endpoints, and nothing else
    Fleet,
    /// Sends the logs of any endpoint, and names it
    Relay,
    /// Sees the pages, as `--role operator`
    Reader,
    /// Sees the pages, as `--role auditor`
    Auditor,
    /// Sees the pages, as `--role administrator`
    Admin,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleName {
    /// Looks after PCs: pages, log text, files; not the audit
    Operator,
    /// Checks who did what: the audit, and pages without log text
    Auditor,
    /// All of it
    Administrator,
}

impl RoleName {
    fn role(self) -> Role {
        match self {
            Self::Operator => Role::Operator,
            Self::Auditor => Role::Auditor,
            Self::Administrator => Role::Administrator,
        }
    }
}

impl Kind {
    fn kind(self) -> TokenKind {
        match self {
            Self::Endpoint => TokenKind::Endpoint,
            Self::Fleet => TokenKind::Fleet,
            Self::Relay => TokenKind::Relay,
            Self::Reader => TokenKind::Reader,
            Self::Auditor => TokenKind::Auditor,
            Self::Admin => TokenKind::Admin,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    Active,
    Waiting,
    Revoked,
}

impl State {
    fn state(self) -> TokenState {
        match self {
            Self::Active => TokenState::Active,
            Self::Waiting => TokenState::Waiting,
            Self::Revoked => TokenState::Revoked,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON array
    Json,
}

/// Good tokens of one id: one in use and one that takes its place.
const ACTIVE_MAX: usize = 2;

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::on_store(&arguments.site, async |store, _| {
        apply(store, arguments.command).await
    })
}

async fn apply(store: &Store, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create {
            kind,
            role,
            id,
            expires,
            note,
        } => {
            let kind = kind_asked(kind, role)?;
            create(store, kind, &id, expires.as_deref(), note).await
        }
        Command::List { id, state, format } => list(store, &id, state, format).await,
        Command::Approve {
            id,
            secret_prefix,
            replace,
        } => approve(store, &id, secret_prefix.as_deref(), replace).await,
        Command::Revoke {
            id,
            secret_prefix,
            all,
            made_by,
        } => match made_by {
            Some(made_by) => revoke_made_by(store, &made_by).await,
            None => {
                let id = id.unwrap_or_default();
                revoke(store, &id, secret_prefix.as_deref(), all).await
            }
        },
    }
}

/// The kind of a token that is to be made; the command line has either.
fn kind_asked(kind: Option<Kind>, role: Option<RoleName>) -> anyhow::Result<TokenKind> {
    let of_role = role.map(|role| role.role().kind());
    let kind = of_role.or(kind.map(Kind::kind));
    kind.ok_or_else(|| misuse("`--kind` or `--role` is missing".to_owned()))
}

/// The tokens of an id.
pub(super) async fn held(store: &Store, id: &str) -> Result<Vec<StoredToken>, StoreError> {
    patiently(|| store.tokens(TENANT, id, None)).await
}

/// Puts tokens, with what becomes of which in the audit first. `was` are the same tokens as they were, where there were any.
pub(super) async fn put(
    store: &Store,
    action: &str,
    was: &[StoredToken],
    rows: &[StoredToken],
) -> Result<(), StoreError> {
    let before = |row: &StoredToken| {
        let is_same = |was: &&StoredToken| was.secret == row.secret && was.kind == row.kind;
        was.iter().find(is_same).map(|was| was.state)
    };
    let actions: Vec<Action> = rows
        .iter()
        .map(|row| match row.state {
            TokenState::Revoked => row.action("token.revoke", before(row)),
            TokenState::Waiting | TokenState::Active => row.action(action, before(row)),
        })
        .collect();
    let (user, now) = (user(), now_ms());
    patiently(|| store.audit(TENANT, &user, now, &actions)).await?;
    patiently(|| store.put_tokens(rows)).await
}

async fn create(
    store: &Store,
    kind: TokenKind,
    id: &str,
    expires: Option<&str>,
    note: String,
) -> anyhow::Result<()> {
    if !is_endpoint_id(id) {
        return Err(misuse(format!(
            "`--id` is {id:?}, but must be 1 to 128 letters, digits, `.`, `_` or `-`, the first a letter or digit"
        )));
    }
    let now = now_ms();
    let expires_ms = match expires {
        None => None,
        Some(text) => {
            let time = quantity::time(text).filter(|time| !time.is_zero());
            let time = time.ok_or_else(|| {
                misuse(format!(
                    "`--expires` is {text:?}, but must be a time such as \"90d\""
                ))
            })?;
            let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            Some(now.saturating_add(time).min(EXPIRES_MAX))
        }
    };
    let held = held(store, id).await?;
    check_room(&held, kind, id, now)?;
    let secret = new_secret()?;
    let token = StoredToken {
        tenant: TENANT.to_owned(),
        id: id.to_owned(),
        secret: hash(&secret),
        kind,
        state: TokenState::Active,
        created_ms: now,
        expires_ms,
        revoked_ms: None,
        made_by: user(),
        via: TokenVia::Command,
        revoked_by: String::new(),
        reason: None,
        note: harmless::name(&note),
    };
    put(store, "token.create", &[], &[token]).await?;
    super::print(&format!("{id}.{secret}\n"))?;
    crate::log::say(match kind {
        TokenKind::Endpoint => {
            "this is shown once; the endpoint sends with it: CBSIFT_TOKEN, or a file for its owner only and `cbsift send --token-file`"
        }
        TokenKind::Fleet => {
            "this is shown once; give it to the installation, which shows it at `POST /v1/enroll` and then forgets it"
        }
        TokenKind::Relay => {
            "this is shown once; the relay sends with it and names endpoints: `cbsift send --token-file FILE --endpoint ID`"
        }
        TokenKind::Reader | TokenKind::Auditor | TokenKind::Admin => {
            "this is shown once; a browser asks for it as the password of the pages, where `web.tokens_file` is set"
        }
    });
    Ok(())
}

/// The last moment that the table can hold.
const EXPIRES_MAX: i64 = 10_413_791_999_000;

/// There may be two good tokens of an id: the old one works until the new one does.
fn check_room(held: &[StoredToken], kind: TokenKind, id: &str, now: i64) -> anyhow::Result<()> {
    let is_good = |token: &&StoredToken| {
        token.kind == kind
            && token.state == TokenState::Active
            && token.expires_ms.is_none_or(|expires| now < expires)
    };
    let good: Vec<&StoredToken> = held.iter().filter(is_good).collect();
    if good.len() < ACTIVE_MAX {
        return Ok(());
    }
    Err(misuse(format!(
        "`{id}` has {} good tokens of this kind, and may have {ACTIVE_MAX}: {}\nhint: end one first: cbsift tokens revoke {id} --secret-prefix {}",
        good.len(),
        prefixes(&good),
        prefix(good[good.len() - 1].secret),
    )))
}

pub(super) async fn approve(
    store: &Store,
    id: &str,
    secret_prefix: Option<&str>,
    replace: bool,
) -> anyhow::Result<()> {
    let held = held(store, id).await?;
    let waits = |token: &&StoredToken| token.state == TokenState::Waiting;
    let waiting = chosen(held.iter().filter(waits).collect(), secret_prefix)?;
    let token = match waiting.as_slice() {
        [] => {
            return Err(misuse(format!(
                "no enrolment of `{id}` waits for approval\nhint: `cbsift tokens list --state waiting` shows those that do"
            )));
        }
        [token] => (*token).clone(),
        several => {
            return Err(misuse(format!(
                "{} enrolments of `{id}` wait: {}\nhint: choose one with --secret-prefix; `cbsift tokens list --id {id}` shows their host names",
                several.len(),
                prefixes(several)
            )));
        }
    };
    let mut rows = Vec::new();
    if replace {
        rows.extend(held.iter().filter(is_active).map(revoked));
    } else {
        check_room(&held, token.kind, id, now_ms())?;
    }
    let count = rows.len();
    rows.push(StoredToken {
        state: TokenState::Active,
        ..token
    });
    put(store, "token.approve", &held, &rows).await?;
    let also = match count {
        0 => String::new(),
        count => format!(", and {count} before it revoked"),
    };
    super::print(&format!("{id} is approved{also}\n"))?;
    Ok(())
}

async fn revoke(
    store: &Store,
    id: &str,
    secret_prefix: Option<&str>,
    all: bool,
) -> anyhow::Result<()> {
    let held = held(store, id).await?;
    let lives = |token: &&StoredToken| token.state != TokenState::Revoked;
    let living = chosen(held.iter().filter(lives).collect(), secret_prefix)?;
    if living.is_empty() {
        return Err(misuse(format!(
            "no token of `{id}` is good or waits\nhint: `cbsift tokens list` shows all; those of a token file end with their line"
        )));
    }
    if living.len() > 1 && !all {
        return Err(misuse(format!(
            "`{id}` has {} tokens: {}\nhint: choose one with --secret-prefix, or take --all",
            living.len(),
            prefixes(&living)
        )));
    }
    let rows: Vec<StoredToken> = living.into_iter().map(revoked).collect();
    put(store, "token.revoke", &held, &rows).await?;
    super::print(&format!(
        "{} of `{id}` revoked; intakes and pages follow within a minute, while they reach the store\n",
        match rows.len() {
            1 => "1 token".to_owned(),
            count => format!("{count} tokens"),
        }
    ))?;
    Ok(())
}

/// A revocation may take as long to be read by every intake.
const BELIEVED_MS: i64 = 60_000;

/// All that one fleet token let in so far. Intakes believe that token for up to a minute after it was revoked, so what it let in meanwhile
/// takes a second run, which is said.
async fn revoke_made_by(store: &Store, made_by: &str) -> anyhow::Result<()> {
    let mut count = 0;
    loop {
        let living = patiently(|| store.tokens_made_by(TENANT, made_by)).await?;
        let rows: Vec<StoredToken> = living.iter().map(revoked).collect();
        put(store, "token.revoke", &living, &rows).await?;
        count += rows.len();
        if rows.len() < TOKENS_LISTED {
            break;
        }
    }
    if count == 0 {
        return Err(misuse(format!(
            "nothing that {made_by:?} let in is good or waits\nhint: `cbsift tokens list` shows it as `made … by fleet:NAME`"
        )));
    }
    super::print(&format!(
        "{count} of `{made_by}` revoked; intakes and pages follow within a minute, while they reach the store\n"
    ))?;
    let fleet = made_by.strip_prefix("fleet:").unwrap_or_default();
    let held = held(store, fleet).await?;
    let fleets: Vec<&StoredToken> = held
        .iter()
        .filter(|token| token.kind == TokenKind::Fleet)
        .collect();
    let believed_since = now_ms() - BELIEVED_MS;
    let is_believed = |token: &&StoredToken| {
        let revoked = token.revoked_ms;
        revoked.is_some_and(|revoked| revoked > believed_since)
    };
    if fleets.is_empty() {
        crate::log::say(&format!(
            "no fleet token `{fleet}` is in the store: where a token file names it, take it out there, send SIGHUP, and then this again"
        ));
    } else if fleets.iter().any(is_active) {
        crate::log::say(&format!(
            "the fleet token itself is good, and lets in more: `cbsift tokens revoke {fleet}`, and a minute later this again"
        ));
    } else if fleets.iter().any(is_believed) {
        crate::log::say(
            "the fleet token was revoked less than a minute ago, and intakes may let in more until then: run this again",
        );
    }
    Ok(())
}

fn is_active(token: &&StoredToken) -> bool {
    token.state == TokenState::Active
}

pub(super) fn revoked(token: &StoredToken) -> StoredToken {
    StoredToken {
        state: TokenState::Revoked,
        revoked_ms: Some(now_ms()),
        revoked_by: user(),
        ..token.clone()
    }
}

/// Those whose hash begins so.
fn chosen<'a>(
    tokens: Vec<&'a StoredToken>,
    secret_prefix: Option<&str>,
) -> anyhow::Result<Vec<&'a StoredToken>> {
    let Some(start) = secret_prefix else {
        return Ok(tokens);
    };
    let start = start.to_ascii_lowercase();
    // Fewer could mean another token than was looked at.
    if start.len() < PREFIX_MIN || !start.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(misuse(format!(
            "`--secret-prefix` must be {PREFIX_MIN} hex digits or more"
        )));
    }
    let fits = |token: &&StoredToken| token.secret.to_string().starts_with(&start);
    Ok(tokens.into_iter().filter(fits).collect())
}

const PREFIX_MIN: usize = 6;

/// What is shown of a hash: enough to tell the tokens of an id apart.
fn prefix(secret: SecretHash) -> String {
    let mut text = secret.to_string();
    text.truncate(12);
    text
}

fn prefixes(tokens: &[&StoredToken]) -> String {
    let prefixes: Vec<String> = tokens.iter().map(|token| prefix(token.secret)).collect();
    prefixes.join(", ")
}

fn misuse(text: String) -> anyhow::Error {
    Misuse(text).into()
}

type Hosts = BTreeMap<(String, SecretHash), Vec<EnrolledHost>>;

async fn list(store: &Store, id: &str, state: Option<State>, format: Format) -> anyhow::Result<()> {
    let state = state.map(State::state);
    let tokens = store.tokens(TENANT, id, state).await?;
    let is_cut = tokens.len() >= TOKENS_LISTED;
    let ids: BTreeSet<&str> = tokens.iter().map(|token| token.id.as_str()).collect();
    let hosts = store.enrolled_hosts(TENANT, &ids).await?;
    match format {
        Format::Text => {
            super::print(&lines(&tokens, &hosts, now_ms()))?;
        }
        Format::Json => {
            let json = serde_json::to_string_pretty(&json(&tokens, &hosts, now_ms()))?;
            super::print(&format!("{}\n", harmless::json(&json)))?;
        }
    }
    if is_cut {
        crate::log::say(&format!(
            "only the last {TOKENS_LISTED} are listed; `--id ID` lists those of one"
        ));
    }
    Ok(())
}

fn state(token: &StoredToken, now: i64) -> &'static str {
    match token.state {
        TokenState::Active if token.expires_ms.is_some_and(|expires| expires <= now) => "expired",
        state => state.name(),
    }
}

fn lines(tokens: &[StoredToken], hosts: &Hosts, now: i64) -> String {
    let mut out = String::new();
    for token in tokens {
        let _ = write!(
            out,
            "{}  {}  {}  {}  made {} by {}",
            token.kind.name(),
            harmless::line(&token.id),
            prefix(token.secret),
            state(token, now),
            UtcMillis(token.created_ms),
            harmless::line(&token.made_by),
        );
        if let Some(role) = token.kind.role() {
            let _ = write!(out, "  role {}", role.name());
        }
        if let Some(expires) = token.expires_ms {
            let _ = write!(out, "  expires {}", UtcMillis(expires));
        }
        if let Some(revoked) = token.revoked_ms {
            let by = harmless::line(&token.revoked_by);
            let _ = write!(out, "  revoked {} by {by}", UtcMillis(revoked));
        }
        for host in hosts
            .get(&(token.id.clone(), token.secret))
            .into_iter()
            .flatten()
        {
            let _ = write!(out, "  host {}", harmless::line(&host.host));
        }
        if let (TokenState::Waiting, Some(reason)) = (token.state, token.reason) {
            let _ = write!(out, "  {}", reason.text());
        }
        if !token.note.is_empty() {
            let _ = write!(out, "  {}", harmless::line(&token.note));
        }
        out.push('\n');
    }
    out
}

fn json(tokens: &[StoredToken], hosts: &Hosts, now: i64) -> serde_json::Value {
    let time = |ms: Option<i64>| ms.map(|ms| UtcMillis(ms).to_string());
    tokens
        .iter()
        .map(|token| {
            let hosts = hosts.get(&(token.id.clone(), token.secret));
            let hosts: Vec<serde_json::Value> = hosts
                .into_iter()
                .flatten()
                .map(|host| {
                    serde_json::json!({
                        "host": host.host,
                        "machine_guid": host.machine_guid,
                        "at": time(Some(host.at_ms)),
                    })
                })
                .collect();
            serde_json::json!({
                "kind": token.kind.name(),
                "role": token.kind.role().map(Role::name),
                "id": token.id,
                "secret_sha256": token.secret.to_string(),
                "state": state(token, now),
                "created": time(Some(token.created_ms)),
                "expires": time(token.expires_ms),
                "revoked": time(token.revoked_ms),
                "made_by": token.made_by,
                "via": token.via.name(),
                "revoked_by": token.revoked_by,
                "reason": token.reason.map(WaitReason::name),
                "note": token.note,
                "hosts": hosts,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    fn kind_of(line: &str) -> Result<TokenKind, String> {
        let parsed = <Line as clap::Parser>::try_parse_from(line.split(' '));
        match parsed.map_err(|error| error.to_string())?.command {
            Command::Create { kind, role, .. } => Ok(kind_asked(kind, role).unwrap()),
            _ => panic!("{line} makes no token"),
        }
    }

    #[test]
    fn a_token_is_made_for_a_kind_or_for_a_role_and_the_help_tells_them_apart() {
        for (asked, kind) in [
            ("--kind endpoint", TokenKind::Endpoint),
            ("--kind reader", TokenKind::Reader),
            ("--role operator", TokenKind::Reader),
            ("--role auditor", TokenKind::Auditor),
            ("--role administrator", TokenKind::Admin),
        ] {
            assert_eq!(kind_of(&format!("tokens create --id x {asked}")), Ok(kind));
        }
        let neither = kind_of("tokens create --id x").unwrap_err();
        assert!(
            neither.contains("--kind") && neither.contains("--role"),
            "{neither}"
        );
        let both = kind_of("tokens create --id x --kind reader --role auditor").unwrap_err();
        assert!(both.contains("cannot be used with"), "{both}");
        let help = kind_of("tokens create --help").unwrap_err();
        for said in [
            "Checks who did what: the audit, and pages without log text",
            "cbsift tokens create --role auditor --id j.doe --expires 90d\n",
        ] {
            assert!(help.contains(said), "{help}");
        }
    }

    fn made(secret: u8, state: TokenState) -> StoredToken {
        StoredToken {
            tenant: TENANT.to_owned(),
            id: "PC-1".to_owned(),
            secret: SecretHash([secret; 32]),
            kind: TokenKind::Endpoint,
            state,
            created_ms: 0,
            expires_ms: Some(1_000),
            revoked_ms: None,
            made_by: "made\u{1b}[1m up".to_owned(),
            via: TokenVia::Command,
            revoked_by: String::new(),
            reason: Some(WaitReason::OtherHost),
            note: String::new(),
        }
    }

    #[test]
    fn a_third_good_token_of_an_id_is_refused_with_a_way_out() {
        let two = [made(1, TokenState::Active), made(2, TokenState::Active)];
        let refused = check_room(&two, TokenKind::Endpoint, "PC-1", 0);
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("hint: ")
                && refused.contains("revoke PC-1 --secret-prefix 020202020202"),
            "{refused}"
        );
        // What has expired, waits or is of another kind takes no place.
        check_room(&two, TokenKind::Endpoint, "PC-1", 1_000).unwrap();
        check_room(&two, TokenKind::Relay, "PC-1", 0).unwrap();
        let one = [made(1, TokenState::Active), made(2, TokenState::Waiting)];
        check_room(&one, TokenKind::Endpoint, "PC-1", 0).unwrap();
    }

    #[test]
    fn a_prefix_chooses_and_a_short_one_is_refused() {
        let (one, two) = (
            made(0xAB, TokenState::Active),
            made(0xCD, TokenState::Active),
        );
        let both = vec![&one, &two];
        assert_eq!(chosen(both.clone(), Some("CDCDCD")).unwrap(), [&two]);
        assert_eq!(chosen(both.clone(), Some("cdcdce")).unwrap().len(), 0);
        assert_eq!(chosen(both.clone(), None).unwrap().len(), 2);
        for bad in ["cdcdc", "", "xyzxyz"] {
            assert!(chosen(both.clone(), Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_says_what_to_do_and_drives_no_terminal() {
        let token = made(1, TokenState::Waiting);
        let host = EnrolledHost {
            host: "PC\u{1b}[2J".to_owned(),
            machine_guid: String::new(),
            at_ms: 0,
        };
        let hosts = BTreeMap::from([(("PC-1".to_owned(), token.secret), vec![host])]);
        let line = lines(std::slice::from_ref(&token), &hosts, 0);
        assert!(
            line.starts_with("endpoint  PC-1  010101010101  waiting  made 1970")
                && line.contains("cloned image"),
            "{line}"
        );
        assert!(!line.contains('\u{1b}'), "{line}");
        let good = made(1, TokenState::Active);
        assert!(lines(std::slice::from_ref(&good), &hosts, 999).contains("  active  "));
        assert!(lines(&[good], &hosts, 1_000).contains("  expired  "));
        let shown = json(&[token], &hosts, 0);
        assert_eq!(shown[0]["reason"], "other_host");
        assert_eq!(shown[0]["role"], serde_json::Value::Null);
        let reader = StoredToken {
            kind: TokenKind::Reader,
            ..made(1, TokenState::Active)
        };
        assert!(lines(std::slice::from_ref(&reader), &hosts, 0).contains("  role operator"));
        assert_eq!(json(&[reader], &hosts, 0)[0]["role"], "operator");
    }
}
