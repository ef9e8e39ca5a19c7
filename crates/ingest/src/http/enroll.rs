//! `POST /v1/enroll`: a machine with a fleet token gets a token of its own.

use super::caller::{authorization, refuse_twice};
use super::{Intake, body, within};
use crate::http::refusal::Refusal;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use event::{Enrolled, Enrolment, RefuseReason, SecretHash, TokenKind, endpoint_of_machine};
use metrics::counter;
use serde::Deserialize;
use serve::tokens::{TENANT, Token, hash, new_secret};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Largest body: a GUID, a hash, and a host name in any script, several times over.
const BODY_MAX: usize = 4 * 1024;

/// Longest host name in bytes: what DNS allows; a NetBIOS name has 15 characters of any script.
const HOST_MAX: usize = 255;

/// So many seconds' worth of enrolments of a fleet token may come at once.
const BURST: f64 = 10.0;

/// What a machine says of itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asks {
    machine_guid: String,
    host: String,
    /// SHA-256 in hex of the secret that the machine has made for itself and keeps.
    token_sha256: Option<String>,
}

/// How fast each fleet token may enrol.
#[derive(Default)]
pub(super) struct Rates(Mutex<HashMap<String, Rate>>);

struct Rate {
    /// What may come at once now.
    left: f64,
    at: Instant,
}

impl Rates {
    /// Takes one of what a fleet token may enrol, or says when there is one again. Only good tokens come here, so few are kept.
    fn take(&self, fleet: &str, per_second: f64, now: Instant) -> Result<(), Duration> {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = per_second * BURST;
        let rate = rates.entry(fleet.to_owned()).or_insert(Rate {
            left: full,
            at: now,
        });
        let passed = now.saturating_duration_since(rate.at).as_secs_f64();
        rate.left = (rate.left + passed * per_second).min(full);
        rate.at = now;
        if rate.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - rate.left) / per_second));
        }
        rate.left -= 1.0;
        Ok(())
    }
}

pub(super) async fn enroll<S, O>(
    State(intake): State<Arc<Intake<S, O>>>,
    headers: HeaderMap,
    peer: Option<axum::Extension<serve::Peer>>,
    body: Body,
) -> Result<Response, Refusal> {
    refuse_twice(&headers)?;
    let shown = authorization(&headers);
    let fleet = intake
        .callers
        .check(shown, |keyring| keyring.check_fleet(shown))
        .await?;
    if let Some(axum::Extension(peer)) = peer {
        peer.trust(&fleet);
    }
    let Some(desk) = &intake.callers.desk else {
        return Err(Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "this intake has no store, so it enrols nobody",
        )
        .hint("set `store.url` of the intake, or give tokens by its file"));
    };
    let per_second = f64::from(intake.config.enroll_rate);
    intake
        .rates
        .take(&fleet, per_second, Instant::now())
        .map_err(|wait| {
            Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "this fleet token enrols too many at once",
            )
            .retry_after(wait)
        })?;
    let asks = read(body, intake.config.body_grace).await?;
    let (enrolment, made) = enrolment(asks, fleet)?;
    let (endpoint, secret) = (enrolment.endpoint.clone(), enrolment.secret);
    let enrolled = within(&intake.config, desk.enrol(enrolment.clone())).await?;
    count(&enrolled);
    tell(&enrolment, &enrolled);
    if let Enrolled::Active { .. } = enrolled {
        let token = Token {
            kind: TokenKind::Endpoint,
            secret,
            expires: None,
        };
        intake.callers.keyring.add_stored(&endpoint, token);
    }
    answer(&enrolled, &endpoint, made.as_deref())
}

async fn read(body: Body, within: Duration) -> Result<Asks, Refusal> {
    let bytes = body::small(body, BODY_MAX, within).await?;
    // Its words name a place and a field, and may quote a value, which can be no secret.
    serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::bad_request(format!("the body is not what enrolment takes: {error}")).hint(
            "send JSON: {\"machine_guid\": …, \"host\": …, \"token_sha256\": …}, the last one the SHA-256 in hex of a secret of your own",
        )
    })
}

/// What is asked, with the secret where the machine has none of its own.
fn enrolment(asks: Asks, fleet: String) -> Result<(Enrolment, Option<String>), Refusal> {
    let endpoint = endpoint_of_machine(&asks.machine_guid).ok_or_else(|| {
        Refusal::bad_request("`machine_guid` is no GUID, or one without meaning")
            .hint("it is the value MachineGuid of HKLM\\SOFTWARE\\Microsoft\\Cryptography")
    })?;
    let host = harmless::name(asks.host.trim());
    if host.is_empty() || host.len() > HOST_MAX {
        return Err(Refusal::bad_request(format!(
            "`host` must be a name of 1 to {HOST_MAX} bytes"
        )));
    }
    let (secret, made) = match asks.token_sha256 {
        Some(text) => {
            let secret: SecretHash = text
                .parse()
                .map_err(|_| Refusal::bad_request("`token_sha256` is not 64 hex digits"))?;
            if secret == hash("") {
                return Err(Refusal::bad_request("`token_sha256` is that of no secret"));
            }
            (secret, None)
        }
        None => {
            let made = new_secret().map_err(|error| {
                tracing::error!(%error, "no random bytes for a token");
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "no token could be made")
            })?;
            (hash(&made), Some(made))
        }
    };
    let enrolment = Enrolment {
        tenant: TENANT.to_owned(),
        endpoint,
        machine_guid: harmless::name(asks.machine_guid.trim()),
        host,
        secret,
        by: fleet,
    };
    Ok((enrolment, made))
}

