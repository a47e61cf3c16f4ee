//! From a call's parts to the call site.
//!
//! Every name in an expansion is reached through the wrapper's `$crate`; locals carry the macro's
//! own hygiene, so that no argument can see or shadow them. Arguments are evaluated once, in
//! order, in the scrutinee of a `match`, outside the scope of the traits that the body imports.

use crate::call::{Call, How, Key, Message, Name, What};
use crate::format::{self, Argument, Count, Hole, Piece, Spec};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit};

/// The widest tuple of values that has an encoder of its own.
const TUPLE: usize = 16;
/// Values are numbered by one byte.
const MOST_VALUES: usize = 256;

/// One captured value: which argument, shown how, for what.
struct Slot {
    argument: usize,
    mode: Mode,
    role: Role,
}

/// How an argument is captured.
#[derive(Clone, PartialEq)]
enum Mode {
    /// `{}` and its kin.
    Shown(Spec),
    /// `{:?}` and its kin.
    Debugged(Spec),
    /// Rendered whatever the type.
    Rendered(Spec),
    /// A width or precision.
    Count,
    /// A key's value as it is.
    Value,
    Error,
    Stack,
    Serde,
    /// A message that `format_args!` makes.
    Whole,
}

enum Role {
    Message,
    Key(String, Span),
    /// The key is this argument's value.
    Computed(usize),
    Exception,
    Stack,
}

/// What the expansion is made of.
struct Site {
    /// What is evaluated, in order.
    arguments: Vec<TokenStream>,
    /// Where errors about an argument point.
    spans: Vec<Span>,
    slots: Vec<Slot>,
    pieces: Vec<SitePiece>,
    template: TokenStream,
}

enum SitePiece {
    Text(String),
    Value(usize, Spec),
}

