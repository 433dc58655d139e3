use serde::{Deserialize, Serialize};

/// A file of the user, as MoneyPrinterTurbo's `MaterialInfo` names it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Material {
    /// `local`, or empty.
    pub provider: String,
    /// Name of the file in the folder of local materials.
    pub url: String,
    /// Ignored, as MoneyPrinterTurbo does: files are probed.
    pub duration: f64,
}
