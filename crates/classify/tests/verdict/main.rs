//! Verdicts on PCs that nobody drew up by hand: quiet ones stay quiet, and failures that no rule knows are never health.

mod new_failures;
mod pc;
mod quiet;
mod states;
