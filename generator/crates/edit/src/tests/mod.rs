//! Tests of edits: a table of layouts, and random edits.

mod decorate;
mod dice;
mod layouts;
mod random;

use crate as edit;
use ::yaml;

/// Texts with every kind of value.
const SAMPLES: [&str; 3] =
    [include_str!("samples/lab.yaml"), include_str!("samples/lists.yaml"), include_str!("samples/flow.yaml")];

#[test]
fn random_edits_mean_what_they_should_and_keep_all_other_bytes() {
    let by_kind = random::check(&SAMPLES, 500);
    for kind in ["insert", "append", "set", "remove", "rename", "create"] {
        assert!(by_kind.get(kind).is_some_and(|number| *number > 20), "too few edits of a kind: {by_kind:?}");
    }
}
