//! A unit for systemd.

use crate::config::Config;
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const UNIT: &str = "/etc/systemd/system/cbsift-agent.service";

/// Only what it needs: reading the logs, writing its state and its own log.
fn unit(program: &Path, config: &Path, written: &[PathBuf]) -> String {
    // With a dash: systemd would start nothing where one is missing.
    let written: String = written
        .iter()
        .map(|path| format!("ReadWritePaths=\"-{}\"\n", path.display()))
        .collect();
    format!(
        "[Unit]
Description=cbsift agent
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=\"{}\" run --config \"{}\"
Restart=always
RestartSec=10
StateDirectory=cbsift-agent
{written}NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
MemoryMax=128M
CPUQuota=50%
Nice=10

[Install]
WantedBy=multi-user.target
",
        program.display(),
        config.display()
    )
}

pub(crate) fn install(config: &Path) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("this program does not know where it is")?;
    let config =
        fs::canonicalize(config).with_context(|| format!("cannot find `{}`", config.display()))?;
    let unit = unit(&program, &config, &written(&Config::load(&config)?)?);
    if !PathBuf::from("/run/systemd/system").is_dir() {
        // Another system of starting things: whoever knows it writes it down.
        println!("{unit}");
        eprintln!("systemd does not run here; above is the unit for `{UNIT}`");
        return Ok(());
    }
    fs::write(UNIT, unit).with_context(|| format!("cannot write `{UNIT}`"))?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["enable", "cbsift-agent"])?;
    // One that runs takes the new unit and program only when it is started anew.
    systemctl(&["restart", "cbsift-agent"])
}

/// The folders that are written to; made here, because the unit may not make them.
fn written(config: &Config) -> anyhow::Result<Vec<PathBuf>> {
    let mut written = vec![config.state.clone()];
    written.extend(
        config
            .log
            .iter()
            .filter_map(|log| Some(log.parent()?.to_owned())),
    );
    for folder in &mut written {
        *folder = std::path::absolute(&*folder)
            .with_context(|| format!("`{}` is no path", folder.display()))?;
        fs::create_dir_all(&*folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    }
    written.dedup();
    Ok(written)
}

pub(crate) fn uninstall() -> anyhow::Result<()> {
    if !Path::new(UNIT).exists() {
        bail!("no service is there: `{UNIT}` is missing");
    }
    systemctl(&["disable", "--now", "cbsift-agent"])?;
    fs::remove_file(UNIT).with_context(|| format!("cannot remove `{UNIT}`"))?;
    systemctl(&["daemon-reload"])
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("systemctl")
        .args(arguments)
        .status()
        .context("cannot run systemctl")?;
    if !status.success() {
        bail!("`systemctl {}` failed", arguments.join(" "));
    }
    Ok(())
}

/// Only Windows starts services with this.
pub(crate) fn run(_: PathBuf) -> ExitCode {
    eprintln!("error: `--service` is for Windows; hint: leave it out");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_names_program_and_configuration() {
        let written = [PathBuf::from("/srv/a b")];
        let program = Path::new("/opt/a b/cbsift-agent");
        let unit = unit(program, Path::new("/etc/x.toml"), &written);
        assert!(unit.contains("\nReadWritePaths=\"-/srv/a b\"\n"));
        assert!(
            unit.contains("ExecStart=\"/opt/a b/cbsift-agent\" run --config \"/etc/x.toml\"\n")
        );
    }

    #[test]
    fn the_unit_of_the_archives_is_the_one_that_is_installed() {
        let unit = unit(
            Path::new("/usr/local/bin/cbsift-agent"),
            Path::new("/etc/cbsift-agent/agent.toml"),
            &[PathBuf::from("/var/lib/cbsift-agent")],
        );
        let shipped = include_str!("../../../../packaging/cbsift-agent.service");
        assert_eq!(unit, shipped);
    }
}
