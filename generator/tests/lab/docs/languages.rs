//! Fenced blocks in other languages than YAML and shell.

use super::{pages, report};

/// Languages whose blocks are not checked: nothing here reads them.
const FREE: [&str; 3] = ["text", "hcl", "toml"];

#[test]
fn every_block_names_its_language_and_parses() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for page in pages() {
        for block in page.blocks() {
            let place = page.place(&block);
            checked += 1;
            match block.language() {
                // See `specs.rs` and `commands.rs`.
                "yaml" | "sh" | "console" => {}
                "json" => {
                    if let Err(error) = serde_json::from_str::<serde_json::Value>(&block.text) {
                        wrong.push(format!("{place}: {error}"));
                    }
                }
                "nix" => {
                    let errors = rnix::Root::parse(&block.text).errors().to_vec();
                    wrong.extend(errors.iter().map(|error| format!("{place}: {error}")));
                }
                free if FREE.contains(&free) => {}
                "" => wrong.push(format!("{place}: the block names no language")),
                other => wrong.push(format!("{place}: unknown language `{other}`")),
            }
        }
    }
    report(&wrong);
    assert!(checked > 100, "only {checked} blocks");
}
