//! The catalogue of apps: a list, or one app as it fits the lab.

use super::args::{Format, Global};
use super::input::Input;
use super::{Outcome, Stop, print};
use catalogue::{Category, Choices, Entry, Need};
use serde_json::{Value as Json, json};
use spec::Spec;
use std::fmt::Write as _;

/// Prints the catalogue, the part of it that has a word, or one app.
pub(super) fn show(
    name: Option<&str>,
    word: Option<&str>,
    cluster: Option<&str>,
    global: &Global,
) -> Result<Outcome, Stop> {
    let Some(name) = name else { return list(word, global) };
    let entry = catalogue::find(name).ok_or_else(|| unknown(name))?;
    let place = Place::of(entry, cluster, global)?;
    print(&match global.format {
        Format::Json => format!("{:#}\n", place.json(entry)),
        _ => place.text(entry),
    })
}

fn unknown(name: &str) -> Stop {
    let help = match catalogue::did_you_mean(name) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`homelab apps` lists them".to_owned(),
    };
    Stop::Usage(format!("there is no app `{name}` in the catalogue; {help}"))
}

fn list(word: Option<&str>, global: &Global) -> Result<Outcome, Stop> {
    let entries: Vec<_> = match word {
        Some(word) => catalogue::search(word),
        None => catalogue::all().iter().collect(),
    };
    if let (true, Some(word)) = (entries.is_empty(), word) {
        return Err(Stop::Usage(format!("no app of the catalogue has the word `{word}`; `homelab apps` lists all")));
    }
    print(&match global.format {
        Format::Json => format!("{:#}\n", Json::Array(entries.into_iter().map(summary).collect())),
        Format::Markdown => page(&entries),
        _ => table(&entries),
    })
}

/// The entries of each category that has any.
fn by_category<'a>(entries: &[&'a Entry]) -> Vec<(Category, Vec<&'a Entry>)> {
    let of = |category: Category| entries.iter().copied().filter(|entry| entry.category == category).collect();
    let all = Category::ALL.iter().map(|category| (*category, of(*category)));
    all.filter(|(_, entries): &(Category, Vec<_>)| !entries.is_empty()).collect()
}

/// One line for each app, below the name of its category.
fn table(entries: &[&Entry]) -> String {
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
    let line = |entry: &&Entry| format!("  {:width$}  {}\n", entry.name, entry.description);
    let part = |(category, entries): (Category, Vec<&Entry>)| {
        format!("{category}\n{}", entries.iter().map(line).collect::<String>())
    };
    by_category(entries).into_iter().map(part).collect::<Vec<_>>().join("\n")
}

/// The page `docs/catalogue.md`.
fn page(entries: &[&Entry]) -> String {
    let mut text = format!(
        "# Catalogue of apps\n\n\
         <!-- The output of `homelab apps --format markdown`. Change generator/crates/catalogue/apps instead. -->\n\n\
         {} widely used apps, ready for a spec. `homelab apps NAME` shows the fields of one, as they fit your lab, the keys of\n\
         its secrets, what your lab lacks, what to do after the first start, and the source of each fact. An entry fits any\n\
         lab: without network storage, large files get a volume, and without a PostgreSQL, most apps use SQLite.\n\n\
         *Needs* is what an app cannot do without, and *uses* what it takes if the lab has it. *Runs as* is the user of its\n\
         container, and whether its root file system is read-only. A comment in the fields of an app says why it relaxes\n\
         something. To add an app to this list: [CONTRIBUTING.md](../CONTRIBUTING.md#add-something).\n",
        entries.len()
    );
    for (category, entries) in by_category(entries) {
        write!(text, "\n## {category}\n\n").expect("writing to a string cannot fail");
        text.push_str("| name | app | needs | uses | runs as |\n| --- | --- | --- | --- | --- |\n");
        for entry in entries {
            let (needs, uses) = (needs(entry).join(", "), uses(entry).join(", "));
            writeln!(
                text,
                "| `{}` | [{}]({}): {} | {needs} | {uses} | {} |",
                entry.name,
                entry.title,
                entry.website,
                entry.description,
                entry.runs_as()
            )
            .expect("writing to a string cannot fail");
        }
    }
    text.push_str("\nNext: [apps.md](apps.md): how the fields of an app work together.\n");
    text
}

/// What an app cannot do without.
fn needs(entry: &Entry) -> Vec<String> {
    let apps = entry.needs_apps.iter().map(|app| format!("the app `{app}`"));
    entry.needs.iter().map(|need| need.what().to_owned()).chain(apps).collect()
}

/// What an app takes if the lab has it.
fn uses(entry: &Entry) -> Vec<&'static str> {
    let choices = [
        (Need::Database, "database", "PostgreSQL"),
        (Need::Storage, "storage", "network storage"),
        (Need::Address, "address", "a load-balancer address"),
        (Need::Secrets, "secrets", "a secret store"),
    ];
    let used = choices.into_iter().filter(|(need, choice, _)| entry.uses(choice) && !entry.needs.contains(need));
    let gpu = entry.uses("gpu").then_some("a GPU");
    used.map(|(.., what)| what).chain(gpu).collect()
}

