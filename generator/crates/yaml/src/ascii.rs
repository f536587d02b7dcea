//! An input for the YAML parser that reads ASCII text.

use saphyr_parser::Input;
use saphyr_parser::input::is_breakz;

/// ASCII text as parser input. Nearly all specs and manifests are ASCII, where every byte is a
/// character and nothing has to be decoded. The parser's own input accepts any text, but makes the
/// parser allocate 128 characters per scalar.
pub(super) struct Ascii<'a> {
    rest: &'a [u8],
    lookahead: usize,
}

impl<'a> Ascii<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        debug_assert!(text.is_ascii());
        Self { rest: text.as_bytes(), lookahead: 0 }
    }
}

impl Input for Ascii<'_> {
    /// Records the requested count. The whole text is available from the start.
    #[inline]
    fn lookahead(&mut self, count: usize) {
        self.lookahead = self.lookahead.max(count);
    }

    #[inline]
    fn buflen(&self) -> usize {
        self.lookahead
    }

    /// The number of characters that the parser reserves at the start of each word. Its buffer already
    /// holds 32, so a scalar of one word needs no allocation.
    #[inline]
    fn bufmaxlen(&self) -> usize {
        16
    }

    #[inline]
    fn raw_read_ch(&mut self) -> char {
        let next = self.peek();
        self.skip();
        next
    }

    #[inline]
    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        let next = self.peek_opt().filter(|c| !is_breakz(*c))?;
        self.skip();
        Some(next)
    }

    #[inline]
    fn skip(&mut self) {
        self.skip_n(1);
    }

    #[inline]
    fn skip_n(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    #[inline]
    fn peek(&self) -> char {
        self.peek_nth(0)
    }

    #[inline]
    fn peek_nth(&self, n: usize) -> char {
        self.rest.get(n).map_or('\0', |byte| char::from(*byte))
    }

    #[inline]
    fn peek_opt(&self) -> Option<char> {
        self.rest.first().map(|byte| char::from(*byte))
    }
}
