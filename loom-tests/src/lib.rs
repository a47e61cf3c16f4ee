//! Model checks of the hand-written protocols.
//!
//! The modules below *are* the shipped source files, included beside a `sync` module that hands
//! out loom's primitives. Each model runs a protocol through every order in which its threads can
//! take their steps and every value that a load may see. The models are ordinary tests, without
//! flags: `cargo test -p loom-tests`. `cargo run -p loom-tests --bin mutate` weakens each named
//! ordering of those files in turn and checks that a model notices.
//!
//! Trusted, and not modelled: the edges inside rtrb (lanes on the heap) and arc-swap. Where a
//! protocol leans on a ring, the model has the plain one of `ring.rs`, which has the two edges of
//! the shipped ones and fewer steps. Loom does not produce values out of thin air and treats
//! sequentially consistent accesses, but not fences, as acquire and release.
// The models use a part of each file.
#![allow(dead_code, unused_imports)]

mod ring;
mod sync;

#[path = "../../src/lane/books.rs"]
mod books;
#[path = "../../src/lane/intake.rs"]
mod intake;
// `ring` is the models' own.
#[path = "../../src/lane/keep/marks.rs"]
mod marks;
#[path = "../../src/lane/mode.rs"]
mod mode;
#[allow(unsafe_code)]
#[path = "../../src/lane/ring.rs"]
mod spsc;
#[path = "../../src/lane/ticket.rs"]
mod ticket;
#[path = "../../src/lane/wake.rs"]
mod wake;

#[cfg(test)]
mod models;
