//! The backup of a server and its restore: the scripts of the module, with real databases and real repositories.

use crate::support::{repository, temporary_folder, tool};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// The environment of the unit and of the command, in a folder, with secrets that are found if they leak.
const SETUP: &str = r#"
set -o errexit -o pipefail
umask 077
export K3S=$PWD/k3s SECRETS=$PWD/secrets STATE=$PWD/state METRICS=$PWD/metrics RUNTIME_DIRECTORY=$PWD/run
export CONFIG=$PWD/config.yaml NODE=one NODE_PASSWORD=$PWD/node/password
export RESTIC_REPOSITORY=$PWD/repository RESTIC_PASSWORD_FILE=$SECRETS/backup/repository-password
export RESTIC_CACHE_DIR=$PWD/cache
systemctl() { echo "${K3S_IS-inactive}"; }

# The files of a server besides its datastore. The secrets contain the name of the server.
server() {
  mkdir -p "$K3S/server/"{cred,db,manifests,tls} "$SECRETS/"{backup,flux-git} node state metrics run
  ln -sf /nix/store/flux.yaml "$K3S/server/manifests/flux.yaml"
  echo "planted token of $1" | tee "$K3S/server/token" >"$SECRETS/k3s-token"
  echo "planted key of $1" | tee "$K3S/server/tls/server-ca.key" >"$SECRETS/flux-git/identity"
  echo "planted password of $1" | tee "$K3S/server/cred/passwd" >node/password
  ln -sf "$K3S/server/token" "$K3S/server/node-token"
  echo planted-repository-password >"$SECRETS/backup/repository-password"
  echo "node-name: $1" >config.yaml
}

# The table of k3s in SQLite, with a write-ahead log that is never copied to the database file.
database() {
  sqlite3 "$K3S/server/db/state.db" >/dev/null <<'SQL'
PRAGMA journal_mode = WAL;
CREATE TABLE kine (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER, created INTEGER, deleted INTEGER, create_revision INTEGER,
  prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB
);
CREATE INDEX kine_name_index ON kine (name);
SQL
}

# Prints transactions of two rows each, while the file `writes` exists.
transactions() {
  echo '.timeout 10000'
  echo 'PRAGMA wal_autocheckpoint = 0;'
  while [ -e writes ]; do
    echo "BEGIN; INSERT INTO kine (name, value) VALUES ('/registry/a', randomblob(1000)); \
      INSERT INTO kine (name, value) VALUES ('/registry/b', randomblob(1000)); COMMIT;"
    sleep 0.002
  done
}
rows() { sqlite3 -readonly "$1" 'SELECT count(*) FROM kine'; }
restic_quiet() { restic --quiet "$@" >/dev/null; }

# Runs a command as the unit does: an error ends it, which bash ignores to the left of `||`.
try() { if bash -c ". ./functions; $*"; then echo succeeded; else echo failed; fi; }
"#;

/// Runs a script after the functions of the module, in a folder that stays until the output is dropped.
fn run_in(folder: &Path, tools: &[&str], script: &str) -> Option<String> {
    let bash = tool("bash")?;
    for name in tools {
        tool(name)?;
    }
    let functions = ["backup.sh", "restore.sh"].map(|name| repository().join("nix/modules").join(name));
    let functions = functions.map(|path| fs::read_to_string(path).expect("it is committed")).concat();
    fs::write(folder.join("functions"), format!("{functions}\n{SETUP}")).expect("the folder is writable");
    fs::write(folder.join("script"), format!(". ./functions\n{script}")).expect("the folder is writable");
    let output = Command::new(bash).current_dir(folder).arg("script").output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{printed}");
    Some(printed)
}

fn run(tools: &[&str], script: &str) -> Option<String> {
    run_in(temporary_folder().path(), tools, script)
}

