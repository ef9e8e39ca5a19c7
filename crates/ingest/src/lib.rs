//! Intake and files to chunks.
