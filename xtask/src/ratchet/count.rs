//! Finds what the ratchet counts, in the tokens of the source files.
//!
//! Tokens rather than a syntax tree, because macros hide code from a tree; tokens rather than text,
//! because comments and strings may say `unsafe`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use serde::{Deserialize, Serialize};

/// A file with more lines should be split.
pub const LONG_FILE: usize = 600;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The keyword `unsafe`, except in attributes.
    Unsafe,
    /// `.unwrap()` and `.expect(...)`.
    Unwrap,
    /// `#[allow(...)]` and `#![allow(...)]`.
    Allow,
    /// A file of more than [`LONG_FILE`] lines.
    LongFile,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Unsafe, Self::Unwrap, Self::Allow, Self::LongFile];
}

/// One finding.
pub struct Place {
    /// What it is.
    pub kind: Kind,
    /// File and line.
    pub at: String,
}

/// The findings outside tests in all crates, by crate.
pub fn workspace() -> Result<BTreeMap<String, Vec<Place>>> {
    let root = crate::workspace();
    let mut crates = BTreeMap::new();
    let folders = fs::read_dir(root.join("crates"))?.map(|entry| entry.map(|entry| entry.path()));
    for folder in folders.chain([Ok(root.join("xtask"))]) {
        let folder = folder?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut files = Vec::new();
        sources(&folder, &mut files)?;
        files.sort();
        let mut places = Vec::new();
        for path in files {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            scan(&text, &shown, &mut places).with_context(|| format!("cannot parse {shown}"))?;
        }
        crates.insert(name, places);
    }
    Ok(crates)
}

/// Collects the source files below `folder` that become part of the programs: no tests, examples or build scripts.
fn sources(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if matches!(&*name, "tests" | "tests.rs" | "target" | "examples" | "build.rs") {
            continue;
        }
        if path.is_dir() {
            sources(&path, files)?;
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn scan(text: &str, file: &str, places: &mut Vec<Place>) -> Result<()> {
    let lines = text.lines().count();
    if lines > LONG_FILE {
        places.push(Place { kind: Kind::LongFile, at: format!("{file}: {lines} lines") });
    }
    let tokens: TokenStream = text.parse().map_err(|error| anyhow!("{error}"))?;
    walk(tokens, &mut |kind, span| places.push(Place { kind, at: format!("{file}:{}", span.start().line) }));
    Ok(())
}

fn walk(tokens: TokenStream, found: &mut impl FnMut(Kind, Span)) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Punct(hash) if hash.as_char() == '#' => {
                let inner = tokens.get(at).is_some_and(|token| is_punct(token, '!'));
                let Some(attribute) = tokens.get(at + usize::from(inner)).and_then(bracketed) else { continue };
                at += 1 + usize::from(inner);
                if attribute.starts_with("allow") {
                    found(Kind::Allow, hash.span());
                }
                if attribute == "test" || attribute.replace(' ', "") == "cfg(test)" {
                    at = end_of_item(&tokens, at);
                }
            }
            TokenTree::Punct(dot) if dot.as_char() == '.' => {
                let method = tokens.get(at).is_some_and(|token| is_ident(token, &["unwrap", "expect"]));
                let called = matches!(tokens.get(at + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
                if method && called {
                    found(Kind::Unwrap, dot.span());
                }
            }
            TokenTree::Ident(ident) if ident == "unsafe" => found(Kind::Unsafe, ident.span()),
            TokenTree::Group(group) => walk(group.stream(), found),
            _ => {}
        }
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_ident(token: &TokenTree, wanted: &[&str]) -> bool {
    matches!(token, TokenTree::Ident(ident) if wanted.iter().any(|name| ident == name))
}

/// The text of an attribute, given the token after its `#`.
fn bracketed(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some(group.stream().to_string()),
        _ => None,
    }
}

/// The position after the item that starts at `at`: after its body, or after its semicolon.
fn end_of_item(tokens: &[TokenTree], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            token if is_punct(token, ';') => break,
            _ => {}
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::{Kind, scan};

    fn kinds(text: &str) -> Vec<Kind> {
        let mut places = Vec::new();
        scan(text, "file.rs", &mut places).unwrap();
        places.into_iter().map(|place| place.kind).collect()
    }

    #[test]
    fn code_counts_and_text_does_not() {
        assert_eq!(
            kinds("fn f() { unsafe { g() } } // unsafe\nconst T: &str = \"unsafe x.unwrap()\";"),
            [Kind::Unsafe]
        );
        assert_eq!(
            kinds("#![allow(dead_code)] fn f() { x.unwrap(); y.expect(\"z\"); z.unwrap_or(1); }"),
            [Kind::Allow, Kind::Unwrap, Kind::Unwrap]
        );
        assert_eq!(kinds(&"// line\n".repeat(601)), [Kind::LongFile]);
    }

    #[test]
    fn tests_do_not_count() {
        assert_eq!(kinds("#[cfg(test)] mod tests { fn f() { x.unwrap(); } } #[test] fn g() { y.unwrap() }"), []);
        assert_eq!(kinds("#[cfg(test)] mod tests; fn f() { x.unwrap(); }"), [Kind::Unwrap]);
    }
}
