//! Places at which a test may let the world change, or end the follower.

/// The follower was ended at one of its points; only a test does that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped at a point of a test")]
pub struct Stopped;

/// Asked at each point by name; without a hook nothing happens.
#[derive(Default)]
pub struct Points(Option<Hook>);

/// What a test does at a point.
type Hook = Box<dyn FnMut(&'static str) -> Result<(), Stopped> + Send>;

impl Points {
    /// Calls `hook` at every point; its error ends what is under way, as the death of the process would.
    pub fn new(hook: impl FnMut(&'static str) -> Result<(), Stopped> + Send + 'static) -> Self {
        Self(Some(Box::new(hook)))
    }

    pub(crate) fn at(&mut self, point: &'static str) -> Result<(), Stopped> {
        match &mut self.0 {
            Some(hook) => hook(point),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Points {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Points").field(&self.0.is_some()).finish()
    }
}
