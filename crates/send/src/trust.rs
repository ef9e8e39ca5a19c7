//! Whom a sender trusts over https, and what it shows of itself.

use crate::CertificateFiles;
use rustls::AlertDescription as A;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use std::path::Path;
use std::sync::Arc;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

/// The system's CAs and those of a PEM file, and a certificate of the sender's own where it has one. What companies install on their machines
/// is trusted, as browsers do.
pub(crate) fn trusted(
    ca: Option<&Path>,
    own_certificate: Option<&CertificateFiles>,
) -> Result<TlsConfig, String> {
    let own = match ca {
        Some(path) => certificates(path)
            .map_err(|error| format!("cannot read the CA `{}`: {error}", path.display()))?,
        None => Vec::new(),
    };
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "some of the system's CAs cannot be read");
    }
    let all: Vec<Certificate<'static>> = own
        .iter()
        .chain(&system.certs)
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    if all.is_empty() {
        return Err(
            "this system has no CAs to trust\nhint: name the CA of the intake's certificate with --ca FILE"
                .to_owned(),
        );
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(all)))
        .client_cert(own_certificate.map(shown).transpose()?)
        .build())
}

/// A certificate with its key.
fn shown(files: &CertificateFiles) -> Result<ClientCert, String> {
    let CertificateFiles { cert, key } = files;
    let chain = certificates(cert)
        .map_err(|error| format!("cannot read the certificate `{}`: {error}", cert.display()))?;
    let chain: Vec<Certificate<'static>> = chain
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    // Nobody's words quote the file.
    let cannot = |why: &str| format!("cannot read the key `{}`: {why}", key.display());
    let text = std::fs::read(key).map_err(|error| cannot(&error.to_string()))?;
    let key = PrivateKey::from_pem(&text)
        .map_err(|_| cannot("no private key in PEM text stands in it"))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

/// Every certificate of a PEM file; none is an error.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| match error {
            pem::Error::Io(error) => error.to_string(),
            // The library's own words quote the file, which may be a key.
            _ => "its PEM text is damaged".to_owned(),
        })?;
    if certificates.is_empty() {
        return Err("no certificate stands in it".to_owned());
    }
    Ok(certificates)
}

/// What to do about a certificate that is not trusted; nothing where the error is another one.
pub(crate) fn hint(error: &ureq::Error) -> Option<&'static str> {
    let rustls = match error {
        ureq::Error::Rustls(error) => error,
        // A handshake that fails while it is driven comes wrapped.
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<rustls::Error>()?,
        _ => return None,
    };
    use rustls::CertificateError as C;
    Some(match rustls {
        rustls::Error::InvalidCertificate(
            C::UnknownIssuer
            | C::BadSignature
            | C::InvalidPurpose
            | C::InvalidPurposeContext { .. },
        ) => "name the CA of the intake's certificate with --ca FILE",
        rustls::Error::InvalidCertificate(
            C::NotValidForName | C::NotValidForNameContext { .. },
        ) => "ask for the intake by a name that its certificate holds",
        rustls::Error::InvalidCertificate(
            C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. },
        ) => "renew the intake's certificate, or set this machine's clock right",
        rustls::Error::InvalidCertificate(_) => "the intake's certificate cannot be used",
        rustls::Error::AlertReceived(
            A::CertificateExpired
            | A::CertificateRevoked
            | A::CertificateUnknown
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::UnknownCA,
        ) => {
            "the intake does not take the certificate that this sender shows: renew it, or let `ingest.client_ca` name its CA"
        }
        rustls::Error::InvalidMessage(_) => "the intake speaks no TLS there: is it http://?",
        _ => return None,
    })
}
