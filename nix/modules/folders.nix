# Folders of the host, for volumes of pods.
#
# A bind mount does not show whether the disk of a folder is mounted on the host. If it is not, pods must wait instead of
# writing to an empty folder: their volumes are links that exist only while the folder has its mark.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.homelab.node) folders;
  arguments = lib.concatLists (
    lib.mapAttrsToList (name: path: [
      name
      path
    ]) folders
  );
in
{
  config = lib.mkIf (folders != { }) {
    systemd.services.homelab-folders = {
      description = "Publish the folders of the host to pods";
      wantedBy = [ "multi-user.target" ];
      before = [ "k3s.service" ];
      path = [ pkgs.util-linux ];
      serviceConfig.Type = "oneshot";
      script = ''
        ${lib.readFile ./folders.sh}
        publish_folders /mnt/folders /run/homelab/folders ${lib.escapeShellArgs arguments}
      '';
    };

    # The mark may appear, or a disk fail, while the node runs.
    systemd.timers.homelab-folders = {
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnActiveSec = "1min";
        OnUnitInactiveSec = "1min";
      };
    };
  };
}
