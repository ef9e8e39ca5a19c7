//! The service as Windows knows it.

use crate::config::Config;
use crate::machine;
use crate::schedule::Schedule;
use crate::{own_log, run as running};
use anyhow::{Context, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use windows_service::service::{
    ServiceAccess, ServiceAction, ServiceActionType, ServiceControl, ServiceControlAccept,
    ServiceErrorControl, ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod,
    ServiceInfo, ServiceStartType, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_service::{define_windows_service, service_dispatcher};

const NAME: &str = "cbsift-agent";

/// A turn under way ends with its request.
const STOP: Duration = Duration::from_secs(30);

static CONFIG: OnceLock<PathBuf> = OnceLock::new();

define_windows_service!(service_entry, service_main);

/// As the service manager starts it.
pub(crate) fn run(config: PathBuf) -> ExitCode {
    let _ = CONFIG.set(config);
    match service_dispatcher::start(NAME, service_entry) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "error: Windows did not start this as a service: {error}; hint: `cbsift-agent run` without `--service`"
            );
            ExitCode::FAILURE
        }
    }
}

fn service_main(_: Vec<OsString>) {
    let schedule = Arc::new(Schedule::default());
    let ending = Arc::clone(&schedule);
    let registered = service_control_handler::register(NAME, move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            ending.end();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    });
    let Ok(handle) = registered else { return };
    let say = |state, code| {
        let controls_accepted = match state {
            ServiceState::Running => ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN,
            _ => ServiceControlAccept::empty(),
        };
        let _ = handle.set_service_status(ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            controls_accepted,
            exit_code: ServiceExitCode::ServiceSpecific(code),
            checkpoint: 0,
            wait_hint: Duration::ZERO,
            process_id: None,
        });
    };
    say(ServiceState::Running, 0);
    let path = CONFIG.get().cloned().unwrap_or_else(machine::config_file);
    let loaded = Config::load(&path);
    if loaded.is_err() {
        // Which log it would be nobody knows; this is the usual one.
        let beside = path.parent().unwrap_or(&path);
        let _ = own_log::start(Some(&machine::state_folder(beside).join("agent.log")));
    }
    let result = loaded.and_then(|config| {
        let log = config
            .log
            .clone()
            .unwrap_or_else(|| config.state.join("agent.log"));
        own_log::start(Some(&log))?;
        running::run(&config, &schedule)
    });
    if let Err(error) = &result {
        tracing::error!("{error:#}");
    }
    say(ServiceState::Stopped, u32::from(result.is_err()));
}

pub(crate) fn install(config: &Path) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("this program does not know where it is")?;
    let config = std::path::absolute(config).context("the configuration has no path")?;
    let folders = folders(&program, &config)?;
    let access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
    let manager = ServiceManager::local_computer(None::<&OsStr>, access)
        .context("the service manager lets nobody in; hint: run it as administrator")?;
    for folder in &folders {
        restrict(folder)?;
    }
    let info = ServiceInfo {
        name: NAME.into(),
        display_name: "cbsift agent".into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: program,
        launch_arguments: vec![
            "run".into(),
            "--service".into(),
            "--config".into(),
            config.into_os_string(),
        ],
        dependencies: Vec::new(),
        // LocalSystem: nobody else may read all of the logs.
        account_name: None,
        account_password: None,
    };
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START | ServiceAccess::QUERY_STATUS;
    // Installed again, it takes the new program and configuration: an upgrade is the same line.
    let service = match manager.open_service(NAME, access) {
        Ok(service) => {
            service
                .change_config(&info)
                .context("cannot change the service")?;
            service
        }
        Err(_) => manager
            .create_service(&info, access)
            .context("cannot register the service")?,
    };
    let _ = service.set_description("Sends servicing logs to the cbsift intake of this site.");
    let restart = ServiceAction {
        action_type: ServiceActionType::Restart,
        delay: Duration::from_secs(60),
    };
    let _ = service.update_failure_actions(ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(Duration::from_secs(86_400)),
        reboot_msg: None,
        command: None,
        actions: Some(vec![restart.clone(), restart.clone(), restart]),
    });
    // One that ended because it could not start is started again, too.
    let _ = service.set_failure_actions_on_non_crash_failures(true);
    let state = service.query_status().map(|status| status.current_state);
    let is_running = matches!(
        state,
        Ok(ServiceState::Running | ServiceState::StartPending)
    );
    if !is_running {
        service
            .start::<&OsStr>(&[])
            .context("the service is registered, but does not start")?;
    }
    println!("the service `{NAME}` is installed");
    if is_running {
        println!(
            "it runs with what it was started with; `Restart-Service {NAME}` takes what is new"
        );
    }
    Ok(())
}

