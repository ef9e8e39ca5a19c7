//! TLS of the listening side: a certificate and its key from PEM files, and the CAs of clients that have certificates of their own; all of
//! them may be read again while serving.

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM file of the certificate, followed by those between it and its CA.
    pub cert: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// PEM file of the CAs of clients; without it nobody is asked for a certificate.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// The pair of keys `tls_cert` and `tls_key` of a table, as written; both or neither. The error names both.
    pub fn check(table: &str, cert: &str, key: &str) -> Result<Option<Self>, String> {
        match (cert.is_empty(), key.is_empty()) {
            (true, true) => Ok(None),
            (false, false) => Ok(Some(Self {
                cert: PathBuf::from(cert),
                key: PathBuf::from(key),
                client_ca: None,
            })),
            _ => Err(format!(
                "`{table}.tls_cert` and `{table}.tls_key` go together, but one of them is empty"
            )),
        }
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate cannot be read.
    #[error("cannot read the certificate `{}`: {error}\nhint: it must be a PEM file with the certificate first", path.display())]
    Cert {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: String,
    },
    /// The key cannot be read.
    #[error("cannot read the key `{}`: {error}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong, with a way out where one is known.
        error: String,
    },
    /// The CAs of clients cannot be read.
    #[error("cannot read the CAs of clients `{}`: {error}\nhint: it must be a PEM file with the certificate of each CA", path.display())]
    ClientCa {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: String,
    },
    /// Each is fine by itself.
    #[error("the key `{}` does not fit the certificate `{}`: {error}", files.key.display(), files.cert.display())]
    Mismatch {
        /// Both files.
        files: TlsFiles,
        /// What is wrong.
        error: String,
    },
}

impl TlsError {
    /// Which key of the configuration is at fault.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Cert { .. } => "tls_cert",
            Self::ClientCa { .. } => "client_ca",
            Self::Key { .. } | Self::Mismatch { .. } => "tls_key",
        }
    }
}

/// A certificate to serve with. Copies share it, so one of them can be told to read the files again.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Reads the files and checks that they belong together.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let current = Arc::new(RwLock::new(Arc::new(read(&files)?)));
        Ok(Self { files, current })
    }

    /// Reads the files again, for connections from now on. With an error what was read before stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let read = Arc::new(read(&self.files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        tokio_rustls::TlsAcceptor::from(Arc::clone(&current))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?})", self.files)
    }
}

/// The DNS names of a client's certificate, which was verified when the connection began; nothing where it showed none.
pub(crate) fn names_of(certificates: Option<&[CertificateDer<'_>]>) -> Option<Arc<[String]>> {
    let first = certificates?.first()?;
    let names = match webpki::EndEntityCert::try_from(first) {
        Ok(certificate) => certificate
            .valid_dns_names()
            .map(str::to_owned)
            .collect::<Vec<_>>(),
        Err(_) => Vec::new(),
    };
    Some(names.into())
}

/// One certificate for every name: who needs more puts all names into it.
fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let certificates = certificates(&files.cert).map_err(|error| TlsError::Cert {
        path: files.cert.clone(),
        error,
    })?;
    let key = private_key(&files.key).map_err(|error| TlsError::Key {
        path: files.key.clone(),
        error,
    })?;
    let provider = Arc::new(ring::default_provider());
    let key = CertifiedKey::from_der(certificates, key, &provider).map_err(|error| {
        TlsError::Mismatch {
            files: files.clone(),
            error: error.to_string(),
        }
    })?;
    let clients: Arc<dyn ClientCertVerifier> = match &files.client_ca {
        None => Arc::new(NoClientAuth),
        Some(path) => clients_of(path).map_err(|error| TlsError::ClientCa {
            path: path.clone(),
            error,
        })?,
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("ring has suites for both versions")
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if files.client_ca.is_some() {
        // A session that is taken up again shows no certificate, and its own may have ended since.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

/// Certificates of these CAs are taken, and none at all, because tokens are good beside them.
fn clients_of(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
        .allow_unauthenticated()
        .build()
        .map_err(|error| error.to_string())
}

/// Every certificate of a PEM file; none is an error.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(said)?;
    if certificates.is_empty() {
        return Err("no certificate stands in it".to_owned());
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    refuse_open(path)?;
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::NoItemsFound => "no private key stands in it".to_owned(),
        error => said(error),
    })
}

/// A key that everybody may read is no secret. Its group may: that is how containers are given one.
#[cfg(unix)]
fn refuse_open(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .permissions()
        .mode();
    if mode & 0o007 == 0 {
        Ok(())
    } else {
        Err(format!(
            "everybody may read it\nhint: chmod o= {}",
            path.display()
        ))
    }
}

#[cfg(not(unix))]
fn refuse_open(_: &Path) -> Result<(), String> {
    Ok(())
}

/// The library's own words quote the file, which may be a key.
fn said(error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        _ => "its PEM text is damaged".to_owned(),
    }
}
