//! The users of widely used images. With `runAsNonRoot`, the kubelet starts a container only if its image or its
//! security context sets a numeric user other than 0.

use ImageUser::{Id, Named, Root};

/// The user that an image runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageUser {
    /// A numeric user.
    Id,
    /// A user by its name, which the kubelet cannot resolve, and its ID.
    Named(&'static str, u32),
    /// Root, and another user that the image can run as.
    Root(u32),
}

/// A user for images that run as any: `nobody`.
const ANY: u32 = 65_534;

/// An image: its repository, its user, and the Dockerfile that says so, as `REPOSITORY:PATH@COMMIT` on GitHub.
type Row = (&'static str, ImageUser, &'static str);

/// The users of images, from their Dockerfiles as of November 2026.
const USERS: &[Row] = &[
    (
        "docker.io/actualbudget/actual-server",
        Root(1001),
        "actualbudget/actual:packages/sync-server/docker/alpine.Dockerfile@27d79ec",
    ),
    ("docker.io/codercom/code-server", Id, "coder/code-server:ci/release-image/Dockerfile@003f57c"),
    ("docker.io/deluan/navidrome", Root(1000), "navidrome/navidrome:Dockerfile@034b97b"),
    ("docker.io/gotenberg/gotenberg", Named("gotenberg", 1001), "gotenberg/gotenberg:build/Dockerfile@00c6ed0"),
    ("docker.io/grafana/loki", Id, "grafana/loki:cmd/loki/Dockerfile@0230065"),
    ("docker.io/jellyfin/jellyfin", Root(1000), "jellyfin/jellyfin-packaging:docker/Dockerfile@0198983"),
    ("docker.io/miniflux/miniflux", Named("nobody", ANY), "miniflux/v2:packaging/docker/alpine/Dockerfile@00bddbb"),
    ("docker.io/n8nio/n8n", Named("node", 1000), "n8n-io/n8n:docker/images/n8n/Dockerfile@003abfd"),
    ("docker.io/neosmemo/memos", Root(10_001), "usememos/memos:scripts/Dockerfile@10b892f"),
    ("docker.io/nginxinc/nginx-unprivileged", Id, "nginx/docker-nginx-unprivileged:mainline/alpine/Dockerfile@1a0dcd5"),
    ("docker.io/traefik/whoami", Root(ANY), "traefik/whoami:Dockerfile@235aa18"),
    ("docker.io/valkey/valkey", Root(999), "valkey-io/valkey-container:8.1/alpine/Dockerfile@00a2b21"),
    ("docker.io/vaultwarden/server", Root(1000), "dani-garcia/vaultwarden:docker/Dockerfile.alpine@03e6083"),
    ("docker.io/vikunja/vikunja", Id, "go-vikunja/vikunja:Dockerfile@00a87dc"),
    ("docker.n8n.io/n8nio/n8n", Named("node", 1000), "n8n-io/n8n:docker/images/n8n/Dockerfile@003abfd"),
    (
        "ghcr.io/actualbudget/actual",
        Root(1001),
        "actualbudget/actual:packages/sync-server/docker/alpine.Dockerfile@27d79ec",
    ),
    ("ghcr.io/advplyr/audiobookshelf", Root(1000), "advplyr/audiobookshelf:Dockerfile@021bde4"),
    ("ghcr.io/coder/code-server", Id, "coder/code-server:ci/release-image/Dockerfile@003f57c"),
    ("ghcr.io/dani-garcia/vaultwarden", Root(1000), "dani-garcia/vaultwarden:docker/Dockerfile.alpine@03e6083"),
    ("ghcr.io/gethomepage/homepage", Root(1000), "gethomepage/homepage:Dockerfile@000a88d"),
    ("ghcr.io/goauthentik/server", Id, "goauthentik/authentik:Dockerfile@0027813"),
    (
        "ghcr.io/home-operations/sonarr",
        Named("nobody", ANY),
        "home-operations/containers:apps/sonarr/Dockerfile@92f50f6",
    ),
    ("ghcr.io/jellyfin/jellyfin", Root(1000), "jellyfin/jellyfin-packaging:docker/Dockerfile@0198983"),
    ("ghcr.io/miniflux/miniflux", Named("nobody", ANY), "miniflux/v2:packaging/docker/alpine/Dockerfile@00bddbb"),
    ("ghcr.io/navidrome/navidrome", Root(1000), "navidrome/navidrome:Dockerfile@034b97b"),
    ("ghcr.io/nginx/nginx-unprivileged", Id, "nginx/docker-nginx-unprivileged:mainline/alpine/Dockerfile@1a0dcd5"),
    ("ghcr.io/traefik/whoami", Root(ANY), "traefik/whoami:Dockerfile@235aa18"),
    ("ghcr.io/usememos/memos", Root(10_001), "usememos/memos:scripts/Dockerfile@10b892f"),
    ("quay.io/keycloak/keycloak", Id, "keycloak/keycloak:quarkus/container/Dockerfile@0463815"),
];

/// Returns the user of an image, if it is known.
pub(crate) fn user_of(repository: &str) -> Option<ImageUser> {
    USERS.iter().find(|(known, ..)| *known == repository).map(|(_, user, _)| *user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::types::{ImageRepository, Text as _};

    #[test]
    fn lists_valid_repositories_once_each_and_in_order() {
        assert!(USERS.is_sorted_by(|(one, ..), (other, ..)| one < other));
        for (repository, _, source) in USERS {
            ImageRepository::parse(repository).expect("it is a repository");
            assert!(source.contains(':') && source.contains('@'), "{source}");
        }
    }
}