#[test]
fn a_lost_server_is_restored_as_it_was_during_the_backup() {
    let script = r#"
        server one; database
        touch writes
        trap 'rm -f writes' EXIT
        transactions | sqlite3 "$K3S/server/db/state.db" &
        for _ in {1..600}; do [ "$(rows "$K3S/server/db/state.db")" -lt 200 ] || break; sleep 0.1; done

        # Old snapshots of this server, which has newer ones, and of one that is gone.
        open_repository; create_repository; create_repository
        echo old >old
        restic_quiet backup --host=one --time='2020-01-01 00:00:00' old
        restic_quiet backup --host=gone --time='2020-01-01 00:00:00' old

        before=$(rows "$K3S/server/db/state.db")
        (back_up 30)
        after=$(rows "$K3S/server/db/state.db")
        check_repository
        rm writes; wait
        [ ! -e state/staged ] && [ -s state/checked ] && echo "nothing is left behind"
        echo "old snapshots: $(restic --quiet snapshots --json | grep -o '"hostname":"[a-z]*"' | sort | tr '\n' ' ')"
        echo "in plain text: $(grep -rl planted repository | wc -l)"

        # Another container, with the secrets of the backup and one that was replaced meanwhile.
        mv k3s lost; mv secrets lost-secrets; mkdir -p secrets/flux-git
        cp -r lost-secrets/backup secrets/; echo newer >secrets/flux-git/identity; echo another >node/password
        restore_server
        restore_server latest
        restored=$(rows "$K3S/server/db/state.db")
        [ $((restored % 2)) -eq 0 ] && [ "$before" -le "$restored" ] && [ "$restored" -le "$after" ] && echo "whole transactions"
        [ "$before" -lt "$after" ] && echo "k3s wrote meanwhile"
        sqlite3 "$K3S/server/db/state.db" 'PRAGMA integrity_check; SELECT seq = (SELECT max(id) FROM kine) FROM sqlite_sequence'
        diff -r lost/server/tls k3s/server/tls; diff -r lost/server/cred k3s/server/cred
        cat k3s/server/token k3s/server/node-token secrets/k3s-token secrets/flux-git/identity node/password
        stat --format='%a %n' k3s/server k3s/server/db/state.db secrets/k3s-token secrets node/password
    "#;
    let Some(output) = run(&["restic", "sqlite3"], script) else { return };
    let lines: Vec<_> = output.lines().collect();
    let has = |line: &str| assert!(lines.contains(&line), "{line}\n{output}");
    has("nothing is left behind");
    has("old snapshots: \"hostname\":\"gone\" \"hostname\":\"one\" ");
    has("in plain text: 0");
    has("whole transactions");
    has("k3s wrote meanwhile");
    assert!(output.contains("kept ") && output.contains("secrets/flux-git/identity, which differs"), "{output}");
    let token = "planted token of one\n";
    let expected = format!(
        "ok\n1\n{token}{token}{token}newer\nplanted password of one\n700 k3s/server\n600 k3s/server/db/state.db\n600 \
         secrets/k3s-token\n700 secrets\n600 node/password\n"
    );
    assert!(output.ends_with(&expected), "{output}");
    assert_eq!(output.matches("creating the repository").count(), 1, "{output}");
}

