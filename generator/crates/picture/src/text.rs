//! The width of texts, estimated without their font, and how texts are made to fit.

use crate::style::Style;
use std::borrow::Cow;

/// The advance widths of U+0020 to U+017F in text of normal weight, in hundredths of the font size.
#[rustfmt::skip]
const REGULAR: [u8; 352] = [
    34, 43, 48, 86, 66, 98, 80, 30, 42, 42, 58, 86, 34, 39, 34, 40, 66, 66, 66, 66, 66, 66, 66, 66,
    66, 66, 36, 36, 86, 86, 86, 58, 104, 71, 71, 75, 79, 69, 64, 80, 78, 36, 52, 69, 58, 93, 78, 81,
    69, 81, 75, 69, 64, 76, 71, 101, 71, 69, 71, 42, 40, 42, 86, 58, 52, 64, 66, 57, 66, 64, 38, 66,
    66, 30, 30, 60, 30, 100, 66, 64, 66, 66, 44, 55, 42, 66, 62, 84, 62, 62, 55, 66, 58, 66, 86, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 34, 43, 66, 66, 66, 66, 58, 58, 60, 102, 50, 64, 86, 0, 102, 58,
    52, 86, 43, 43, 52, 66, 68, 34, 52, 43, 50, 64, 99, 99, 99, 64, 71, 71, 71, 71, 71, 71, 102, 75,
    69, 69, 69, 69, 36, 36, 36, 36, 80, 78, 81, 81, 81, 81, 81, 86, 81, 76, 76, 76, 76, 69, 69, 66,
    64, 64, 64, 64, 64, 64, 101, 57, 64, 64, 64, 64, 30, 30, 30, 30, 64, 66, 64, 64, 64, 64, 64, 86,
    64, 66, 66, 66, 66, 62, 66, 62, 71, 64, 71, 64, 71, 64, 75, 57, 75, 57, 75, 57, 75, 57, 79, 66,
    80, 66, 69, 64, 69, 64, 69, 64, 69, 64, 69, 64, 80, 66, 80, 66, 80, 66, 80, 66, 78, 66, 94, 72,
    36, 30, 36, 30, 36, 30, 36, 30, 36, 30, 76, 58, 52, 30, 69, 60, 60, 58, 30, 58, 30, 58, 40, 58,
    37, 59, 31, 78, 66, 78, 66, 78, 66, 84, 78, 66, 81, 64, 81, 64, 81, 64, 109, 105, 75, 44, 75, 44,
    75, 44, 69, 55, 69, 55, 69, 55, 69, 55, 64, 42, 64, 42, 64, 42, 76, 66, 76, 66, 76, 66, 76, 66,
    76, 66, 76, 66, 101, 84, 69, 62, 69, 71, 55, 71, 55, 71, 55, 38,
];

/// The same in bold text.
#[rustfmt::skip]
const BOLD: [u8; 352] = [
    37, 48, 55, 86, 72, 103, 90, 33, 48, 48, 57, 86, 40, 44, 40, 44, 72, 72, 72, 72, 72, 72, 72, 72,
    72, 72, 42, 42, 86, 86, 86, 64, 102, 80, 79, 76, 85, 71, 71, 85, 86, 41, 58, 80, 66, 102, 86, 87,
    76, 87, 79, 75, 71, 84, 80, 113, 80, 75, 75, 48, 44, 48, 86, 58, 52, 70, 74, 62, 74, 70, 46, 74,
    74, 37, 37, 69, 37, 107, 74, 71, 74, 74, 52, 62, 50, 74, 68, 95, 67, 68, 61, 74, 58, 74, 86, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 37, 48, 72, 72, 66, 72, 58, 58, 63, 102, 59, 67, 86, 0, 102, 58,
    52, 86, 46, 46, 52, 76, 68, 40, 52, 46, 59, 67, 106, 106, 106, 64, 80, 80, 80, 80, 80, 80, 111, 76,
    71, 71, 71, 71, 41, 41, 41, 41, 86, 86, 87, 87, 87, 87, 87, 86, 87, 84, 84, 84, 84, 75, 76, 74,
    70, 70, 70, 70, 70, 70, 107, 62, 70, 70, 70, 70, 37, 37, 37, 37, 71, 74, 71, 71, 71, 71, 71, 86,
    71, 74, 74, 74, 74, 68, 74, 68, 80, 70, 80, 70, 80, 70, 76, 62, 76, 62, 76, 62, 76, 62, 85, 74,
    86, 74, 71, 70, 71, 70, 71, 70, 71, 70, 71, 70, 85, 74, 85, 74, 85, 74, 85, 74, 86, 74, 100, 81,
    41, 37, 41, 37, 41, 37, 41, 37, 41, 37, 81, 71, 58, 37, 80, 69, 69, 66, 37, 66, 37, 66, 50, 66,
    58, 67, 40, 86, 74, 86, 74, 86, 74, 101, 86, 74, 87, 71, 87, 71, 87, 71, 119, 112, 79, 52, 79, 52,
    79, 52, 75, 62, 75, 62, 75, 62, 75, 62, 71, 50, 71, 50, 71, 50, 84, 74, 84, 74, 84, 74, 84, 74,
    84, 74, 84, 74, 113, 95, 75, 68, 75, 75, 61, 75, 61, 75, 61, 46,
];

/// The first character of the tables.
const FIRST: u32 = 0x20;