fn summary(entry: &Entry) -> Json {
    let (image, tag) = entry.image();
    json!({
        "name": entry.name,
        "title": entry.title,
        "description": entry.description,
        "website": entry.website,
        "category": entry.category.title(),
        "image": image,
        "tag": tag,
        "needs": needs(entry),
        "runs-as": entry.runs_as(),
    })
}

/// Where an app would be added.
struct Place {
    /// The cluster; `None` if there is no valid spec.
    cluster: Option<String>,
    choices: Choices,
}

impl Place {
    /// The cluster of the spec that the user named, or the one with most apps. A spec that cannot be read is not an error:
    /// the catalogue is also for those who have none yet.
    fn of(entry: &Entry, cluster: Option<&str>, global: &Global) -> Result<Self, Stop> {
        let spec = Input::read(global).ok().and_then(|input| spec::parse(&input.bytes).ok()).map(|parsed| parsed.spec);
        let Some(spec) = spec else {
            return match cluster {
                Some(cluster) => Err(Stop::Usage(format!("there is no valid spec with a cluster `{cluster}`"))),
                None => Ok(Self { cluster: None, choices: Choices::everything(entry.name) }),
            };
        };
        let cluster = match cluster {
            Some(cluster) if spec.clusters.get(cluster).is_some() => cluster.to_owned(),
            Some(cluster) => {
                let names = spec.clusters.names().collect::<Vec<_>>().join(", ");
                return Err(Stop::Usage(format!("there is no cluster `{cluster}`; clusters of the spec: {names}")));
            }
            None => largest(&spec),
        };
        let mut choices = Choices::of(&spec, &cluster, entry.name);
        // Which address is free follows from the resolved lab, which `add` looks at.
        let has_pool = spec.clusters.get(&cluster).is_some_and(|own| own.value.load_balancer.is_some());
        choices.address = has_pool.then(|| "ADDRESS".to_owned());
        Ok(Self { cluster: Some(cluster), choices })
    }

    fn text(&self, entry: &Entry) -> String {
        let choices = &self.choices;
        let place = self.cluster.as_ref().map(|cluster| format!(" to the cluster `{cluster}`")).unwrap_or_default();
        let fields: String = entry.fields(choices).lines().map(|line| format!("  {line}\n")).collect();
        let mut text = format!(
            "{}: {}\n{}\n\n`homelab add app {}` adds{place}:\n\n{}:\n{fields}",
            entry.title, entry.description, entry.website, entry.name, choices.name
        );
        let mut part = |title: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
                write!(text, "\n{title}:\n{lines}").expect("writing to a string cannot fail");
            }
        };
        let keys = entry.secrets(choices);
        let width = keys.iter().map(|key| key.name.len()).max().unwrap_or_default();
        let key = |key: &catalogue::Key| format!("{:width$}  {}: {}", key.name, key.description, key.make);
        part(&format!("Keys of the secret entry `{}`", choices.name), keys.iter().map(key).collect());
        part("Missing in this lab", self.missing(entry));
        part("After the first start", entry.first_steps(choices).iter().map(|step| format!("- {step}")).collect());
        let facts = entry.evidence.facts().map(|(of, fact)| format!("{of:5}  {} ({})", fact.fact, fact.source));
        part(&format!("Sources, read on {}", entry.evidence.checked), facts.to_vec());
        text
    }

    /// What the lab lacks, and how to add it.
    fn missing(&self, entry: &Entry) -> Vec<String> {
        let needs = entry.missing(&self.choices).into_iter().map(|need| format!("{}: {}", need.what(), need.fix()));
        let apps = entry.missing_apps(&self.choices).into_iter();
        let apps: Vec<_> = apps.filter(|_| self.cluster.is_some()).collect();
        needs.chain(apps.iter().map(|app| format!("the app `{app}`: run `homelab add app {app}` first"))).collect()
    }

    fn json(&self, entry: &Entry) -> Json {
        let choices = &self.choices;
        let secrets: Vec<_> = entry
            .secrets(choices)
            .into_iter()
            .map(|key| json!({ "key": key.name, "description": key.description, "make": key.make }))
            .collect();
        let facts = entry.evidence.facts();
        let facts = facts.map(|(of, fact)| (of.to_owned(), json!({ "fact": fact.fact, "source": fact.source })));
        let mut all = summary(entry);
        all["cluster"] = json!(self.cluster);
        all["spec"] = json!(entry.fields(choices));
        all["secrets"] = json!(secrets);
        all["missing"] = json!(self.missing(entry));
        all["first-steps"] = json!(entry.first_steps(choices));
        all["checked"] = json!(entry.evidence.checked);
        all["evidence"] = Json::Object(facts.into_iter().collect());
        all
    }
}

/// The cluster with most apps, and the first of several.
fn largest(spec: &Spec) -> String {
    let apps = |name: &&str| spec.clusters.get(name).map_or(0, |cluster| cluster.value.apps.iter().len());
    let names: Vec<_> = spec.clusters.names().collect();
    names.into_iter().rev().max_by_key(apps).unwrap_or_default().to_owned()
}
