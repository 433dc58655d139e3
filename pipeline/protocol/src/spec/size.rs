use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Shape of the picture, with MoneyPrinterTurbo's sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Aspect {
    /// 1080x1920.
    #[serde(rename = "9:16")]
    Portrait,
    /// 1920x1080.
    #[serde(rename = "16:9")]
    Landscape,
    /// 1080x1080.
    #[serde(rename = "1:1")]
    Square,
}

impl Aspect {
    /// Size in pixels.
    pub const fn size(self) -> Size {
        match self {
            Self::Portrait => Size { width: 1080, height: 1920 },
            Self::Landscape => Size { width: 1920, height: 1080 },
            Self::Square => Size { width: 1080, height: 1080 },
        }
    }
}

/// Width and height in pixels, written `540x960`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text
            .split_once('x')
            .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
        let (width, height) =
            parsed.ok_or_else(|| format!("expected a size such as 540x960, found {text:?}"))?;
        Ok(Self { width, height })
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
