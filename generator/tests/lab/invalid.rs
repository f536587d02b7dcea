//! Invalid specs and their diagnostics. Each case in `tests/invalid` is named after the rule that it
//! breaks: the code, and `--` with a description if there are several. It is a file, or a folder if the spec
//! refers to other files. A snapshot next to it contains the messages. Hostile inputs are created here.

use crate::edit::{Edited, Place, with_field, with_range, with_value};
use crate::support::{Built, build, folder_with, homelab, parse, reference_spec, repository, run, shown};
use homelab::diagnostic::{self, Code, Severity, Source};
use homelab::yaml::{Limits, Node, documents};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Codes without a case in `tests/invalid`, and why.
const WITHOUT_A_CASE: [(Code, &str); 7] = [
    (Code::ChangeRefused, "needs two versions of a spec; the cases are in tests/changes"),
    (Code::ChangeIgnored, "needs two versions of a spec; the cases are in tests/changes"),
    (Code::TooLarge, "a file of 16 MiB is created by `rejects_hostile_inputs_quickly`"),
    (Code::NotUtf8, "editors would fix the bytes; created by `rejects_hostile_inputs_quickly`"),
    (Code::ByteOrderMark, "editors would fix the bytes; created by `rejects_hostile_inputs_quickly`"),
    (Code::CarriageReturn, "editors would fix the bytes; created by `rejects_hostile_inputs_quickly`"),
    (Code::Internal, "a bug in the generator, which no spec may trigger"),
];

/// A case: the folder in which to run the program, and the spec in it.
struct Case {
    name: String,
    root: PathBuf,
    spec: String,
}

impl Case {
    fn of(spec: &Path) -> Self {
        let root = spec.parent().expect("a spec is in a folder");
        let file = spec.file_name().and_then(|name| name.to_str()).expect("cases have plain names");
        let named = if file == "spec.yaml" { root } else { spec };
        let name = named.file_stem().and_then(|name| name.to_str()).expect("cases have plain names");
        Self { name: name.to_owned(), root: root.to_owned(), spec: file.to_owned() }
    }

    /// The code of the rule that the case breaks.
    fn code(&self) -> Code {
        let text = self.name.split("--").next().unwrap_or_default();
        let code = Code::ALL.iter().find(|code| code.text() == text);
        *code.unwrap_or_else(|| panic!("`{}` does not start with the text of a code", self.name))
    }

    /// The messages that the user sees.
    fn messages(&self) -> String {
        let output = run(&self.root, &["validate", "--spec", &self.spec]);
        String::from_utf8(output.stderr).expect("messages are UTF-8")
    }
}

/// The JSON diagnostics of a case.
struct Report {
    case: Case,
    exit_code: Option<i32>,
    /// One object for each diagnostic.
    diagnostics: Vec<serde_json::Value>,
}

impl Report {
    fn of(case: Case) -> Self {
        let output = run(&case.root, &["validate", "--quiet", "--spec", &case.spec, "--format", "json"]);
        let exit_code = output.status.code();
        // `--quiet` suppresses warnings.
        let output = match exit_code {
            Some(0) => run(&case.root, &["validate", "--spec", &case.spec, "--format", "json"]),
            _ => output,
        };
        let text = if output.stderr.is_empty() { b"[]".to_vec() } else { output.stderr };
        let diagnostics = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        Self { case, exit_code, diagnostics }
    }

    /// The codes of its diagnostics.
    fn codes(&self) -> BTreeSet<&str> {
        self.diagnostics.iter().map(|report| report["code"].as_str().expect("a report has a code")).collect()
    }
}

/// The reports of all cases, created once.
fn reports() -> &'static [Report] {
    static REPORTS: OnceLock<Vec<Report>> = OnceLock::new();
    REPORTS.get_or_init(|| {
        let top = repository().join("tests/invalid");
        let entries =
            top.read_dir().expect("the folder exists").map(|entry| entry.expect("cases can be listed").path());
        let specs = entries.map(|path| if path.is_dir() { path.join("spec.yaml") } else { path });
        let mut specs: Vec<_> = specs.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect();
        specs.sort();
        specs.iter().map(|spec| Report::of(Case::of(spec))).collect()
    })
}

