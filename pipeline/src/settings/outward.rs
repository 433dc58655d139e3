use serde::Deserialize;

use crate::outward::Exception;

/// Addresses that providers name in their answers: clips, pictures, and where a redirect leads. Those of
/// private networks are not asked, nor those of this machine; the provider's own address, as it is set,
/// is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outward {
    /// What may be asked all the same: networks (`10.0.0.0/8`), addresses, and hosts by name
    /// (`cdn.internal`), at any port.
    pub allow: Vec<Exception>,
    /// Whether such requests go through the proxy of the environment (`HTTPS_PROXY`). It looks the names
    /// up: keeping them out of private networks is then up to it.
    pub through_proxy: bool,
}
