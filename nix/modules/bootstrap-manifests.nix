# The manifests that k3s applies by itself.
{ config, lib, ... }:
let
  cfg = config.homelab.bootstrap;
  directory = "/var/lib/rancher/k3s/server/manifests";

  # Everything that services.k3s links into the folder, whoever asked for it.
  inherit (config.services.k3s) autoDeployCharts manifests;
  linked = lib.filter (manifest: manifest.enable) (lib.attrValues (autoDeployCharts // manifests));
in
{
  config = lib.mkIf (config.homelab.k3s.role == "server") {
    services.k3s.manifests = lib.mapAttrs (_: source: { inherit source; }) cfg.manifests;

    # Links into the store outlive their manifest. Once the garbage collector has taken the file
    # behind one of them, k3s fails to read the folder and applies no manifest at all.
    systemd.services.homelab-prune-manifests = {
      description = "Remove links to manifests that this node no longer has";
      wantedBy = [ "multi-user.target" ];
      before = [ "k3s.service" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      environment.WANTED = toString (map (manifest: manifest.target) linked);
      script = ''
        for link in ${directory}/*; do
          [ -L "$link" ] || continue
          case "$(readlink "$link")" in
            /nix/store/*) ;;
            *) continue ;;
          esac
          case " $WANTED " in
            *" ''${link##*/} "*) ;;
            *) rm --verbose "$link" ;;
          esac
        done
      '';
    };
  };
}