fn check_snapshot(case: &Case, snapshot: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&case.root);
    settings.set_prepend_module_to_snapshot(false);
    settings.remove_snapshot_suffix();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(snapshot, case.messages()));
}

#[test]
fn reports_each_invalid_file_as_in_its_snapshot() {
    insta::glob!("../../../tests/invalid", "*.yaml", |path| {
        let case = Case::of(path);
        check_snapshot(&case, &case.name);
    });
}

#[test]
fn reports_each_invalid_folder_as_in_its_snapshot() {
    insta::glob!("../../../tests/invalid", "*/spec.yaml", |path| check_snapshot(&Case::of(path), "output"));
}

#[test]
fn every_rule_has_a_case_and_every_case_breaks_its_rule() {
    let mut wrong = Vec::new();
    for report in reports() {
        if !report.codes().contains(report.case.code().text()) {
            wrong.push(format!("{} has the codes {:?}", report.case.name, report.codes()));
        }
    }
    let seen: BTreeSet<&str> = reports().iter().flat_map(Report::codes).collect();
    for code in Code::ALL {
        let is_exempt = WITHOUT_A_CASE.iter().any(|(other, _)| other == code);
        match (seen.contains(code.text()), is_exempt) {
            (false, false) => wrong.push(format!("{} has no case", code.text())),
            (true, true) => wrong.push(format!("{} has a case; remove it from WITHOUT_A_CASE", code.text())),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn exits_with_2_on_errors_and_with_0_on_warnings() {
    for report in reports() {
        let expected = if report.case.code().severity() == Severity::Error { 2 } else { 0 };
        assert_eq!(report.exit_code, Some(expected), "{}", report.case.name);
    }
}

#[test]
fn every_diagnostic_has_a_location_and_a_help() {
    let mut wrong = Vec::new();
    for Report { case, diagnostics, .. } in reports() {
        for diagnostic in diagnostics {
            let code = diagnostic["code"].as_str().unwrap_or_default();
            let message = diagnostic["message"].as_str().unwrap_or_default();
            if diagnostic["help"].as_str().is_none_or(str::is_empty) {
                wrong.push(format!("{}: no help for {code}: {message}", case.name));
            }
            // An empty file has no location.
            if diagnostic["line"].as_u64().is_none() && code != Code::NotOneMapping.text() {
                wrong.push(format!("{}: no location for {code}: {message}", case.name));
            }
            if message.is_empty() || message.ends_with('.') {
                wrong.push(format!("{}: a message must not be empty or end with a period: {message}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// Ten mistakes at once.

/// A typical mistake in a field of a spec.
enum Mistake {
    Key(&'static str),
    Value(&'static str),
    /// Another field on the next line.
    Next(&'static str),
}

/// A field of the reference spec, a mistake there, and the rule that it breaks. In the order of the spec.
const MISTAKES: [(&str, Mistake, Code); 10] = [
    ("lab.timezone", Mistake::Key("timezon"), Code::UnknownField),
    ("hosts.lenovo.threads", Mistake::Value("twelve"), Code::WrongType),
    ("storage.nas.address", Mistake::Value("192.168.10.320"), Code::InvalidValue),
    ("clusters.data.nodes.data-cp.disk", Mistake::Next("gpu: true"), Code::GpuMissing),
    ("clusters.gordito.pods", Mistake::Value("10.52.0.0/16"), Code::NetworksOverlap),
    ("clusters.gordito.nodes.gordito-cp.vmid", Mistake::Value("120"), Code::VmidTaken),
    ("clusters.gordito.nodes.gordito-worker.host", Mistake::Value("elitdesk"), Code::UnknownReference),
    ("clusters.gordito.nodes.gordito-worker.address", Mistake::Value("192.168.10.143"), Code::AddressInDhcp),
    ("clusters.gordito.apps.linkding.image.tag", Mistake::Value("latest"), Code::ImageTagFloating),
    (
        "clusters.gordito.apps.linkding.env.LD_SUPERUSER_PASSWORD",
        Mistake::Value("correct-horse"),
        Code::CredentialInSpec,
    ),
];

#[test]
fn reports_ten_mistakes_each_in_its_line_with_a_help() {
    let mut text = reference_spec();
    // The host of `data-cp` has no GPU.
    text = with_range(&text, Place::of(&text, "hosts.lenovo.gpu").lines(&text), "");
    let mut wanted = Vec::new();
    for (path, mistake, code) in MISTAKES {
        let place = Place::of(&text, path);
        let (line, indent) = (place.line(&text), " ".repeat(place.column(&text) - 1));
        let (line, range, instead) = match mistake {
            Mistake::Key(key) => (line, place.key, key.to_owned()),
            Mistake::Value(value) => (line, place.value, value.to_owned()),
            Mistake::Next(field) => (line + 1, place.value.end..place.value.end, format!("\n{indent}{field}")),
        };
        text = with_range(&text, range, &instead);
        wanted.push((line as u64, code.text()));
    }

    let Built { tree, diagnostics, .. } = build(&text, &repository());
    assert!(tree.is_none());
    let reports = diagnostic::json(&diagnostics, Source { name: "spec/homelab.yaml", text: &text });
    let reports = reports.as_array().expect("reports are a list");
    let found: Vec<_> = reports
        .iter()
        .map(|report| (report["line"].as_u64().unwrap_or(0), report["code"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(found, wanted, "{}", shown(&diagnostics, &text));
    assert!(reports.iter().all(|report| report["help"].is_string()), "{}", shown(&diagnostics, &text));
    insta::assert_snapshot!("ten_mistakes", shown(&diagnostics, &text));
}

// Values that cannot be parsed.

/// Every value of a tree, and its path.
fn values<'a>(node: &'a Node, path: &str, found: &mut Vec<(String, &'a Node)>) {
    for (key, value) in node.entries() {
        let path = format!("{path}/{}", key.text().unwrap_or_default());
        values(value, &path, found);
        found.push((path, value));
    }
    for (at, item) in node.items().iter().enumerate() {
        let path = format!("{path}/{at}");
        values(item, &path, found);
        found.push((path, item));
    }
}

/// Every name that the user chooses: the keys of mappings that are not fields.
fn names<'a>(node: &'a Node, path: &str, found: &mut Vec<(String, &'a Node)>) {
    const MAPPINGS: [&str; 7] = ["hosts", "storage", "entries", "clusters", "nodes", "apps", "env"];
    for (key, value) in node.entries() {
        let inside = format!("{path}/{}", key.text().unwrap_or_default());
        if MAPPINGS.iter().any(|name| path.ends_with(&format!("/{name}"))) {
            found.push((inside.clone(), key));
        }
        names(value, &inside, found);
    }
}

/// Replaces a node with a text. Returns the line of the node, the lines of the diagnostics, and the messages.
fn lines_after_edit(text: &str, node: &Node, instead: &str) -> (usize, Vec<usize>, String) {
    let start = node.span.start as usize;
    let end = start + text[start..node.span.end as usize].trim_end().len();
    let edited = format!("{}{instead}{}", &text[..start], &text[end..]);
    let built = build(&edited, &repository());
    let source = Source { name: "spec/homelab.yaml", text: &edited };
    let reports = diagnostic::json(&built.diagnostics, source);
    let lines = reports.as_array().into_iter().flatten().filter_map(|report| report["line"].as_u64());
    let lines: Vec<_> = lines.filter_map(|line| usize::try_from(line).ok()).collect();
    assert_eq!(built.tree.is_none(), built.diagnostics.has_errors());
    (text[..start].matches('\n').count() + 1, lines, shown(&built.diagnostics, &edited))
}

#[test]
fn a_value_that_cannot_be_parsed_causes_no_other_diagnostic() {
    let text = reference_spec();
    let (tree, _) = documents(&text, Limits::default());
    let mut nodes = Vec::new();
    values(&tree[0], "", &mut nodes);
    let mut wrong = Vec::new();
    for ((path, node), unreadable) in nodes.iter().flat_map(|node| ["\"§\"", "[[]]"].map(|bad| (node, bad))) {
        let (line, lines, messages) = lines_after_edit(&text, node, unreadable);
        // There is none if the field accepts any text or an empty list.
        if !lines.is_empty() && lines != [line] {
            wrong.push(format!("{path} as {unreadable}:\n{messages}"));
        }
    }
    assert!(wrong.is_empty(), "{} values\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_name_that_cannot_be_parsed_causes_no_other_diagnostic() {
    let text = reference_spec();
    let (tree, _) = documents(&text, Limits::default());
    let mut nodes = Vec::new();
    names(&tree[0], "", &mut nodes);
    assert!(nodes.len() > 10, "only {} names were found", nodes.len());
    let mut wrong = Vec::new();
    for (path, node) in &nodes {
        let (line, lines, messages) = lines_after_edit(&text, node, "\"§\"");
        if lines != [line] {
            wrong.push(format!("{path}:\n{messages}"));
        }
    }
    assert!(wrong.is_empty(), "{} names\n{}", wrong.len(), wrong.join("\n"));
}

// Hostile inputs, passed to the program.

/// How long any input may take: ten times as long as on an idle machine.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum size of the messages about any input, in bytes.
const MAX_OUTPUT: usize = 64 << 10;

/// Checks that `generate` rejects a spec: with exit code 2 and a diagnostic with one of these codes, without
/// a panic and without writing anything, within a limited time and amount of output.
fn check_rejected(name: &str, spec: &[u8], codes: &[Code]) -> Result<(), String> {
    let folder = folder_with("");
    std::fs::write(folder.path().join("spec/homelab.yaml"), spec).expect("the folder is writable");
    check_rejected_in(name, folder.path(), codes)
}

fn check_rejected_in(name: &str, folder: &Path, codes: &[Code]) -> Result<(), String> {
    let log = tempfile::NamedTempFile::new().expect("a temporary file can be created");
    let stderr = log.reopen().expect("the file exists");
    let mut command = homelab(folder);
    command.arg("generate").stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    let started = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let status = loop {
        match child.try_wait().expect("the program can be waited for") {
            Some(status) => break status,
            None if started.elapsed() > TIMEOUT => {
                child.kill().expect("the program can be killed");
                child.wait().expect("the program can be waited for");
                return Err(format!("{name}: no answer within {TIMEOUT:?}"));
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let messages = std::fs::read(log.path()).expect("the file exists");
    let messages =
        String::from_utf8(messages).map_err(|error| format!("{name}: the messages are not UTF-8: {error}"))?;
    let start: String = messages.chars().take(2000).collect();
    if messages.contains("panicked") {
        return Err(format!("{name}: panicked:\n{start}"));
    }
    if status.code() != Some(2) {
        return Err(format!("{name}: exited with {status}:\n{start}"));
    }
    if !codes.iter().any(|code| messages.contains(&format!("error[{}]", code.text()))) {
        return Err(format!("{name}: none of {codes:?} in:\n{start}"));
    }
    if messages.len() > MAX_OUTPUT {
        return Err(format!("{name}: {} bytes of messages, starting with:\n{start}", messages.len()));
    }
    let entries: Vec<_> = folder.read_dir().expect("the folder exists").filter_map(Result::ok).collect();
    if entries.len() != 1 {
        return Err(format!("{name}: something was written: {entries:?}"));
    }
    Ok(())
}

/// The reference spec with another field in the place of a cluster's description.
fn with_cluster(field: &str) -> String {
    with_field(&reference_spec(), "clusters.data.description", field)
}

#[test]
fn rejects_hostile_inputs_quickly() {
    let bomb: String = (1..30).map(|n| format!("a{n}: &a{n} [*a{0},*a{0},*a{0},*a{0}]\n", n - 1)).collect();
    let reference = reference_spec();
    let garbage = "\u{202e}\u{200d}\u{e000}\u{fffd}\u{10ffff}𝕳é\u{301}\u{85}\u{2028}\u{feff}: [\u{7}\u{1b}[31m";
    let cases: Vec<(&str, Vec<u8>, &[Code])> = vec![
        ("empty", Vec::new(), &[Code::NotOneMapping]),
        ("empty lines", b"\n\n\n".to_vec(), &[Code::NotOneMapping]),
        ("list at the top", b"- 1\n- 2\n".to_vec(), &[Code::NotOneMapping]),
        ("two documents", format!("{reference}---\n{reference}").into_bytes(), &[Code::NotOneMapping]),
        ("billion laughs", format!("a0: &a0 lol\n{bomb}").into_bytes(), &[Code::Alias]),
        ("alias to itself", b"a: &a [*a]\n".to_vec(), &[Code::Alias, Code::YamlSyntax]),
        ("open brackets", "[".repeat(100_000).into_bytes(), &[Code::TooDeep]),
        ("open braces", "{a: ".repeat(100_000).into_bytes(), &[Code::TooDeep]),
        (
            "closed brackets",
            [b"a: ".to_vec(), "[".repeat(100_000).into_bytes(), "]".repeat(100_000).into_bytes()].concat(),
            &[Code::TooDeep],
        ),
        ("nested lists", "- ".repeat(100_000).into_bytes(), &[Code::TooDeep]),
        (
            "deep indentation",
            (0..2000).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>().into_bytes(),
            &[Code::TooDeep],
        ),
        ("tabs", reference.replace("  ", "\t").into_bytes(), &[Code::YamlSyntax]),
        ("byte order mark", [b"\xef\xbb\xbf", reference.as_bytes()].concat(), &[Code::ByteOrderMark]),
        ("UTF-16", reference.encode_utf16().flat_map(u16::to_le_bytes).collect(), &[Code::NotUtf8, Code::YamlSyntax]),
        ("CRLF", reference.replace('\n', "\r\n").into_bytes(), &[Code::CarriageReturn]),
        ("lone CR", reference.replace('\n', "\r").into_bytes(), &[Code::CarriageReturn]),
        ("Latin-1", [b"# se\xf1or\n", reference.as_bytes()].concat(), &[Code::NotUtf8]),
        ("overlong UTF-8", b"a: \xc0\xaf\n".to_vec(), &[Code::NotUtf8]),
        ("surrogate", b"a: \xed\xa0\x80\n".to_vec(), &[Code::NotUtf8]),
        ("NUL", with_value(&reference, "lab.name", "home\0lab").into_bytes(), &[Code::YamlSyntax]),
        ("NUL as an escape", with_cluster("description: \"a\\0b\"").into_bytes(), &[Code::ControlCharacter]),
        ("unicode garbage", garbage.as_bytes().to_vec(), &[Code::YamlSyntax, Code::NotOneMapping]),
        (
            "unicode garbage as a value",
            with_cluster(&format!("description: {garbage}")).into_bytes(),
            &[Code::YamlSyntax],
        ),
        (
            "unicode garbage as a key",
            with_cluster("\"\u{202e}\u{1f980}\\u0007\\x1b[31m\": 1").into_bytes(),
            &[Code::UnknownField],
        ),
        ("line of 1 MB", vec![b'x'; 1 << 20], &[Code::NotOneMapping, Code::YamlSyntax]),
        ("key of 1 MB", [vec![b'x'; 1 << 20], b": 1\n".to_vec()].concat(), &[Code::YamlSyntax, Code::UnknownField]),
        (
            "name of 1 MB",
            with_cluster(&format!("apps: {{ {}: {{}} }}", "x".repeat(1000))).into_bytes(),
            &[Code::InvalidValue],
        ),
        (
            "value of 1 MB",
            with_value(&reference, "hosts.lenovo.address", &"1".repeat(1 << 20)).into_bytes(),
            &[Code::WrongType, Code::InvalidValue],
        ),
        ("list of 1 MB in a line", format!("a: [{}]\n", "1,".repeat(1 << 19)).into_bytes(), &[Code::UnknownField]),
        ("wide list of 1 MB in a line", format!("a: [{}]\n", "ä,".repeat(1 << 19)).into_bytes(), &[Code::UnknownField]),
        (
            "10 000 unknown fields",
            (0..10_000).map(|n| format!("field-{n}: 1\n")).collect::<String>().into_bytes(),
            &[Code::UnknownField],
        ),
        ("the same key 10 000 times", "a: 1\n".repeat(10_000).into_bytes(), &[Code::DuplicateKey]),
        ("16 MB of comments", "# nothing\n".repeat((16 << 20) / 10).into_bytes(), &[Code::NotOneMapping]),
        ("memory that overflows 64 bits", overflowing_memory().into_bytes(), &[Code::HostMemoryExceeded]),
        (
            "number that overflows 64 bits",
            with_value(&reference, "clusters.data.nodes.data-cp.vmid", "99999999999999999999999").into_bytes(),
            &[Code::WrongType, Code::InvalidValue],
        ),
    ];
    let failures: Vec<_> =
        cases.iter().filter_map(|(name, spec, codes)| check_rejected(name, spec, codes).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Twenty nodes whose memory adds up to more than 64 bits can hold.
fn overflowing_memory() -> String {
    let with_node = |spec: Edited, n: u32| {
        let (vmid, address) = (200 + n, 50 + n);
        let node = "{ host: lenovo, role: agent, memory: 999999TiB }";
        spec.add(&format!("clusters.data.nodes.big-{n}"), node)
            .add(&format!("clusters.data.nodes.big-{n}.vmid"), &vmid.to_string())
            .add(&format!("clusters.data.nodes.big-{n}.address"), &format!("192.168.10.{address}"))
    };
    (1..=20).fold(Edited::reference(), with_node).text()
}

/// The program does not read all of the 100 MB.
#[test]
fn rejects_a_file_of_100_mb_quickly() {
    let folder = folder_with("");
    let path = folder.path().join("spec/homelab.yaml");
    std::fs::File::create(path).and_then(|file| file.set_len(100 << 20)).expect("the file is sparse");
    check_rejected_in("100 MB", folder.path(), &[Code::TooLarge]).unwrap_or_else(|failure| panic!("{failure}"));
}

// Mutations of valid specs.

/// An accidental change of a file.
#[derive(Debug, Clone)]
enum Mutation {
    DeleteLine(usize),
    RepeatLine(usize),
    SwapLines(usize, usize),
    Indent(usize),
    Dedent(usize),
    /// Indents a line and all that is below it.
    IndentBlock(usize, usize),
    /// The same, to the left.
    DedentBlock(usize, usize),
    CutAt(usize),
    DeleteByte(usize),
    Insert(usize, &'static str),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let (height, length) = (lines.len(), bytes.len());
        let (line, offset) = (|at: usize| at % height, |at: usize| at % (length + 1));
        match *self {
            Self::DeleteLine(at) => drop(lines.remove(line(at))),
            Self::RepeatLine(at) => lines.insert(line(at), lines[line(at)].clone()),
            Self::SwapLines(one, other) => lines.swap(line(one), line(other)),
            Self::Indent(at) => lines[line(at)].splice(..0, *b"  ").for_each(drop),
            Self::Dedent(at) => {
                let line = line(at);
                let spaces = lines[line].iter().take_while(|byte| **byte == b' ').count().min(2);
                lines[line].drain(..spaces);
            }
            Self::IndentBlock(at, by) => {
                let spaces = vec![b' '; 2 * (1 + by % 3)];
                block(&mut lines, line(at)).iter_mut().for_each(|line| drop(line.splice(..0, spaces.clone())));
            }
            Self::DedentBlock(at, by) => {
                let block = block(&mut lines, line(at));
                let spaces = block.iter().map(|line| indentation(line)).min().unwrap_or(0).min(2 * (1 + by % 3));
                block.iter_mut().for_each(|line| drop(line.drain(..spaces)));
            }
            Self::CutAt(at) => return bytes.truncate(offset(at)),
            Self::DeleteByte(at) => return bytes.drain(offset(at)..length.min(offset(at) + 1)).for_each(drop),
            Self::Insert(at, text) => return bytes.splice(offset(at)..offset(at), text.bytes()).for_each(drop),
        }
        *bytes = lines.join(&b'\n');
    }
}

fn indentation(line: &[u8]) -> usize {
    line.iter().take_while(|byte| **byte == b' ').count()
}

/// A line and the lines that are indented more.
fn block(lines: &mut [Vec<u8>], start: usize) -> &mut [Vec<u8>] {
    let outer = indentation(&lines[start]);
    let rest = lines[start + 1..].iter().take_while(|line| indentation(line) > outer).count();
    &mut lines[start..=start + rest]
}

/// Pieces of text that have a meaning in YAML or in the spec, or none.
const PIECES: [&str; 32] = [
    " ",
    "\n",
    "\t",
    ":",
    ": ",
    "- ",
    "#",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    ",",
    "|",
    ">",
    "&a ",
    "*a",
    "!!str ",
    "%",
    "---\n",
    "ä🦀",
    "\u{2028}",
    "0",
    "9999999999",
    "-",
    ".",
    "/",
    "~",
    "null",
    "[]",
    "{}",
];

/// The reference spec and all of `tests/valid`, each with the folder of the files that it refers to.
fn valid_specs() -> &'static [(PathBuf, String)] {
    static SPECS: OnceLock<Vec<(PathBuf, String)>> = OnceLock::new();
    SPECS.get_or_init(|| {
        let top = repository().join("tests/valid");
        let folders =
            top.read_dir().expect("the folder exists").map(|entry| entry.expect("cases can be listed").path());
        let mut folders: Vec<_> = folders.filter(|path| path.is_dir()).collect();
        folders.sort();
        let text = |folder: &Path| std::fs::read_to_string(folder.join("spec.yaml")).expect("each case has a spec");
        let cases = folders.into_iter().map(|folder| (folder.clone(), text(&folder)));
        [(repository(), reference_spec())].into_iter().chain(cases).collect()
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = || 0..100_000_usize;
    prop_oneof![
        at().prop_map(Mutation::DeleteLine),
        at().prop_map(Mutation::RepeatLine),
        (at(), at()).prop_map(|(one, other)| Mutation::SwapLines(one, other)),
        at().prop_map(Mutation::Indent),
        at().prop_map(Mutation::Dedent),
        (at(), at()).prop_map(|(at, by)| Mutation::IndentBlock(at, by)),
        (at(), at()).prop_map(|(at, by)| Mutation::DedentBlock(at, by)),
        at().prop_map(Mutation::CutAt),
        at().prop_map(Mutation::DeleteByte),
        (at(), proptest::sample::select(&PIECES[..])).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
    ]
}

proptest! {
    // The same cases on each run: 256, or `PROPTEST_CASES`.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_260_730),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_damaged_spec_gives_a_tree_or_an_error(
        (folder, original) in proptest::sample::select(valid_specs()),
        mutations in proptest::collection::vec(mutation(), 1..6),
    ) {
        let mut bytes = original.into_bytes();
        for mutation in &mutations {
            mutation.apply(&mut bytes);
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => {
                let built = build(text, &folder);
                let messages = shown(&built.diagnostics, text);
                prop_assert_ne!(built.tree.is_some(), built.diagnostics.has_errors(), "{}", &messages);
                prop_assert!(!messages.contains("error[internal]"), "{}", messages);
            }
            Err(_) => prop_assert!(parse(&bytes).is_err_and(|diagnostics| diagnostics.has_errors())),
        }
    }
}

/// The README shows an error exactly as the program prints it.
#[test]
fn the_readme_shows_an_error_as_it_is_printed() {
    let spec = with_value(&reference_spec(), "clusters.gordito.nodes.gordito-cp.address", "192.168.10.41");
    let messages = shown(&build(&spec, &repository()).diagnostics, &spec);
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("the README is committed");
    let (message, _summary) = messages.split_once("\n\n").expect("a summary follows the errors");
    assert!(readme.contains(message), "the README lacks:\n{message}");
}
