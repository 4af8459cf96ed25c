//! `style/main.css`, a list of `@import "x.css";` lines → one style sheet in that order.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

pub(crate) fn bundle(main: &Path) -> Result<String> {
    if !main.is_file() {
        return Ok(String::new());
    }
    let folder = main.parent().context("the style sheet lies in no folder")?;
    let mut sheet = String::new();
    for line in read(main)?.lines() {
        match imported(line) {
            Some(name) => sheet.push_str(&read(&folder.join(name))?),
            None => sheet.push_str(line),
        }
        sheet.push('\n');
    }
    Ok(without_comments(&sheet))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// The file that a line imports: `@import "x.css";`, nothing else on the line.
fn imported(line: &str) -> Option<&str> {
    line.trim().strip_prefix("@import")?.trim().strip_suffix(';')?.trim().strip_prefix('"')?.strip_suffix('"')
}

/// Drops comments, indentation and empty lines. Strings are kept whole; compression does the rest.
fn without_comments(sheet: &str) -> String {
    let mut kept = String::with_capacity(sheet.len());
    let mut rest = sheet;
    while let Some(at) = rest.find(['"', '\'', '/']) {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
            continue;
        } else if rest.starts_with('/') {
            1
        } else {
            string_length(rest)
        };
        kept.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    kept.push_str(rest);
    let lines: Vec<&str> = kept.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("\n") + "\n"
}

/// Bytes of the quoted string that `text` starts with, both quotes included.
fn string_length(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate();
    let quote = bytes.next().map(|(_, byte)| byte);
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\\' {
            bytes.next();
        } else if Some(byte) == quote {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_import_line_is_an_import() {
        assert_eq!(imported("@import \"tokens.css\";"), Some("tokens.css"));
        assert_eq!(imported("  @import  \"a/b.css\" ;"), Some("a/b.css"));
        assert_eq!(imported("@import url(\"x.css\");"), None);
        assert_eq!(imported("@layer tokens, base;"), None);
    }

    #[test]
    fn comments_go_and_strings_stay() {
        for (sheet, expected) in [
            ("a { /* b */ c: d }\n", "a {  c: d }\n"),
            ("a::before { content: \"/* no */\"; }", "a::before { content: \"/* no */\"; }\n"),
            ("a::before { content: '\\'/*'; }", "a::before { content: '\\'/*'; }\n"),
            ("a {\n\n  b: c / d;\n}\n/* end", "a {\nb: c / d;\n}\n"),
        ] {
            assert_eq!(without_comments(sheet), expected);
        }
    }
}
