//! The tokens of a call, taken apart.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, LitStr, Token};

/// One use of a logging macro.
pub(crate) struct Call {
    /// The crate's path: the `$crate` of the wrapper.
    pub(crate) root: Ident,
    pub(crate) what: What,
    pub(crate) logger: Option<Expr>,
    pub(crate) target: Option<Expr>,
    /// The error of `exception!`.
    pub(crate) error: Option<Expr>,
    pub(crate) keys: Vec<Key>,
    /// Nothing for `log_enabled!`.
    pub(crate) message: Option<Message>,
}

/// Which macro was used.
pub(crate) enum What {
    /// One with a level of its own.
    Fixed(i32),
    /// `log!`, and its level.
    Log(Expr),
    /// `log_enabled!`, and its level.
    Enabled(Expr),
}

/// A key-value pair.
pub(crate) struct Key {
    pub(crate) name: Name,
    pub(crate) how: How,
    pub(crate) value: Expr,
}

/// A pair's key.
pub(crate) enum Name {
    /// An identifier or a string.
    Known(String, Span),
    /// An expression in parentheses.
    Computed(TokenStream),
}

/// What stands behind a key's colon.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Value,
    Debug,
    Display,
    Error,
    Serde,
}

/// The format string and its arguments.
pub(crate) struct Message {
    /// All of it, for `format_args!`.
    pub(crate) tokens: TokenStream,
    /// The first argument, whatever it is.
    pub(crate) first: Expr,
    /// The literal, if the first argument is one.
    pub(crate) literal: Option<LitStr>,
    pub(crate) arguments: Vec<Argument>,
}

/// One argument of a format string.
pub(crate) struct Argument {
    pub(crate) name: Option<Ident>,
    pub(crate) value: Expr,
}

impl Parse for Call {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let root = input.call(Ident::parse_any)?;
        let macro_name = input.call(Ident::parse_any)?;
        let mut call = Self {
            root,
            what: What::Fixed(0),
            logger: None,
            target: None,
            error: None,
            keys: Vec::new(),
            message: None,
        };
        call.logger = prefix(input, "logger")?;
        call.target = prefix(input, "target")?;
        match &*macro_name.to_string() {
            "trace" => call.what = What::Fixed(5),
            "debug" => call.what = What::Fixed(10),
            "info" => call.what = What::Fixed(20),
            "warning" => call.what = What::Fixed(30),
            "error" => call.what = What::Fixed(40),
            "critical" => call.what = What::Fixed(50),
            "exception" => {
                call.what = What::Fixed(40);
                call.error = Some(leading(input, "an error, then a format string")?);
            }
            "log" => call.what = What::Log(leading(input, "a level, then a format string")?),
            "log_enabled" => {
                call.what = What::Enabled(input.parse()?);
                input.parse::<Option<Token![,]>>()?;
                return match input.is_empty() {
                    true => Ok(call),
                    false => Err(input.error("`log_enabled!` takes a level and nothing after it")),
                };
            }
            _ => return Err(syn::Error::new(macro_name.span(), "not a logging macro")),
        }
        if has_keys(input) {
            call.keys = keys(input)?;
        }
        call.message = Some(input.parse()?);
        Ok(call)
    }
}

/// An expression and the comma that must follow it.
fn leading(input: ParseStream<'_>, wanted: &str) -> syn::Result<Expr> {
    if input.is_empty() {
        return Err(input.error(format!("expected {wanted}")));
    }
    let value: Expr = input.parse()?;
    if !input.peek(Token![,]) {
        let message = format!("expected {wanted}, separated by a comma");
        return Err(syn::Error::new(value.span(), message));
    }
    input.parse::<Token![,]>()?;
    Ok(value)
}

/// `logger: x,` or `target: x,`. What does not end in a comma is a key with a modifier.
fn prefix(input: ParseStream<'_>, name: &str) -> syn::Result<Option<Expr>> {
    let ahead = input.fork();
    let starts = ahead.call(Ident::parse_any).is_ok_and(|word| word == name)
        && ahead.peek(Token![:])
        && !ahead.peek(Token![::]);
    if !starts {
        return Ok(None);
    }
    ahead.parse::<Token![:]>()?;
    let broken = match ahead.parse::<Expr>() {
        Ok(_) if ahead.peek(Token![,]) => None,
        Ok(value) => Some(syn::Error::new(value.span(), format!("expected `,` after `{name}:`"))),
        Err(error) => Some(error),
    };
    if let Some(error) = broken {
        // Either a key, as in `target:? = value; "..."`, or a slip.
        return if has_keys(input) { Ok(None) } else { Err(error) };
    }
    input.call(Ident::parse_any)?;
    input.parse::<Token![:]>()?;
    let value = input.parse()?;
    input.parse::<Token![,]>()?;
    Ok(Some(value))
}

