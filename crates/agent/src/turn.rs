//! One turn of one machine's logs: look, send until nothing is due, write the checkpoint and the status.

use crate::lost::Told;
use crate::pattern::Site;
use crate::schedule::Bandwidth;
use crate::status::{self, State};
use follow::{Body, CheckpointError, Place, PlaceOptions, Points};
use send::{ClientError, Part, Uplink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// First and longest wait after a failure; each doubles. An intake that is back is not met by all at once.
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(120);

/// How much longer than others a log waits whose body the intake failed on.
const GIVES_WAY: Duration = Duration::from_secs(1);

/// A token that is refused may be approved or renewed; nobody is served by asking often.
const REFUSED_WAIT: Duration = Duration::from_secs(300);

/// … but a new one in its file is found within so long.
const TOKEN_LOOK: Duration = Duration::from_secs(5);

/// While something may soon be due: the end of a log that has to be quiet for a moment.
const SOON: Duration = Duration::from_millis(500);

/// A line without its end, or a file that is waited for: nobody is in a hurry.
const LATER: Duration = Duration::from_secs(5);

/// What is acknowledged is on the disk within so long, and is sent again after a crash if not.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// One turn lasts no longer, so that of many machines none waits for the backlog of another.
const TURN_MAX: Duration = Duration::from_secs(10);

/// One machine's logs, and how sending them goes.
pub(crate) struct Follower {
    pub(crate) site: Site,
    place: Place,
    uplink: Uplink,
    state: State,
    told: Told,
    failures: u32,
    /// The intake does not take the token.
    pub(crate) is_refused: bool,
    /// Of the token that is shown.
    pub(crate) generation: u64,
    /// … which may hold another one tomorrow.
    pub(crate) is_token_in_file: bool,
    not_before: Duration,
    /// A log that the intake failed on is tried again then.
    gives_way_until: Duration,
    polled_at: Option<Duration>,
    saved_at: Duration,
    /// Turns in a row that sent nothing though something waited.
    idle: u32,
}

/// What ends a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Again after so long, or when a change is reported.
    Within(Duration),
    /// Not before so long, whatever changes.
    NotBefore(Duration),
}

impl Follower {
    pub(crate) fn new(site: Site, state: &Path, uplink: Uplink) -> Self {
        let options = PlaceOptions::new(site.paths.clone(), state.join(&site.name));
        let (place, trouble) = Place::open(options, Points::default());
        if let Some(trouble) = &trouble {
            tracing::error!(place = site.name, "{trouble}; the one before it is used");
        }
        let state = State::new(&site.name, state, trouble);
        Self {
            site,
            place,
            uplink,
            state,
            told: Told::default(),
            failures: 0,
            is_refused: false,
            generation: 0,
            is_token_in_file: false,
            not_before: Duration::ZERO,
            gives_way_until: Duration::ZERO,
            polled_at: None,
            saved_at: Duration::ZERO,
            idle: 0,
        }
    }

    pub(crate) fn turn(
        &mut self,
        now: impl Fn() -> Duration,
        poll: Duration,
        bandwidth: &Bandwidth,
        is_ending: &dyn Fn() -> bool,
    ) -> Next {
        // Without hooks nothing stops it.
        let begun = now();
        // A turn that only looks for a token looks at no folder, beyond what is usual.
        let is_waiting = begun < self.not_before;
        if !is_waiting || self.polled_at.is_none_or(|at| begun - at >= poll) {
            let _ = self.place.poll(begun);
            self.polled_at = Some(begun);
        }
        let mut next = Next::Within(poll);
        let mut is_moved = false;
        if is_waiting {
            next = Next::NotBefore(self.wait_from(begun));
        } else {
            while let Ok(Some(body)) = self.place.next(now()) {
                let sent = self.send(&body);
                match sent {
                    Ok(()) => {
                        is_moved = true;
                        self.failures = 0;
                        self.is_refused = false;
                        self.state.clear_error();
                        self.state.clear_refused(body.log);
                        self.place.acknowledge(&body);
                        // Before the next body: of a log that loses much only the last gaps are remembered.
                        self.tell_lost(now());
                        if now() - self.saved_at >= SAVE_EVERY {
                            self.save(now());
                        }
                        bandwidth.take(body.bytes.len() as u64, is_ending);
                    }
                    // Another log's bodies are taken: this one is told and waits, in its file.
                    Err(error) if error.is_of_the_body() => {
                        // What stands before the intake may say so of a token that it cannot read.
                        self.is_refused |= matches!(error, ClientError::Status { status: 400, .. });
                        self.set_aside(&body, &error, now());
                    }
                    Err(error) => {
                        // A certificate that is not taken shows before anything is answered.
                        self.is_refused = error.is_of_the_token()
                            || matches!(error, ClientError::Untrusted { .. });
                        let wait = self.wait_for(&error);
                        self.not_before = now() + wait;
                        if !error.is_of_the_moment() && !error.is_of_the_token() {
                            // It may be this body alone: others have their turn before it.
                            self.gives_way_until = self.not_before + GIVES_WAY;
                            self.place.hold(&body, self.gives_way_until);
                        }
                        next = Next::NotBefore(self.wait_from(now()));
                        break;
                    }
                }
                if is_ending() || now() - begun >= TURN_MAX {
                    next = Next::Within(Duration::ZERO);
                    break;
                }
            }
        }
        if !is_waiting && self.not_before <= now() {
            self.tell_lost(now());
        }
        if next == Next::Within(poll) && self.place.is_waiting() {
            self.idle = if is_moved { 0 } else { self.idle + 1 };
            next = Next::Within(if self.idle < 6 { SOON } else { LATER.min(poll) });
        }
        // The log that gave way is not asked for by what it waits for, but by the clock.
        let left = self.gives_way_until.saturating_sub(now());
        if let Next::Within(wait) = next
            && !left.is_zero()
        {
            next = Next::Within(wait.min(left));
        }
        self.save(now());
        self.state.write(&self.place, now());
        next
    }

