//! What is left to do, in order.

use super::{Found, Key, Kind, Member, Secret, State};
use crate::{Command, Effect, ExposeSecret as _, Input, SecretString, Source, Step};
use model::DiskValue;
use model::contract::{AGENT_TOKEN, SECRETS_ON_DISK, SERVER_TOKEN};
use spec::Role;
use std::collections::{BTreeMap, BTreeSet};

/// A value that somebody has given.
#[derive(Debug, Clone)]
pub struct Given {
    /// The value, as it is written to the file.
    pub value: SecretString,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a given value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file or a variable.
    Source(Source),
    /// A mapping of several values, with its name.
    Mapping(String),
    /// The terminal.
    Terminal,
}

/// Where copies are kept that must be outside of the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// The folders that do not exist yet, the upper ones first.
    pub missing: Vec<String>,
    /// The folder of the cluster.
    pub folder: String,
    /// The copies that exist in it, by the path of the secret.
    pub existing: BTreeSet<String>,
}

/// What is known about a cluster, and what is wanted.
#[derive(Debug)]
pub struct Request<'a> {
    /// The name of the cluster.
    pub cluster: &'a str,
    /// Its nodes: the first server, other servers, agents.
    pub members: &'a [Member],
    /// What the nodes have, in the same order.
    pub states: &'a [State],
    /// What they need.
    pub secrets: &'a [Secret],
    /// The values that are given, by path.
    pub given: &'a BTreeMap<String, Given>,
    /// The host keys of the Git server, as lines, if they were asked for.
    pub host_keys: Option<&'a str>,
    /// The paths of values that are replaced.
    pub replace: &'a BTreeSet<String>,
    /// Where copies are kept.
    pub keep: Option<&'a Keep>,
}

impl<'a> Request<'a> {
    /// The nodes that have a secret, with their positions and states.
    fn holders(&self, secret: &Secret) -> Vec<(usize, &'a Member, &'a State)> {
        let members = self.members.iter().zip(self.states).enumerate();
        members.map(|(at, (member, state))| (at, member, state)).filter(|(_, m, _)| secret.is_on(m.role)).collect()
    }

    /// The nodes on which a secret is.
    fn present(&self, secret: &Secret) -> Vec<(usize, &'a Member, &'a Found)> {
        let holders = self.holders(secret).into_iter();
        holders.filter_map(|(at, member, state)| Some((at, member, state.file(&secret.path)?))).collect()
    }

    /// Whether a value must be found: it is nowhere, or replaced.
    fn is_new(&self, secret: &Secret) -> bool {
        let is_derived = secret.value == DiskValue::PublicKey || self.recovers(secret).is_some();
        !is_derived && (self.replace.contains(&secret.path) || self.present(secret).is_empty())
    }

    /// The server whose k3s has the token, if the file with the token is on no server.
    fn recovers(&self, secret: &Secret) -> Option<&'a Member> {
        if secret.path != SERVER_TOKEN || !self.present(secret).is_empty() {
            return None;
        }
        let running = self.holders(secret).into_iter().find(|(_, _, state)| state.token.is_some());
        running.map(|(_, member, _)| member)
    }
}

/// The secrets whose values must be given: nothing can generate them.
pub fn required<'a>(request: &Request<'a>) -> Vec<&'a Secret> {
    let can_generate = |secret: &Secret| match secret.value {
        // Whatever exists is encrypted with the old one.
        DiskValue::Random => !(secret.is_kept && request.replace.contains(&secret.path)),
        DiskValue::DeployKey { .. } | DiskValue::PublicKey => true,
        DiskValue::HostKeys => request.host_keys.is_some(),
        DiskValue::AgeKey | DiskValue::SigningKeys | DiskValue::Issued => false,
    };
    let secrets = request.secrets.iter().filter(|secret| request.is_new(secret));
    secrets.filter(|secret| !can_generate(secret) && !request.given.contains_key(&secret.path)).collect()
}

