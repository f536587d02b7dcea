# Imported by every node: your own NixOS modules. `mkLab` adds those of the homelab project.
{
  imports = [ ];
}
