//! Procedural macros of sawmill.
