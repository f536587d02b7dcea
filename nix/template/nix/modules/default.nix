# Imported by every node: your own modules. `mkLab` adds those of the homelab project.
{
  imports = [ ];
}
