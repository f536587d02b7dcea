//! Whatever is at the other ends of stdout and stderr, the program ends by itself, with the exit
//! code of what the run came to.

use crate::support::{folder_with, homelab, repository, run, temporary_folder};
use rayon::prelude::*;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// What a stream leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// Somebody who reads it all.
    Read,
    /// Somebody who reads one line and goes: `| head -1`.
    OneLine,
    /// A pipe that nobody reads from any more.
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

    /// Reads as this end does.
    fn read(self, stream: impl std::io::Read) {
        let mut lines = BufReader::with_capacity(64, stream).lines();
        match self {
            Self::Read => lines.for_each(drop),
            Self::OneLine => drop(lines.next()),
            Self::Gone | Self::Full | Self::Closed => {}
        }
    }
}

/// Runs the program between two ends.
fn between(folder: &Path, arguments: &[&str], out: End, err: End) -> ExitStatus {
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
    child.wait().expect("it ends")
}

/// A lab that is generated in no time: the program is started some hundred times.
fn smallest() -> String {
    let path = repository().join("tests/valid/smallest/spec.yaml");
    std::fs::read_to_string(path).expect("it is committed")
}

/// A spec with many faults; of 400, the messages are more than a pipe holds.
fn faulty(faults: usize) -> String {
    let fault = |at: usize| format!("unknown-field-with-a-long-name-{at}: {at}\n");
    smallest() + &(0..faults).map(fault).collect::<String>()
}

#[test]
fn the_exit_code_is_that_of_the_run_whoever_reads() {
    if File::open("/dev/full").is_err() {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    let good = folder_with(&smallest());
    run(good.path(), &["generate"]);
    let drifted = folder_with(&smallest());
    let wrong = folder_with(&faulty(400));
    let missing = temporary_folder();
    // A folder, a call, what it comes to, and whether it has a result to print.
    let calls: [(&Path, &[&str], i32, bool); 17] = [
        (good.path(), &["--help"], 0, true),
        (good.path(), &["generate", "--help"], 0, true),
        (good.path(), &["--version"], 0, true),
        (good.path(), &["schema"], 0, true),
        (good.path(), &["explain", "clusters"], 0, true),
        (good.path(), &["secrets"], 0, true),
        (good.path(), &["graph", "--format", "json"], 0, true),
        (good.path(), &["validate"], 0, true),
        (good.path(), &["generate"], 0, true),
        (good.path(), &["generate", "--check"], 0, true),
        (drifted.path(), &["generate", "--check"], 1, true),
        (drifted.path(), &["generate", "--check", "--format", "json"], 1, true),
        (wrong.path(), &["validate"], 2, false),
        (wrong.path(), &["validate", "--format", "json"], 2, false),
        (good.path(), &["destroy"], 2, false),
        (missing.path(), &["generate"], 3, false),
        (missing.path(), &["generate", "--format", "json"], 3, false),
    ];
    let ends: Vec<_> = ENDS.iter().flat_map(|out| ENDS.map(|err| (*out, err))).collect();
    let runs: Vec<_> = calls.iter().flat_map(|call| ends.iter().map(move |ends| (call, ends))).collect();
    let wrong: Vec<_> = runs
        .par_iter()
        .filter_map(|((folder, arguments, code, has_result), (out, err))| {
            // A result that could not be delivered is a failure; a message is none.
            let expected = if *has_result && *out == End::Full { 3 } else { *code };
            let status = between(folder, arguments, *out, *err);
            let is_right = status.code() == Some(expected);
            (!is_right).then(|| format!("{arguments:?} with stdout {out:?}, stderr {err:?}: {status}, not {expected}"))
        })
        .collect();
    assert!(runs.len() > 400);
    assert!(wrong.is_empty(), "{} of {} runs:\n{}", wrong.len(), runs.len(), wrong.join("\n"));
}

/// The warning of a run that otherwise succeeds.
#[test]
fn a_warning_that_cannot_be_written_changes_nothing() {
    let spec = std::fs::read_to_string(repository().join("tests/invalid/alerts-unheard.yaml"));
    let folder = folder_with(&spec.expect("it is committed"));
    let said = run(folder.path(), &["validate"]);
    assert!(said.status.success() && !said.stderr.is_empty(), "{said:?}");
    for err in ENDS {
        let status = between(folder.path(), &["generate"], End::Read, err);
        assert_eq!(status.code(), Some(0), "{err:?}: {status}");
    }
}

/// Not a write for each word of it: 402 faults once took 39,000. Each write to such a socket is a
/// datagram of its own.
#[test]
fn a_message_is_written_in_one_go() {
    let folder = folder_with(&faulty(40));
    for arguments in [&["validate"][..], &["validate", "--format", "json"]] {
        let (ours, theirs) = UnixDatagram::pair().expect("there are sockets");
        let mut command = homelab(folder.path());
        let mut child = command.args(arguments).stderr(OwnedFd::from(theirs)).spawn().expect("the program starts");
        drop(command);
        assert_eq!(child.wait().expect("it ends").code(), Some(2));
        ours.set_nonblocking(true).expect("it is ours");
        let mut text = vec![0; 1 << 18];
        let written = std::iter::from_fn(|| ours.recv(&mut text).ok()).filter(|length| *length > 0).count();
        assert_eq!(written, 1, "{arguments:?}");
    }
}
