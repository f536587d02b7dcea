//! The files of the entries.

/// Embeds `apps/NAME.yaml` for each name.
macro_rules! files {
    ($($name:literal,)+) => {
        /// The names of the entries, each with the text of its file.
        pub(crate) const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../apps/", $name, ".yaml")))),+];
    };
}

files! {
    "actual",
    "adguard-home",
    "audiobookshelf",
    "authentik",
    "bazarr",
    "esphome",
    "forgejo",
    "frigate",
    "gatus",
    "headlamp",
    "home-assistant",
    "homepage",
    "immich",
    "jellyfin",
    "karakeep",
    "lidarr",
    "linkding",
    "mealie",
    "memos",
    "minecraft",
    "miniflux",
    "mosquitto",
    "n8n",
    "navidrome",
    "nextcloud",
    "ollama",
    "open-webui",
    "paperless",
    "plex",
    "prowlarr",
    "qbittorrent",
    "radarr",
    "restic",
    "sabnzbd",
    "seerr",
    "sonarr",
    "syncthing",
    "tautulli",
    "uptime-kuma",
    "vaultwarden",
    "zigbee2mqtt",
}