/// The secrets that get a new value: they are nowhere, or replaced.
pub fn renewed<'a>(request: &Request<'a>) -> Vec<&'a Secret> {
    request.secrets.iter().filter(|secret| request.is_new(secret)).collect()
}

/// What is wrong, and has to be solved before anything changes.
pub fn problems(request: &Request<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    for (member, state) in request.members.iter().zip(request.states) {
        let name = &member.machine.name;
        for (folder, _) in state.folders.iter().filter(|(_, access)| access.is_none()) {
            let folder = if folder == "." { SECRETS_ON_DISK.to_owned() } else { format!("{SECRETS_ON_DISK}/{folder}") };
            problems.push(format!(
                "{name} has no folder {folder}: its system is older than the spec, so update it first (docs/nodes.md)"
            ));
        }
        for (path, _) in state.files.iter().filter(|(_, found)| found.kind == Kind::Other) {
            problems.push(format!("{SECRETS_ON_DISK}/{path} on {name} is not a file: remove it"));
        }
        for (path, _) in state.keys.iter().filter(|(path, key)| **key == Key::Invalid && !replaces(request, path)) {
            problems.push(format!(
                "{path} on {name} is not a private key without a passphrase; `--replace {path}` makes a new one"
            ));
        }
    }
    for secret in request.secrets {
        differences(request, secret, &mut problems);
    }
    tokens(request, &mut problems);
    for path in request.replace {
        match request.secrets.iter().find(|secret| secret.path == *path) {
            None => problems.push(format!("--replace {path}: no node of {} has this file", request.cluster)),
            Some(secret) if secret.value == DiskValue::PublicKey => {
                let key = path.trim_end_matches(".pub");
                problems.push(format!("--replace {path}: it follows from {key}, so replace that"));
            }
            Some(secret) => {
                for (_, member, found) in request.present(secret) {
                    if found.kind == Kind::Link {
                        problems.push(format!(
                            "--replace {path}: on {} it is a link, so change what creates the link",
                            member.machine.name
                        ));
                    }
                }
            }
        }
    }
    if let Some(keep) = request.keep {
        for secret in request.secrets.iter().filter(|secret| secret.is_kept && keep.existing.contains(&secret.path)) {
            if request.is_new(secret) {
                problems.push(format!(
                    "--keep: {}/{} exists, but {} is new: choose another folder, or pass the copy with --secrets-dir {}",
                    keep.folder, secret.path, secret.path, keep.folder
                ));
            }
        }
    }
    problems
}

/// What should be changed by hand.
pub fn notes(request: &Request<'_>) -> Vec<String> {
    let members = request.members.iter().zip(request.states);
    let agents = members.filter(|(member, state)| member.role == Role::Agent && state.file(SERVER_TOKEN).is_some());
    let is_new = |secret: &&Secret| secret.path == SERVER_TOKEN && !request.given.contains_key(SERVER_TOKEN);
    let starts = renewed(request).into_iter().find(is_new).map(|_| {
        format!(
            "a new {SERVER_TOKEN} starts a new cluster; if {} existed before, bring it back instead: docs/recovery.md",
            request.cluster
        )
    });
    agents
        .map(|(member, _)| {
            let file = format!("{SECRETS_ON_DISK}/{SERVER_TOKEN}");
            let remove = Command::on(&member.machine, ["rm", &file]);
            format!(
                "{} is an agent, but has {SERVER_TOKEN}, which gives full access to the cluster: {remove}",
                member.machine.name
            )
        })
        .chain(starts)
        .collect()
}

fn replaces(request: &Request<'_>, path: &str) -> bool {
    request.replace.contains(path)
}

