//! The options of the component `platform.tunnel`.

use super::component_options;
use crate::spanned::Spanned;
use crate::types::{SecretRef, Uuid};

component_options! { plain
    /// Public names of the cluster by a Cloudflare Tunnel, by cloudflared.
    Tunnel {
        /// ID of the tunnel, which `cloudflared tunnel create NAME` prints. Each cluster needs its own: Cloudflare sends
        /// a request to any of the connectors of a tunnel.
        id: Option<Spanned<Uuid>>,
        /// Key that holds the credentials of the tunnel: the JSON file that `cloudflared tunnel create` writes.
        credentials: Option<Spanned<SecretRef>>,
    }
}
