//! `cbsift engine`: the embedded engine alone behind its ClickHouse address, and the process that it lives in.

use crate::run::engine::{self, Engine};
use crate::token::{self, Holder};
use crate::{log, run, settings};
use clap::Args;
use std::process::ExitCode;

/// Serve the embedded ClickHouse engine alone, for ClickHouse clients on this machine
#[derive(Args)]
pub(crate) struct Arguments {
    /// Become the process of an engine, as `up` and `engine` start it
    #[arg(long, hide = true)]
    child: bool,
    #[command(flatten)]
    site: super::Site,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if arguments.child {
        // Before anything starts a thread.
        embedded_clickhouse::child::main(log::start_child);
    }
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    log::start(settings.log);
    run::role(async {
        let stop = run::stop_on_signal();
        let folder = engine::claim(&settings, engine::LEFT_WITHIN).await?;
        let door = engine::listen(&settings)?;
        let address = door.local_addr()?;
        let tokens = token::of_engine_alone(&settings.data)?;
        let engine = Engine::start(&settings, folder, tokens, Some(door)).await?;
        log::say(&format!(
            "engine    http://{address}  user cbsift  password of readers in {}, of writers in {}",
            token::path(&settings.data, Holder::Reader).display(),
            token::path(&settings.data, Holder::Writer).display()
        ));
        stop.cancelled().await;
        engine.stop().await
    })
}
