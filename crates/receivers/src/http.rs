//! HTTP for all kinds that speak it: one try, one connection, no redirect, a bound on time and on the answer.

use crate::guard::{Forbidden, GuardedResolver};
use crate::outcome::{Outcome, words};
use crate::trust::authorities;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;

/// Answers are some words; more of one is not read.
const ANSWER_BYTES: u64 = 64 << 10;
/// A service that wants to be left alone for longer is asked again after this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// How a receiver is reached.
pub(crate) struct Network {
    pub(crate) allow_private: bool,
    pub(crate) proxy: Option<ureq::Proxy>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) timeout: Duration,
    /// Struck out of what comes back.
    pub(crate) secrets: Vec<String>,
}

/// A client of one receiver.
#[derive(Clone)]
pub(crate) struct Http {
    agent: ureq::Agent,
    secrets: Arc<[String]>,
}

/// What came back, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: String,
    secrets: Arc<[String]>,
}

impl Http {
    pub(crate) fn new(network: Network) -> Result<Self, String> {
        let authorities = authorities(network.ca_file.as_deref())?;
        let certificates: Vec<Certificate<'static>> = authorities
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned())
            .collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(certificates)))
            .build();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would take secrets somewhere else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Not what the environment says: each receiver has its own.
            .proxy(network.proxy)
            .timeout_global(Some(network.timeout))
            // Alerts are rare: a connection that waited is closed by then, and would look like a fault.
            .max_idle_connections(0)
            .user_agent("cbsift")
            .tls_config(tls)
            .build();
        let resolver = GuardedResolver::new(network.allow_private);
        Ok(Self {
            agent: ureq::Agent::with_parts(config, DefaultConnector::default(), resolver),
            secrets: network.secrets.into(),
        })
    }

    /// Sends a body; an error is what became of it.
    pub(crate) async fn post(
        &self,
        url: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Answer, Outcome> {
        let agent = self.agent.clone();
        let secrets = Arc::clone(&self.secrets);
        // The client blocks; its own bound on time ends the thread's work even where nobody waits for it any more.
        let work = tokio::task::spawn_blocking(move || {
            let mut request = agent.post(&url);
            for (name, value) in &headers {
                request = request.header(name, value);
            }
            let mut response = request.send(&body[..])?;
            let retry_after = response
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.trim().parse().ok())
                .map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
            let bytes = response
                .body_mut()
                .with_config()
                .limit(ANSWER_BYTES)
                .read_to_vec()?;
            Ok(Answer {
                status: response.status().as_u16(),
                retry_after,
                body: String::from_utf8_lossy(&bytes).into_owned(),
                secrets,
            })
        });
        match work.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failed(&error, &self.secrets)),
            Err(error) => Err(Outcome::retry(format!("the request was not made: {error}"))),
        }
    }
}

impl Answer {
    /// Some of the answer as it may stand in an error.
    pub(crate) fn words(&self, text: &str) -> String {
        words(text, &self.secrets)
    }

    /// What a status says by itself; nothing where the receiver took the message.
    pub(crate) fn fault(&self) -> Option<Outcome> {
        let words = self.words(&self.body);
        let said = if words.is_empty() {
            format!("answered {}", self.status)
        } else {
            format!("answered {}: {words}", self.status)
        };
        Some(match self.status {
            200..=299 => return None,
            300..=399 => Outcome::refused(format!(
                "answered {}, a redirect, which is not followed\nhint: name the address that it leads to",
                self.status
            )),
            408 | 425 | 429 | 500.. => match self.retry_after {
                Some(after) => Outcome::later(said, after),
                None => Outcome::retry(said),
            },
            401 | 403 => Outcome::refused(format!(
                "{said}\nhint: check the credentials of this receiver"
            )),
            404 => Outcome::refused(format!("{said}\nhint: check the address of this receiver")),
            407 => Outcome::refused(format!(
                "{said}\nhint: name the proxy with user and password in `proxy_file`"
            )),
            _ => Outcome::refused(said),
        })
    }
}

fn failed(error: &ureq::Error, secrets: &[String]) -> Outcome {
    if let ureq::Error::Other(other) = error
        && let Some(Forbidden(why)) = other.downcast_ref::<Forbidden>()
    {
        return Outcome::refused(why);
    }
    let said = words(&error.to_string(), secrets);
    match hint(error) {
        Some(hint) => Outcome::retry(format!("{said}\nhint: {hint}")),
        None => Outcome::retry(said),
    }
}

/// What to do about a certificate that is not trusted; nothing where the error is another one.
fn hint(error: &ureq::Error) -> Option<&'static str> {
    let rustls = match error {
        ureq::Error::Rustls(error) => error,
        // A handshake that fails while it is driven comes wrapped.
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<rustls::Error>()?,
        _ => return None,
    };
    use rustls::CertificateError as C;
    Some(match rustls {
        rustls::Error::InvalidCertificate(
            C::NotValidForName | C::NotValidForNameContext { .. },
        ) => "write the address with a name that its certificate holds",
        rustls::Error::InvalidCertificate(
            C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. },
        ) => "renew the receiver's certificate, or set this machine's clock right",
        rustls::Error::InvalidCertificate(_) => {
            "name the CA of the receiver's certificate with `ca_file`"
        }
        rustls::Error::InvalidMessage(_) => "the receiver speaks no TLS there: is it http://?",
        _ => return None,
    })
}