/// Reports a secret that is not the same on all nodes.
fn differences(request: &Request<'_>, secret: &Secret, problems: &mut Vec<String>) {
    let present = request.present(secret);
    let Some((_, first, expected)) = present.first() else { return };
    // The public part is compared with its private key on each node: its comment may differ.
    if secret.value == DiskValue::PublicKey || replaces(request, &secret.path) {
        return;
    }
    let differing = present.iter().filter(|(_, _, found)| found.digest != expected.digest && found.kind != Kind::Other);
    let names: Vec<_> = differing.map(|(_, member, _)| member.machine.name.as_str()).collect();
    if names.is_empty() {
        return;
    }
    let remedy = if secret.path == SERVER_TOKEN {
        "copy the token of the running cluster over the others (docs/nodes.md)".to_owned()
    } else {
        format!("`--replace {}` writes one value to all of them", secret.path)
    };
    let others = names.join(", ");
    problems.push(format!("{} on {others} differs from that on {}: {remedy}", secret.path, first.machine.name));
}

/// Checks the tokens against the running cluster. k3s encrypts its datastore with the token of servers, and does not start with
/// another one: "bootstrap data already found and encrypted with different token"
/// (<https://github.com/k3s-io/k3s/issues/3888>, <https://docs.k3s.io/cli/token>).
fn tokens(request: &Request<'_>, problems: &mut Vec<String>) {
    let Some(token) = request.secrets.iter().find(|secret| secret.path == SERVER_TOKEN) else { return };
    let holders = request.holders(token);
    let runs = |state: &State| state.token.is_some() || state.has_datastore;
    for (_, member, state) in &holders {
        if let (Some(running), Some(found)) = (&state.token, state.file(SERVER_TOKEN))
            && *running != found.digest
        {
            problems.push(format!(
                "{SERVER_TOKEN} on {} is not the token that k3s has used there. k3s encrypts its datastore with the token, and does \
                 not start with another one. Put the old token back; to change it, run `k3s token rotate` first",
                member.machine.name
            ));
        }
    }
    if let (true, Some((_, member, _))) =
        (replaces(request, SERVER_TOKEN), holders.iter().find(|(_, _, state)| runs(state)))
    {
        problems.push(format!(
            "--replace {SERVER_TOKEN}: {} has a datastore, which k3s encrypts with the token: it does not start with another one. On a \
             server, run `k3s token rotate --token OLD --new-token NEW`, put the new token on all servers, and restart k3s on all \
             nodes. Keep the old token: earlier backups need it",
            member.machine.name
        ));
    }
    let is_unknown = request.present(token).is_empty() && request.recovers(token).is_none();
    if !is_unknown {
        return;
    }
    if let Some(given) = request.given.get(SERVER_TOKEN) {
        // The hash is that of a certificate authority, which does not exist yet: <https://docs.k3s.io/cli/token#secure>.
        if given.value.expose_secret().starts_with("K10") {
            problems.push(format!(
                "{SERVER_TOKEN} has the form K10HASH::USER:PASSWORD, which belongs to a cluster that exists: give PASSWORD only"
            ));
        }
        return;
    }
    let joined =
        request.members.iter().zip(request.states).filter(|(_, state)| state.has_joined || state.has_datastore);
    let joined: Vec<_> = joined.map(|(member, _)| member.machine.name.as_str()).collect();
    if !joined.is_empty() {
        problems.push(format!(
            "no server has {SERVER_TOKEN}, but {} joined the cluster {} before. A new token would start a new, empty cluster. To bring \
             back the old one, follow docs/recovery.md, or give its token",
            joined.join(", "),
            request.cluster
        ));
    }
}

