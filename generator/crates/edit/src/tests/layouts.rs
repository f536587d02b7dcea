//! Each layout that a person may write, before and after an edit.

use crate::{EditError, append, insert, remove, rename_key, set};

/// Checks the result of an edit, also with CRLF line endings, without a final newline, and after a byte order mark.
#[track_caller]
fn check(edit: impl Fn(&str) -> Result<String, EditError>, before: &str, after: &str) {
    let variants: [fn(&str) -> String; 4] = [
        str::to_owned,
        |text| text.replace('\n', "\r\n"),
        |text| text.strip_suffix('\n').unwrap_or(text).to_owned(),
        |text| format!("\u{feff}{text}"),
    ];
    for variant in variants {
        let before = variant(before);
        match edit(&before) {
            Ok(result) => assert_eq!(result, variant(after), "of {before:?}"),
            Err(error) => panic!("{error}: {before:?}"),
        }
    }
}

#[track_caller]
fn inserts(path: &[&str], block: &str, before: &str, after: &str) {
    check(|text| insert(text, path, "new", block), before, after);
}

#[test]
fn inserts_after_the_last_entry_of_a_block_mapping() {
    let block = "port: 1\n";
    for (before, after) in [
        ("a:\n  x: 1\nb: 2\n", "a:\n  x: 1\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n    x: 1\nb: 2\n", "a:\n    x: 1\n    new:\n        port: 1\nb: 2\n"),
        // Comments after the entry on its line, and deeper ones below it, belong to it; others to the mapping.
        ("a:\n  x: 1 # x\nb: 2\n", "a:\n  x: 1 # x\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  x: 1\t# tab\nb: 2\n", "a:\n  x: 1\t# tab\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  x:\n    y: 1\n    # z: 2\nb: 2\n", "a:\n  x:\n    y: 1\n    # z: 2\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  x: 1\n  # end of a\nb: 2\n", "a:\n  x: 1\n  new:\n    port: 1\n  # end of a\nb: 2\n"),
        ("a:\n  x: 1\n\n  # end of a\n\nb: 2\n", "a:\n  x: 1\n  new:\n    port: 1\n\n  # end of a\n\nb: 2\n"),
        ("a:\n  x: 1\n# about b\nb: 2\n", "a:\n  x: 1\n  new:\n    port: 1\n# about b\nb: 2\n"),
        // Entries that are separated by blank lines stay so.
        ("a:\n  y: 1\n\n  x: 1\n\nb: 2\n", "a:\n  y: 1\n\n  x: 1\n\n  new:\n    port: 1\n\nb: 2\n"),
        ("a:\n  y: 1\n\n  # x\n  x: 1\n", "a:\n  y: 1\n\n  # x\n  x: 1\n\n  new:\n    port: 1\n"),
        // Sorted keys stay sorted.
        ("a:\n  l: 1\n  # m\n  m: 1\nb: 2\n", "a:\n  l: 1\n  # m\n  m: 1\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  m: 1\n\n  # z\n  z: 1 # end\n", "a:\n  m: 1\n\n  new:\n    port: 1\n\n  # z\n  z: 1 # end\n"),
        ("a: # c\n  # x\n  x: 1\n  y: 1", "a: # c\n  new:\n    port: 1\n  # x\n  x: 1\n  y: 1"),
        // Values of several lines.
        ("a:\n  x: |\n    t\n\n    u\n\nb: 2\n", "a:\n  x: |\n    t\n\n    u\n  new:\n    port: 1\n\nb: 2\n"),
        ("a:\n  x: >-\n    # text\nb: 2\n", "a:\n  x: >-\n    # text\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  x: |+\n    t\n\n\nb: 2\n", "a:\n  x: |+\n    t\n\n\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  x: one\n    two\nb: 2\n", "a:\n  x: one\n    two\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  x: \"one\n    two\" # c\nb: 2\n", "a:\n  x: \"one\n    two\" # c\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  x: [1,\n    2]\nb: 2\n", "a:\n  x: [1,\n    2]\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  x:\n  - 1\n  - y: 2\n    z:\nb: 2\n", "a:\n  x:\n  - 1\n  - y: 2\n    z:\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  x: |\nb: 2\n", "a:\n  x: |\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  x:\nb: 2\n", "a:\n  x:\n  new:\n    port: 1\nb: 2\n"),
        ("a:\n  'x y':   'z' # c\n", "a:\n  'x y':   'z' # c\n  new:\n    port: 1\n"),
        ("\"a\":\n  x: 1\n", "\"a\":\n  x: 1\n  new:\n    port: 1\n"),
    ] {
        inserts(&["a"], block, before, after);
    }
}

