//! Mail: one message with a text and an HTML part, in both languages unless one is asked for.

mod letter;

pub use letter::Mail;
pub(crate) use letter::mail;

use super::syslog::hostname;
use crate::check::Checks;
use crate::document::Style;
use crate::guard::{Unreachable, is_this_machine, resolve};
use crate::message::Message;
use crate::outcome::{Outcome, words};
use crate::secret::Secret;
use crate::trust::authorities;
use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail as From, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::time::Duration;

const RECIPIENTS_MAX: usize = 100;
/// A server that took the mail answers at once, or is not waited for.
const GOODBYE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    /// The connection begins in the clear and is encrypted before anything is said.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
    None,
}

pub(crate) struct Email {
    host: String,
    port: u16,
    encryption: Encryption,
    tls: Option<TlsParameters>,
    login: Option<(String, Secret)>,
    from: Mailbox,
    to: Vec<Mailbox>,
    style: Style,
    allow_private: bool,
    timeout: Duration,
    /// Struck out of what the server says.
    secrets: Vec<String>,
}

impl Email {
    pub(crate) fn new(checks: &mut Checks<'_>) -> Option<Self> {
        let config = checks.config;
        let encryption = match config.tls.as_deref().unwrap_or("starttls") {
            "starttls" => Some(Encryption::StartTls),
            "tls" => Some(Encryption::Tls),
            "none" => Some(Encryption::None),
            other => {
                checks.fault(
                    "tls",
                    format!("`{other}`: `starttls`, `tls` and `none` are allowed"),
                );
                None
            }
        };
        let server = checks.server(match encryption {
            Some(Encryption::Tls) => 465,
            Some(Encryption::None) => 25,
            Some(Encryption::StartTls) | None => 587,
        });
        let login = checks.login();
        if let (Some((host, _)), Some(_), Some(Encryption::None)) = (&server, &login, encryption)
            && !is_this_machine(host)
            && !config.allow_plaintext
        {
            checks.fault(
                "tls",
                "a password would cross the network in the clear\nhint: `tls: starttls`, or set `allow_plaintext: true`",
            );
        }
        let from = match &config.from {
            Some(from) => checks.good("from", mailbox(from)),
            None => {
                checks.fault(
                    "from",
                    "is missing: an address, like `cbsift <cbsift@bank.example>`",
                );
                None
            }
        };
        if config.to.is_empty() || config.to.len() > RECIPIENTS_MAX {
            checks.fault("to", format!("1 to {RECIPIENTS_MAX} addresses are allowed"));
        }
        let to: Vec<Option<Mailbox>> = config
            .to
            .iter()
            .map(|to| checks.good("to", mailbox(to)))
            .collect();
        let ca_file = config.ca_file.as_deref();
        let tls = match (&server, encryption) {
            (Some((host, _)), Some(Encryption::StartTls | Encryption::Tls)) => {
                Some(checks.good("ca_file", parameters(host, ca_file))?)
            }
            _ => None,
        };
        let style = checks.style();
        let timeout = checks.timeout();
        let (host, port) = server?;
        Some(Self {
            host,
            port,
            encryption: encryption?,
            tls,
            login,
            from: from?,
            to: to.into_iter().collect::<Option<_>>()?,
            style,
            allow_private: checks.allow_private(),
            timeout,
            secrets: checks.secrets(),
        })
    }

    pub(crate) fn style(&self) -> Style {
        self.style
    }

    pub(crate) async fn deliver(&self, message: &Message) -> Outcome {
        let letter = match self.letter(message) {
            Ok(letter) => letter,
            Err(error) => return Outcome::refused(format!("cannot write the mail: {error}")),
        };
        let addresses = match resolve(&self.host, self.port, self.allow_private).await {
            Ok(addresses) => addresses,
            Err(Unreachable::Unknown(why)) => return Outcome::retry(why),
            Err(Unreachable::Forbidden(why)) => return Outcome::refused(why),
        };
        match tokio::time::timeout(self.timeout, self.send(&addresses, &letter)).await {
            Ok((outcome, None)) => outcome,
            Ok((outcome, Some(mut connection))) => {
                // The mail is taken: what becomes of the goodbye changes nothing.
                let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
                outcome
            }
            Err(_) => Outcome::retry(format!(
                "`{}` did not take the mail within {} ms",
                self.host,
                self.timeout.as_millis()
            )),
        }
    }

