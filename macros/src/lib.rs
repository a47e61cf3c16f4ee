//! The procedural macros behind sawmill's logging macros and `derive(Capture)`.
//!
//! Not for direct use: `sawmill` re-exports what users need, and its `macro_rules` wrappers pass
//! their `$crate` on, so that expansions resolve whatever the crate is called.
//!
//! A call is read in three steps, one file each: `call` takes the tokens apart,
//! `format` the literal, `expand` writes the call site. A literal that
//! cannot be taken apart is handed to `format_args!` as it stands: what is valid then still works,
//! and what is not is reported by the compiler in its own words at its own places.

mod call;
mod derive;
mod expand;
mod format;

use proc_macro::TokenStream;

/// Expands one logging call: the crate's path, the macro's name, then what the user wrote.
#[doc(hidden)]
#[proc_macro]
pub fn log_call(input: TokenStream) -> TokenStream {
    match syn::parse::<call::Call>(input) {
        Ok(call) => expand::call(&call).into(),
        Err(error) => error.to_compile_error().into(),
    }
}

/// Makes a type travel to the logging thread raw: its fields as they are, with their types.
///
/// Every field must be `Capture` itself. The text that reaches the handlers is that of
/// `#[derive(Debug)]`, whatever the format spec; structured outputs keep names and types.
///
/// Works for structs (with named fields, tuples, units), enums and generic types, whose type
/// parameters get the bound `Capture`. `#[capture(crate = "path")]` names the crate where it is
/// not `::sawmill`.
#[proc_macro_derive(Capture, attributes(capture))]
pub fn derive_capture(input: TokenStream) -> TokenStream {
    match syn::parse(input).and_then(|input| derive::capture(&input)) {
        Ok(tokens) => tokens.into(),
        Err(error) => error.to_compile_error().into(),
    }
}
