# The GPU of the Proxmox host: shared with containers, or passed to a VM.
#
# Pods contain their own drivers and only need the device. In a container, that is the device of the host, which the
# container definition passes through. In a VM, the kernel of the VM has the driver, i915 or xe, which needs firmware.
# The tools here are for debugging: `vainfo --display drm --device DEVICE`, where DEVICE is the file in /dev/dri.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.homelab) node;
in
{
  config = lib.mkIf (node.gpu == "intel") {
    # The container definition assigns the device to this group by GID (gid=303), and pods join it.
    assertions = [
      {
        assertion = config.users.groups.render.gid == 303;
        message = "${config.homelab.node.hostName}: homelab.node.gpu requires users.groups.render.gid to be 303, the GID in the container's `dev` entry: set it to 303.";
      }
    ];

    environment = {
      systemPackages = [ pkgs.libva-utils ];
      variables.LIBVA_DRIVERS_PATH = lib.mkDefault "${pkgs.intel-media-driver}/lib/dri";
    };

    # Only the firmware of Intel's GPUs: all of linux-firmware is more than the rest of the system.
    hardware.firmware = lib.mkIf (node.kind == "vm") [
      (pkgs.runCommand "intel-gpu-firmware" { } ''
        mkdir -p "$out/lib/firmware"
        cd ${pkgs.linux-firmware}/lib/firmware
        cp -r --dereference i915 xe "$out/lib/firmware"
      '')
    ];
  };
}
