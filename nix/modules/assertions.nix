# Assertions across options. Each message names the node and the options, and says how to change them. A test breaks every
# rule, and compares the messages with this file.
{
  config,
  lib,
  modulesPath,
  options,
  ...
}:
let
  inherit (config.homelab)
    backup
    bootstrap
    k3s
    node
    ;
  inherit (import ./ipv4.nix { inherit lib; }) isReserved sameNetwork;

  isServer = k3s.role == "server";
  lists = if isServer then "lacks" else "contains";
  network = "${node.address}/${toString node.prefixLength}";

  unknownServers = lib.subtractLists (k3s.peers ++ [ node.address ]) k3s.servers;
  withoutMac =
    lib.optional (node.macAddress == null) "homelab.node.macAddress"
    ++ map (name: "homelab.node.interfaces.${name}.macAddress") (
      lib.attrNames (lib.filterAttrs (_: interface: interface.macAddress == null) node.interfaces)
    );
  inLan = map (name: "homelab.node.interfaces.${name}.address") (
    lib.attrNames (
      lib.filterAttrs (
        _: interface:
        sameNetwork (lib.min node.prefixLength interface.prefixLength) node.address interface.address
      ) node.interfaces
    )
  );

  namesOf = lib.concatMapStringsSep ", " (name: "homelab.bootstrap.secrets.${name}");
  secretNames = lib.attrNames bootstrap.secrets;
  badSecretKeys = lib.concatLists (
    lib.mapAttrsToList (
      secretName: secret:
      map (key: "homelab.bootstrap.secrets.${secretName}.keys.${key}") (
        lib.filter (key: builtins.match "[-._a-zA-Z0-9]+" key == null) (lib.attrNames secret.keys)
      )
    ) bootstrap.secrets
  );
  emptySecrets = lib.filter (name: bootstrap.secrets.${name}.keys == { }) secretNames;
  secretsByObject = lib.groupBy (
    name: "${bootstrap.secrets.${name}.namespace}/${bootstrap.secrets.${name}.name}"
  ) secretNames;

  # `says` is the message if `holds` is false.
  rules = [
    {
      holds = node.sshKeys != [ ];
      says = "homelab.node.sshKeys is empty: nobody could log in, since password login is disabled. Add a public key.";
    }
    {
      holds = node.nfs -> node.kind == "vm" || node.privileged;
      says = "homelab.node.nfs requires homelab.node.privileged, since NFS cannot be mounted in a user namespace: set both or none.";
    }
    {
      holds = node.kind == "vm" -> node.folders == { };
      says = "homelab.node.folders requires homelab.node.kind to be container: a VM cannot mount folders of its host. Remove them.";
    }
    {
      holds = node.kind == "vm" -> withoutMac == [ ];
      says = "${lib.concatStringsSep ", " withoutMac} must be set, since homelab.node.kind is vm: the VM recognizes its interfaces by them.";
    }
    {
      holds = inLan == [ ];
      says = "${lib.concatStringsSep ", " inLan} is in the LAN, ${network}: an additional interface must be in another network.";
    }
    {
      holds = node.gateway != node.address;
      says = "homelab.node.gateway and homelab.node.address are both ${node.address}: set homelab.node.gateway to the address of the router.";
    }
    {
      holds = sameNetwork node.prefixLength node.gateway node.address;
      says = "homelab.node.gateway ${node.gateway} is not in the network of homelab.node.address, ${network}: change one of them, or homelab.node.prefixLength.";
    }
    {
      holds = !isReserved node.prefixLength node.address;
      says = "homelab.node.address ${network} is the network address or the broadcast address: choose another one.";
    }
    {
      holds = !isReserved node.prefixLength node.gateway;
      says = "homelab.node.gateway ${node.gateway} is the network address or the broadcast address of ${network}: set it to the address of the router.";
    }
    {
      holds = isServer == lib.elem node.address k3s.servers;
      says = "homelab.k3s.role is ${k3s.role}, but homelab.k3s.servers ${lists} homelab.node.address ${node.address}: change one of them.";
    }
    {
      holds = !lib.elem node.address k3s.peers;
      says = "homelab.k3s.peers contains the node's own homelab.node.address ${node.address}: remove it.";
    }
    {
      holds = unknownServers == [ ];
      says = "homelab.k3s.servers contains ${toString unknownServers}, which homelab.k3s.peers lacks: add it there.";
    }
    {
      holds = isServer || backup == null;
      says = "homelab.backup is only supported on servers, but homelab.k3s.role is agent: remove it.";
    }
    {
      holds = backup == null || backup.nfs == null || node.nfs;
      says = "homelab.backup.nfs requires homelab.node.nfs: set it to true.";
    }
    {
      holds = isServer || bootstrap.manifests == { };
      says = "homelab.bootstrap.manifests is only supported on servers, but homelab.k3s.role is agent: remove it.";
    }
    {
      holds = isServer || bootstrap.secrets == { };
      says = "homelab.bootstrap.secrets is only supported on servers, but homelab.k3s.role is agent: remove it.";
    }
    {
      holds = isServer || k3s.agentTokenFile == null;
      says = "homelab.k3s.agentTokenFile is only supported on servers, but homelab.k3s.role is agent: set homelab.k3s.tokenFile.";
    }
    {
      holds = badSecretKeys == [ ];
      says = "${toString badSecretKeys}: keys may only contain letters, digits, '-', '_' and '.'. Rename them.";
    }
    {
      holds = emptySecrets == [ ];
      says = "${namesOf emptySecrets}: `keys` is empty. Add a key with its file, or remove the Secret.";
    }
    {
      holds = lib.versionAtLeast lib.trivial.release config.system.stateVersion;
      says = "system.stateVersion ${config.system.stateVersion} is newer than this nixpkgs, ${lib.trivial.release}: use the release that the node was installed with.";
    }
    {
      holds = node.kind == "vm" || droppedSysctls == [ ];
      says = "boot.kernel.sysctl cannot set ${toString droppedSysctls}: it would change the Proxmox host, or fail. Set it on the host.";
    }
  ]
  ++ lib.mapAttrsToList (object: names: {
    holds = lib.length names < 2;
    says = "${namesOf names} all create the Secret ${object}: merge their `keys`.";
  }) secretsByObject
  ++ lib.optionals (file != null) fileRules;

  # The configuration file, with the options that it must agree with.
  file = import ./k3s-config.nix { inherit lib; } k3s.configFile;
  expected = {
    node-ip = node.address;
    node-name = node.hostName;
    inherit (k3s) snapshotter;
    token-file = k3s.tokenFile;
    agent-token-file = if k3s.agentTokenFile == null then "absent" else k3s.agentTokenFile;
  }
  // lib.optionalAttrs isServer {
    cluster-cidr = k3s.pods;
    service-cidr = k3s.services;
  };
  optionOf = {
    node-ip = "homelab.node.address";
    node-name = "homelab.node.hostName";
    snapshotter = "homelab.k3s.snapshotter";
    token-file = "homelab.k3s.tokenFile";
    agent-token-file = "homelab.k3s.agentTokenFile";
    cluster-cidr = "homelab.k3s.pods";
    service-cidr = "homelab.k3s.services";
  };
  # What k3s does without the key.
  implied = {
    node-ip = node.address;
    node-name = node.hostName;
    snapshotter = "overlayfs";
    token-file = "absent";
    agent-token-file = "absent";
    cluster-cidr = "10.42.0.0/16";
    service-cidr = "10.43.0.0/16";
  };
  found = key: if file.text key == null then implied.${key} else file.text key;
  server = file.text "server";
  urls = map (address: "https://${address}:6443") (lib.remove node.address k3s.servers);

  # The flags that services.k3s puts on the command line.
  flags = lib.unique (
    lib.concatMap (
      word:
      map lib.head (lib.filter (found: found != null) [ (builtins.match "--([a-z0-9-]+)(=.*)?" word) ])
    ) (lib.splitString " " (lib.replaceStrings [ "\n" ] [ " " ] (toString execStart)))
  );
  execStart = config.systemd.services.k3s.serviceConfig.ExecStart;
  replaced = lib.intersectLists (file.lists ++ lib.attrNames expected ++ [ "server" ]) flags;

  replacedFlags = lib.concatMapStringsSep ", " (name: "--${name}") replaced;

  fileRules =
    lib.mapAttrsToList (key: value: {
      holds = found key == value;
      says = "`${key}` in homelab.k3s.configFile is ${found key}, but ${optionOf.${key}} is ${value}: make them equal.";
    }) expected
    ++ [
      {
        holds = isServer || server != null;
        says = "homelab.k3s.role is agent, but homelab.k3s.configFile has no `server` to join: add it.";
      }
      {
        holds = server == null || lib.elem server urls;
        says = "`server` in homelab.k3s.configFile is ${toString server}, which is none of the other servers in homelab.k3s.servers: change one of them.";
      }
      {
        holds = replaced == [ ];
        says = "services.k3s sets the flags ${replacedFlags}, which replace what homelab.k3s.configFile sets, whole lists included. Use `labels` of the node or `k3s.config` of the cluster in the spec; a key that ends in `+` adds to a list.";
      }
    ];

  # Sysctls from outside of nixpkgs that sysctl.nix drops.
  droppedSysctls = lib.unique (
    lib.concatMap (
      definition:
      lib.optionals (!lib.hasPrefix (toString modulesPath) definition.file) (
        lib.attrNames (
          lib.filterAttrs (
            name: value:
            !lib.hasPrefix "net.ipv4." name
            && !lib.hasPrefix "net.ipv6." name
            && (value.content or value) != null
          ) definition.value
        )
      )
    ) options.boot.kernel.sysctl.definitionsWithLocations
  );
in
{
  assertions = map (rule: {
    assertion = rule.holds;
    message = "${node.hostName}: ${rule.says}";
  }) rules;
}
