//! One file of models for each protocol.

mod books;
mod intake;
mod marks;
mod mode;
mod ring;
mod ticket;
mod wake;

/// Checks `model` in every order that has at most `preemptions` forced switches of thread; loom's
/// authors find that three uncover nearly everything.
fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}