#[test]
fn inserts_at_the_top_level() {
    for (before, after) in [
        ("a: 1\n", "a: 1\nnew:\n  x: 1\n"),
        ("# top\na: 1\n# end\n", "# top\na: 1\nnew:\n  x: 1\n# end\n"),
        ("a: 1\n\nb:\n  c: 2\n", "a: 1\n\nb:\n  c: 2\n\nnew:\n  x: 1\n"),
        ("# only a comment\n", "# only a comment\nnew:\n  x: 1\n"),
        ("--- # start\na: 1\n...\n", "--- # start\na: 1\nnew:\n  x: 1\n...\n"),
        ("{ a: 1 }\n", "{ a: 1, new: { x: 1 } }\n"),
        ("{}\n", "new:\n  x: 1\n"),
    ] {
        inserts(&[], "x: 1\n", before, after);
    }
    assert_eq!(insert("", &[], "new", "x: 1\n").as_deref(), Ok("new:\n  x: 1\n"));
    assert_eq!(insert("", &["a", "b"], "new", "1").as_deref(), Ok("a:\n  b:\n    new: 1\n"));
}

#[test]
fn creates_missing_and_empty_parents() {
    for (before, after) in [
        ("a:\nb: 2\n", "a:\n  new: { x: 1 }\nb: 2\n"),
        ("a: # none\nb: 2\n", "a: # none\n  new: { x: 1 }\nb: 2\n"),
        ("a:\n  # none\nb: 2\n", "a:\n  new: { x: 1 }\n  # none\nb: 2\n"),
        ("a: ~ # none\nb: 2\n", "a: # none\n  new: { x: 1 }\nb: 2\n"),
        ("a: {} # none\nb: 2\n", "a: # none\n  new: { x: 1 }\nb: 2\n"),
        ("a: { }\nb: 2\n", "a:\n  new: { x: 1 }\nb: 2\n"),
        ("a: { # none\n  }\nb: 2\n", "a: { new: { x: 1 } # none\n  }\nb: 2\n"),
        ("b: 2\n", "b: 2\na:\n  new: { x: 1 }\n"),
        ("b:\n    c: 2\n", "b:\n    c: 2\na:\n    new: { x: 1 }\n"),
    ] {
        inserts(&["a"], "{ x: 1 }\n", before, after);
    }
    inserts(&["a", "b", "c"], "x: 1\n", "a:\n  z: 1\n", "a:\n  z: 1\n  b:\n    c:\n      new:\n        x: 1\n");
    inserts(&["a", "b"], "1\n", "a: { z: 1 }\n", "a: { z: 1, b: { new: 1 } }\n");
    inserts(&["a", "b"], "1\n", "a: { b: }\n", "a: { b: { new: 1 } }\n");
    inserts(&["l", "1"], "1\n", "l:\n  - a: 1\n  - b: 1\n    c: 2\n", "l:\n  - a: 1\n  - b: 1\n    c: 2\n    new: 1\n");
    inserts(&["l", "0"], "1\n", "l:\n  - {}\n", "l:\n  - new: 1\n");
}

#[test]
fn inserts_before_other_keys() {
    let edit = |text: &str| crate::insert_before(text, &["a"], &["z", "y"], "new", "1");
    check(edit, "a:\n  x: 1\n  # y\n  y: 2\n  z: 3\n", "a:\n  x: 1\n  new: 1\n  # y\n  y: 2\n  z: 3\n");
    check(edit, "a:\n  x: 1\n", "a:\n  x: 1\n  new: 1\n");
    check(edit, "a: { y: 1 }\n", "a: { y: 1, new: 1 }\n");
    check(edit, "b: 1\n", "b: 1\na:\n  new: 1\n");
}

