//! The tests of the whole: specs in, files and diagnostics out. Cases are data in `tests/` of the
//! repository; these modules say what must hold for them.

#![expect(clippy::disallowed_macros, reason = "what is skipped is said on stderr")]

mod actions;
mod alerts;
mod amend;
mod apps;
mod architecture;
mod catalogue;
mod changes;
mod charts;
mod cli;
mod connections;
mod credentials;
mod determinism;
mod disk;
mod dns;
mod docs;
mod edit;
mod edits;
mod endpoints;
mod expressions;
mod fields;
mod first_server;
mod flake;
mod folders;
mod growth;
mod init;
mod invalid;
mod lan_dns;
mod manifests;
mod merge;
mod namespaces;
mod nix;
mod order;
mod output;
mod plan_nix;
mod plans;
mod random_edits;
mod reference;
mod reuse;
mod rights;
mod schema;
mod secrets;
mod setters;
mod shutdown;
mod sops;
mod streams;
mod strings;
mod support;
mod switches;
mod systems;
mod terminal;
mod typos;
mod valid;
mod versions;
