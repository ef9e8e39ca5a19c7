//! An address that we answer on: opened first, with its certificate, so that a mistake costs nothing; served later.

use super::listen;
use crate::commands::Misuse;
use crate::settings::Settings;
use anyhow::Context;
use axum::Router;
use ingest::{Serving, Tls, TlsFiles, Tokens};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// An open address.
pub(super) struct Door {
    listener: TcpListener,
    serving: Serving,
}

impl Door {
    /// The intake's.
    pub(super) async fn intake(settings: &Settings) -> anyhow::Result<Self> {
        let ingest = &settings.ingest;
        Self::open(settings, ingest.listen, ingest.tls.as_ref(), "ingest").await
    }

    /// The pages'.
    pub(super) async fn pages(settings: &Settings) -> anyhow::Result<Self> {
        Self::open(
            settings,
            settings.web_listen,
            settings.web_tls.as_ref(),
            "web",
        )
        .await
    }

    /// That of health and metrics.
    pub(super) async fn admin(settings: &Settings) -> anyhow::Result<Self> {
        Self::open(
            settings,
            settings.admin_listen,
            settings.admin_tls.as_ref(),
            "admin",
        )
        .await
    }

    /// Opens `{table}.listen`. A certificate that cannot be used is a mistake of the configuration.
    ///
    /// Every address has the limits that `[ingest]` sets for connections: none is more patient than the others.
    async fn open(
        settings: &Settings,
        address: SocketAddr,
        tls: Option<&TlsFiles>,
        table: &str,
    ) -> anyhow::Result<Self> {
        let tls = tls
            .map(|files| Tls::load(files.clone()))
            .transpose()
            .map_err(|error| Misuse(format!("`{table}.{}`: {error}", error.key())))?;
        let listener = listen(address, &format!("{table}.listen"), tls.is_some()).await?;
        Ok(Self {
            listener,
            serving: settings.ingest.serving(tls),
        })
    }

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
        let served = ingest::serve(self.listener, router, &self.serving, stop).await;
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

/// What puts the pages behind the tokens of `web.tokens_file`, where it is set; the file is read now.
pub(super) fn for_readers(settings: &Settings) -> anyhow::Result<impl FnOnce(Router) -> Router> {
    let readers = settings
        .web_tokens_file
        .as_ref()
        .map(|path| tokens(path, "web.tokens_file"))
        .transpose()?
        .map(Arc::new);
    Ok(move |pages| match readers {
        Some(readers) => ingest::for_readers(pages, readers),
        None => pages,
    })
}

/// Reads a token file; what is wrong in it is a mistake of the configuration.
pub(super) fn tokens(path: &Path, key: &str) -> anyhow::Result<Tokens> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("read token file `{}` (`{key}`)", path.display()))?;
    Tokens::parse(&text).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Misuse(format!(
            "`{key}`: token file `{}`: {}",
            path.display(),
            errors.join("; ")
        ))
        .into()
    })
}
