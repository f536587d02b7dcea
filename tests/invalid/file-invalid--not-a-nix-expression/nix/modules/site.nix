{ services.tailscale.enable = true }
