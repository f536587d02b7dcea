//! Random edits of all specs in `tests/valid`, of `tests/everything.yaml` and of the reference lab, by the same code as in
//! the tests of the crate `edit`.

#[path = "../../crates/edit/src/tests/decorate.rs"]
mod decorate;
#[path = "../../crates/edit/src/tests/dice.rs"]
mod dice;
#[path = "../../crates/edit/src/tests/random.rs"]
mod random;

use crate::support::{reference_spec, repository};
use homelab::{edit, yaml};

#[test]
fn edits_of_every_spec_mean_what_they_should_and_keep_all_other_bytes() {
    let tests = repository().join("tests");
    let cases = std::fs::read_dir(tests.join("valid")).expect("the folder exists");
    let cases = cases.map(|entry| entry.expect("the folder can be listed").path().join("spec.yaml"));
    let mut paths: Vec<_> = cases.filter(|path| path.exists()).chain([tests.join("everything.yaml")]).collect();
    paths.sort();
    let mut specs: Vec<_> =
        paths.iter().map(|path| std::fs::read_to_string(path).expect("the case can be read")).collect();
    specs.push(reference_spec());
    let specs: Vec<&str> = specs.iter().map(String::as_str).collect();
    random::check(&specs, 10 * specs.len());
}