    fn letter(&self, message: &Message) -> Result<Vec<u8>, lettre::error::Error> {
        let mail = mail(message, self.style);
        // The same for every try: who has it twice is shown it once. What is said again after hours is another mail.
        let said = match message.repetition {
            0 => message.id.clone(),
            repetition => format!("{} {repetition}", message.id),
        };
        let mut id = String::new();
        for byte in Sha256::digest(said.as_bytes()).iter().take(16) {
            id += &format!("{byte:02x}");
        }
        let domain = self.from.email.domain();
        let header = |name: &'static str, value: String| {
            HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
        };
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .subject(mail.subject)
            .message_id(Some(format!("<{id}@{domain}>")))
            // Nobody answers, and no out-of-office note comes back.
            .raw_header(header("Auto-Submitted", "auto-generated".to_owned()))
            .raw_header(header("X-Cbsift-Status", message.status.name().to_owned()))
            .raw_header(header(
                "X-Cbsift-Severity",
                message.severity.name().to_owned(),
            ));
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let parts = MultiPart::alternative_plain_html(mail.text, mail.html);
        Ok(builder.multipart(parts)?.formatted())
    }

    /// The connection comes back where the server still listens.
    async fn send(
        &self,
        addresses: &[SocketAddr],
        letter: &[u8],
    ) -> (Outcome, Option<AsyncSmtpConnection>) {
        let name = match hostname().as_str() {
            "-" => ClientId::default(),
            name => ClientId::Domain(name.to_owned()),
        };
        let implicit = match self.encryption {
            Encryption::Tls => self.tls.clone(),
            Encryption::StartTls | Encryption::None => None,
        };
        let each = self.timeout / u32::try_from(addresses.len().max(1)).unwrap_or(1);
        let mut connection = Err(Outcome::retry("there is no address"));
        for address in addresses {
            let connected = AsyncSmtpConnection::connect_tokio1(
                address,
                Some(each),
                &name,
                implicit.clone(),
                None,
            );
            connection = connected.await.map_err(|error| self.failed(&error));
            if connection.is_ok() {
                break;
            }
        }
        let mut connection = match connection {
            Ok(connection) => connection,
            Err(outcome) => return (outcome, None),
        };
        match self.speak(&mut connection, &name, letter).await {
            Ok(outcome) => (outcome, Some(connection)),
            // After an error of the encryption there is no stream any more to say goodbye on.
            Err(error) => (self.failed(&error), None),
        }
    }

    async fn speak(
        &self,
        connection: &mut AsyncSmtpConnection,
        name: &ClientId,
        letter: &[u8],
    ) -> Result<Outcome, lettre::transport::smtp::Error> {
        if let (Encryption::StartTls, Some(tls)) = (self.encryption, &self.tls) {
            if !connection.can_starttls() {
                return Ok(Outcome::refused(
                    "the mail server offers no STARTTLS\nhint: `tls: tls` with port 465, or `tls: none` in a network that you trust",
                ));
            }
            connection.starttls(tls.clone(), name).await?;
        }
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.text().to_owned());
            let known = [Mechanism::Plain, Mechanism::Login];
            if let Err(error) = connection.auth(&known, &credentials).await {
                return Ok(match error.status() {
                    Some(_) if error.is_permanent() => Outcome::refused(format!(
                        "{}\nhint: check `username` and `password_file`",
                        self.said(&error)
                    )),
                    _ => self.failed(&error),
                });
            }
        }
        let addresses: Vec<&Address> = self.to.iter().map(|to| &to.email).collect();
        let all = addresses.iter().copied().chain([&self.from.email]);
        let is_international = all.clone().any(|address| !address.to_string().is_ascii());
        let mut options = Vec::new();
        if is_international {
            if !connection
                .server_info()
                .supports_feature(Extension::SmtpUtfEight)
            {
                return Ok(Outcome::refused(
                    "the mail server takes no addresses beyond ASCII\nhint: write `from` and `to` in ASCII",
                ));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        connection
            .command(From::new(Some(self.from.email.clone()), options))
            .await?;
        // One address that is gone must not keep the mail from the others.
        let mut refused = Vec::new();
        for address in &addresses {
            let rcpt = Rcpt::new((*address).clone(), Vec::new());
            if let Err(error) = connection.command(rcpt).await {
                // Without an answer of the server the connection is of no more use.
                if error.status().is_none() {
                    return Err(error);
                }
                refused.push((address, error));
            }
        }
        if refused.len() == addresses.len() {
            // One that may be taken later is worth another try.
            let later = refused.iter().position(|(_, error)| !error.is_permanent());
            return Err(refused.swap_remove(later.unwrap_or(0)).1);
        }
        connection.command(Data).await?;
        connection.message(letter).await?;
        for (address, error) in refused {
            let error = self.said(&error);
            tracing::warn!(%address, %error, "the mail server did not take one of the recipients");
        }
        Ok(Outcome::Delivered)
    }

    fn said(&self, error: &lettre::transport::smtp::Error) -> String {
        words(&chain(error), &self.secrets)
    }

    fn failed(&self, error: &lettre::transport::smtp::Error) -> Outcome {
        let said = self.said(error);
        if error.is_permanent() {
            return Outcome::refused(format!(
                "{said}\nhint: the mail server may not take mail from this sender or for these recipients"
            ));
        }
        if error.is_tls() || chain(error).contains("certificate") {
            return Outcome::retry(format!(
                "{said}\nhint: name the CA of the mail server's certificate with `ca_file`, and the server by a name that the certificate holds"
            ));
        }
        Outcome::retry(said)
    }
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += ": ";
            text += &cause_text;
        }
        source = cause.source();
    }
    text
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    text.parse().map_err(|_| {
        format!(
            "`{text}` is no address: `name@bank.example` and `Name <name@bank.example>` are allowed"
        )
    })
}

fn parameters(host: &str, ca_file: Option<&std::path::Path>) -> Result<TlsParameters, String> {
    let mut builder =
        TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::None);
    for certificate in authorities(ca_file)? {
        let certificate = Certificate::from_der(certificate.to_vec())
            .map_err(|error| format!("a CA cannot be used: {error}"))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| chain(&error))
}