/// Where the program, its configuration and its state lie.
fn folders(program: &Path, config: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let state = Config::load(config)?.state;
    std::fs::create_dir_all(&state)
        .with_context(|| format!("cannot make the folder `{}`", state.display()))?;
    let mut folders = vec![state];
    let beside = [program, config].into_iter().filter_map(Path::parent);
    folders.extend(beside.map(Path::to_owned));
    folders.sort();
    // What lies below a folder of our own gets that one's rights.
    folders.dedup_by(|next, before| next == before || is_own(before) && next.starts_with(&*before));
    Ok(folders)
}

fn is_own(folder: &Path) -> bool {
    folder
        .file_name()
        .is_some_and(|name| name.eq_ignore_ascii_case(NAME))
}

/// The folder of the program, its configuration and its secret is for SYSTEM and administrators alone.
///
/// Below ProgramData every user may make files, and whoever made the folder first owns it: a library beside the program would run as LocalSystem.
/// A folder of another name may hold other things, and is left as it is.
fn restrict(folder: &Path) -> anyhow::Result<()> {
    if !is_own(folder) {
        eprintln!(
            "the rights of `{}` stay as they are; only administrators should be able to write there, and to read the secret",
            folder.display()
        );
        return Ok(());
    }
    let all = folder.join("*");
    let is_empty = std::fs::read_dir(folder)
        .with_context(|| format!("cannot list `{}`", folder.display()))?
        .next()
        .is_none();
    // By their numbers: the groups have other names in other languages.
    let rights = "(OI)(CI)F";
    icacls(&[
        folder.as_os_str(),
        "/setowner".as_ref(),
        ADMINISTRATORS.as_ref(),
        "/T".as_ref(),
        "/C".as_ref(),
        "/L".as_ref(),
        "/Q".as_ref(),
    ])?;
    // Whoever made the folder may have given rights of its own to others: only what it inherits stays, and that goes next.
    icacls(&[
        folder.as_os_str(),
        "/reset".as_ref(),
        "/L".as_ref(),
        "/Q".as_ref(),
    ])?;
    icacls(&[
        folder.as_os_str(),
        "/inheritance:r".as_ref(),
        "/grant:r".as_ref(),
        format!("{SYSTEM}:{rights}").as_ref(),
        format!("{ADMINISTRATORS}:{rights}").as_ref(),
        "/Q".as_ref(),
    ])?;
    // What users put there before has rights of its own.
    if !is_empty {
        icacls(&[
            all.as_os_str(),
            "/reset".as_ref(),
            "/T".as_ref(),
            "/L".as_ref(),
            "/Q".as_ref(),
        ])?;
    }
    Ok(())
}

const SYSTEM: &str = "*S-1-5-18";
const ADMINISTRATORS: &str = "*S-1-5-32-544";

/// That of Windows, not one that lies in the folder it is called from.
fn icacls(arguments: &[&OsStr]) -> anyhow::Result<()> {
    let root = std::env::var_os("SystemRoot").unwrap_or_else(|| "C:\\Windows".into());
    let program = Path::new(&root).join("System32").join("icacls.exe");
    let output = std::process::Command::new(&program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run `{}`", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let said = said.lines().next().unwrap_or_default().to_owned();
        bail!(
            "cannot set the rights of the agent's folder: icacls says `{said}`; hint: run it as administrator"
        );
    }
    Ok(())
}

pub(crate) fn uninstall() -> anyhow::Result<()> {
    let manager = ServiceManager::local_computer(None::<&OsStr>, ServiceManagerAccess::CONNECT)
        .context("the service manager lets nobody in; hint: run it as administrator")?;
    let access = ServiceAccess::STOP | ServiceAccess::DELETE | ServiceAccess::QUERY_STATUS;
    let service = manager
        .open_service(NAME, access)
        .context("no service is there")?;
    let _ = service.stop();
    let until = Instant::now() + STOP;
    while service
        .query_status()
        .context("cannot ask the service")?
        .current_state
        != ServiceState::Stopped
    {
        if Instant::now() > until {
            bail!("the service does not end");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    service.delete().context("cannot remove the service")?;
    println!("the service `{NAME}` is removed; its checkpoints stay");
    Ok(())
}
