//! An entry, and the file that describes it.

use crate::choices::Need;
use serde::Deserialize;
use std::fmt;
use yaml::{Limits, documents};

/// An app of the catalogue.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name of its file, and of the app in a spec unless the user chooses another one.
    pub name: &'static str,
    /// The name of the product.
    pub title: String,
    /// What people use it for, in a few words.
    pub description: String,
    /// The website of the project.
    pub website: String,
    /// The category in the list of apps.
    pub category: Category,
    /// The first label of its host name, unless the user chooses another one.
    pub host: Option<String>,
    /// Whether anybody could take it over before its first steps are done, for example because the first visitor becomes
    /// administrator: a public app then admits only the LAN at first.
    pub setup_first: bool,
    /// What the app cannot do without.
    pub needs: Vec<Need>,
    /// Apps of the same cluster that it cannot do without, by their names in the catalogue.
    pub needs_apps: Vec<String>,
    /// Apps that it connects to if its cluster has them, by their names in the catalogue.
    pub connects_to: Vec<String>,
    /// Whether it connects to devices in the LAN.
    pub reaches_lan: bool,
    /// The keys of its secret entry, without that of the database.
    pub keys: Vec<Key>,
    /// Where its facts come from.
    pub evidence: Evidence,
    /// The template of its fields.
    pub(crate) template: String,
    /// The templates of what to do after its first start.
    pub(crate) steps: Vec<String>,
}

/// A key of the secret entry of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name in the entry.
    pub name: String,
    /// What it is.
    pub description: String,
    /// How to make its value: a command, or where to get it.
    pub make: String,
}

/// The sources of the facts about an app.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Evidence {
    /// The date on which they were read: `YYYY-MM-DD`.
    pub checked: String,
    /// Where the tags of the image are published.
    pub tag: Fact,
    /// The user that the image runs as, and what the app relaxes for it.
    pub user: Fact,
    /// The port.
    pub port: Fact,
    /// The health check.
    pub probe: Fact,
}

/// A fact and its source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What holds.
    #[serde(deserialize_with = "text")]
    pub fact: String,
    /// Where that is written: `OWNER/REPOSITORY:PATH` on GitHub, or a URL.
    pub source: String,
}

impl Evidence {
    /// The facts, each with its subject.
    pub fn facts(&self) -> [(&'static str, &Fact); 4] {
        [("tag", &self.tag), ("user", &self.user), ("port", &self.port), ("probe", &self.probe)]
    }
}

/// Declares the categories.
macro_rules! categories {
    ($($name:ident = $title:literal,)+) => {
        /// A category of apps, in the order of the list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        pub enum Category {
            $(
                #[doc = concat!($title, ".")]
                #[serde(rename = $title)]
                $name,
            )+
        }

        impl Category {
            /// All categories, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its title.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }
        }
    };
}

categories! {
    Media = "Media",
    Downloads = "Downloads",
    Photos = "Photos and files",
    Documents = "Notes and documents",
    Reading = "Bookmarks and reading",
    Household = "Household and finance",
    Automation = "Home automation",
    Development = "Development and automation",
    Language = "Language models",
    Identity = "Passwords and identity",
    Monitoring = "Dashboards and monitoring",
    Network = "Network and messages",
    Games = "Games",
}

impl fmt::Display for Category {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.title())
    }
}

/// The file of an entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    title: String,
    description: String,
    website: String,
    category: Category,
    host: Option<String>,
    #[serde(default)]
    setup_first: bool,
    #[serde(default)]
    needs: Vec<Need>,
    #[serde(default)]
    needs_apps: Vec<String>,
    #[serde(default)]
    connects_to: Vec<String>,
    #[serde(default)]
    reaches_lan: bool,
    app: String,
    #[serde(default)]
    secrets: serde_json::Map<String, serde_json::Value>,
    first_steps: Vec<String>,
    evidence: Evidence,
}

/// A key in the file of an entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFields {
    description: String,
    make: String,
}

impl Entry {
    /// Reads the file of an entry.
    pub(crate) fn read(name: &'static str, text: &str) -> Result<Self, String> {
        let (documents, errors) = documents(text, Limits::default());
        if let Some(error) = errors.first() {
            return Err(format!("{error:?}"));
        }
        let [document] = documents.as_slice() else { return Err("expected one document".to_owned()) };
        let value = serde_json::to_value(document.to_value()).map_err(|error| error.to_string())?;
        let file: File = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let mut keys = Vec::new();
        for (key, value) in file.secrets {
            let fields: KeyFields = serde_json::from_value(value).map_err(|error| format!("{key}: {error}"))?;
            keys.push(Key { name: key, description: fields.description, make: fields.make });
        }
        Ok(Self {
            name,
            title: file.title,
            description: file.description,
            website: file.website,
            category: file.category,
            host: file.host,
            setup_first: file.setup_first,
            needs: file.needs,
            needs_apps: file.needs_apps,
            connects_to: file.connects_to,
            reaches_lan: file.reaches_lan,
            keys,
            evidence: file.evidence,
            template: file.app,
            steps: file.first_steps,
        })
    }
}

/// Reads a scalar as text, so that a fact may be a number.
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format!("expected text, found {other}"))),
    }
}
