//! Measures `homelab generate` and `homelab plan`, and fails if one exceeds a bound: `cargo bench --bench generate`.
//!
//! It measures whole processes on tmpfs, from reading the spec to writing the last file, and compares
//! them with `cp -r` of the same output. Runs alternate, so that a busy machine slows all of them
//! equally; ratios are computed within a round, and their medians are compared with the bounds. The
//! rounds of the labs are not interleaved: after 70,000 files are removed, the kernel cleans up for a
//! while, which slows down whatever runs next. Peak memory comes from separate runs, since polling it
//! costs time. See docs/benchmarks.md.

#![expect(clippy::disallowed_macros, reason = "it prints its results, and runs where it was built")]

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

const MEMORY_RUNS: usize = 5;

const NODES: usize = 50;
const CLUSTERS: usize = 5;
const HOSTS: usize = 10;

const MEGABYTE: f64 = 1e6;

fn main() -> ExitCode {
    // `cargo test --all-targets` starts benchmarks too, but without this.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints. Returns false if a bound is exceeded.
fn run() -> io::Result<bool> {
    let place = Place::new()?;
    let reference = fs::read_to_string(repository().join("spec/homelab.yaml"))?;
    let mut labs = [
        Bench::new("reference lab", 51, &place, |out| out.write_all(reference.as_bytes()))?,
        Bench::new("500 apps", 15, &place, |out| synthetic(out, 500))?,
        Bench::new("5000 apps", 7, &place, |out| synthetic(out, 5000))?,
    ];
    for lab in &mut labs {
        eprintln!("{}: {} rounds", lab.name, lab.rounds);
        lab.measure(&place)?;
    }
    print_machine(&place);
    print_times(&labs);
    Ok(print_bounds(&bounds(&labs)))
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the generator is a folder of the repository")
}

/// A folder in memory, removed at the end of the benchmark.
struct Place(PathBuf);

impl Place {
    fn new() -> io::Result<Self> {
        let shm = Path::new("/dev/shm");
        let parent = if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() };
        let place = Self(parent.join(format!("homelab-bench-{}", std::process::id())));
        fs::create_dir(&place.0)?;
        Ok(place)
    }

    /// The path of a folder that does not exist.
    fn free(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(path),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A remainder is in memory, which the next boot clears.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A lab and its measurements.
struct Bench {
    name: &'static str,
    /// How often it is measured: more often if its runs are short.
    rounds: usize,
    spec: PathBuf,
    spec_lines: usize,
    files: usize,
    bytes: u64,
    /// Seconds, in the order of the rounds.
    written: Vec<f64>,
    copied: Vec<f64>,
    again: Vec<f64>,
    planned: Vec<f64>,
    peak: u64,
    peak_again: u64,
    peak_planned: u64,
}

impl Bench {
    /// A lab with the spec that `write` writes.
    fn new(
        name: &'static str,
        rounds: usize,
        place: &Place,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Self> {
        let spec = place.0.join(format!("{}.yaml", name.replace(' ', "-")));
        let mut out = io::BufWriter::new(fs::File::create(&spec)?);
        write(&mut out)?;
        out.flush()?;
        drop(out);
        let spec_lines = fs::read_to_string(&spec)?.lines().count();
        Ok(Self {
            name,
            rounds,
            spec,
            spec_lines,
            files: 0,
            bytes: 0,
            written: Vec::new(),
            copied: Vec::new(),
            again: Vec::new(),
            planned: Vec::new(),
            peak: 0,
            peak_again: 0,
            peak_planned: 0,
        })
    }

    /// Runs all rounds, after one that only counts the files.
    fn measure(&mut self, place: &Place) -> io::Result<()> {
        let root = place.free("root")?;
        timed(&mut Self::generate(&self.spec, &root)?)?;
        for entry in walkdir::WalkDir::new(&root) {
            let metadata = entry?.metadata()?;
            if metadata.is_file() {
                self.files += 1;
                self.bytes += metadata.len();
            }
        }
        let repository = place.free("repository")?;
        self.commit(&repository)?;
        for _ in 0..self.rounds {
            self.round(place, &repository)?;
        }
        self.watch(place, &repository)?;
        place.free("repository")?;
        Ok(())
    }

    /// Commits the generated files, with one Deployment changed: the plan of the spec then changes it back.
    fn commit(&self, repository: &Path) -> io::Result<()> {
        timed(&mut Self::homelab("generate", &self.spec, repository)?)?;
        let files =
            walkdir::WalkDir::new(repository.join("k8s")).sort_by_file_name().into_iter().filter_map(Result::ok);
        let mut deployments = files.filter(|entry| entry.file_name() == "deployment.yaml");
        let deployment = deployments.next().ok_or_else(|| io::Error::other("no Deployment is generated"))?;
        let text = fs::read_to_string(deployment.path())?;
        fs::write(deployment.path(), text.replace("replicas: 1", "replicas: 2"))?;
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "--all"],
            &["-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "--quiet", "--message=lab"],
            &["gc", "--quiet"],
        ] {
            // Git would tidy up in the background, while `gc` waits for nobody.
            timed(
                Command::new("git")
                    .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-C"])
                    .arg(repository)
                    .args(arguments),
            )?;
        }
        Ok(())
    }

    fn generate(spec: &Path, root: &Path) -> io::Result<Command> {
        Self::homelab("generate", spec, root)
    }

    fn homelab(subcommand: &str, spec: &Path, root: &Path) -> io::Result<Command> {
        fs::create_dir_all(root)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_homelab"));
        command.arg(subcommand).arg("--spec").arg(spec).arg("--root").arg(root);
        Ok(command)
    }

    /// One round: writes all, copies the output, writes nothing, and plans a change of one app.
    fn round(&mut self, place: &Place, repository: &Path) -> io::Result<()> {
        let (root, copy) = (place.free("root")?, place.free("copy")?);
        let (time, report) = timed(&mut Self::generate(&self.spec, &root)?)?;
        expect(&report, &format!("{} written", self.files))?;
        self.written.push(time);
        self.copied.push(timed(Command::new("cp").arg("-r").arg(&root).arg(&copy))?.0);
        let (time, report) = timed(&mut Self::generate(&self.spec, &root)?)?;
        expect(&report, "0 written")?;
        self.again.push(time);
        let (time, report) = timed(&mut Self::homelab("plan", &self.spec, repository)?)?;
        expect(&report, "Changes in 1 unit with 1 object")?;
        self.planned.push(time);
        place.free("root")?;
        place.free("copy")?;
        Ok(())
    }

    /// Measures peak memory.
    fn watch(&mut self, place: &Place, repository: &Path) -> io::Result<()> {
        for _ in 0..MEMORY_RUNS {
            let root = place.free("root")?;
            self.peak = self.peak.max(peak(&mut Self::generate(&self.spec, &root)?)?);
            self.peak_again = self.peak_again.max(peak(&mut Self::generate(&self.spec, &root)?)?);
            self.peak_planned = self.peak_planned.max(peak(&mut Self::homelab("plan", &self.spec, repository)?)?);
        }
        place.free("root")?;
        Ok(())
    }

    /// The median time per file.
    fn per_file(&self) -> f64 {
        median(&self.written) / self.files as f64
    }
}

/// The seconds that a process takes, and its output.
fn timed(command: &mut Command) -> io::Result<(f64, String)> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let time = start.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))));
    }
    Ok((time, String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn expect(report: &str, part: &str) -> io::Result<()> {
    let found = report.lines().any(|line| line.starts_with(part));
    if found { Ok(()) } else { Err(io::Error::other(format!("expected {part:?} in: {report}"))) }
}

/// The peak memory of a process, in bytes. The kernel drops its record (`VmHWM`) when the process
/// exits, so this polls it until then.
fn peak(command: &mut Command) -> io::Result<u64> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        let Ok(text) = fs::read_to_string(&status) else { continue };
        let kibibytes = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = peak.max(kibibytes.and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) << 10);
    }
    Ok(peak)
}

