//! Whatever reads stdout and stderr, the program ends by itself, with the exit code of the run.

use crate::support::{folder_with, homelab, repository, run, temporary_folder};
use rayon::prelude::*;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// The other end of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// A reader that reads everything.
    Read,
    /// A reader that stops after one line, as `head -1` does.
    OneLine,
    /// A pipe without a reader.
    Gone,
    /// A full disk.
    Full,
    /// Nothing: the stream is closed.
    Closed,
}

const ENDS: [End; 5] = [End::Read, End::OneLine, End::Gone, End::Full, End::Closed];

impl End {
    fn stdio(self) -> Stdio {
        match self {
            Self::Full => OpenOptions::new().write(true).open("/dev/full").map_or_else(|_| Stdio::null(), Stdio::from),
            Self::Closed => Stdio::null(),
            Self::Read | Self::OneLine | Self::Gone => Stdio::piped(),
        }
    }

    /// Reads a stream the way this end does.
    fn read(self, stream: impl std::io::Read) {
        let mut lines = BufReader::with_capacity(64, stream).lines();
        match self {
            Self::Read => lines.for_each(drop),
            Self::OneLine => drop(lines.next()),
            Self::Gone | Self::Full | Self::Closed => {}
        }
    }
}

/// Runs the program with these ends of stdout and stderr.
fn run_with_ends(folder: &Path, arguments: &[&str], out: End, err: End) -> ExitStatus {
    let program = homelab(folder);
    let closing = [(out, ">&-"), (err, "2>&-")].map(|(end, how)| if end == End::Closed { how } else { "" });
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\" {}", closing.join(" "))]).arg(program.get_program());
    command.args(arguments).current_dir(folder).stdout(out.stdio()).stderr(err.stdio());
    let mut child: Child = command.spawn().expect("sh starts");
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| stdout.map(|stream| out.read(stream)));
        scope.spawn(|| stderr.map(|stream| err.read(stream)));
    });
    child.wait().expect("the program ends")
}

/// The smallest lab, because the program runs several hundred times.
fn smallest() -> String {
    let path = repository().join("tests/valid/smallest/spec.yaml");
    std::fs::read_to_string(path).expect("the spec can be read")
}

/// A spec with many errors. The messages of 400 errors do not fit in the buffer of a pipe.
fn spec_with_errors(count: usize) -> String {
    let field = |at: usize| format!("unknown-field-with-a-long-name-{at}: {at}\n");
    smallest() + &(0..count).map(field).collect::<String>()
}

#[test]
fn the_exit_code_does_not_depend_on_the_reader() {
    if File::open("/dev/full").is_err() {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    let valid = folder_with(&smallest());
    run(valid.path(), &["generate"]);
    let drifted = folder_with(&smallest());
    let invalid = folder_with(&spec_with_errors(400));
    let missing = temporary_folder();
    // A folder, arguments, the exit code, and whether the run prints a result.
    let commands: [(&Path, &[&str], i32, bool); 17] = [
        (valid.path(), &["--help"], 0, true),
        (valid.path(), &["generate", "--help"], 0, true),
        (valid.path(), &["--version"], 0, true),
        (valid.path(), &["schema"], 0, true),
        (valid.path(), &["explain", "clusters"], 0, true),
        (valid.path(), &["secrets"], 0, true),
        (valid.path(), &["graph", "--format", "json"], 0, true),
        (valid.path(), &["validate"], 0, true),
        (valid.path(), &["generate"], 0, true),
        (valid.path(), &["generate", "--check"], 0, true),
        (drifted.path(), &["generate", "--check"], 1, true),
        (drifted.path(), &["generate", "--check", "--format", "json"], 1, true),
        (invalid.path(), &["validate"], 2, false),
        (invalid.path(), &["validate", "--format", "json"], 2, false),
        (valid.path(), &["destroy"], 2, false),
        (missing.path(), &["generate"], 3, false),
        (missing.path(), &["generate", "--format", "json"], 3, false),
    ];
    let ends: Vec<_> = ENDS.iter().flat_map(|out| ENDS.map(|err| (*out, err))).collect();
    let runs: Vec<_> = commands.iter().flat_map(|command| ends.iter().map(move |ends| (command, ends))).collect();
    let wrong: Vec<_> = runs
        .par_iter()
        .filter_map(|((folder, arguments, code, has_result), (out, err))| {
            // A result that cannot be written is an error; a message is not.
            let expected = if *has_result && *out == End::Full { 3 } else { *code };
            let status = run_with_ends(folder, arguments, *out, *err);
            let is_expected = status.code() == Some(expected);
            (!is_expected)
                .then(|| format!("{arguments:?} with stdout {out:?}, stderr {err:?}: {status}, not {expected}"))
        })
        .collect();
    assert!(runs.len() > 400);
    assert!(wrong.is_empty(), "{} of {} runs:\n{}", wrong.len(), runs.len(), wrong.join("\n"));
}

#[test]
fn succeeds_even_if_a_warning_cannot_be_written() {
    let spec = std::fs::read_to_string(repository().join("tests/invalid/alerts-unheard.yaml"));
    let folder = folder_with(&spec.expect("the spec can be read"));
    let output = run(folder.path(), &["validate"]);
    assert!(output.status.success() && !output.stderr.is_empty(), "{output:?}");
    for err in ENDS {
        let status = run_with_ends(folder.path(), &["generate"], End::Read, err);
        assert_eq!(status.code(), Some(0), "{err:?}: {status}");
    }
}

/// One write for all messages, not one for each word: 402 errors once took 39,000 writes. Each write to a
/// datagram socket is one datagram.
#[test]
fn writes_all_messages_at_once() {
    let folder = folder_with(&spec_with_errors(40));
    for arguments in [&["validate"][..], &["validate", "--format", "json"]] {
        let (reader, writer) = UnixDatagram::pair().expect("sockets can be created");
        let mut command = homelab(folder.path());
        let mut child = command.args(arguments).stderr(OwnedFd::from(writer)).spawn().expect("the program starts");
        drop(command);
        assert_eq!(child.wait().expect("the program ends").code(), Some(2));
        reader.set_nonblocking(true).expect("the socket can be changed");
        let mut text = vec![0; 1 << 18];
        let written = std::iter::from_fn(|| reader.recv(&mut text).ok()).filter(|length| *length > 0).count();
        assert_eq!(written, 1, "{arguments:?}");
    }
}
