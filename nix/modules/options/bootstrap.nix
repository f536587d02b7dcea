# The manifests and Secrets that a cluster needs before Flux takes over.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  homelabTypes = import ./types.nix { inherit lib; };

  secret = types.submodule {
    options = {
      namespace = mkOption {
        type = homelabTypes.dnsLabel;
        description = "Namespace of the Secret. It is created if it does not exist.";
        example = "external-secrets";
      };

      name = mkOption {
        type = homelabTypes.dnsName;
        description = "Name of the Secret.";
        example = "infisical-credentials";
      };

      keys = mkOption {
        type = types.attrsOf types.externalPath;
        description = "Keys of the Secret, each with the file on the node that contains its value.";
        example = {
          clientId = "/var/lib/homelab/secrets/infisical-client-id";
          clientSecret = "/var/lib/homelab/secrets/infisical-client-secret";
        };
      };
    };
  };
in
{
  options.homelab.bootstrap = {
    manifests = mkOption {
      type = types.attrsOf types.path;
      default = { };
      description = ''
        Manifests that k3s applies at start and whenever they change. They are copied to the
        world-readable Nix store. A manifest that is removed here is no longer applied, but the
        objects that it created remain in the cluster.
      '';
      example = lib.literalExpression "{ flux-operator = ./flux-operator.yaml; }";
    };

    secrets = mkOption {
      type = types.attrsOf secret;
      default = { };
      description = ''
        Secrets created from files on the node's disk, such as the credential of the secret store.
        Their values are neither in Git nor in the Nix store.
      '';
      example = {
        infisical = {
          namespace = "external-secrets";
          name = "infisical-credentials";
          keys.clientSecret = "/var/lib/homelab/secrets/infisical-client-secret";
        };
      };
    };
  };
}