/// The steps that are left. Values that [`required`] lists must be given.
pub fn steps(request: &Request<'_>) -> Vec<Step> {
    let mut steps: Vec<(usize, usize, Step)> = Vec::new();
    let mut replaced = BTreeSet::new();
    for (order, secret) in request.secrets.iter().enumerate() {
        let mut add = |at: usize, step: Step| steps.push((at, order + 1, step));
        if secret.value == DiskValue::PublicKey {
            public_parts(request, secret, &mut add);
        } else if request.is_new(secret) {
            if request.replace.contains(&secret.path) && !request.present(secret).is_empty() {
                replaced.insert(secret.path.as_str());
            }
            new_value(request, secret, &mut add);
        } else {
            copies(request, secret, &mut add);
        }
    }
    for (at, (member, state)) in request.members.iter().zip(request.states).enumerate() {
        steps.extend(restrictions(request, member, state, &replaced).into_iter().map(|step| (at, 0, step)));
    }
    steps.sort_by_key(|(at, order, _)| (*at, *order));
    let mut steps: Vec<_> = steps.into_iter().map(|(_, _, step)| step).collect();
    // k3s reads its tokens when it starts.
    if replaced.contains(AGENT_TOKEN) {
        let running = request.members.iter().zip(request.states).filter(|(_, state)| state.is_running);
        steps.extend(running.map(|(member, _)| {
            let restart = Command::on(&member.machine, ["systemctl", "restart", "k3s"]);
            Step::new(format!("restart k3s on {}, which reads the new token", member.machine.name), restart)
                .with_effect(Effect::Interrupts)
                .long()
        }));
    }
    steps.extend(request.keep.into_iter().flat_map(|keep| kept(request, keep)));
    steps
}

/// The steps that correct owners and modes.
fn restrictions(request: &Request<'_>, member: &Member, state: &State, replaced: &BTreeSet<&str>) -> Vec<Step> {
    let step = |path: &str, mode: &str| {
        let file = if path == "." { SECRETS_ON_DISK.to_owned() } else { format!("{SECRETS_ON_DISK}/{path}") };
        let command = Command::shell(&member.machine, &format!("chown root:root {file} && chmod {mode} {file}"));
        Step::new(format!("let only root read {file} on {}", member.machine.name), command)
    };
    let mut steps = Vec::new();
    for (folder, access) in &state.folders {
        if access.is_some_and(|access| !access.is_private(false)) {
            steps.push(step(folder, "700"));
        }
    }
    for secret in request.secrets.iter().filter(|secret| secret.is_on(member.role)) {
        let found = state.file(&secret.path).filter(|found| found.kind == Kind::Regular);
        let is_open = found.is_some_and(|found| !found.access.is_private(secret.is_public()));
        if is_open && !replaced.contains(secret.path.as_str()) {
            steps.push(step(&secret.path, "600"));
        }
    }
    steps
}

/// The steps that write a value that no node has, or that is replaced.
fn new_value(request: &Request<'_>, secret: &Secret, add: &mut impl FnMut(usize, Step)) {
    let is_replaced = request.replace.contains(&secret.path);
    let verb = if is_replaced { "replace" } else { "write" };
    let holders = request.holders(secret);
    let write = |member: &Member, input: Input, origin: &str| {
        let command = Command::shell(&member.machine, &install(secret, "cat", &complete(secret.value), is_replaced));
        Step::new(format!("{verb} {} on {}{origin}", secret.path, member.machine.name), command.reading(input))
    };
    if let Some(given) = request.given.get(&secret.path) {
        let value = given.value.clone();
        let (input, origin) = match &given.origin {
            Origin::Source(source) => {
                let origin = match source {
                    Source::File { path, .. } => format!(", from {path}"),
                    Source::Variable(name) => format!(", from ${name}"),
                };
                (Input::Given { source: source.clone(), value }, origin)
            }
            Origin::Mapping(name) => {
                let what = format!("`{}` of {name}", secret.path);
                (Input::Secret { what, value }, format!(", from {name}"))
            }
            Origin::Terminal => {
                let what = format!("{}: type or paste it, then Enter and Ctrl-D", secret.what);
                (Input::Secret { what, value }, String::new())
            }
        };
        holders.iter().for_each(|(at, member, _)| add(*at, write(member, input.clone(), &origin)));
        return;
    }
    if secret.value == DiskValue::HostKeys {
        let text = request.host_keys.unwrap_or_default();
        holders.iter().for_each(|(at, member, _)| add(*at, write(member, Input::Text(text.to_owned()), "")));
        return;
    }
    let [(at, first, _), rest @ ..] = &holders[..] else { return };
    add(*at, generate(request.cluster, first, secret, is_replaced));
    for (at, member, _) in rest {
        add(*at, copy(secret, first, member, &complete(secret.value), is_replaced));
    }
}