/// The advance width of a character, in hundredths of the font size: the largest in DejaVu Sans, Noto Sans and
/// Liberation Sans, and a little more. DejaVu Sans is the widest of the fonts that browsers use for `system-ui`, and
/// Liberation Sans is as wide as Arial and Helvetica.
fn advance(c: char, is_bold: bool) -> u32 {
    let table = if is_bold { &BOLD } else { &REGULAR };
    let known = u32::from(c).checked_sub(FIRST).and_then(|at| table.get(at as usize));
    match (known, c) {
        (Some(width), _) => u32::from(*width),
        (None, '→' | '…') => 104,
        // Ligatures of whole phrases, and cuneiform.
        (None, '\u{FDF0}'..='\u{FDFF}' | '\u{12000}'..='\u{1254F}') => 1200,
        // Most scripts have no wider characters. Ideographs are as wide as high, emoji a third wider.
        _ => 140,
    }
}

/// Returns an upper bound for the width of a text, in pixels.
pub fn width(text: &str, style: Style) -> i32 {
    let hundredths: u32 = text.chars().map(|c| advance(c, style.is_bold())).sum();
    (hundredths * style.size()).div_ceil(100) as i32
}

/// Replaces what a picture cannot show: line breaks and other control characters, invisible characters that reorder
/// text, and those that XML forbids.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| {
        matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
            || matches!(c, '\u{FFFE}' | '\u{FFFF}')
    };
    if text.chars().any(|c| c.is_control() || is_hidden(c)) {
        text.chars().filter(|c| !is_hidden(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
    } else {
        Cow::Borrowed(text)
    }
}

/// Shortens a text to a width, with an ellipsis at its end.
pub fn shorten(text: &str, most: i32, style: Style) -> Cow<'_, str> {
    if width(text, style) <= most {
        return Cow::Borrowed(text);
    }
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        if width(&text[..next], style) + width("…", style) > most {
            break;
        }
        end = next;
    }
    Cow::Owned(format!("{}…", text[..end].trim_end_matches([' ', '-', '.', '/', ':', ','])))
}

/// Breaks a text into at most `lines` lines, at spaces or after punctuation. The last one is shortened if the text is
/// too long.
pub fn wrap(text: &str, most: i32, lines: usize, style: Style) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if out.len() + 1 >= lines || width(rest, style) <= most {
            out.push(shorten(rest, most, style).into_owned());
            break;
        }
        let at = break_at(rest, most, style);
        out.push(rest[..at].trim_end().to_owned());
        rest = rest[at..].trim_start();
    }
    out
}

/// Where the first line of a text ends that is too long for it.
fn break_at(text: &str, most: i32, style: Style) -> usize {
    let (mut fits, mut space, mut mark) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        // A space at the end of a line takes no room.
        if width(text[..next].trim_end(), style) > most {
            break;
        }
        fits = next;
        match c {
            ' ' => space = next,
            '-' | '/' | ':' | '@' | ',' | '_' | '.' => mark = next,
            _ => {}
        }
    }
    let first = text.chars().next().map_or(0, char::len_utf8);
    // A line that a space ends after a few characters is worse than a broken word.
    let best = if space * 5 >= fits * 2 { space } else { space.max(mark) };
    if best > 0 { best } else { fits.max(first) }
}

#[cfg(test)]
mod tests {
    use super::{clean, shorten, width, wrap};
    use crate::Style;

    #[test]
    fn wraps_between_words_and_after_punctuation() {
        for (text, most, lines, expected) in [
            ("Films and series", 200, 2, &["Films and series"][..]),
            ("Films and series", 80, 2, &["Films and", "series"]),
            ("ghcr.io/jellyfin/jellyfin", 130, 2, &["ghcr.io/jellyfin/", "jellyfin"]),
            ("kube-prometheus-stack-secrets", 130, 2, &["kube-prometheus-", "stack-secrets"]),
            ("192.168.10.100-192.168.10.199", 130, 2, &["192.168.10.100-", "192.168.10.199"]),
            ("one two three", 60, 1, &["one tw…"]),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", 80, 3, &["aaaaaaaaaa", "aaaaaaaaaa", "aaaa"]),
            ("", 80, 3, &[]),
        ] {
            assert_eq!(wrap(text, most, lines, Style::Body), expected, "{text}");
        }
    }

    #[test]
    fn no_line_is_wider_than_its_box() {
        for text in
            ["wwwwwwwwwwwwwwwwwwww", "名前名前名前名前名前", "a.b.c-d/e:f@g", "ñandú «ÄÖÜ» Œuvre", "🏠🏠🏠🏠🏠🏠🏠"]
        {
            for most in [40, 60, 100] {
                for style in [Style::Heading, Style::Title, Style::Body, Style::Small] {
                    for line in wrap(text, most, 3, style) {
                        assert!(width(&line, style) <= most, "{line} in {most}");
                    }
                }
            }
        }
    }

    #[test]
    fn shortens_only_what_is_too_long() {
        assert_eq!(shorten("home", 100, Style::Body), "home");
        assert_eq!(shorten("gordito-worker", 60, Style::Body), "gordito…");
        assert!(shorten("x", 1, Style::Body).ends_with('…'));
    }

    #[test]
    fn removes_what_a_picture_cannot_show() {
        assert_eq!(clean("a\nb\u{202E}c\u{0}"), "a bc ");
        assert_eq!(clean("ñ 名前"), "ñ 名前");
    }
}
