# The manifests that k3s applies automatically.
{ config, lib, ... }:
let
  cfg = config.homelab.bootstrap;
  directory = "/var/lib/rancher/k3s/server/manifests";

  # Everything that services.k3s links into the folder, from any module.
  inherit (config.services.k3s) autoDeployCharts manifests;
  linked = lib.filter (manifest: manifest.enable) (lib.attrValues (autoDeployCharts // manifests));
in
{
  config = lib.mkIf (config.homelab.k3s.role == "server") {
    services.k3s.manifests = lib.mapAttrs (_: source: { inherit source; }) cfg.manifests;

    # The link to a manifest remains when the manifest is removed from the configuration. Once the
    # garbage collector has deleted its target, k3s cannot read the folder and applies no manifest at
    # all.
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