#[test]
fn no_secret_is_in_an_argument_or_in_the_environment_or_in_the_output() {
    let script = r#"
        server one; database
        sqlite3 "$K3S/server/db/state.db" "INSERT INTO kine (name) VALUES ('/registry/a')"
        echo planted-access-key-id >"$SECRETS/backup/access-key-id"
        echo planted-secret-access-key >"$SECRETS/backup/secret-access-key"
        # Every program that is run, with its arguments and its environment.
        mkdir watched
        for program in cp date dirname basename rm mkdir mv install restic sqlite3 stat find cat chmod; do
          real=$(command -v "$program")
          printf '#!%s\n{ echo "$0 $*"; env; } >>%q\nexec %q "$@"\n' "$(command -v bash)" "$PWD/seen" "$real" >"watched/$program"
          chmod +x "watched/$program"
        done
        PATH=$PWD/watched:$PATH
        hash -r
        open_repository; create_repository; back_up 30; check_repository; report success
        mv k3s lost
        restore_server latest
        export RESTIC_REPOSITORY=s3:https://s3.example.com/bucket
        open_repository
        restic version >/dev/null
        unset AWS_SHARED_CREDENTIALS_FILE
        PATH=${PATH#*:}
        echo "seen: $(grep -c 'AWS_SHARED_CREDENTIALS_FILE=' seen)"
        ! grep planted seen
        echo "programs: $(grep -o '^.*/watched/[a-z0-9]*' seen | sort -u | wc -l)"
        stat --format='%a' run/bucket; cat run/bucket
    "#;
    let Some(output) = run(&["restic", "sqlite3"], script) else { return };
    let keys =
        "[default]\naws_access_key_id = planted-access-key-id\naws_secret_access_key = planted-secret-access-key\n";
    let (printed, file) = output.split_at(output.find("seen: 1\n").expect("the keys of the bucket are in a file"));
    assert!(!printed.contains("planted"), "{output}");
    assert!(file.ends_with(&format!("600\n{keys}")), "{output}");
    assert!(!file.contains("programs: 0"), "{output}");
}

#[test]
fn what_is_missing_is_reported_at_once_and_a_wrong_password_creates_nothing() {
    let script = r#"
        server one
        rm "$SECRETS/backup/repository-password"
        try 'RESTIC_REPOSITORY=s3:https://s3.example.com/bucket; open_repository'
        echo right >"$SECRETS/backup/repository-password"
        open_repository; create_repository
        echo wrong >"$SECRETS/backup/repository-password"
        try create_repository
        try stage state/staged
        touch "$K3S/server/db/state.db"
        try stage state/staged
        report exit-code
        cat metrics/backup.prom
        echo 1700000000 >state/succeeded
        report success; report timeout
        grep -v '^#' metrics/backup.prom
        stat --format=%a metrics/backup.prom
    "#;
    let Some(output) = run(&["restic", "sqlite3"], script) else { return };
    for name in ["repository-password", "access-key-id", "secret-access-key"] {
        assert!(output.contains(&format!("/secrets/backup/{name} is missing or empty")), "{output}");
    }
    assert_eq!(output.matches("failed\n").count(), 4, "{output}");
    assert_eq!(output.matches("creating the repository").count(), 1, "{output}");
    assert!(output.contains("wrong password") && output.contains("contains no datastore"), "{output}");
    assert!(output.contains("last_run_failed{node=\"one\"} 1\nhomelab_backup_last_run_failed"), "{output}");
    assert!(
        output.contains(
            "homelab_backup_last_run_failed{node=\"one\"} 1\n\
             homelab_backup_last_success_timestamp_seconds{node=\"one\"} 1700000000\n644\n"
        ),
        "{output}"
    );
}

/// A restore that is killed before one of its steps, for each step; `repository` copies a snapshot instead of restic.
const INTERRUPTED: &str = r#"
cat >restore <<'SH'
. ./functions
repository() {
  local argument
  for argument in "$@"; do
    case $argument in --target=*) command cp -r snapshot/. "${argument#*=}" ;; esac
  done
}
open_repository() { :; }
k3s() { step; command mkdir -p "$K3S/server/db/etcd/member"; }
step() {
  steps=$((steps + 1))
  [ "$steps" -ne "$FAIL" ] || kill -KILL "$$"
}
for program in chmod cp install mkdir mv rm sync; do
  eval "$program() { step; command $program \"\$@\"; }"
done
steps=0
restore_server "$@"
SH

