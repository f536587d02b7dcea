//! The book: its table of contents, and the links of all pages.

use super::{Page, blocks, pages, report};
use crate::support::repository;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

#[test]
fn every_page_is_in_the_summary() {
    let summary = fs::read_to_string(repository().join("docs/SUMMARY.md")).expect("it is committed");
    let link = Regex::new(r"\]\(([^)#]+)\)").expect("it is valid");
    let listed: Vec<_> = link.captures_iter(&summary).map(|found| format!("docs/{}", &found[1])).collect();
    let mut wrong = Vec::new();
    for page in pages().iter().filter(|page| page.path.starts_with("docs/") && page.path != "docs/SUMMARY.md") {
        match listed.iter().filter(|path| **path == page.path).count() {
            1 => {}
            0 => wrong.push(format!("{} is not in docs/SUMMARY.md: add a line to its part of the book", page.path)),
            _ => wrong.push(format!("{} is in docs/SUMMARY.md more than once", page.path)),
        }
    }
    report(&wrong);
    assert!(listed.len() > 20, "only {} pages", listed.len());
}

#[test]
fn every_link_leads_somewhere() {
    let root = repository();
    let mut pages = pages();
    let generated =
        walkdir::WalkDir::new(root.join("docs/lab")).into_iter().map(|entry| entry.expect("it can be listed"));
    for entry in generated.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "md")) {
        let path = entry.path().strip_prefix(&root).expect("it is inside").to_string_lossy().into_owned();
        pages.push(Page { path, text: fs::read_to_string(entry.path()).expect("pages are text") });
    }
    let anchors: BTreeMap<_, _> = pages.iter().map(|page| (PathBuf::from(&page.path), anchors(&page.text))).collect();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for page in &pages {
        for (line, target) in links(&page.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (path, anchor) = target.split_once('#').map_or((target.as_str(), None), |(path, of)| (path, Some(of)));
            let folder = Path::new(&page.path).parent().expect("pages are files");
            let path = if path.is_empty() { PathBuf::from(&page.path) } else { normalized(&folder.join(path)) };
            if !root.join(&path).exists() {
                wrong.push(format!("{}:{line}: there is no {}", page.path, path.display()));
            } else if let (Some(anchor), Some(known)) = (anchor, anchors.get(&path))
                && !known.contains(anchor)
            {
                wrong.push(format!("{}:{line}: {} has no heading #{anchor}", page.path, path.display()));
            }
        }
    }
    report(&wrong);
    assert!(checked > 200, "only {checked} links");
}

/// The targets of the links and images of a page, with their lines.
fn links(page: &str) -> Vec<(usize, String)> {
    let code = Regex::new(r"`[^`]*`|<!--.*?-->").expect("it is valid");
    let link = Regex::new(r#"\]\(<?([^)\s>]+)>?\)|(?:src|href|srcset)="([^"]+)""#).expect("it is valid");
    let found = blocks::prose(page).flat_map(|(number, line)| {
        let text = code.replace_all(line, "").into_owned();
        let targets = link.captures_iter(&text).filter_map(|found| found.get(1).or(found.get(2)));
        targets.map(|target| (number, target.as_str().to_owned())).collect::<Vec<_>>()
    });
    found.collect()
}

/// The anchors of a page's headings, as GitHub and mdBook make them, and those of HTML.
fn anchors(page: &str) -> BTreeSet<String> {
    let html = Regex::new(r#"<a (?:id|name)="([^"]+)""#).expect("it is valid");
    let mut found: BTreeSet<String> = html.captures_iter(page).map(|anchor| anchor[1].to_owned()).collect();
    for (_, line) in blocks::prose(page) {
        let Some(heading) = line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')) else {
            continue;
        };
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect();
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = [anchor.clone()].into_iter().chain(numbered).find(|anchor| !found.contains(anchor));
        found.extend(free);
    }
    found
}

/// A path without `..`.
fn normalized(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, component| {
        match component {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            other => path.push(other),
        }
        path
    })
}

#[test]
fn finds_links_and_anchors() {
    let page = "# A `b` c\n\n# A b c\n\n[x](y.md#z) `[no](no.md)` ![p](p.svg) <img src=\"q.svg\">\n\n```text\n[no](no.md)\n```\n";
    assert_eq!(anchors(page).into_iter().collect::<Vec<_>>(), ["a-b-c", "a-b-c-1"]);
    assert_eq!(links(page).into_iter().map(|(_, target)| target).collect::<Vec<_>>(), ["y.md#z", "p.svg", "q.svg"]);
}
