//! What this machine is and how it reaches others, as far as building needs to know.

use punix_build::Secret;
use punix_build::fetch::Network;
use std::num::NonZero;
use std::path::PathBuf;

/// Returns what packages are built for here: `x86_64-linux`.
pub(crate) fn system() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

/// Returns how many processors this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Returns how fetches reach the network: proxies and authorities as the environment says.
pub(crate) fn network() -> Network {
    let variable =
        |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    Network {
        // In upper case it can come from a request, where programs are run for a web server.
        http_proxy: variable(&["http_proxy"]).map(Secret::new),
        https_proxy: variable(&["https_proxy", "HTTPS_PROXY"]).map(Secret::new),
        no_proxy: variable(&["no_proxy", "NO_PROXY"]).unwrap_or_default(),
        ca_file: path("SSL_CERT_FILE"),
        ca_directory: path("SSL_CERT_DIR"),
    }
}