# What k3s would start with: the old state, the new one, or neither.
state() {
  case "$(cat k3s/server/token 2>/dev/null)" in
    *old) [ -e k3s/server/db/state.db ] && echo old ;;
    *new)
      if [ "$1" = sqlite ]; then
        [ -e k3s/server/db/state.db ] && [ -e k3s/server/tls/server-ca.key ] && echo new
      else
        [ -e k3s/server/db/etcd/member ] && [ ! -e k3s/server/tls ] && echo new
      fi
      ;;
  esac
}
for kind in sqlite etcd; do
  rm -rf k3s secrets node snapshot
  server new; database
  sqlite3 "$K3S/server/db/state.db" "INSERT INTO kine (name) VALUES ('/registry/a')"
  mkdir snapshot; echo "$kind" >snapshot/kind
  cp -r k3s/server snapshot/; rm -r snapshot/server/{db,manifests}; cp -r secrets snapshot/secrets; rm -r snapshot/secrets/backup
  cp -r node snapshot/node; echo one >snapshot/node/name
  if [ "$kind" = sqlite ]; then cp k3s/server/db/state.db snapshot/; else mkdir snapshot/etcd; echo data >snapshot/etcd/homelab-one-1; fi
  at=0
  while true; do
    at=$((at + 1))
    rm -rf k3s secrets node
    server old; database; touch k3s/server/db/old
    status=0
    FAIL=$at bash restore --replace latest >output 2>&1 || status=$?
    [ "$status" -ne 0 ] || break
    [ "$status" -eq 137 ] || { cat output; exit 1; }
    if [ ! -e k3s/restore/unfinished ]; then
      [ -n "$(state "$kind")" ] || { echo "$kind: k3s could start without its state after step $at"; exit 1; }
    fi
    FAIL=0 bash restore --replace latest >output 2>&1 || { echo "$kind: step $at"; cat output; exit 1; }
    [ "$(state "$kind")" = new ] && [ ! -e k3s/restore ] && [ ! -e k3s/server/db/old ] && [ -L k3s/server/manifests/flux.yaml ] &&
      grep --quiet new secrets/k3s-token && grep --quiet new node/password && grep --quiet old k3s/replaced-*/server/token k3s/replaced-*/token 2>/dev/null ||
      { echo "$kind: wrong after step $at"; ls -R k3s; exit 1; }
  done
  echo "$kind: $((at - 1)) steps"
done
"#;

#[test]
fn a_restore_that_is_interrupted_is_finished_by_the_next() {
    let Some(output) = run(&["sqlite3"], INTERRUPTED) else { return };
    let steps: Vec<u32> =
        output.lines().filter_map(|line| line.split_once(": ")?.1.strip_suffix(" steps")?.parse().ok()).collect();
    assert!(matches!(steps[..], [sqlite, etcd] if sqlite > 15 && etcd > 15), "{output}");
}

#[test]
fn a_restore_refuses_what_would_lose_data() {
    let script = r#"
        server one; database
        export K3S_IS
        K3S_IS=active; try restore_server latest
        K3S_IS=activating; try restore_server latest
        K3S_IS=inactive; try restore_server latest
        rm -r "$K3S/server/db"; mkdir -p "$K3S/server/db/etcd/member"; try restore_server latest
        try restore_server --into "$PWD/node" latest
        try restore_server --force
        # A snapshot of etcd on a server that joins another one.
        rm -r "$K3S/server/db"; echo 'server: https://192.168.10.41:6443' >>config.yaml
        mkdir -p snapshot/{etcd,server}; echo etcd >snapshot/kind; echo x | tee snapshot/server/token >snapshot/etcd/x
        try 'repository() { cp -r snapshot/. k3s/restore/fetched.partial; }; open_repository() { :; }; restore_server latest'
        [ ! -e k3s/restore/unfinished ] && cat k3s/server/token
    "#;
    let Some(output) = run(&["sqlite3"], script) else { return };
    assert_eq!(output.matches("failed\n").count(), 7, "{output}");
    for message in ["k3s is active.", "k3s is activating.", "add --replace", "node exists", "usage:", "'first-server'"]
    {
        assert!(output.contains(message), "{message}\n{output}");
    }
    assert!(output.contains("planted token of one"), "{output}");
}

