//! Whom a receiver is believed by over TLS.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use std::path::Path;

/// Certificates of authorities: the system's, and those of a PEM file.
pub(crate) fn authorities(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    let own = match file {
        Some(path) => certificates(path)
            .map_err(|error| format!("cannot read the CA `{}`: {error}", path.display()))?,
        None => Vec::new(),
    };
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "some of the system's CAs cannot be read");
    }
    // One that rustls cannot read helps nobody, and the client of mail would refuse them all for it.
    let mut store = rustls::RootCertStore::empty();
    let mut good = own;
    good.extend(system.certs);
    good.retain(|certificate| store.add(certificate.clone()).is_ok());
    Ok(good)
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
