//! `#[derive(Capture)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, Ident, LitStr, Path};

/// One shape: a struct, or one variant of an enum.
struct Shape<'a> {
    /// The pattern's path: `Self` or `Self::Variant`.
    path: TokenStream,
    name: String,
    variant: bool,
    fields: &'a Fields,
}

/// A field's binding, and where errors about the field point.
type Binding = (Ident, proc_macro2::Span);
/// What an arm does with a shape and its bindings.
type Body<'a> = &'a dyn Fn(&Shape<'_>, &[Binding]) -> TokenStream;

pub(crate) fn capture(input: &DeriveInput) -> syn::Result<TokenStream> {
    let root = root(input)?;
    let c = quote!(#root::__private);
    let shapes: Vec<Shape<'_>> = match &input.data {
        Data::Struct(data) => vec![Shape {
            path: quote!(Self),
            name: input.ident.unraw().to_string(),
            variant: false,
            fields: &data.fields,
        }],
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                let name = &variant.ident;
                Shape {
                    path: quote!(Self::#name),
                    name: name.unraw().to_string(),
                    variant: true,
                    fields: &variant.fields,
                }
            })
            .collect(),
        Data::Union(data) => {
            let text = "a union cannot be captured: nothing says which of its fields is set";
            return Err(syn::Error::new(data.union_token.span(), text));
        }
    };
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(syn::parse_quote!(#root::Capture));
    }
    let (generics, types, bounds) = generics.split_for_impl();
    let name = &input.ident;
    let arms = |body: Body<'_>, bind: bool| {
        let arms = shapes.iter().map(|shape| {
            let path = &shape.path;
            let names = names(shape.fields);
            let body = body(shape, &names);
            let pattern = if bind { pattern(shape.fields, &names) } else { quote!({ .. }) };
            quote!(#path #pattern => #body,)
        });
        // A type without values has no arm; only then is the place itself matched.
        match shapes.is_empty() {
            true => quote!(match *self {}),
            false => quote!(match self { #(#arms)* }),
        }
    };
    let shape = arms(&|shape, _| shape_static(&c, shape), false);
    let words = arms(
        &|_, names| {
            let each = names.iter().map(|(name, span)| {
                let name = Ident::new(&name.to_string(), *span);
                quote::quote_spanned!(*span=> + #c::field_words(#name))
            });
            quote!(0 #(#each)*)
        },
        true,
    );
    let put = arms(
        &|_, names| {
            let each = names.iter().map(|(name, span)| {
                let name = Ident::new(&name.to_string(), *span);
                let out = Ident::new("__out", proc_macro2::Span::call_site());
                quote::quote_spanned!(*span=> #c::field(#name, #out);)
            });
            quote!({ #(#each)* })
        },
        true,
    );
    Ok(quote! {
        #[automatically_derived]
        impl #generics #c::Fields for #name #types #bounds {
            fn shape(&self) -> &'static #c::Shape {
                #shape
            }
            fn words(&self) -> usize {
                #words
            }
            #[allow(unused_variables)]
            fn put<__S: #c::Sink>(&self, __out: &mut __S) {
                #put
            }
        }
        #[automatically_derived]
        impl #generics #root::Capture for #name #types #bounds {
            type Enc<'__a> = #c::Derived<'__a, Self> where Self: '__a;
            fn capture(&self) -> #c::Derived<'_, Self> {
                #c::Derived(self)
            }
        }
    })
}

/// The crate's path: `::sawmill`, or what `#[capture(crate = "..")]` says.
fn root(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut root = quote!(::sawmill);
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("capture")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown option: expected `crate = \"path\"`"));
            }
            root = meta.value()?.parse::<LitStr>()?.parse::<Path>()?.into_token_stream();
            Ok(())
        })?;
    }
    Ok(root)
}

/// The bindings of a shape's fields, and where errors about a field point: at its type.
fn names(fields: &Fields) -> Vec<Binding> {
    fields
        .iter()
        .enumerate()
        .map(|(at, field)| (format_ident!("__f{at}"), field.ty.span()))
        .collect()
}

fn pattern(fields: &Fields, names: &[Binding]) -> TokenStream {
    let each = fields.members().zip(names).map(|(member, (name, span))| {
        let name = Ident::new(&name.to_string(), *span);
        quote!(#member: #name)
    });
    quote!({ #(#each),* })
}

fn shape_static(c: &TokenStream, shape: &Shape<'_>) -> TokenStream {
    let name = &shape.name;
    let style = match shape.fields {
        Fields::Named(_) => quote!(Named),
        Fields::Unnamed(fields) if fields.unnamed.is_empty() => quote!(Unit),
        Fields::Unnamed(_) => quote!(Tuple),
        Fields::Unit => quote!(Unit),
    };
    let fields = shape
        .fields
        .iter()
        .filter_map(|field| field.ident.as_ref().map(|name| name.unraw().to_string()));
    let make = if shape.variant { quote!(of_variant) } else { quote!(new) };
    quote!({
        static __SHAPE: #c::Shape =
            #c::Shape::#make(#name, #c::ShapeStyle::#style, &[#(#fields),*]);
        &__SHAPE
    })
}
