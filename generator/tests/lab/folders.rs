//! The script that publishes the folders of a host to pods, with folders in place of mounts.

use crate::support::{repository, temporary_folder, tool};
use std::fs;
use std::process::Command;

/// Runs a script after the functions of the module, as the unit does, and returns its output.
fn run(script: &str) -> Option<String> {
    let bash = tool("bash")?;
    let folder = temporary_folder();
    let functions = fs::read_to_string(repository().join("nix/modules/folders.sh")).expect("it is committed");
    // A folder is a mount point if the test says so.
    let fakes = "mountpoint() { [ -e \"$2.is-mounted\" ]; }\n\
                 mkdir -p mnt/media mnt/photos\n\
                 publish() { publish_folders \"$PWD/mnt\" \"$PWD/run\" media /tank/media photos /tank/photos; }\n\
                 ready() { for name in media photos; do [ -e \"run/$name\" ] && echo \"$name is ready\"; done; true; }\n";
    let script = format!("{functions}\n{fakes}\n{script}");
    let output = Command::new(bash).current_dir(folder.path()).args(["-e", "-u", "-c", &script]).output();
    let output = output.expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    Some(text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn pods_get_a_folder_only_while_it_has_its_mark() {
    let script = "touch mnt/media.is-mounted mnt/media/.homelab\n\
                  publish; ready\n\
                  echo file >mnt/media/song; cat run/media/song\n\
                  echo -- the disk fails; rm mnt/media/.homelab; publish; ready\n\
                  echo -- the disk is back; touch mnt/media/.homelab; publish; ready";
    let Some(output) = run(script) else { return };
    let expected = "folder media: ready for pods\n\
                    folder photos: /tank/photos did not exist when this container started; new pods wait\n\
                    mount its disk on the host, and reboot this container\n\
                    media is ready\n\
                    file\n\
                    -- the disk fails\n\
                    folder media: /tank/media/.homelab does not exist on the host, or only its owner can see it; new \
                    pods wait\n\
                    if the disk is mounted, run: touch /tank/media/.homelab; if not, mount it, and reboot this \
                    container\n\
                    -- the disk is back\n\
                    folder media: ready for pods\n\
                    media is ready\n";
    assert_eq!(output, expected);
}

#[test]
fn each_change_of_a_folder_is_reported_once() {
    let Some(output) = run("publish; publish; touch mnt/photos/.homelab; publish; publish") else { return };
    assert_eq!(output.matches("folder photos: ready").count(), 1, "{output}");
    assert_eq!(output.matches("new pods wait").count(), 2, "{output}");
}