/// Every enrolment by what came of it; shown from the start on.
pub(super) const RESULTS: [&str; 10] = [
    "active",
    "active_copied",
    "waiting_known",
    "waiting_other_host",
    "waiting_at_once",
    "waiting_revoked",
    "refused_known",
    "refused_revoked",
    "refused_too_many_waiting",
    "refused_full",
];

pub(super) const ENROLMENTS: &str = "cbsift_ingest_enrolments_total";

fn count(enrolled: &Enrolled) {
    let result = match enrolled {
        Enrolled::Active { copied_from: None } => "active".to_owned(),
        Enrolled::Active { .. } => "active_copied".to_owned(),
        Enrolled::Waiting(reason) => format!("waiting_{}", reason.name()),
        Enrolled::Refused(reason) => format!("refused_{}", reason.name()),
    };
    counter!(ENROLMENTS, "result" => result).increment(1);
}

/// What people should look at stands in the log, too.
fn tell(enrolment: &Enrolment, enrolled: &Enrolled) {
    let (endpoint, host, by) = (&enrolment.endpoint, &enrolment.host, &enrolment.by);
    match enrolled {
        Enrolled::Active { copied_from: None } => {
            tracing::info!(endpoint, host, by, "a machine enrolled");
        }
        Enrolled::Active {
            copied_from: Some(first),
        } => tracing::warn!(
            endpoint,
            host,
            first,
            by,
            "a machine enrolled with the secret of another one: its disk is a copy"
        ),
        Enrolled::Waiting(reason) => tracing::warn!(
            endpoint,
            host,
            by,
            "an enrolment waits for `cbsift tokens approve`: {}",
            reason.text()
        ),
        Enrolled::Refused(reason) => {
            tracing::warn!(
                endpoint,
                host,
                by,
                "an enrolment was refused: {}",
                reason.text()
            );
        }
    }
}

fn answer(enrolled: &Enrolled, endpoint: &str, made: Option<&str>) -> Result<Response, Refusal> {
    let mut body = serde_json::json!({ "endpoint": endpoint });
    if let Some(made) = made {
        body["token"] = format!("{endpoint}.{made}").into();
    }
    let status = match enrolled {
        Enrolled::Active { copied_from } => {
            body["state"] = "active".into();
            if let Some(first) = copied_from {
                body["warning"] = format!(
                    "`{}` enrolled with the same secret: one of the two is a copy, and needs a secret of its own",
                    harmless::line(first)
                )
                .into();
            }
            StatusCode::OK
        }
        Enrolled::Waiting(reason) => {
            body["state"] = "waiting".into();
            body["reason"] = reason.name().into();
            body["message"] = format!(
                "{}; the token works once somebody approves it (`cbsift tokens approve {endpoint}`)",
                reason.text()
            )
            .into();
            StatusCode::ACCEPTED
        }
        Enrolled::Refused(reason) => {
            return Err(match reason {
                RefuseReason::Known => Refusal::new(StatusCode::CONFLICT, reason.text())
                    .hint("`cbsift tokens revoke` and then `approve`, or `ingest.enroll_known`"),
                RefuseReason::Revoked => {
                    Refusal::new(StatusCode::FORBIDDEN, reason.text()).hint("make a new secret")
                }
                RefuseReason::TooMany => Refusal::new(StatusCode::TOO_MANY_REQUESTS, reason.text())
                    .hint("`cbsift tokens list` shows them")
                    .retry_after(Duration::from_secs(60)),
                RefuseReason::Full => Refusal::new(StatusCode::TOO_MANY_REQUESTS, reason.text())
                    .hint("raise it for a larger site; `cbsift tokens revoke --made-by fleet:NAME` ends what a lost fleet token let in")
                    .retry_after(Duration::from_secs(60)),
            });
        }
    };
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(
        axum::http::header::CACHE_CONTROL,
        axum::http::HeaderValue::from_static("no-store"),
    );
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_token_has_its_burst_and_then_its_rate() {
        let rates = Rates::default();
        let start = Instant::now();
        for _ in 0..20 {
            assert_eq!(rates.take("fleet:a", 2.0, start), Ok(()));
        }
        assert_eq!(
            rates.take("fleet:a", 2.0, start),
            Err(Duration::from_millis(500))
        );
        assert_eq!(rates.take("fleet:b", 2.0, start), Ok(()));
        let later = start + Duration::from_millis(600);
        assert_eq!(rates.take("fleet:a", 2.0, later), Ok(()));
        assert!(rates.take("fleet:a", 2.0, later).is_err());
    }
}