impl Site {
    fn argument(&mut self, value: &Expr) -> usize {
        let m = Span::mixed_site();
        self.spans.push(value.span());
        self.arguments.push(quote_spanned!(m=> &(#value)));
        self.arguments.len() - 1
    }

    fn slot(&mut self, argument: usize, mode: Mode) -> usize {
        let known = |slot: &Slot| {
            slot.argument == argument
                && slot.mode == mode
                && !matches!(slot.role, Role::Computed(_))
        };
        self.slots.iter().position(known).unwrap_or_else(|| {
            self.slots.push(Slot { argument, mode, role: Role::Message });
            self.slots.len() - 1
        })
    }

    fn key(&mut self, key: &Key) {
        let role = match &key.name {
            Name::Known(name, _) if name == "exc_info" => Role::Exception,
            Name::Known(name, _) if name == "stack_info" => Role::Stack,
            Name::Known(name, span) => Role::Key(name.clone(), *span),
            Name::Computed(tokens) => {
                let m = Span::mixed_site();
                self.spans.push(tokens.span());
                self.arguments.push(quote_spanned!(m=> &(#tokens)));
                Role::Computed(self.arguments.len() - 1)
            }
        };
        let mode = match (&role, key.how) {
            (Role::Exception, _) | (_, How::Error) => Mode::Error,
            (Role::Stack, _) => Mode::Stack,
            (_, How::Value) => Mode::Value,
            (_, How::Debug) => Mode::Debugged(Spec::DEBUG),
            (_, How::Display) => Mode::Shown(Spec::PLAIN),
            (_, How::Serde) => Mode::Serde,
        };
        let argument = self.argument(&key.value);
        self.slots.push(Slot { argument, mode, role });
    }

    /// Takes a format string apart. `None`, and nothing changed, if that cannot be done.
    fn message(&mut self, message: &Message) -> Option<()> {
        let literal = message.literal.as_ref()?;
        let format = format::parse(&literal.value())?;
        let base = self.arguments.len();
        let given = &message.arguments;
        let positional = given.iter().take_while(|argument| argument.name.is_none()).count();
        let mut names = Vec::new();
        for argument in &given[positional..] {
            let name = argument.name.as_ref()?.unraw().to_string();
            if names.contains(&name) {
                return None;
            }
            names.push(name);
        }
        // Names that are not among the arguments are variables of the caller.
        let mut implicit: Vec<Ident> = Vec::new();
        let mut used = vec![false; given.len()];
        let mut place = |argument: &Argument| -> Option<usize> {
            let at = match argument {
                Argument::Index(at) => (*at < given.len()).then_some(*at)?,
                Argument::Name(name) => match names.iter().position(|known| known == name) {
                    Some(at) => positional + at,
                    None => match implicit.iter().position(|known| known == name) {
                        Some(at) => given.len() + at,
                        None => {
                            implicit.push(variable(name, literal.span())?);
                            given.len() + implicit.len() - 1
                        }
                    },
                },
            };
            if let Some(used) = used.get_mut(at) {
                *used = true;
            }
            Some(base + at)
        };
        let mut holes = Vec::new();
        for piece in &format.pieces {
            if let Piece::Hole(Hole { argument, spec }) = piece {
                let mut spec = spec.clone();
                for count in [&mut spec.width, &mut spec.precision] {
                    if let Count::From(argument) = count {
                        *argument = Argument::Index(place(argument)?);
                    }
                }
                holes.push((place(argument)?, spec));
            }
        }
        if used.contains(&false) || self.slots.len() + 3 * holes.len() > MOST_VALUES {
            return None;
        }
        for argument in given {
            self.argument(&argument.value);
        }
        for name in &implicit {
            self.argument(&syn::parse_quote!(#name));
        }
        let mut holes = holes.into_iter();
        for piece in format.pieces {
            let Piece::Hole(_) = piece else {
                let Piece::Text(text) = piece else { unreachable!() };
                self.pieces.push(SitePiece::Text(text));
                continue;
            };
            let Some((argument, spec)) = holes.next() else { break };
            let slot = self.slot(argument, mode_of(&spec));
            let mut spec = spec;
            for count in [&mut spec.width, &mut spec.precision] {
                if let Count::From(Argument::Index(argument)) = count {
                    *argument = self.slot(*argument, Mode::Count);
                }
            }
            self.pieces.push(SitePiece::Value(slot, spec));
        }
        self.template = literal.value().to_token_stream();
        Some(())
    }

    /// Leaves the whole message to `format_args!`.
    fn whole(&mut self, message: &Message) {
        let m = Span::mixed_site();
        let tokens = &message.tokens;
        self.spans.push(m);
        self.arguments.push(quote_spanned!(m=> ::core::format_args!(#tokens)));
        let argument = self.arguments.len() - 1;
        let slot = self.slot(argument, Mode::Whole);
        self.pieces.push(SitePiece::Value(slot, Spec::PLAIN));
        self.template = match &message.first {
            Expr::Macro(first) => first.to_token_stream(),
            _ => match &message.literal {
                Some(literal) => literal.value().to_token_stream(),
                None => "".to_token_stream(),
            },
        };
    }
}

fn mode_of(spec: &Spec) -> Mode {
    match spec.kind {
        "?" | "x?" | "X?" => Mode::Debugged(spec.clone()),
        "p" => Mode::Rendered(spec.clone()),
        _ => Mode::Shown(spec.clone()),
    }
}

/// The caller's variable of this name; `None` if it cannot be one.
fn variable(name: &str, span: Span) -> Option<Ident> {
    let mut ident = match name {
        "self" => Ident::new("self", span),
        _ => syn::parse_str::<Ident>(name).ok()?,
    };
    ident.set_span(span);
    Some(ident)
}

/// Expands a call.
pub(crate) fn call(call: &Call) -> TokenStream {
    let m = Span::mixed_site();
    let root = &call.root;
    let c = quote_spanned!(m=> #root::__private);
    let mut site = Site {
        arguments: Vec::new(),
        spans: Vec::new(),
        slots: Vec::new(),
        pieces: Vec::new(),
        template: "".to_token_stream(),
    };
    if let Some(error) = &call.error {
        let argument = site.argument(error);
        site.slots.push(Slot { argument, mode: Mode::Error, role: Role::Exception });
    }
    call.keys.iter().for_each(|key| site.key(key));
    if let Some(message) = &call.message
        && site.message(message).is_none()
    {
        site.whole(message);
    }
    if site.slots.len() > MOST_VALUES {
        let text = format!("a call can carry at most {MOST_VALUES} values");
        return syn::Error::new(Span::call_site(), text).to_compile_error();
    }

    let fixed = match &call.what {
        What::Fixed(level) => Some(Literal::i32_suffixed(*level)),
        What::Log(_) | What::Enabled(_) => None,
    };
    let (bind_level, level, number) = match (&call.what, &fixed) {
        (What::Log(level) | What::Enabled(level), _) => (
            quote_spanned!(m=> let __level: #c::Level = ::core::convert::Into::into(#level);),
            quote_spanned!(m=> __level),
            quote_spanned!(m=> __level.asked()),
        ),
        (What::Fixed(_), number) => (
            TokenStream::new(),
            quote_spanned!(m=> #c::Level::new(#number)),
            number.to_token_stream(),
        ),
    };
    let constant = call.target.as_ref().filter(|target| is_constant(target));
    let asks = matches!(call.what, What::Enabled(_));
    let statics = statics(&c, &site, asks, fixed.as_ref(), constant);
    let computed = call.target.as_ref().filter(|_| constant.is_none() || call.logger.is_some());
    let logger = match (&call.logger, computed) {
        (None, None) => None,
        (Some(logger), None) => Some(quote_spanned!(m.located_at(logger.span())=> &(#logger))),
        (None, Some(target)) => Some(quote_spanned!(m=> &#c::logger_for(#target))),
        (Some(logger), Some(target)) => {
            let logger = quote_spanned!(m.located_at(logger.span())=> &(#logger));
            Some(quote_spanned!(m=> &#c::logger_beside(#logger, #target)))
        }
    };
    if let What::Enabled(_) = call.what {
        let asked = match &logger {
            None => quote_spanned!(m=> #c::enabled(&__SITE, __level)),
            Some(logger) => quote_spanned!(m=> {
                let __logger: &#c::Logger = #logger;
                __logger.is_enabled_for(__level)
            }),
        };
        return quote_spanned!(m=> {
            #statics
            #bind_level
            #c::is_compiled(#number) && #asked
        });
    }
    let body = match &logger {
        None => {
            let call = match &fixed {
                Some(_) => quote_spanned!(m=> #c::Fixed(&__SITE, __word)),
                None => quote_spanned!(m=> #c::AtLevel(&__SITE, __word, __level)),
            };
            let done = emission(&c, &site, &call);
            quote_spanned!(m=>
                if let ::core::option::Option::Some(__word) = #c::admit(&__SITE, #number) {
                    #done
                }
            )
        }
        Some(logger) => {
            let call = quote_spanned!(m=> #c::OnLogger(&__SITE, __logger, __word, #level));
            let done = emission(&c, &site, &call);
            quote_spanned!(m=>
                if #c::is_compiled(#number) {
                    let __logger: &#c::Logger = #logger;
                    if let ::core::option::Option::Some(__word) = __logger.admits(#number) {
                        #done
                    }
                }
            )
        }
    };
    quote_spanned!(m=> {
        #statics
        #bind_level
        #body
    })
}

/// Returns true for a target that can stand in a static.
fn is_constant(target: &Expr) -> bool {
    const MACROS: [&str; 5] = ["module_path", "concat", "stringify", "env", "file"];
    match target {
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => true,
        Expr::Group(group) => is_constant(&group.expr),
        Expr::Macro(call) => {
            call.mac.path.segments.last().is_some_and(|last| MACROS.iter().any(|m| last.ident == m))
        }
        _ => false,
    }
}

/// The items of a call site: the marker that names its function, and the site.
fn statics(
    c: &TokenStream,
    site: &Site,
    asks: bool,
    level: Option<&Literal>,
    target: Option<&Expr>,
) -> TokenStream {
    let m = Span::mixed_site();
    let made = match asks {
        true => quote_spanned!(m=> asking),
        false => quote_spanned!(m=> new),
    };
    let level = match level {
        Some(level) => {
            quote_spanned!(m=> ::core::option::Option::Some(#c::Level::new(#level)))
        }
        None => quote_spanned!(m=> ::core::option::Option::None),
    };
    let target = match target {
        Some(target) => target.to_token_stream(),
        None => quote_spanned!(m=> ::core::module_path!()),
    };
    let template = &site.template;
    let pieces = site.pieces.iter().map(|piece| match piece {
        SitePiece::Text(text) => quote_spanned!(m=> #c::Piece::Text(#text)),
        SitePiece::Value(at, spec) => {
            let number = Literal::u8_suffixed(*at as u8);
            let rendered = matches!(site.slots[*at].mode, Mode::Rendered(_));
            if *spec == Spec::PLAIN || rendered {
                return quote_spanned!(m=> #c::Piece::Plain(#number));
            }
            let spec = spec_value(c, spec);
            quote_spanned!(m=> #c::Piece::Spec(#number, &#spec))
        }
    });
    let roles = if site.slots.len() <= TUPLE
        && site.slots.iter().all(|slot| matches!(slot.role, Role::Message))
    {
        let count = site.slots.len();
        quote_spanned!(m=> #c::Role::messages(#count))
    } else {
        let roles = site.slots.iter().map(|slot| match &slot.role {
            Role::Message => quote_spanned!(m=> #c::Role::Message),
            Role::Key(name, span) => {
                let mut name = Literal::string(name);
                name.set_span(*span);
                quote_spanned!(m=> #c::Role::Key(#name))
            }
            Role::Computed(_) => quote_spanned!(m=> #c::Role::Pair),
            Role::Exception => quote_spanned!(m=> #c::Role::Exception),
            Role::Stack => quote_spanned!(m=> #c::Role::Stack),
        });
        quote_spanned!(m=> &[#(#roles),*])
    };
    quote_spanned!(m=>
        enum __Here {}
        static __SITE: #c::Callsite = #c::Callsite::#made(#c::Metadata {
            level: #level,
            target: #target,
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
            function: ::core::any::type_name::<__Here>,
            template: #template,
            pieces: &[#(#pieces),*],
            roles: #roles,
        });
    )
}

fn spec_value(c: &TokenStream, spec: &Spec) -> TokenStream {
    let m = Span::mixed_site();
    let mut fields = TokenStream::new();
    if let Some(fill) = spec.fill {
        fields.extend(quote_spanned!(m=> fill: #fill,));
    }
    if let Some(align) = spec.align {
        let align = match align {
            '<' => quote_spanned!(m=> Left),
            '^' => quote_spanned!(m=> Center),
            _ => quote_spanned!(m=> Right),
        };
        fields.extend(quote_spanned!(m=> align: ::core::option::Option::Some(#c::Align::#align),));
    }
    let plus = spec.sign == Some('+');
    for (name, on) in [("plus", plus), ("alternate", spec.alternate), ("zero", spec.zero)] {
        if on {
            let name = Ident::new(name, m);
            fields.extend(quote_spanned!(m=> #name: true,));
        }
    }
    for (name, count) in [("width", &spec.width), ("precision", &spec.precision)] {
        let name = Ident::new(name, m);
        match count {
            Count::None => {}
            Count::Is(number) => {
                fields.extend(quote_spanned!(m=> #name: #c::Count::Is(#number),));
            }
            Count::From(Argument::Index(slot)) => {
                let slot = Literal::u8_suffixed(*slot as u8);
                fields.extend(quote_spanned!(m=> #name: #c::Count::Value(#slot),));
            }
            Count::From(Argument::Name(_)) => {}
        }
    }
    let kind = match spec.kind {
        "?" => "Debug",
        "x?" => "DebugLowerHex",
        "X?" => "DebugUpperHex",
        "x" => "LowerHex",
        "X" => "UpperHex",
        "o" => "Octal",
        "b" => "Binary",
        "e" => "LowerExp",
        "E" => "UpperExp",
        "p" => "Pointer",
        _ => "Display",
    };
    let kind = Ident::new(kind, m);
    quote_spanned!(m=> #c::Spec { #fields kind: #c::Kind::#kind, ..#c::Spec::PLAIN })
}

/// Evaluates, holds, encodes.
fn emission(c: &TokenStream, site: &Site, call: &TokenStream) -> TokenStream {
    let m = Span::mixed_site();
    let count = site.slots.len();
    if count == 0 {
        return quote_spanned!(m=> #c::emit_0(#call););
    }
    let arguments = &site.arguments;
    let names: Vec<Ident> = site
        .spans
        .iter()
        .enumerate()
        .map(|(at, span)| Ident::new(&format!("__a{at}"), m.located_at(*span)))
        .collect();
    let holds = site.slots.iter().map(|slot| hold(c, slot, &names, &site.spans));
    let emit = if count <= TUPLE {
        let emit = Ident::new(&format!("emit_{count}"), m);
        quote_spanned!(m=> #c::#emit(#call, #(#holds),*);)
    } else {
        let held: Vec<Ident> = (0..count).map(|at| Ident::new(&format!("__h{at}"), m)).collect();
        quote_spanned!(m=>
            let mut __scratch = #c::Scratch::new();
            #(let #held = #c::Hold::hold(#holds, &mut __scratch);)*
            #c::emit_many(#call, &[#(&#c::Held::view(&#held, &__scratch) as &dyn #c::DynEncode),*]);
        )
    };
    let traits = traits(&site.slots);
    let import = (!traits.is_empty()).then(|| {
        quote_spanned!(m=>
            #[allow(unused_imports)]
            use #c::{#(#traits as _),*};
        )
    });
    quote_spanned!(m=>
        match (#(#arguments,)*) {
            (#(#names,)*) => {
                #import
                #emit
            }
        }
    )
}

/// The traits whose methods the values of a call need: no more, for each is looked through for
/// each value.
fn traits(slots: &[Slot]) -> Vec<Ident> {
    let mut wanted = Vec::new();
    for slot in slots {
        let kind: &[&str] = match slot.mode {
            Mode::Shown(_) => &["ViaDisplay", "ViaRendered"],
            Mode::Debugged(_) => &["ViaDebug", "ViaRendered"],
            Mode::Value => &["Via", "ViaShown", "ViaDebugged"],
            Mode::Error => &["ViaError", "ViaDeref", "ViaDerefTwice"],
            Mode::Stack => &["ViaFlag", "ViaStack"],
            Mode::Rendered(_) | Mode::Count | Mode::Serde | Mode::Whole => &[],
        };
        for name in kind {
            if !wanted.contains(name) {
                wanted.push(name);
            }
        }
    }
    wanted.iter().map(|name| Ident::new(name, Span::mixed_site())).collect()
}

fn hold(c: &TokenStream, slot: &Slot, names: &[Ident], spans: &[Span]) -> TokenStream {
    let m = Span::mixed_site();
    let me = &names[slot.argument];
    let span = m.located_at(spans[slot.argument]);
    let inner = match &slot.mode {
        Mode::Shown(spec) if *spec == Spec::PLAIN => {
            quote_spanned!(span=> (&#c::Slot(#me)).__sawmill_display())
        }
        Mode::Debugged(spec) if *spec == Spec::DEBUG => {
            quote_spanned!(span=> (&#c::Slot(#me)).__sawmill_debug())
        }
        Mode::Shown(spec) => {
            let text = rendering(spec, slot.argument, names, spans);
            quote_spanned!(span=> (&#c::Slot(#me)).__sawmill_display_as(#text))
        }
        Mode::Debugged(spec) => {
            let text = rendering(spec, slot.argument, names, spans);
            quote_spanned!(span=> (&#c::Slot(#me)).__sawmill_debug_as(#text))
        }
        Mode::Rendered(spec) => {
            let text = rendering(spec, slot.argument, names, spans);
            quote_spanned!(m=> #c::Formatted(#text))
        }
        Mode::Count => quote_spanned!(span=> #c::Width(*#me)),
        Mode::Value => quote_spanned!(span=> (&&&#c::Slot(#me)).__sawmill_value()),
        Mode::Error => quote_spanned!(span=> (&&&#c::Slot(#me)).__sawmill_error()),
        Mode::Stack => quote_spanned!(span=> (&&#c::Slot(#me)).__sawmill_stack()),
        Mode::Serde => quote_spanned!(span=> #c::Serialized(#me)),
        Mode::Whole => quote_spanned!(m=> #c::Formatted(#me)),
    };
    match slot.role {
        Role::Computed(key) => {
            let key = &names[key];
            quote_spanned!(m=> #c::Keyed(#key, #inner))
        }
        _ => inner,
    }
}

/// `format_args!` of one argument with its own spec, and the counts that the spec names.
fn rendering(spec: &Spec, argument: usize, names: &[Ident], spans: &[Span]) -> TokenStream {
    let m = Span::mixed_site();
    let mut used = vec![argument];
    let text = spec.to_text(|count| {
        if let Argument::Index(at) = count {
            used.push(*at);
        }
        used.len() - 1
    });
    let text = match &*text {
        "" => "{}".to_owned(),
        text => format!("{{0:{text}}}"),
    };
    let mut literal = Literal::string(&text);
    literal.set_span(m.located_at(spans[argument]));
    let values = used.iter().map(|at| {
        let me = &names[*at];
        quote_spanned!(m.located_at(spans[*at])=> *#me)
    });
    quote_spanned!(m=> ::core::format_args!(#literal, #(#values),*))
}
