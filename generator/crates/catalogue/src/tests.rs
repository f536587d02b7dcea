use super::*;
use crate::entry::Entry;
use yaml::{Limits, documents};

/// Nothing but what every lab has.
fn least(entry: &Entry) -> Choices {
    Choices {
        name: entry.name.to_owned(),
        domain: "example.com".to_owned(),
        lan: "192.168.1.0/24".to_owned(),
        pods: "10.42.0.0/16".to_owned(),
        ..Choices::default()
    }
}

/// Everything that an app can use.
fn most(entry: &Entry) -> Choices {
    Choices {
        https: true,
        database: Some("data/postgres".to_owned()),
        secrets: true,
        storage: Some("nas".to_owned()),
        address: Some("192.168.1.240".to_owned()),
        gpu: true,
        devices: vec!["/dev/ttyUSB0".to_owned()],
        backups: true,
        updates: true,
        apps: all().iter().map(|entry| entry.name.to_owned()).filter(|name| name != entry.name).collect(),
        ..least(entry)
    }
}

#[test]
fn each_file_is_valid_and_in_order() {
    for (name, text) in list::FILES {
        if let Err(problem) = Entry::read(name, text) {
            panic!("{name}: {problem}");
        }
    }
    assert!(list::FILES.is_sorted_by(|(one, _), (other, _)| one < other));
}

#[test]
fn unknown_fields_of_a_file_fail() {
    let (_, text) = list::FILES[0];
    for (from, to) in [("title:", "titel:"), ("checked:", "chekced:"), ("fact:", "fakt:")] {
        assert!(Entry::read("x", &text.replace(from, to)).is_err(), "{from}");
    }
    assert!(Entry::read("x", &format!("{text}extra: 1\n")).is_err());
}

#[test]
fn fields_are_yaml_whatever_is_chosen() {
    for entry in all() {
        for choices in
            [least(entry), most(entry), Choices { public: true, class: Some("fast".to_owned()), ..most(entry) }]
        {
            let text = entry.fields(&choices);
            let (documents, errors) = documents(&text, Limits::default());
            assert!(errors.is_empty() && documents.len() == 1, "{}: {errors:?}\n{text}", entry.name);
            assert!(text.ends_with('\n') && !text.contains("\n\n"), "{}:\n{text}", entry.name);
            assert!(!text.contains("{%") && !text.contains("{{"), "{}:\n{text}", entry.name);
        }
    }
}

#[test]
fn a_public_app_admits_only_the_lan_until_it_is_set_up() {
    let entry = find("memos").expect("it is in the catalogue");
    let fields = entry.fields(&Choices { public: true, ..most(entry) });
    let expected = "# Anybody could take it over before it is set up: remove `allow` after that.\n\
                    expose: { host: memos, public: true, allow: [192.168.1.0/24] }\n";
    assert!(fields.contains(expected), "{fields}");
}

#[test]
fn each_choice_changes_what_it_names() {
    let entry = find("linkding").expect("it is in the catalogue");
    let fields = entry.fields(&least(entry));
    for part in ["update:", "database", "secret:", "https:", "class:"] {
        assert!(!fields.contains(part), "{part} in\n{fields}");
    }
    assert!(fields.contains("backup: none\n") && entry.secrets(&least(entry)).is_empty(), "{fields}");
    let choices = Choices {
        name: "marks".to_owned(),
        host: Some("m.lab".to_owned()),
        class: Some("fast".to_owned()),
        ..most(entry)
    };
    let fields = entry.fields(&choices);
    for part in [
        "  update: minor\n",
        "database: data/postgres\n",
        "{ secret: marks/superuser-password }",
        "https://m.lab.example.com\n",
        "{ size: 5GiB, class: fast, mount: /etc/linkding/data }",
        "backup: volumes\n",
        "expose: { host: m.lab }\n",
    ] {
        assert!(fields.contains(part), "no {part} in\n{fields}");
    }
    let keys: Vec<_> = entry.secrets(&choices).into_iter().map(|key| key.name).collect();
    assert_eq!(keys, ["database-password", "superuser-password"]);
}

#[test]
fn each_key_of_an_entry_is_used_and_each_used_key_is_described() {
    for entry in all() {
        let mut used = Vec::new();
        for choices in [least(entry), most(entry)] {
            used.extend(entry.secrets(&choices).into_iter().map(|key| key.name));
            let fields = entry.fields(&choices);
            let references = fields.matches(&format!("secret: {}/", entry.name)).count();
            let described: usize = entry
                .keys
                .iter()
                .map(|key| fields.matches(&format!("secret: {}/{} ", entry.name, key.name)).count())
                .sum();
            assert_eq!(described, references, "{}:\n{fields}", entry.name);
        }
        for key in &entry.keys {
            assert!(used.contains(&key.name), "{}: {} is not used", entry.name, key.name);
        }
    }
}

#[test]
fn each_entry_needs_what_it_names() {
    for entry in all() {
        let (choices, nothing) = (most(entry), least(entry));
        assert!(entry.missing(&choices).is_empty(), "{}", entry.name);
        assert_eq!(entry.missing(&nothing), entry.needs, "{}", entry.name);
        for app in entry.needs_apps.iter().chain(&entry.connects_to) {
            assert!(find(app).is_some(), "{}: no entry {app}", entry.name);
        }
    }
}

#[test]
fn finds_misspelled_names_and_words() {
    for (wrong, right) in [("linkdin", "linkding"), ("jelyfin", "jellyfin"), ("Memos", "memos")] {
        assert_eq!(did_you_mean(wrong), Some(right));
    }
    assert_eq!(did_you_mean("xyzzy"), None);
    let found: Vec<_> = search("BOOKMARK").iter().map(|entry| entry.name).collect();
    assert!(found.contains(&"linkding"), "{found:?}");
    assert!(search("xyzzy").is_empty());
}

#[test]
fn texts_are_short_and_evidence_is_dated() {
    for entry in all() {
        assert!(entry.description.len() < 70 && !entry.description.ends_with('.'), "{}", entry.name);
        assert!(entry.website.starts_with("https://"), "{}", entry.name);
        let steps = entry.first_steps(&most(entry));
        assert!((1..=3).contains(&steps.len()), "{}", entry.name);
        assert!(steps.iter().all(|step| step.ends_with(['.', '`', ')'])), "{}: {steps:?}", entry.name);
        let date: Vec<_> = entry.evidence.checked.split('-').collect();
        assert!(date.len() == 3 && date.iter().all(|part| part.parse::<u16>().is_ok()), "{}", entry.name);
        for (subject, fact) in entry.evidence.facts() {
            assert!(!fact.fact.is_empty(), "{}: {subject}", entry.name);
            let is_place = |part: &str| part.contains(['@', ':', '(']);
            let is_source = fact.source.starts_with("https://") || fact.source.contains('/') && is_place(&fact.source);
            assert!(is_source, "{}: {subject}: {}", entry.name, fact.source);
        }
    }
}
