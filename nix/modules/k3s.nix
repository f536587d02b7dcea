# k3s, configured by the generated file. Flags would replace whole lists of that file, so none is
# set here but the one that names it.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.homelab) node;
  cfg = config.homelab.k3s;

  packageName = "k3s_${lib.replaceStrings [ "." ] [ "_" ] cfg.version}";

  # Says what is missing before k3s can only fail over it. systemd tries again every five seconds.
  # The kubelet of an unprivileged node does without /dev/kmsg, which it could not read anyway.
  preflight = pkgs.writeShellScript "k3s-preflight" ''
    if [ ! -s ${lib.escapeShellArg cfg.tokenFile} ]; then
      echo ${lib.escapeShellArg ''
        ${cfg.tokenFile} is missing or empty.
        Put the cluster's token there, the same on all of its nodes, readable by root only.''} >&2
      exit 1
    fi
    ${lib.optionalString node.privileged ''
      if [ ! -c /dev/kmsg ]; then
        echo "/dev/kmsg is missing. Give it to the container: 'dev0: /dev/kmsg'." >&2
        exit 1
      fi
    ''}
  '';
in
{
  services.k3s = {
    enable = true;
    package =
      pkgs.${packageName}
        or (throw "homelab.k3s.version: there is no ${packageName} in this nixpkgs, needed by ${node.hostName}.");
    inherit (cfg) role;
    configPath = "/etc/rancher/k3s/config.yaml";
  };

  environment.etc."rancher/k3s/config.yaml".source = cfg.configFile;

  systemd = {
    services.k3s = {
      restartTriggers = [ config.environment.etc."rancher/k3s/config.yaml".source ];
      path = lib.optionals (cfg.snapshotter == "fuse-overlayfs") [
        pkgs.fuse-overlayfs
        pkgs.fuse3
      ];
      serviceConfig.ExecStartPre = [
        "${preflight}"
        # The root of a container is a private mount; CSI drivers need their mounts to spread.
        "${lib.getExe' pkgs.util-linux "mount"} --make-rshared /"
      ];
    };

    tmpfiles.settings."10-homelab-secrets" = {
      "/var/lib/homelab".d.mode = "0755";
      "/var/lib/homelab/secrets".d.mode = "0700";
    };
  };
}
