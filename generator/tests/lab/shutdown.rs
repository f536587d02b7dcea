//! The script that stops the pods of a node, with processes in place of containers.

use crate::support::{repository, temporary_folder, tool};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// Starts a process for each container, and writes what containerd writes about it.
const CONTAINERS: &str = r#"
container() { # NAME TYPE NAMESPACE COMMAND
  mkdir "bundles/$1"
  bash -c "$4" "$1" &
  started+=($!)
  echo -n $! >"bundles/$1/init.pid"
  printf '{"process":{"env":["A=\\"io.kubernetes.cri.sandbox-namespace\\":\\"fake\\""]},"annotations":{' >"bundles/$1/config.json"
  printf '"io.kubernetes.cri.container-type":"%s","io.kubernetes.cri.sandbox-namespace":"%s"}}' "$2" "$3" >>"bundles/$1/config.json"
}
stops='trap "echo $0 >>log; exit" TERM; while true; do sleep 0.1; done'
slowly='trap "sleep 0.5; echo $0 >>log; exit" TERM; while true; do sleep 0.1; done'
hangs='trap "" TERM; while true; do sleep 0.1; done'
mkdir bundles
trap 'kill -KILL "${started[@]}" 2>/dev/null || true' EXIT
container coredns container kube-system "$stops"
container postgres container databases "$slowly"
container web container shop "$slowly"
container stuck container shop "$hangs"
container pause sandbox shop "$stops"
mkdir bundles/empty bundles/gone
echo -n 4194305 >bundles/gone/init.pid
cp bundles/web/config.json bundles/gone/
sleep 0.3
alive() { [ -e "/proc/$1" ] && ! grep --quiet '^State:.Z' "/proc/$1/status"; }
"#;

/// Runs a script after the functions of the module, as the unit does, and returns its output.
fn run(script: &str) -> Option<(String, tempfile::TempDir)> {
    let bash = tool("bash")?;
    let folder = temporary_folder();
    let functions = fs::read_to_string(repository().join("nix/modules/stop-pods.sh")).expect("it is committed");
    let script = format!("{functions}\n{CONTAINERS}\n{script}");
    let output = Command::new(bash).current_dir(folder.path()).args(["-e", "-c", &script]).output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    Some((text(&output.stdout) + &text(&output.stderr), folder))
}

#[test]
fn databases_stop_after_apps_and_cluster_dns_last() {
    let start = Instant::now();
    let script = r#"
        is_running() { alive "$1"; }
        stop_pods bundles 10 databases kube-system
        list_containers bundles
    "#;
    let Some((output, folder)) = run(script) else { return };
    let log = fs::read_to_string(folder.path().join("log")).expect("processes write it when they stop");
    assert_eq!(log.lines().collect::<Vec<_>>(), ["web", "postgres", "coredns", "pause"], "{output}");
    assert!(output.contains("killing stuck"), "{output}");
    assert!(!output.contains("killing postgres") && !output.contains(" shop"), "{output}");
    assert!(start.elapsed() < Duration::from_secs(9), "{output}");
}

/// A process that is not in the control group of the container has reused its PID.
#[test]
fn processes_outside_of_containers_are_left_alone() {
    let script = r#"
        stop_pods bundles 10 databases
        for name in coredns postgres web stuck pause; do
          alive "$(cat "bundles/$name/init.pid")" && echo "$name is alive"
        done
    "#;
    let Some((output, folder)) = run(script) else { return };
    assert!(!folder.path().join("log").exists() && !output.contains("stopping"), "{output}");
    assert_eq!(output.matches("is alive").count(), 5, "{output}");
}