#[test]
fn inserts_in_flow_mappings() {
    let block = "x: [1, 'a, b']\nt: |\n  one\n  two\nz:\n";
    let flow = "new: { x: [1, 'a, b'], t: \"one\\ntwo\\n\", z: null }";
    for (before, after) in [
        ("a: { b: 1 } # c\n", format!("a: {{ b: 1, {flow} }} # c\n")),
        ("a: {b: 1}\n", format!("a: {{b: 1, {flow}}}\n")),
        ("a: { b: 1, }\n", format!("a: {{ b: 1, {flow} }}\n")),
        ("a: {\n  b: 1\n}\n", format!("a: {{\n  b: 1,\n  {flow}\n}}\n")),
        ("a: {\n  b: 1, # c\n  # end\n}\n", format!("a: {{\n  b: 1, # c\n  {flow},\n  # end\n}}\n")),
        ("a: {\n  b: 1 # c\n}\n", format!("a: {{\n  b: 1, # c\n  {flow}\n}}\n")),
        ("a: { c: 2,\n     b: 1 }\n", format!("a: {{ c: 2,\n     b: 1,\n     {flow} }}\n")),
        ("a: { \"b\": \"}\" }\n", format!("a: {{ \"b\": \"}}\", {flow} }}\n")),
    ] {
        inserts(&["a"], block, before, &after);
    }
}

#[test]
fn keeps_the_comments_and_strings_of_the_new_value() {
    let block = "# Why.\ntext: |\n  one\n\n    two\nlist:\n  - 1 # c\n";
    inserts(
        &["a"],
        block,
        "a:\n  x: 1\n",
        "a:\n  x: 1\n  new:\n    # Why.\n    text: |\n      one\n\n        two\n    list:\n      - 1 # c\n",
    );
    // Without a final newline, parsers do not agree on the text of a block scalar: it gets one.
    for before in ["a:\n  x: 1\n", "a:\n  x: 1"] {
        let after = insert(before, &["a"], "new", "|\n  one\n  two\n");
        assert_eq!(after.as_deref(), Ok("a:\n  x: 1\n  new: |\n    one\n    two\n"));
    }
}

#[test]
fn appends_to_lists() {
    let append = |text: &str| append(text, &["a"], "x");
    for (before, after) in [
        ("a: [1, 2] # c\n", "a: [1, 2, x] # c\n"),
        ("a: [\n  1, # c\n  2,\n]\n", "a: [\n  1, # c\n  2,\n  x,\n]\n"),
        ("a: []\n", "a:\n  - x\n"),
        ("a:\n", "a:\n  - x\n"),
        ("b: 1\n", "b: 1\na:\n  - x\n"),
        ("a:\n  - 1 # c\n  # end\nb: 1\n", "a:\n  - 1 # c\n  - x\n  # end\nb: 1\n"),
        ("a:\n- 1\n- b: 1\n  c: 2\nb: 1\n", "a:\n- 1\n- b: 1\n  c: 2\n- x\nb: 1\n"),
        ("a:\n  - |\n    text\n  - 'y' # c\n", "a:\n  - |\n    text\n  - 'y' # c\n  - x\n"),
    ] {
        check(append, before, after);
    }
}

