//! A unit for systemd.

use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const UNIT: &str = "/etc/systemd/system/cbsift-agent.service";

/// Only what it needs: reading the logs, writing its state.
fn unit(program: &Path, config: &Path) -> String {
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
NoNewPrivileges=yes
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
    let unit = unit(&program, &config);
    if !PathBuf::from("/run/systemd/system").is_dir() {
        // Another system of starting things: whoever knows it writes it down.
        println!("{unit}");
        eprintln!("systemd does not run here; above is the unit for `{UNIT}`");
        return Ok(());
    }
    fs::write(UNIT, unit).with_context(|| format!("cannot write `{UNIT}`"))?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["enable", "--now", "cbsift-agent"])
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
        let unit = unit(Path::new("/opt/a b/cbsift-agent"), Path::new("/etc/x.toml"));
        assert!(
            unit.contains("ExecStart=\"/opt/a b/cbsift-agent\" run --config \"/etc/x.toml\"\n")
        );
    }
}
