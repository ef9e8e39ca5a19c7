//! JSON API and pages, read only.
