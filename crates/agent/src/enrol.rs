//! The token: from a file, or of this machine's own, for which it enrols once and which it keeps.

use crate::config::{Config, TokenFrom};
use crate::machine;
use anyhow::{Context, bail};
use send::{CertificateFiles, Enrolling, SendOptions, Uplink};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// The machine's secret, in the folder of the state.
const SECRET: &str = "secret";

/// … and what it is called, once it enrolled.
const ENDPOINT: &str = "endpoint";

/// The token to show; enrols where that is the way. `tell` hears what people should know.
pub(crate) fn token(config: &Config, tell: &mut dyn FnMut(&str)) -> anyhow::Result<String> {
    match &config.token {
        TokenFrom::File(path) => read(path),
        // Shown to nobody: that it is another one tells that the certificate was renewed.
        TokenFrom::Certificate(CertificateFiles { cert, .. }) => fs::read_to_string(cert)
            .with_context(|| format!("cannot read the certificate `{}`", cert.display())),
        TokenFrom::Fleet(path) => {
            let own = machine::guid()
                .ok()
                .and_then(|guid| event::endpoint_of_machine(&guid));
            let known = kept_name(&config.state, own.as_deref(), tell)?;
            let secret = secret(&config.state)?;
            match known {
                None => enrol(config, path, &secret, tell),
                Some(endpoint) => Ok(format!("{endpoint}.{secret}")),
            }
        }
    }
}

/// The name under which this machine enrolled. The state of a machine that an image was made of is that of another one, and so is its secret:
/// both are removed, the name last, because it alone tells whose the secret is, after a crash between the two as well.
fn kept_name(
    state: &Path,
    own: Option<&str>,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Option<String>> {
    let known = fs::read_to_string(state.join(ENDPOINT)).unwrap_or_default();
    let known = known.trim();
    if known.is_empty() || own.is_none_or(|own| own == known) {
        return Ok(Some(known.to_owned()).filter(|known| !known.is_empty()));
    }
    tell("the kept name and secret are those of another machine: this one enrols itself");
    for name in [SECRET, ENDPOINT] {
        let path = state.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove `{}`", path.display()));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The intake, with a token. Each request is made once: the agent waits by itself.
pub(crate) fn uplink(config: &Config, token: &str) -> anyhow::Result<Uplink> {
    let mut options = match &config.token {
        TokenFrom::Certificate(files) => {
            let mut options = SendOptions::new(config.intake.clone(), "");
            options.certificate = Some(files.clone());
            options
        }
        TokenFrom::File(_) | TokenFrom::Fleet(_) => SendOptions::new(config.intake.clone(), token),
    };
    options.ca.clone_from(&config.ca);
    options.patience = Duration::ZERO;
    Uplink::new(&options).map_err(anyhow::Error::from)
}

fn enrol(
    config: &Config,
    fleet: &Path,
    secret: &str,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<String> {
    let guid = machine::guid()?;
    let enrolled = uplink(config, &read(fleet)?)?
        .enrol(&Enrolling {
            machine_guid: &guid,
            host: &machine::host(),
            secret,
        })
        .with_context(|| format!("cannot enrol at `{}`", config.intake))?;
    if !event::is_endpoint_id(&enrolled.endpoint) {
        bail!(
            "`{}` enrolled this machine under a name that is none",
            config.intake
        );
    }
    if let Some(message) = &enrolled.message {
        tell(&harmless::line(message));
    }
    let path = config.state.join(ENDPOINT);
    fs::write(&path, &enrolled.endpoint)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    tell(&format!(
        "this machine is {}{}",
        enrolled.endpoint,
        if enrolled.is_active {
            ""
        } else {
            ", and waits for approval"
        }
    ));
    Ok(format!("{}.{secret}", enrolled.endpoint))
}

/// The machine's secret, made where there is none. It is on the disk before anybody hears its hash, or a crash would lose it.
fn secret(state: &Path) -> anyhow::Result<String> {
    let path = state.join(SECRET);
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
        }
    }
    let secret = send::new_secret().context("this system has no random bytes")?;
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(state)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(&path)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(secret)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the token `{}`", path.display()))?;
    match text.trim() {
        "" => bail!("the token `{}` is empty", path.display()),
        // No header could carry it, and each request would fail for a reason that names no token.
        token if !token.bytes().all(|byte| byte.is_ascii_graphic()) => bail!(
            "the token `{}` is not one word of visible ASCII; hint: it is one line, saved as UTF-8 without a mark at its start",
            path.display()
        ),
        token => Ok(token.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_secret_of_another_machine_are_removed_whatever_is_left_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let (endpoint, secret) = (folder.path().join(ENDPOINT), folder.path().join(SECRET));
        let name = |own| kept_name(folder.path(), own, &mut |_| {}).unwrap();
        assert_eq!(name(Some("own")), None);
        fs::write(&endpoint, "own\n").unwrap();
        fs::write(&secret, "made up").unwrap();
        for own in [Some("own"), None] {
            assert_eq!(name(own).as_deref(), Some("own"));
        }
        assert_eq!(name(Some("another")), None);
        assert!(!endpoint.exists() && !secret.exists());
        // A process that ended between the two left the name.
        fs::write(&endpoint, "own").unwrap();
        assert_eq!(name(Some("another")), None);
        assert!(!endpoint.exists());
    }

    #[test]
    fn a_token_is_one_word_of_visible_ascii() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read_of = |bytes: &[u8]| {
            fs::write(file.path(), bytes).unwrap();
            read(file.path())
        };
        assert_eq!(read_of(b" ab-1.c=\r\n").unwrap(), "ab-1.c=");
        let wrong: [&[u8]; 4] = [b"ab\ncd", b"a b", b"a\0b\0", "\u{feff}ab".as_bytes()];
        for wrong in wrong {
            let error = read_of(wrong).unwrap_err().to_string();
            assert!(error.contains("visible ASCII"), "{error}");
        }
    }
}