#[test]
fn sets_values() {
    let scalar = |text: &str| set(text, &["a"], "new");
    let block = |text: &str| set(text, &["a"], "x: 1\nw: 2\n");
    for (before, with_scalar, with_block) in [
        ("a: 1\nb: 2\n", "a: new\nb: 2\n", "a:\n  x: 1\n  w: 2\nb: 2\n"),
        ("a: 1 # c\nb: 2\n", "a: new # c\nb: 2\n", "a: # c\n  x: 1\n  w: 2\nb: 2\n"),
        ("a:   '1' # c\n", "a:   new # c\n", "a: # c\n  x: 1\n  w: 2\n"),
        ("a: # c\nb: 2\n", "a: new # c\nb: 2\n", "a: # c\n  x: 1\n  w: 2\nb: 2\n"),
        ("a: { x: 0 } # c\n", "a: new # c\n", "a: # c\n  x: 1\n  w: 2\n"),
        ("a: [\n  1 # one\n] # c\nb: 2\n", "a: new # c\nb: 2\n", "a: # c\n  x: 1\n  w: 2\nb: 2\n"),
        ("a: # c\n    x: 0 # x\n    # end\n\nb: 2\n", "a: new # c\n\nb: 2\n", "a: # c\n    x: 1\n    w: 2\n\nb: 2\n"),
        ("a: # c\n- 1\n- 2\nb: 2\n", "a: new # c\nb: 2\n", "a: # c\n  x: 1\n  w: 2\nb: 2\n"),
        ("a: | # c\n  text\n\nb: 2\n", "a: new # c\n\nb: 2\n", "a: # c\n  x: 1\n  w: 2\n\nb: 2\n"),
        ("a: |+\n  text\n\nb: 2\n", "a: new\n\nb: 2\n", "a:\n  x: 1\n  w: 2\n\nb: 2\n"),
        ("a:\n  long\n  text # c\nb: 2\n", "a:\n  new # c\nb: 2\n", "a:\n  x: 1\n  w: 2\nb: 2\n"),
        ("b: 2\n", "b: 2\na: new\n", "b: 2\na:\n  x: 1\n  w: 2\n"),
        ("{ a: 1, b: 2 }\n", "{ a: new, b: 2 }\n", "{ a: { x: 1, w: 2 }, b: 2 }\n"),
        ("{ b: 2, a: }\n", "{ b: 2, a: new }\n", "{ b: 2, a: { x: 1, w: 2 } }\n"),
        ("{ a, b: 2 }\n", "{ a: new, b: 2 }\n", "{ a: { x: 1, w: 2 }, b: 2 }\n"),
    ] {
        check(scalar, before, with_scalar);
        check(block, before, with_block);
    }
    let literal = |text: &str| set(text, &["a"], "|\n  one\n  two\n");
    check(literal, "a: 1 # c\nb: 2\n", "a: | # c\n  one\n  two\nb: 2\n");
    check(literal, "a: # c\n  x: 1\nb: 2\n", "a: | # c\n  one\n  two\nb: 2\n");
    let item = |text: &str| set(text, &["a", "1"], "new");
    check(item, "a: [1, 'two', 3]\n", "a: [1, new, 3]\n");
    check(item, "a:\n  - 1\n  - two # c\n", "a:\n  - 1\n  - new # c\n");
}

#[test]
fn removes_entries_with_the_comment_above() {
    let remove = |text: &str| remove(text, &["a", "x"]);
    for (before, after) in [
        ("a:\n  x: 1\n  y: 2\n", "a:\n  y: 2\n"),
        ("a:\n  y: 2\n  # about x\n  # more\n  x: 1 # c\n  # z: 3\nb: 1\n", "a:\n  y: 2\n  # z: 3\nb: 1\n"),
        (
            "a:\n  y: 2\n\n  # not about x\n\n  x:\n    z: |\n      t\n    # deep\nb: 1\n",
            "a:\n  y: 2\n\n  # not about x\n\nb: 1\n",
        ),
        ("a:\n  w: 1\n\n  x: 1\n\n  y: 2\n", "a:\n  w: 1\n\n  y: 2\n"),
        ("a:\n  x: 1\n\n  y: 2\n", "a:\n  y: 2\n"),
        ("a:\n  y: 2\n\n  x: 1\n\nb: 1\n", "a:\n  y: 2\n\nb: 1\n"),
        ("a:\n  y: 2\n\n  x: 1\n", "a:\n  y: 2\n"),
        ("a: # c\n  x: 1\nb: 2\n", "a: {} # c\nb: 2\n"),
        ("a:\n  x: 1\n  # end\nb: 2\n", "a: {}\n  # end\nb: 2\n"),
        ("a: { x: 1 }\n", "a: {}\n"),
        ("a: { x: 1, y: 2 }\n", "a: { y: 2 }\n"),
        ("a: { y: 2, x: 1 }\n", "a: { y: 2 }\n"),
        ("a: { y: 2, x: [1, 2], z: 3 }\n", "a: { y: 2, z: 3 }\n"),
        ("a: { y: 2, x: 1, }\n", "a: { y: 2, }\n"),
        ("a: {\n  # about x\n  x: 1, # x\n  y: 2 # y\n}\n", "a: {\n  y: 2 # y\n}\n"),
        ("a: {\n  y: 2, # y\n  x: 1 # x\n}\n", "a: {\n  y: 2, # y\n}\n"),
        ("a: { y: 2,\n     x: 1 }\n", "a: { y: 2,\n      }\n"),
    ] {
        check(remove, before, after);
    }
    check(|text| crate::remove(text, &["x"]), "# about the file\nx: 1\ny: 2\n", "# about the file\ny: 2\n");
}

