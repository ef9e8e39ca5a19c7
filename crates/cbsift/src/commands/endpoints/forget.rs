//! `cbsift endpoints forget`: what is known of a machine goes, what its logs say stays.

use super::read_id;
use crate::access::{patiently, user};
use crate::commands::tokens;
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::report::counted;
use crate::run::TENANT;
use std::collections::BTreeSet;
use store::{Action, Store, TokenState};

pub(super) async fn forget(store: &Store, id: &str, keep_tokens: bool) -> anyhow::Result<()> {
    read_id(id)?;
    let ids = BTreeSet::from([id]);
    let known = patiently(|| store.known_endpoints(TENANT, &ids)).await?;
    let before = patiently(|| store.labels_of(TENANT, &ids)).await?;
    if known.is_empty() && before.is_empty() {
        return Err(Misuse(format!("nothing is known of an endpoint `{id}`")).into());
    }
    let held = tokens::held(store, id).await?;
    let ended: Vec<_> = held
        .iter()
        .filter(|token| token.kind == event::TokenKind::Endpoint)
        .filter(|token| token.state != TokenState::Revoked && !keep_tokens)
        .map(tokens::revoked)
        .collect();
    let labels = before
        .get(id)
        .map(|labels| serde_json::json!(labels).to_string());
    let action = Action {
        action: "endpoint.forget".to_owned(),
        object: id.to_owned(),
        before: labels.unwrap_or_default(),
        after: String::new(),
    };
    let (user, now) = (user(), now_ms());
    patiently(|| store.audit(TENANT, &user, now, std::slice::from_ref(&action))).await?;
    tokens::put(store, "token.revoke", &held, &ended).await?;
    patiently(|| store.forget_endpoint(TENANT, id)).await?;
    super::super::print(&format!(
        "{id} is forgotten, {} revoked; its logs stay until their days are over, and it is listed again when it sends\n",
        counted(ended.len() as u64, "token", "tokens")
    ))?;
    Ok(())
}