#[test]
fn a_held_server_starts_only_after_a_restore_and_notes_what_was_restored() {
    let script = r#"
        server one; database
        sqlite3 "$K3S/server/db/state.db" "INSERT INTO kine (name) VALUES ('/registry/a')"
        open_repository; create_repository; (back_up 30)
        restore_server --json | grep -o '"hostname":"one"'
        mv k3s lost
        cp -r lost k3s
        try restore_server --hold
        rm -r k3s
        restore_server --hold
        [ -e k3s/restore-awaited ] && echo held
        # A token that somebody put there meanwhile, in place of that of the datastore.
        echo another >"$SECRETS/k3s-token"
        echo wrong >"$SECRETS/backup/repository-password"
        try restore_server latest
        [ -e k3s/restore-awaited ] && [ ! -e k3s/server ] && echo still held
        echo planted-repository-password >"$SECRETS/backup/repository-password"
        restore_server latest
        [ ! -e k3s/restore-awaited ] && echo released
        cat k3s/restored k3s/server/token "$SECRETS/k3s-token"
    "#;
    let Some(output) = run(&["restic", "sqlite3"], script) else { return };
    assert!(output.contains("add --replace"), "{output}");
    let mut rest = output.as_str();
    let token = "planted token of one";
    for line in ["\"hostname\":\"one\"", "failed", "held", "failed", "still held", "released", "latest", token, token] {
        rest = rest.split_once(line).unwrap_or_else(|| panic!("{line}\n{output}")).1;
    }
}

#[test]
fn a_snapshot_of_etcd_is_restored_with_the_objects_of_that_moment() {
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    let [clients, peers] = ports.map(|port| port.local_addr().expect("it is bound").port());
    let script = r#"
        server one
        export ETCDCTL_ENDPOINTS=http://127.0.0.1:CLIENTS
        start_etcd() {
          etcd --name=one --data-dir="$K3S/server/db/etcd" --listen-client-urls="$ETCDCTL_ENDPOINTS" \
            --advertise-client-urls="$ETCDCTL_ENDPOINTS" --listen-peer-urls=http://127.0.0.1:PEERS \
            --initial-advertise-peer-urls=http://127.0.0.1:PEERS --initial-cluster=one=http://127.0.0.1:PEERS >etcd.log 2>&1 &
          etcd=$!
          for _ in {1..100}; do etcdctl endpoint health >/dev/null 2>&1 && return; sleep 0.1; done
          cat etcd.log; return 1
        }
        # What k3s does, as its documentation describes it.
        k3s() {
          local argument folder restored
          for argument in "$@"; do
            case $argument in
              --etcd-snapshot-dir=*) folder=${argument#*=} ;;
              --cluster-reset-restore-path=*) restored=${argument#*=} ;;
            esac
          done
          case "$1 $2" in
            'etcd-snapshot save') mkdir -p "$folder"; etcdctl snapshot save "$folder/homelab-one-1700000000" >/dev/null 2>&1 ;;
            'etcd-snapshot delete') echo "deleted ${!#}" >>deleted ;;
            'server --cluster-reset')
              "$(command -v etcdutl || command -v etcdctl)" snapshot restore "$restored" --data-dir="$K3S/server/db/etcd" \
                --name=one --initial-cluster=one=http://127.0.0.1:PEERS --initial-advertise-peer-urls=http://127.0.0.1:PEERS >/dev/null 2>&1 ;;
          esac
        }
        trap 'kill "$etcd" 2>/dev/null || true' EXIT
        start_etcd
        for at in {1..20}; do etcdctl put "/registry/$at" "value $at" >/dev/null; done
        mkdir "$K3S/server/db/snapshots"; echo left behind >"$K3S/server/db/snapshots/homelab-one-1600000000"
        open_repository; create_repository
        (back_up 30)
        sort -u deleted; ls "$K3S/server/db/snapshots"
        etcdctl put /registry/21 later >/dev/null
        kill "$etcd"; wait "$etcd" || true
        rm -r k3s
        restore_server latest
        [ ! -e k3s/server/tls ] && cat k3s/server/token
        start_etcd
        etcdctl get --prefix /registry/ --print-value-only | grep -c value
        etcdctl get --prefix /registry/ --print-value-only | grep -c later || true
    "#;
    let script = script.replace("CLIENTS", &clients.to_string()).replace("PEERS", &peers.to_string());
    let Some(output) = run(&["etcd", "etcdctl", "restic", "sqlite3"], &script) else { return };
    assert!(output.contains("deleted homelab-one-1600000000\ndeleted homelab-one-1700000000\n"), "{output}");
    assert!(output.contains("planted token of one\n20\n0\n"), "{output}");
}