/// Returns true if a `;` stands outside all brackets: only the one after the keys can.
fn has_keys(input: ParseStream<'_>) -> bool {
    let tokens: TokenStream = input.fork().parse().unwrap_or_default();
    tokens
        .into_iter()
        .any(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';'))
}

fn keys(input: ParseStream<'_>) -> syn::Result<Vec<Key>> {
    let mut keys = Vec::new();
    while !input.peek(Token![;]) {
        keys.push(input.parse()?);
        if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
        } else if !input.peek(Token![;]) {
            return Err(input.error("expected `,` or `;` after a key-value pair"));
        }
    }
    let end: Token![;] = input.parse()?;
    if input.is_empty() {
        return Err(syn::Error::new(end.span, "expected a format string after `;`"));
    }
    Ok(keys)
}

impl Parse for Key {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let token: TokenTree = input.parse()?;
        let span = token.span();
        let name = name(token.clone())?;
        let how = if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            how(input)?
        } else {
            How::Value
        };
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            input.parse()?
        } else {
            // A key alone names the variable that holds its value.
            let Some(variable) = variable(token) else {
                return Err(syn::Error::new(span, "expected `= value` after this key"));
            };
            Expr::Verbatim(variable.into_token_stream())
        };
        Ok(Self { name, how, value })
    }
}

/// The identifier that a key is, be it a keyword of some edition.
fn variable(token: TokenTree) -> Option<Ident> {
    match token {
        TokenTree::Ident(word) => Some(word),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut inner = group.stream().into_iter();
            inner.next().and_then(variable).filter(|_| inner.next().is_none())
        }
        _ => None,
    }
}

fn name(token: TokenTree) -> syn::Result<Name> {
    let span = token.span();
    Ok(match token {
        TokenTree::Ident(word) => Name::Known(word.unraw().to_string(), span),
        TokenTree::Literal(literal) => match Lit::new(literal) {
            Lit::Str(text) => Name::Known(text.value(), span),
            _ => return Err(syn::Error::new(span, "expected an identifier or a string as a key")),
        },
        // What another macro passed on as one expression, literal or identifier.
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut inner = group.stream().into_iter();
            match (inner.next(), inner.next()) {
                (Some(token), None) => name(token)?,
                _ => Name::Computed(group.stream()),
            }
        }
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
            Name::Computed(group.stream())
        }
        _ => return Err(syn::Error::new(span, "expected an identifier or a string as a key")),
    })
}

fn how(input: ParseStream<'_>) -> syn::Result<How> {
    if input.peek(Token![?]) {
        input.parse::<Token![?]>()?;
        return Ok(How::Debug);
    }
    if input.peek(Token![%]) {
        input.parse::<Token![%]>()?;
        return Ok(How::Display);
    }
    let word = input.call(Ident::parse_any).map_err(|error| {
        syn::Error::new(error.span(), "expected `?`, `%`, `debug`, `display`, `err` or `serde`")
    })?;
    Ok(match &*word.to_string() {
        "value" => How::Value,
        "debug" => How::Debug,
        "display" => How::Display,
        "err" => How::Error,
        "serde" if cfg!(feature = "serde") => How::Serde,
        "serde" => {
            return Err(syn::Error::new(
                word.span(),
                "`:serde` needs the cargo feature `serde` of sawmill",
            ));
        }
        "sval" => {
            return Err(syn::Error::new(
                word.span(),
                "values cannot be captured through `sval`: use `:serde`, `:debug` or `:display`",
            ));
        }
        _ => {
            return Err(syn::Error::new(
                word.span(),
                "unknown modifier: expected `?`, `%`, `debug`, `display`, `err` or `serde`",
            ));
        }
    })
}

impl Parse for Message {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Err(syn::Error::new(Span::call_site(), "expected a format string"));
        }
        let tokens: TokenStream = input.fork().parse()?;
        let first: Expr = input.parse()?;
        let literal = literal(&first).cloned();
        let mut arguments = Vec::new();
        while !input.is_empty() {
            if !input.peek(Token![,]) {
                return Err(input.error("expected `,`"));
            }
            input.parse::<Token![,]>()?;
            if !input.is_empty() {
                arguments.push(input.parse()?);
            }
        }
        Ok(Self { tokens, first, literal, arguments })
    }
}

fn literal(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        // What another macro passed on.
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ahead = input.fork();
        let named = ahead.call(Ident::parse_any).is_ok()
            && ahead.peek(Token![=])
            && !ahead.peek(Token![==])
            && !ahead.peek(Token![=>]);
        let name = if named {
            let name = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            Some(name)
        } else {
            None
        };
        Ok(Self { name, value: input.parse()? })
    }
}
