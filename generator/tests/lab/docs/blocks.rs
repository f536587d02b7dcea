//! The fenced blocks of a Markdown page, and its text without them.

/// A fenced block.
pub(super) struct Block {
    /// The line of its text in the page, from 1.
    pub(super) line: usize,
    /// The words after the fence: the language, and what kind of block it is.
    pub(super) info: Vec<String>,
    pub(super) text: String,
}

impl Block {
    pub(super) fn language(&self) -> &str {
        self.info.first().map_or("", String::as_str)
    }

    /// The words after the language.
    pub(super) fn kind(&self) -> Vec<&str> {
        self.info.iter().skip(1).map(String::as_str).collect()
    }
}

/// The fenced blocks of a page, without the indentation that a list gives them.
pub(super) fn of(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    for (number, line) in page.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        let closed = match (&mut open, fence) {
            (None, Some(info)) => {
                let info = info.split_whitespace().map(str::to_owned).collect();
                let indent = line.len() - line.trim_start().len();
                open = Some((Block { line: number + 2, info, text: String::new() }, indent));
                false
            }
            (Some((block, indent)), None) => {
                block.text.push_str(line.get(*indent..).unwrap_or(line.trim_start()));
                block.text.push('\n');
                false
            }
            (Some(_), Some(_)) => true,
            (None, None) => false,
        };
        if let Some((block, _)) = open.take_if(|_| closed) {
            blocks.push(block);
        }
    }
    assert!(open.is_none(), "a fenced block is not closed");
    blocks
}

/// The lines of a page that are not in fenced blocks, with their numbers from 1.
pub(super) fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    page.lines().enumerate().filter_map(move |(number, line)| {
        let is_fence = line.trim_start().starts_with("```");
        inside ^= is_fence;
        (!inside && !is_fence).then_some((number + 1, line))
    })
}

#[test]
fn finds_blocks_in_lists() {
    let found = of("# A\n\n1. B:\n\n   ```sh machine\n   true\n     # x\n   ```\n\n```text\n```\n");
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].line, found[0].text.as_str()), (6, "true\n  # x\n"));
    assert_eq!((found[0].language(), found[0].kind()), ("sh", vec!["machine"]));
}