/// Writes the spec of a lab with many apps: 50 nodes on ten hosts, five clusters. The same number of
/// apps gives the same text.
fn synthetic(out: &mut dyn Write, apps: usize) -> io::Result<()> {
    out.write_all(
        b"version: 1\n\
        lab:\n  name: synthetic\n  domain: example.com\n  timezone: Europe/Madrid\n\
        \x20 repository: https://github.com/example/synthetic\n\
        \x20 admin:\n    email: admin@example.com\n    ssh-keys:\n\
        \x20     - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC admin@example.com\n\
        network:\n  lan:\n    cidr: 192.168.0.0/16\n    gateway: 192.168.0.1\nhosts:\n",
    )?;
    for host in 0..HOSTS {
        writeln!(out, "  host-{host:02}:\n    memory: 128GiB\n    address: 192.168.1.{}", host + 1)?;
    }
    out.write_all(
        b"secrets:\n  store:\n    infisical:\n      project: synthetic\n      environment: prod\n  entries:\n",
    )?;
    out.write_all(b"    cloudflare:\n      keys: [api-token]\n")?;
    for app in 0..apps {
        writeln!(out, "    app-{app:04}:\n      description: The database of app {app}\n      keys: [password]")?;
    }
    out.write_all(b"dns:\n  cloudflare:\n    api-token: cloudflare/api-token\nclusters:\n")?;
    for cluster in 0..CLUSTERS {
        writeln!(
            out,
            "  cluster-{cluster}:\n    pods: 10.{}.0.0/16\n    services: 10.{}.0.0/16\n    \
            load-balancer: 192.168.3.{}-192.168.3.{}\n    nodes:",
            100 + cluster,
            150 + cluster,
            10 * cluster + 10,
            10 * cluster + 19,
        )?;
        for node in (cluster..NODES).step_by(CLUSTERS) {
            writeln!(
                out,
                "      node-{node:02}:\n        description: Node {node}\n        host: host-{:02}\n        \
                role: {}\n        vmid: {}\n        address: 192.168.2.{}\n        cores: 4\n        memory: 16GiB",
                node % HOSTS,
                if node < 3 * CLUSTERS { "server" } else { "agent" },
                100 + node,
                10 + node,
            )?;
        }
        writeln!(out, "    apps:")?;
        for app in (cluster..apps).step_by(CLUSTERS) {
            synthetic_app(out, app)?;
        }
    }
    Ok(())
}

