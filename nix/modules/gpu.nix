# The GPU of the Proxmox host, shared with this node.
#
# Pods bring their own drivers and need the device only, which the container definition passes. The
# tools here are for looking: `vainfo --display drm --device /dev/dri/renderD128`.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  config = lib.mkIf (config.homelab.node.gpu == "intel") {
    # The container definition gives the device to this group by number (gid=303).
    assertions = [
      {
        assertion = config.users.groups.render.gid == 303;
        message = "users.groups.render.gid must be 303, which the container's `dev` entry names.";
      }
    ];

    environment = {
      systemPackages = [ pkgs.libva-utils ];
      variables.LIBVA_DRIVERS_PATH = "${pkgs.intel-media-driver}/lib/dri";
    };
  };
}