/// The step that generates a value on a node, so that it never leaves the nodes.
fn generate(cluster: &str, member: &Member, secret: &Secret, is_replaced: bool) -> Step {
    let again = if is_replaced { "replace" } else { "generate" };
    let title = format!("{again} {} on {}", secret.path, member.machine.name);
    let text = match secret.value {
        DiskValue::DeployKey { .. } => {
            let name = secret.path.split('/').next().unwrap_or_default();
            guarded(
                secret,
                &format!(
                    "rm -f $f.new $f.new.pub && ssh-keygen -q -t ed25519 -N \"\" -C {name}@{cluster} -f $f.new && mv $f.new.pub \
                     $f.pub && mv $f.new $f"
                ),
                is_replaced,
            )
        }
        // 32 random bytes as 64 hexadecimal digits, as `openssl rand -hex 32` prints them.
        _ => install(
            secret,
            "{ od -A n -v -t x1 -N 32 /dev/urandom | tr -d \"[:space:]\"; echo; }",
            "grep -qxE \"[0-9a-f]{64}\" $f.new",
            is_replaced,
        ),
    };
    Step::new(title, Command::shell(&member.machine, &text))
}

/// The steps that copy a value to the nodes that lack it.
fn copies(request: &Request<'_>, secret: &Secret, add: &mut impl FnMut(usize, Step)) {
    let lacking = request.holders(secret).into_iter().filter(|(_, _, state)| state.file(&secret.path).is_none());
    if let Some(source) = request.recovers(secret) {
        for (at, member, _) in lacking {
            let read = "sed -E \"s/^K10[0-9a-f]*::([a-z-]+:)?//\" /var/lib/rancher/k3s/server/token";
            let read = Command::shell(&source.machine, read);
            let text = install(secret, "cat", &complete(secret.value), false);
            let write = Command::shell(&member.machine, &text).reading(Input::Output(Box::new(read)));
            let from = &source.machine.name;
            let title =
                format!("write {} on {}, from the token that k3s uses on {from}", secret.path, member.machine.name);
            add(at, Step::new(title, write));
        }
        return;
    }
    let present = request.present(secret);
    let Some((_, source, found)) = present.first() else { return };
    for (at, member, _) in lacking {
        let is_complete = format!("[ $(wc -c < $f.new) = {} ]", found.size);
        add(at, copy(secret, source, member, &is_complete, false));
    }
}

/// The step that copies a value from node to node, through the memory of this machine.
fn copy(secret: &Secret, from: &Member, to: &Member, is_complete: &str, is_replaced: bool) -> Step {
    let read = Command::on(&from.machine, ["cat".to_owned(), secret.file()]);
    let write = Command::shell(&to.machine, &install(secret, "cat", is_complete, is_replaced));
    let title = format!("copy {} from {} to {}", secret.path, from.machine.name, to.machine.name);
    Step::new(title, write.reading(Input::Output(Box::new(read))))
}

/// The steps that write the public parts of a deploy key, where the private part was written without it.
fn public_parts(request: &Request<'_>, secret: &Secret, add: &mut impl FnMut(usize, Step)) {
    let path = secret.path.trim_end_matches(".pub");
    let Some(key) = request.secrets.iter().find(|other| other.path == path) else { return };
    let is_new = request.is_new(key);
    for (number, (at, member, state)) in request.holders(key).into_iter().enumerate() {
        let is_generated = is_new && number == 0 && !request.given.contains_key(path);
        let belongs = !is_new && state.keys.get(path) == Some(&Key::Matches);
        if !is_generated && !belongs {
            let text = install(secret, &format!("ssh-keygen -y -P \"\" -f {}", key.file()), "[ -s $f.new ]", true);
            let title = format!("write {} on {}, from {path}", secret.path, member.machine.name);
            add(at, Step::new(title, Command::shell(&member.machine, &text)));
        }
    }
}