#[test]
fn removes_items() {
    let remove = |text: &str| remove(text, &["a", "0"]);
    for (before, after) in [
        ("a: [1, 2]\n", "a: [2]\n"),
        ("a: [1]\n", "a: []\n"),
        ("a:\n  # one\n  - 1\n  - 2\n", "a:\n  - 2\n"),
        ("a:\n- 1\nb: 2\n", "a: []\nb: 2\n"),
        ("a:\n  - x: 1\n    y: 2\n  - z: 1\n", "a:\n  - z: 1\n"),
        ("a:\n  - |\n    text\n\n  - z\n", "a:\n  - z\n"),
    ] {
        check(remove, before, after);
    }
    let of_item = |text: &str| crate::remove(text, &["a", "0", "x"]);
    check(of_item, "a:\n  - x: 1\n    y: 2\n", "a:\n  - y: 2\n");
    check(of_item, "a:\n  - x: 1\n    # about y\n    y: 2\n", "a:\n  - # about y\n    y: 2\n");
    check(of_item, "a:\n  - x: 1\n", "a:\n  - {}\n");
}

#[test]
fn renames_keys_at_their_place() {
    let rename = |text: &str| rename_key(text, &["a", "x"], "new-name");
    for (before, after) in [
        ("a:\n  x: 1 # x\n  y: x\n", "a:\n  new-name: 1 # x\n  y: x\n"),
        ("a:\n  'x' : 1\n", "a:\n  'new-name' : 1\n"),
        ("a: {\"x\":1}\n", "a: {\"new-name\":1}\n"),
        ("a: { x }\n", "a: { new-name }\n"),
    ] {
        check(rename, before, after);
    }
    check(|text| rename_key(text, &["x"], "1.0"), "x: 1\n", "\"1.0\": 1\n");
}

#[test]
fn reports_where_and_why_an_edit_is_not_possible() {
    let error = |result: Result<String, EditError>| result.expect_err("the edit is not possible").to_string();
    let text = "a: 1\nb:\n  c: [1]\n";
    assert_eq!(error(insert(text, &["b"], "c", "1")), "line 3: `b` already has `c`");
    assert_eq!(error(insert(text, &["a"], "x", "1")), "line 1: `a` is a single value, not a mapping");
    assert_eq!(error(insert(text, &["b", "c", "x"], "x", "1")), "line 3: `b.c` is a list, not a mapping");
    assert_eq!(error(insert(text, &["b"], "x", "a: [")).split(':').next(), Some("the new value is not valid YAML"));
    assert_eq!(error(append(text, &["b"], "1")), "line 3: `b` is a mapping, not a list");
    assert_eq!(error(remove(text, &["b", "d"])), "line 3: `b` has no `d`");
    assert_eq!(error(remove(text, &["d"])), "line 1: the file has no `d`");
    assert_eq!(error(rename_key(text, &["a"], "b")), "line 2: the file already has `b`");
    assert_eq!(error(set(text, &[], "1")), "line 1: the path is empty");
    assert_eq!(error(set("a: &x 1\n", &["a"], "1")), "line 1: anchors and aliases are not supported");
    assert_eq!(
        error(set("a: 1\n---\nb: 1\n", &["a"], "1")),
        "line 3: a second document starts here; only one can be edited"
    );
    assert_eq!(error(set("a: 1\n b: 2\n", &["a"], "1")).split(':').next(), Some("line 2"));
    // The tree of the result would not be the one that was meant.
    assert_eq!(
        error(insert("a: [b: 1]\n", &["a", "0"], "x", "1")),
        "line 2: this part of the file has a layout that cannot be edited automatically; edit it by hand"
    );
}
