# Support for virtual machines on a Proxmox host: disk, boot loader, console, guest agent, and the image.
# lxc.nix is its counterpart.
#
# The disk has two partitions, which their labels name: the EFI system partition with systemd-boot, and the root file
# system, which grows with the disk when the VM starts.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.system) build;
  node = config;
  efiArch = pkgs.stdenv.hostPlatform.efiArch;
  systemdBoot = "${pkgs.systemd}/lib/systemd/boot/efi/systemd-boot${efiArch}.efi";

  # The boot entry of the image. Its files have names that the boot loader of NixOS removes when it writes its own.
  bootEntry = pkgs.writeText "nixos-image.conf" ''
    title NixOS
    version Image
    linux /EFI/nixos/image-kernel.efi
    initrd /EFI/nixos/image-initrd.efi
    options init=${build.toplevel}/init ${toString config.boot.kernelParams}
  '';
  loaderConfig = pkgs.writeText "loader.conf" ''
    timeout 3
    default nixos-*
  '';
in
{
  config = lib.mkIf (config.homelab.node.kind == "vm") {
    boot = {
      initrd = {
        availableKernelModules = [
          "sd_mod"
          "virtio_pci"
          "virtio_scsi"
        ];
        systemd.enable = lib.mkDefault true;
      };
      # The last one is the console: that of `qm terminal` and of the web interface (xterm.js).
      kernelParams = [
        "console=tty0"
        "console=ttyS0,115200"
      ];
      growPartition = lib.mkDefault true;
      loader = {
        # The firmware starts the boot loader from its default path, so its variables need not exist.
        efi.canTouchEfiVariables = lib.mkDefault false;
        grub.enable = lib.mkDefault false;
        systemd-boot = {
          enable = lib.mkDefault true;
          # The partition has room for about fifteen kernels.
          configurationLimit = lib.mkDefault 8;
        };
        timeout = lib.mkDefault 3;
      };
    };

    fileSystems = {
      "/" = {
        device = lib.mkDefault "/dev/disk/by-partlabel/nixos";
        fsType = lib.mkDefault "ext4";
        autoResize = lib.mkDefault true;
      };
      "/boot" = {
        device = lib.mkDefault "/dev/disk/by-partlabel/ESP";
        fsType = lib.mkDefault "vfat";
        options = [ "umask=0077" ];
      };
    };

    services = {
      # Tells the host that the disk blocks of deleted files are free.
      fstrim.enable = lib.mkDefault true;
      qemuGuest.enable = lib.mkDefault true;
    };

    # The image contains the store, but not the database of Nix, and no profile, which `nixos-rebuild` needs.
    systemd.services.homelab-register-store = {
      description = "Register the store of the image";
      unitConfig = {
        DefaultDependencies = false;
        ConditionPathExists = "/nix-path-registration";
      };
      wantedBy = [ "sysinit.target" ];
      after = [ "local-fs.target" ];
      before = [
        "nix-daemon.service"
        "nix-daemon.socket"
        "shutdown.target"
        "sysinit.target"
      ];
      conflicts = [ "shutdown.target" ];
      restartIfChanged = false;
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      script = ''
        ${lib.getExe' config.nix.package.out "nix-store"} --load-db </nix-path-registration
        ${lib.getExe' config.nix.package.out "nix-env"} --profile /nix/var/nix/profiles/system --set /run/current-system
        rm /nix-path-registration
      '';
    };

    # The disk image, built by systemd-repart: without a virtual machine, so without KVM.
    image.modules.homelab-vm =
      {
        config,
        lib,
        modulesPath,
        pkgs,
        ...
      }:
      let
        inherit (node.system) build;
        inherit (node.system.boot.loader) initrdFile kernelFile;
      in
      {
        imports = [ "${modulesPath}/image/repart.nix" ];

        image = {
          baseName = lib.mkForce node.networking.hostName;
          extension = lib.mkForce "qcow2";
          repart = {
            name = node.networking.hostName;
            partitions = {
              "10-esp" = {
                contents = {
                  "/EFI/BOOT/BOOT${lib.toUpper efiArch}.EFI".source = systemdBoot;
                  "/EFI/nixos/image-initrd.efi".source = "${build.initialRamdisk}/${initrdFile}";
                  "/EFI/nixos/image-kernel.efi".source = "${build.kernel}/${kernelFile}";
                  "/EFI/systemd/systemd-boot${efiArch}.efi".source = systemdBoot;
                  "/loader/entries/nixos-image.conf".source = bootEntry;
                  "/loader/loader.conf".source = loaderConfig;
                };
                repartConfig = {
                  Type = "esp";
                  Format = "vfat";
                  Label = "ESP";
                  SizeMinBytes = "1G";
                };
              };
              "20-root" = {
                contents."/nix-path-registration".source = "${
                  pkgs.closureInfo { rootPaths = [ build.toplevel ]; }
                }/registration";
                storePaths = [ build.toplevel ];
                repartConfig = {
                  Type = "root";
                  Format = "ext4";
                  Label = "nixos";
                  Minimize = "guess";
                };
              };
            };
          };
        };

        # `qm create` imports QCOW2, which is compressed and has no holes to copy.
        system.build.image = lib.mkForce (
          pkgs.runCommand "${config.image.baseName}-image" { nativeBuildInputs = [ pkgs.qemu-utils ]; } ''
            mkdir "$out"
            qemu-img convert -c -f raw -O qcow2 \
              ${config.image.repart.image}/${config.image.baseName}.raw "$out/${config.image.fileName}"
          ''
        );
      };
  };
}
