//! Chunks to records to events to the store; derivations of units with news.