/// The steps that keep copies outside of the lab.
fn kept(request: &Request<'_>, keep: &Keep) -> Vec<Step> {
    let mut steps = Vec::new();
    let secrets = request.secrets.iter().filter(|secret| secret.is_kept && !keep.existing.contains(&secret.path));
    let secrets: Vec<_> = secrets.collect();
    // The copies of the backup's secrets are in a folder of their own.
    let mut folders = keep.missing.clone();
    for folder in secrets.iter().filter_map(|secret| secret.path.rsplit_once('/')).map(|(folder, _)| folder) {
        let folder = format!("{}/{folder}", keep.folder);
        let prefix = format!("{}/", folder.trim_start_matches(&format!("{}/", keep.folder)));
        if !folders.contains(&folder) && !keep.existing.iter().any(|path| path.starts_with(&prefix)) {
            folders.push(folder);
        }
    }
    if secrets.is_empty() {
        return steps;
    }
    if !folders.is_empty() {
        let words = ["mkdir", "-p", "-m", "700"].map(str::to_owned).into_iter().chain(folders);
        steps.push(Step::new(format!("create {}, which only you can read", keep.folder), Command::here(words)));
    }
    for secret in secrets {
        let Some((_, member, _)) = request.holders(secret).into_iter().next() else { continue };
        let read = Command::on(&member.machine, ["cat".to_owned(), secret.file()]);
        let title = format!("keep a copy of {} in {}", secret.path, keep.folder);
        steps.push(Step::new(title, read.saving(&format!("{}/{}", keep.folder, secret.path))));
    }
    steps
}

/// How a file is checked to be complete before it gets its name. If the connection is lost meanwhile, the end is missing.
fn complete(value: DiskValue) -> String {
    match value {
        DiskValue::Random | DiskValue::Issued => "[ $(wc -l < $f.new) = 1 ]",
        DiskValue::DeployKey { .. } => "ssh-keygen -y -P \"\" -f $f.new > /dev/null",
        DiskValue::PublicKey => "[ -s $f.new ]",
        DiskValue::HostKeys => "ssh-keygen -l -f $f.new > /dev/null",
        DiskValue::AgeKey => "grep -qE \"^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{58,}$\" $f.new",
        DiskValue::SigningKeys => "grep -q \"^-----END PGP PUBLIC KEY BLOCK-----\" $f.new",
    }
    .to_owned()
}

/// The text for a shell that writes a file in one step: to a temporary file beside it, which gets its name if it is complete.
fn install(secret: &Secret, source: &str, is_complete: &str, is_replaced: bool) -> String {
    guarded(secret, &format!("{source} > $f.new && {is_complete} && mv $f.new $f"), is_replaced)
}