fn synthetic_app(out: &mut dyn Write, app: usize) -> io::Result<()> {
    let (minor, patch, port, size) = (app % 40, app % 7, 3000 + app % 6000, 1 + app % 50);
    writeln!(
        out,
        "      app-{app:04}:
        description: What app {app} is for
        image:
          repository: ghcr.io/example/app-{app:04}
          tag: \"1.{minor}.{patch}\"
        port: {port}
        env:
          PUBLIC_URL: https://app-{app:04}.example.com
          DATABASE_PASSWORD: {{ secret: app-{app:04}/password }}
        storage:
          data: {{ size: {size}GiB, mount: /var/lib/app }}
        backup: none
        expose: {{ host: app-{app:04} }}
        probe: {{ path: /healthz }}
        security: {{ user: 1000 }}"
    )
}

/// A limit and the measured value.
struct Bound {
    what: String,
    limit: String,
    measured: String,
    holds: bool,
}

fn bounds(labs: &[Bench; 3]) -> Vec<Bound> {
    let mut bounds = Vec::new();
    let mut bound = |what: String, limit: f64, measured: f64, print: fn(f64) -> String| {
        bounds.push(Bound { what, limit: print(limit), measured: print(measured), holds: measured <= limit });
    };
    let [reference, small, large] = labs;
    bound(format!("{}: time to write all", reference.name), 20.0, 1e3 * median(&reference.written), milliseconds);
    bound(format!("{}: peak memory", reference.name), 32.0, megabytes(reference.peak), megabytes_text);
    bound(format!("{}: time to plan", reference.name), 100.0, 1e3 * median(&reference.planned), milliseconds);
    for lab in [small, large] {
        let [written, again] = [&lab.written, &lab.again].map(|times| median_ratio(times, &lab.copied));
        bound(format!("{}: time to write all, in `cp -r`", lab.name), 1.5, written, ratio);
        bound(format!("{}: time to write nothing, in `cp -r`", lab.name), 1.0, again, ratio);
        let planned = median_ratio(&lab.planned, &lab.written);
        bound(format!("{}: time to plan, in that to write all", lab.name), 1.0, planned, ratio);
        let limit = 4.0 * megabytes(lab.bytes) + 32.0;
        bound(format!("{}: peak memory, writing all", lab.name), limit, megabytes(lab.peak), megabytes_text);
        bound(format!("{}: peak memory, writing nothing", lab.name), limit, megabytes(lab.peak_again), megabytes_text);
        bound(format!("{}: peak memory, planning", lab.name), limit, megabytes(lab.peak_planned), megabytes_text);
    }
    let per_file = large.per_file() / small.per_file();
    bound("time per file, 5000 apps to 500 apps".to_owned(), 1.3, per_file, ratio);
    bounds
}

