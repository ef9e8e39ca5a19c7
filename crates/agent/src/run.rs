//! `run`: everything that follows and sends, from its start to its end.

use crate::config::{Config, TokenFrom};
use crate::schedule::{Bandwidth, Schedule};
use crate::turn::{Follower, clock};
use crate::{enrol, own_log, pattern, status};
use anyhow::Context;
use notify::{RecursiveMode, Watcher};
use send::Uplink;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// Machines whose logs are sent at once: an acknowledgement takes up to two seconds, whatever the size of the body.
const JOBS_MAX: usize = 16;

/// Between two looks for new machines on a share.
const LOOK_FOR_PLACES: Duration = Duration::from_secs(60);

/// First and longest wait for the token.
const TOKEN_WAIT: Duration = Duration::from_secs(5);
const TOKEN_WAIT_MAX: Duration = Duration::from_secs(300);

/// Runs until the process is told to end: by a signal on Linux, by Ctrl-C or its end elsewhere.
pub(crate) fn in_foreground(config: Config) -> anyhow::Result<()> {
    let schedule = Arc::new(Schedule::default());
    own_log::start(config.log.as_deref())?;
    run(&config, &schedule)
}

/// Runs until the schedule ends.
pub(crate) fn run(config: &Config, schedule: &Arc<Schedule>) -> anyhow::Result<()> {
    std::fs::create_dir_all(&config.state)
        .with_context(|| format!("cannot make the folder `{}`", config.state.display()))?;
    let _only_one = status::claim(&config.state)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        intake = config.intake,
        "following"
    );
    let Some((token, uplink)) = first_uplink(config, schedule) else {
        return Ok(());
    };
    let running = Arc::new(Running {
        shown: Mutex::new(Shown {
            token,
            uplink,
            generation: 0,
        }),
        places: RwLock::new(Vec::new()),
        bandwidth: Bandwidth::new(config.bandwidth),
        watched: RwLock::new(Vec::new()),
        said_wrong: Mutex::default(),
    });
    let mut watcher = watcher(&running, schedule);
    // Those that start together begin at moments of chance.
    let spread = config.start_spread.mul_f64(send::chance());
    look_for_places(config, &running, schedule, watcher.as_mut(), spread);
    let count = running.places.read().map_or(0, |places| places.len());
    std::thread::scope(|scope| {
        let now = clock();
        // A share may be empty today and full tomorrow; a thread that waits costs next to nothing.
        let jobs = match config.is_share() {
            true => JOBS_MAX,
            false => count.clamp(1, JOBS_MAX),
        };
        for _ in 1..jobs {
            let now = now.clone();
            scope.spawn(|| work(config, &running, schedule, now));
        }
        if config.is_share() {
            scope.spawn(|| {
                while !schedule.is_ending() {
                    schedule.sleep(LOOK_FOR_PLACES);
                    let spread = Duration::ZERO;
                    look_for_places(config, &running, schedule, watcher.as_mut(), spread);
                }
            });
        }
        work(config, &running, schedule, now);
    });
    tracing::info!("ended");
    Ok(())
}

struct Running {
    shown: Mutex<Shown>,
    places: RwLock<Vec<Arc<Mutex<Follower>>>>,
    bandwidth: Bandwidth,
    /// Folders and whose they are.
    watched: RwLock<Vec<(PathBuf, usize)>>,
    /// What was wrong when places were last looked for: it is said once.
    said_wrong: Mutex<Vec<String>>,
}

/// The token that is shown, and the intake with it.
struct Shown {
    token: String,
    uplink: Uplink,
    /// Raised with each new token.
    generation: u64,
}

impl Running {
    /// Watches the paths of a place.
    fn watch(
        &self,
        paths: &[PathBuf],
        index: usize,
        mut watcher: Option<&mut notify::RecommendedWatcher>,
    ) {
        for path in paths {
            // A file is watched by its folder: it may be another one tomorrow. What cannot be watched is looked at slowly.
            let folder = if path.is_dir() {
                Some(path.as_path())
            } else {
                path.parent()
            };
            if let (Some(folder), Some(watcher)) = (folder, watcher.as_deref_mut()) {
                if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                    tracing::debug!(%error, "not watched");
                }
                let mut watched = self.watched.write().unwrap_or_else(PoisonError::into_inner);
                watched.push((folder.to_owned(), index));
            }
        }
    }

    /// Where the token was refused and its file holds another one by now, that one is shown.
    fn renew(&self, config: &Config, place: &mut Follower) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if place.generation == shown.generation {
            if !place.is_refused || !place.is_token_in_file {
                return;
            }
            let token = enrol::token(config, &mut |text| tracing::info!("{text}"));
            let Some(token) = token.ok().filter(|token| *token != shown.token) else {
                return;
            };
            let Ok(uplink) = enrol::uplink(config, &token) else {
                return;
            };
            tracing::info!("another token is there, and is shown from now on");
            let generation = shown.generation + 1;
            *shown = Shown {
                token,
                uplink,
                generation,
            };
        }
        let own = Follower::uplink_of(&shown.uplink, &place.site, config.is_share());
        place.renew(own, shown.generation);
    }
}