/// The text for a shell that changes a file `$f`: unless it exists, or it is replaced.
fn guarded(secret: &Secret, change: &str, is_replaced: bool) -> String {
    let file = secret.file();
    if is_replaced {
        format!("umask 077; f={file}; {change}")
    } else {
        format!("umask 077; f={file}; [ -s $f ] || {{ {change}; }}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Access;
    use crate::{Machine, runbook};

    fn member(name: &str, role: Role) -> Member {
        Member { machine: Machine { name: name.to_owned(), address: format!("{name}.example.com") }, role }
    }

    fn secret(path: &str, value: DiskValue) -> Secret {
        let what = path.to_owned();
        Secret { path: path.to_owned(), value, is_on_agents: path == AGENT_TOKEN, what, is_kept: path == SERVER_TOKEN }
    }

    fn found(digest: &str) -> Found {
        let access = Access { owner: 0, group: 0, mode: 0o600 };
        Found { kind: Kind::Regular, access, size: 65, digest: digest.to_owned() }
    }

    /// Two servers and an agent, with these files.
    fn check(files: [&[(&str, &str)]; 3], replace: &[&str], check: impl FnOnce(&Request<'_>, &mut [State; 3])) {
        let members = [member("one", Role::Server), member("two", Role::Server), member("three", Role::Agent)];
        let mut states = files.map(|files| State {
            files: files.iter().map(|(path, digest)| ((*path).to_owned(), found(digest))).collect(),
            ..State::default()
        });
        let secrets = [
            secret(SERVER_TOKEN, DiskValue::Random),
            secret(AGENT_TOKEN, DiskValue::Random),
            secret("infisical/client-id", DiskValue::Issued),
            secret("flux-git/identity", DiskValue::DeployKey { writes: false }),
            secret("flux-git/identity.pub", DiskValue::PublicKey),
        ];
        let replace = replace.iter().map(|path| (*path).to_owned()).collect();
        let copied = states.clone();
        let request = Request {
            cluster: "home",
            members: &members,
            states: &copied,
            secrets: &secrets,
            given: &BTreeMap::new(),
            host_keys: None,
            replace: &replace,
            keep: None,
        };
        check(&request, &mut states);
    }

    fn titles(request: &Request<'_>) -> Vec<String> {
        steps(request).into_iter().map(|step| step.title).collect()
    }

    #[test]
    fn generates_once_and_copies_to_the_others() {
        check([&[], &[("infisical/client-id", "a")], &[]], &[], |request, _| {
            assert_eq!(required(request), Vec::<&Secret>::new());
            assert_eq!(problems(request), Vec::<String>::new());
            let expected = [
                "generate k3s-token on one",
                "generate k3s-agent-token on one",
                "copy infisical/client-id from two to one",
                "generate flux-git/identity on one",
                "copy k3s-token from one to two",
                "copy k3s-agent-token from one to two",
                "copy flux-git/identity from one to two",
                "write flux-git/identity.pub on two, from flux-git/identity",
                "copy k3s-agent-token from one to three",
            ];
            assert_eq!(titles(request), expected);
            let text = runbook(&steps(request));
            assert!(text.contains(
                "ssh root@two.example.com 'cat /var/lib/homelab/secrets/infisical/client-id' | ssh root@one"
            ));
        });
        check([&[], &[], &[]], &[], |request, _| {
            assert_eq!(
                required(request).iter().map(|secret| &*secret.path).collect::<Vec<_>>(),
                ["infisical/client-id"]
            );
        });
    }

    #[test]
    fn never_guesses_which_token_is_right() {
        let files: [&[_]; 3] = [&[(SERVER_TOKEN, "a")], &[(SERVER_TOKEN, "b")], &[]];
        check(files, &[], |request, _| {
            let problems = problems(request);
            assert!(problems.len() == 1 && problems[0].starts_with("k3s-token on two differs from that on one"));
        });
        let files: [&[_]; 3] = [&[(SERVER_TOKEN, "a")], &[(SERVER_TOKEN, "a")], &[]];
        check(files, &[SERVER_TOKEN], |request, states| {
            assert_eq!(problems(request), Vec::<String>::new());
            assert_eq!(required(request)[0].path, SERVER_TOKEN, "a token that replaces one is given");
            states[1].has_datastore = true;
            let refused = problems(&Request { states, ..*request });
            assert!(refused.len() == 1 && refused[0].contains("k3s token rotate"), "{refused:?}");
        });
        check([&[], &[], &[]], &[], |request, states| {
            states[1].token = Some("a".to_owned());
            let request = Request { states, ..*request };
            assert!(
                titles(&request).contains(&"write k3s-token on one, from the token that k3s uses on two".to_owned())
            );
            assert_eq!(problems(&request), Vec::<String>::new());
        });
        check([&[], &[], &[]], &[], |request, states| {
            states[2].has_joined = true;
            let refused = problems(&Request { states, ..*request });
            assert!(refused.len() == 1 && refused[0].contains("three joined the cluster home before"), "{refused:?}");
        });
    }
}