    fn tell_lost(&mut self, now: Duration) {
        self.told
            .tell(&self.place, &self.uplink, &self.site.name, now);
    }

    /// Follows paths that it has not followed yet; returns those.
    pub(crate) fn add_paths(&mut self, paths: &[PathBuf]) -> Vec<PathBuf> {
        let is_new = |path: &&PathBuf| !self.site.paths.contains(path);
        let added: Vec<PathBuf> = paths.iter().filter(is_new).cloned().collect();
        self.site.paths.extend(added.iter().cloned());
        self.place.add_paths(added.clone());
        added
    }

    /// Another token is shown from now on, at once.
    pub(crate) fn renew(&mut self, uplink: Uplink, generation: u64) {
        self.uplink = uplink;
        self.generation = generation;
        self.is_refused = false;
        self.not_before = Duration::ZERO;
        self.place.release();
    }

    /// So long nothing is sent; a token that is refused is looked for anew meanwhile.
    fn wait_from(&self, now: Duration) -> Duration {
        let wait = self.not_before.saturating_sub(now);
        match self.is_refused && self.is_token_in_file {
            true => wait.min(TOKEN_LOOK),
            false => wait,
        }
    }

    fn set_aside(&mut self, body: &Body, error: &ClientError, now: Duration) {
        let text = status::one_line(&format!(
            "{}: bytes {} to {} are refused, and wait while other logs go on: {error}",
            body.path.display(),
            body.offset,
            body.end()
        ));
        if self.state.set_refused(body.log, text.clone()) {
            tracing::error!(place = self.site.name, "{text}");
        }
        let wait = REFUSED_WAIT.mul_f64((1.0 + send::chance()) / 2.0);
        self.place.hold(body, now + wait);
    }

    fn send(&self, body: &Body) -> Result<(), ClientError> {
        self.uplink.put(&Part {
            source: body.source,
            first_record: body.first_record,
            offset: body.offset,
            open: body.open,
            encoding: body.encoding,
            format: body.format,
            path: &body.path.to_string_lossy(),
            bytes: &body.bytes,
        })
    }

    fn wait_for(&mut self, error: &ClientError) -> Duration {
        let text = status::one_line(&error.to_string());
        if self.state.set_error(&text) {
            tracing::warn!(place = self.site.name, "{text}");
        }
        self.failures = self.failures.saturating_add(1);
        let doubled = WAIT_MIN * 2_u32.saturating_pow(self.failures.min(10) - 1);
        let own = match error.is_retryable() {
            true => doubled.min(WAIT_MAX),
            // Only people can mend it; what waits stays where it is.
            false => REFUSED_WAIT,
        };
        let own = own.mul_f64((1.0 + send::chance()) / 2.0);
        let asked = error.retry_after().unwrap_or_default();
        own.max(asked.mul_f64(1.0 + send::chance() / 4.0))
    }

    fn save(&mut self, now: Duration) {
        self.saved_at = now;
        match self.place.save() {
            Ok(()) => self.state.clear_trouble(),
            // It ships on: what is not written down is sent again after a restart.
            Err(error @ CheckpointError::Io { .. }) => {
                if self.state.set_trouble(&error.to_string()) {
                    tracing::error!(place = self.site.name, "{error}");
                }
            }
            Err(CheckpointError::Stopped(_)) => {}
        }
    }

    /// The uplink of this machine's, from that of the agent.
    pub(crate) fn uplink_of(uplink: &Uplink, site: &Site, is_share: bool) -> Uplink {
        match is_share {
            true => uplink.for_endpoint(&site.name),
            false => uplink.clone(),
        }
    }
}

/// Time on the process's own clock: no step of the machine's changes it.
pub(crate) fn clock() -> impl Fn() -> Duration + Clone + Send + 'static {
    let start = Instant::now();
    move || start.elapsed()
}
