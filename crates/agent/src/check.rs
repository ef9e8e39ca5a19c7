//! `check`: everything that must be right before a log can be sent, and what is not in one line.

use crate::config::{Config, TokenFrom};
use crate::{enrol, pattern};
use anyhow::{Context, bail};

pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    std::fs::create_dir_all(&config.state)
        .with_context(|| format!("cannot make the folder `{}`", config.state.display()))?;
    let places = pattern::places(config);
    let count = places.found.len();
    if count == 0
        || places
            .found
            .iter()
            .all(|place| place.paths.iter().all(|path| !path.exists()))
    {
        let hint = places
            .wrong
            .first()
            .map_or(String::new(), |wrong| format!(": {wrong}"));
        bail!("no log is there of `{}`{hint}", config.logs.join("`, `"));
    }
    let token = enrol::token(config, &mut |text| println!("{text}"))?;
    let uplink = enrol::uplink(config, &token)?;
    // A relay's token names an endpoint.
    let uplink = match (config.is_share(), places.found.first()) {
        (true, Some(place)) => uplink.for_endpoint(&place.name),
        _ => uplink,
    };
    uplink.check().with_context(|| match config.token {
        TokenFrom::File(ref path) => {
            format!("`{}` with the token of `{}`", config.intake, path.display())
        }
        TokenFrom::Certificate(ref files) => {
            let cert = files.cert.display();
            format!("`{}` with the certificate `{cert}`", config.intake)
        }
        TokenFrom::Fleet(_) => format!("`{}` with this machine's own token", config.intake),
    })?;
    println!(
        "all is well: {} takes logs of {}",
        config.intake,
        match config.is_share() {
            true => format!("{count} machines"),
            false => "this machine".to_owned(),
        }
    );
    Ok(())
}
