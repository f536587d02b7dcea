# k3s, configured by the generated file. A flag would replace a whole list from that file, so the only
# flag set here is the one that names the file.
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

  isServer = cfg.role == "server";

  # Files with tokens, and what they are for.
  tokens = [
    {
      file = cfg.tokenFile;
      of = if isServer then "servers" else "agents";
    }
  ]
  ++ lib.optional (cfg.agentTokenFile != null) {
    file = cfg.agentTokenFile;
    of = "agents";
  };

  requireToken = token: ''
    if [ ! -s ${lib.escapeShellArg token.file} ]; then
      echo ${lib.escapeShellArg ''
        ${token.file} is missing or empty.
        Create it with the token that ${token.of} join the cluster with, readable only by root.''} >&2
      exit 1
    fi
  '';

  # Reports missing files before k3s fails because of them, and keeps a server from starting a second, empty
  # cluster. systemd retries every five seconds. The
  # kubelet of an unprivileged container does not need /dev/kmsg, which it could not read anyway.
  preflight = pkgs.writeShellScript "k3s-preflight" ''
    ${lib.concatMapStrings requireToken tokens}
    ${lib.optionalString (node.kind == "container" && node.privileged) ''
      if [ ! -c /dev/kmsg ]; then
        echo "/dev/kmsg is missing. Pass it to the container: 'dev0: /dev/kmsg'." >&2
        exit 1
      fi
    ''}
    ${lib.optionalString isServer ''
      PATH=${
        lib.makeBinPath [
          pkgs.curl
          pkgs.gnugrep
        ]
      }
      ${lib.readFile ./first-server.sh}
      check_restored /var/lib/rancher/k3s || exit 1
      check_first_server /etc/rancher/k3s/config.yaml /var/lib/rancher/k3s/server/db \
        ${lib.escapeShellArgs (lib.remove node.address cfg.servers)} || exit 1
    ''}
  '';
in
{
  services.k3s = {
    enable = true;
    package = lib.mkDefault (
      pkgs.${packageName}
        or (throw "${node.hostName}: homelab.k3s.version requires pkgs.${packageName}, which this nixpkgs does not have: choose a version that it has, or update nixpkgs.")
    );
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
        # The root of a container is a private mount; CSI drivers need mount propagation.
        "${lib.getExe' pkgs.util-linux "mount"} --make-rshared /"
      ];
    };

    tmpfiles.settings."10-homelab-secrets" = {
      "/var/lib/homelab".d.mode = "0755";
      "/var/lib/homelab/secrets".d.mode = "0700";
    };
  };
}
