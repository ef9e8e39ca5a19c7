//! An address that we answer on: opened first, with its certificate, so that a mistake costs nothing; served later.

use super::process::listen;
use crate::misuse::Misuse;
use crate::settings::Settings;
use anyhow::Context;
use axum::Router;
use hyper_util::service::TowerToHyperService;
use serve::{Admission, Serving, Tls, TlsFiles};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Opens the addresses of a process, which share one bound on connections.
///
/// Every address has the limits that `[ingest]` sets for connections: none is more patient than the others.
pub(super) struct Doors<'a> {
    settings: &'a Settings,
    admission: Admission,
}

impl<'a> Doors<'a> {
    /// Opens none yet, but sees to it that the process may have enough files open for all connections.
    pub(super) fn new(settings: &'a Settings) -> anyhow::Result<Self> {
        let limit = serve::open_files::raise().context("raise the limit of open files")?;
        check_open_files(limit, settings.ingest.connections_max)?;
        Ok(Self {
            settings,
            admission: settings.ingest.admission(),
        })
    }

    /// The intake's.
    pub(super) fn intake(&self) -> anyhow::Result<Door> {
        let ingest = &self.settings.ingest;
        self.open(ingest.listen, ingest.tls.as_ref(), "ingest")
    }

    /// The pages'.
    pub(super) fn pages(&self) -> anyhow::Result<Door> {
        let settings = self.settings;
        self.open(settings.web_listen, settings.web_tls.as_ref(), "web")
    }

    /// That of health and metrics.
    pub(super) fn admin(&self) -> anyhow::Result<Door> {
        let settings = self.settings;
        self.open(settings.admin_listen, settings.admin_tls.as_ref(), "admin")
    }

    /// Opens `{table}.listen`. A certificate that cannot be used is a mistake of the configuration.
    fn open(
        &self,
        address: SocketAddr,
        tls: Option<&TlsFiles>,
        table: &str,
    ) -> anyhow::Result<Door> {
        let tls = tls
            .map(|files| Tls::load(files.clone()))
            .transpose()
            .map_err(|error| Misuse(format!("`{table}.{}`: {error}", error.key())))?;
        let listener = listen(address, &format!("{table}.listen"), tls.is_some())?;
        Ok(Door {
            listener,
            serving: self.settings.ingest.serving(&self.admission, tls),
        })
    }
}

/// Files that a process needs besides its connections: 256 for the engine's own connections, and as many, which is a guess, for its parts,
/// the brokers, logs, and connections that are just being closed.
const OTHER_FILES: u64 = 512;

/// Files that a process may need open at once.
pub(crate) fn files_needed(connections_max: usize) -> u64 {
    connections_max as u64 + OTHER_FILES
}

/// Without enough files new connections would be shed at best, and the store would fail at worst: better not to start.
fn check_open_files(limit: u64, connections_max: usize) -> Result<(), Misuse> {
    let needed = files_needed(connections_max);
    if limit >= needed {
        return Ok(());
    }
    let fewer = match limit.saturating_sub(OTHER_FILES) {
        0 => String::new(),
        fits => format!(", or set CBSIFT__INGEST__CONNECTIONS_MAX={fits}"),
    };
    Err(Misuse(format!(
        "this process may have {limit} files open, but needs {needed}: {connections_max} for `ingest.connections_max` and {OTHER_FILES} for the store, brokers and files\nhint: raise the hard limit, with `ulimit -Hn {needed}` or systemd's LimitNOFILE={needed}{fewer}"
    )))
}

/// An open address.
pub(super) struct Door {
    listener: TcpListener,
    serving: Serving,
}

impl Door {
    /// As a browser or `send` names it.
    pub(super) fn url(&self) -> anyhow::Result<String> {
        let scheme = match self.serving.tls {
            Some(_) => "https",
            None => "http",
        };
        Ok(format!("{scheme}://{}", self.listener.local_addr()?))
    }

    /// Serves until `stop`; a SIGHUP meanwhile reads the certificate again.
    pub(super) async fn serve(self, router: Router, stop: CancellationToken) -> anyhow::Result<()> {
        let renewal = self
            .serving
            .tls
            .clone()
            .map(|tls| tokio::spawn(renew_on_hangup(tls, stop.clone())));
        let service = TowerToHyperService::new(router);
        let served = serve::serve(self.listener, service, &self.serving, stop).await;
        if let Some(renewal) = renewal {
            renewal.abort();
        }
        Ok(served?)
    }
}

async fn renew_on_hangup(tls: Tls, stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            heard = hangup.recv() => if heard.is_none() { return },
        }
        match tls.reload() {
            Ok(()) => tracing::info!(?tls, "the certificate was read again"),
            Err(error) => {
                tracing::error!(%error, "the certificate stays as it was");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_files_below_what_is_configured_is_refused_with_both_figures() {
        check_open_files(1024, 512).unwrap();
        let Misuse(problem) = check_open_files(1023, 512).unwrap_err();
        for words in [
            "1023 files",
            "1024:",
            "LimitNOFILE=1024",
            "CONNECTIONS_MAX=511",
        ] {
            assert!(problem.contains(words), "{words} in {problem}");
        }
        let Misuse(problem) = check_open_files(64, 512).unwrap_err();
        assert!(!problem.contains("CONNECTIONS_MAX="), "{problem}");
    }
}