fn milliseconds(value: f64) -> String {
    format!("{value:.1} ms")
}

fn megabytes_text(value: f64) -> String {
    format!("{value:.0} MB")
}

fn ratio(value: f64) -> String {
    format!("{value:.2}")
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MEGABYTE
}

fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median(numbers: &[f64]) -> f64 {
    let sorted = sorted(numbers);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

/// The median over the rounds of the ratio of two times.
fn median_ratio(times: &[f64], others: &[f64]) -> f64 {
    let ratios: Vec<f64> = times.iter().zip(others).map(|(time, other)| time / other).collect();
    median(&ratios)
}

fn print_machine(place: &Place) {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kind = if place.0.starts_with("/dev/shm") { "tmpfs" } else { "no tmpfs, so disk speed matters" };
    println!("{}, {cores} cores, Linux {}, {kind}.\n", model.unwrap_or("unknown processor"), kernel.trim());
}

fn print_times(labs: &[Bench]) {
    println!("| Lab | Spec lines | Files | Output | Rounds | Run | min | median | max | in `cp -r` | Peak memory |");
    println!("| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |");
    for lab in labs {
        let runs = [
            ("all written", &lab.written, Some(lab.peak)),
            ("nothing to write", &lab.again, Some(lab.peak_again)),
            ("plan of one app", &lab.planned, Some(lab.peak_planned)),
            ("`cp -r`", &lab.copied, None),
        ];
        for (run, times, peak) in runs {
            let seconds = sorted(times);
            let [least, most] = [seconds[0], seconds[seconds.len() - 1]].map(|value| milliseconds(value * 1e3));
            println!(
                "| {} | {} | {} | {:.2} MB | {} | {run} | {least} | {} | {most} | {} | {} |",
                lab.name,
                lab.spec_lines,
                lab.files,
                megabytes(lab.bytes),
                lab.rounds,
                milliseconds(median(times) * 1e3),
                ratio(median_ratio(times, &lab.copied)),
                peak.map_or(String::new(), |peak| format!("{:.1} MB", megabytes(peak))),
            );
        }
    }
    println!();
}

/// Prints the bounds. Returns true if all of them hold.
fn print_bounds(bounds: &[Bound]) -> bool {
    println!("| Bound | at most | measured | |\n| --- | ---: | ---: | --- |");
    for Bound { what, limit, measured, holds } in bounds {
        println!("| {what} | {limit} | {measured} | {} |", if *holds { "holds" } else { "**missed**" });
    }
    bounds.iter().all(|bound| bound.holds)
}