/// Takes turns until the end.
fn work(
    config: &Config,
    running: &Running,
    schedule: &Schedule,
    now: impl Fn() -> Duration + Clone,
) {
    while let Some(index) = schedule.take() {
        let place = running
            .places
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(index)
            .cloned();
        let Some(place) = place else { return };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        running.renew(config, &mut place);
        let is_ending = || schedule.is_ending();
        let turn = || place.turn(now.clone(), config.poll, &running.bandwidth, &is_ending);
        let next = catch_unwind(AssertUnwindSafe(turn)).unwrap_or_else(|_| {
            // A machine that is never looked at again would be missed by nobody; whoever started the agent starts it again.
            tracing::error!("a defect ends the agent");
            std::process::abort()
        });
        schedule.give_back(index, next);
    }
}

/// Waits for the token for as long as it takes: the logs wait, too.
fn first_uplink(config: &Config, schedule: &Schedule) -> Option<(String, Uplink)> {
    let mut wait = TOKEN_WAIT;
    while !schedule.is_ending() {
        let uplink = enrol::token(config, &mut |text| tracing::info!("{text}"))
            .and_then(|token| Ok((enrol::uplink(config, &token)?, token)));
        match uplink {
            Ok((uplink, token)) => return Some((token, uplink)),
            Err(error) => {
                let text = status::one_line(&format!("{error:#}"));
                tracing::error!("{text}");
                status::cannot_start(&config.state, &text);
            }
        }
        schedule.sleep(wait.mul_f64((1.0 + send::chance()) / 2.0));
        wait = (wait * 2).min(TOKEN_WAIT_MAX);
    }
    None
}

fn look_for_places(
    config: &Config,
    running: &Running,
    schedule: &Schedule,
    mut watcher: Option<&mut notify::RecommendedWatcher>,
    spread: Duration,
) {
    let places = pattern::places(config);
    {
        let mut said = running
            .said_wrong
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for wrong in places.wrong.iter().filter(|wrong| !said.contains(wrong)) {
            tracing::warn!("{wrong}");
        }
        said.clone_from(&places.wrong);
    }
    status::say_wrong(&config.state, &places.wrong);
    let known: Vec<Arc<Mutex<Follower>>> = running
        .places
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let lock = |index: usize| {
        let place = known.get(index)?;
        Some(place.lock().unwrap_or_else(PoisonError::into_inner))
    };
    let numbers: HashMap<String, usize> = (0..known.len())
        .filter_map(|index| Some((lock(index)?.site.name.clone(), index)))
        .collect();
    for site in places.found {
        if let Some(&index) = numbers.get(&site.name) {
            // Of a share that was away when this machine was found.
            let added = lock(index).map_or(Vec::new(), |mut place| place.add_paths(&site.paths));
            running.watch(&added, index, watcher.as_deref_mut());
            continue;
        }
        let (own, generation) = {
            let shown = running.shown.lock().unwrap_or_else(PoisonError::into_inner);
            let own = Follower::uplink_of(&shown.uplink, &site, config.is_share());
            (own, shown.generation)
        };
        let mut all = running
            .places
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let index = all.len();
        running.watch(&site.paths, index, watcher.as_deref_mut());
        let mut follower = Follower::new(site, &config.state, own);
        follower.generation = generation;
        follower.is_token_in_file =
            matches!(config.token, TokenFrom::File(_) | TokenFrom::Certificate(_));
        all.push(Arc::new(Mutex::new(follower)));
        drop(all);
        // On a share each has its own moment.
        let share = if config.is_share() {
            send::chance()
        } else {
            1.0
        };
        schedule.add(spread.mul_f64(share));
    }
}

/// Reports changes; nothing where the system cannot.
fn watcher(running: &Arc<Running>, schedule: &Arc<Schedule>) -> Option<notify::RecommendedWatcher> {
    let (running, schedule) = (Arc::clone(running), Arc::clone(schedule));
    let heard = move |event: notify::Result<notify::Event>| {
        let watched = running
            .watched
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match event {
            // Looking at a folder is reported, too.
            Ok(event) if event.kind.is_access() => {}
            Ok(event) => {
                for (folder, index) in watched.iter() {
                    if event.paths.iter().any(|path| path.starts_with(folder)) {
                        schedule.wake(*index);
                    }
                }
            }
            // It lost some.
            Err(_) => watched.iter().for_each(|(_, index)| schedule.wake(*index)),
        }
    };
    notify::recommended_watcher(heard)
        .inspect_err(
            |error| tracing::warn!(%error, "no changes are reported; folders are looked at"),
        )
        .ok()
}
