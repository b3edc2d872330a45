//! `#[derive(Snapshot)]`; see the `lazaret-snapshot` crate.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Field, Fields, Path, Result, parse_macro_input, parse_quote};

/// Saves a type as the sequence of its fields, an enum with the position of its variant in front.
///
/// Attribute of the type: `#[snapshot(attach = path)]` names the function that is its
/// `Snapshot::attach`.
///
/// Attributes of a field:
/// - `#[snapshot(skip)]`: not saved, `Default::default()` when loaded;
/// - `#[snapshot(with = path)]`: saved by `path::save(&field, writer)`, loaded by `path::load(reader)`.
#[proc_macro_derive(Snapshot, attributes(snapshot))]
pub fn derive_snapshot(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(input).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(mut input: DeriveInput) -> Result<TokenStream> {
    let (save, load) = match &input.data {
        Data::Struct(data) => structure(&data.fields)?,
        Data::Enum(data) => enumeration(data)?,
        Data::Union(_) => return Err(Error::new_spanned(&input.ident, "a union cannot be saved")),
    };
    let attach = attach(&input)?;
    for parameter in input.generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::lazaret_snapshot::Snapshot));
    }
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        impl #impl_generics ::lazaret_snapshot::Snapshot for #name #type_generics #where_clause {
            fn save(&self, writer: &mut ::lazaret_snapshot::Writer) -> ::lazaret_snapshot::Result<()> {
                let _ = &writer;
                #save
                Ok(())
            }

            fn load(reader: &mut ::lazaret_snapshot::Reader<'_>) -> ::lazaret_snapshot::Result<Self> {
                let _ = &reader;
                #load
            }

            #attach
        }
    })
}

/// The function that `#[snapshot(attach = path)]` asks for.
fn attach(input: &DeriveInput) -> Result<Option<TokenStream>> {
    let mut function = None;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("snapshot")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("attach") {
                return Err(meta.error("expected `attach = path`"));
            }
            let path: Path = meta.value()?.parse()?;
            function = Some(quote! {
                fn attach(
                    this: &::std::sync::Arc<Self>,
                    context: &::lazaret_snapshot::Context,
                ) -> ::lazaret_snapshot::Result<()> {
                    #path(this, context)
                }
            });
            Ok(())
        })?;
    }
    Ok(function)
}

fn structure(fields: &Fields) -> Result<(TokenStream, TokenStream)> {
    let parts = Parts::of(fields)?;
    let (pattern, save, load) = (&parts.pattern, &parts.save, &parts.load);
    Ok((quote!(let Self #pattern = self; #(#save)*), quote!(Ok(Self #load))))
}

fn enumeration(data: &syn::DataEnum) -> Result<(TokenStream, TokenStream)> {
    let mut save = Vec::new();
    let mut load = Vec::new();
    for (index, variant) in data.variants.iter().enumerate() {
        let tag = u16::try_from(index).map_err(|_| Error::new_spanned(variant, "too many variants"))?;
        let name = &variant.ident;
        let parts = Parts::of(&variant.fields)?;
        let (pattern, body, value) = (&parts.pattern, &parts.save, &parts.load);
        save.push(quote! {
            Self::#name #pattern => {
                ::lazaret_snapshot::Snapshot::save(&#tag, writer)?;
                #(#body)*
            }
        });
        load.push(quote!(#tag => Ok(Self::#name #value),));
    }
    let load = quote! {
        match <u16 as ::lazaret_snapshot::Snapshot>::load(reader)? {
            #(#load)*
            _ => Err(::lazaret_snapshot::Error::Invalid(::std::any::type_name::<Self>())),
        }
    };
    Ok((quote!(match self { #(#save)* }), load))
}

/// What is made of the fields of a structure or a variant.
struct Parts {
    /// Binds each saved field to a name.
    pattern: TokenStream,
    /// One statement per saved field.
    save: Vec<TokenStream>,
    /// The fields of the constructor.
    load: TokenStream,
}

impl Parts {
    fn of(fields: &Fields) -> Result<Self> {
        let mut bindings = Vec::new();
        let mut save = Vec::new();
        let mut load = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let binding = format_ident!("field_{index}");
            let label = field.ident.as_ref().map(|name| quote!(#name:));
            match How::of(field)? {
                How::Skip => {
                    bindings.push(quote!(#label _));
                    load.push(quote!(#label ::std::default::Default::default()));
                }
                How::Derive => {
                    let field_type = &field.ty;
                    bindings.push(quote!(#label #binding));
                    save.push(quote!(::lazaret_snapshot::Snapshot::save(#binding, writer)?;));
                    load.push(quote!(#label <#field_type as ::lazaret_snapshot::Snapshot>::load(reader)?));
                }
                How::With(path) => {
                    bindings.push(quote!(#label #binding));
                    save.push(quote!(#path::save(#binding, writer)?;));
                    load.push(quote!(#label #path::load(reader)?));
                }
            }
        }
        let (pattern, load) = match fields {
            Fields::Named(_) => (quote!({ #(#bindings),* }), quote!({ #(#load),* })),
            Fields::Unnamed(_) => (quote!((#(#bindings),*)), quote!((#(#load),*))),
            Fields::Unit => (quote!(), quote!()),
        };
        Ok(Self { pattern, save, load })
    }
}

/// How a field is saved.
enum How {
    Derive,
    Skip,
    With(Path),
}

impl How {
    fn of(field: &Field) -> Result<Self> {
        let mut how = How::Derive;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("snapshot")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("skip") {
                    how = How::Skip;
                    Ok(())
                } else if meta.path.is_ident("with") {
                    how = How::With(meta.value()?.parse()?);
                    Ok(())
                } else {
                    Err(meta.error("expected `skip` or `with = path`"))
                }
            })?;
        }
        Ok(how)
    }
}
