//! A colour, as requests write it and as ASS does.

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// 0 to 255.
    pub red: u8,
    /// 0 to 255.
    pub green: u8,
    /// 0 to 255.
    pub blue: u8,
}

/// Text that is no colour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a colour such as #FFCC00, found {0:?}")]
pub struct NotAColour(pub String);

impl std::str::FromStr for Colour {
    type Err = NotAColour;

    fn from_str(text: &str) -> Result<Self, NotAColour> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, red, green, blue] = value.ok_or_else(|| NotAColour(text.to_owned()))?.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

impl Colour {
    /// As a style of an ASS file has it: alpha (0 is opaque), blue, green, red.
    pub(super) fn in_style(self, opacity: u8) -> String {
        format!("&H{:02X}{:02X}{:02X}{:02X}", 255 - opacity, self.blue, self.green, self.red)
    }

    /// As a command within a line has it: blue, green, red.
    pub(super) fn in_command(self) -> String {
        format!("&H{:02X}{:02X}{:02X}&", self.blue, self.green, self.red)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str)>) {
        let colour = text.parse::<Colour>().ok();
        let written = colour.map(|colour| (colour.in_style(255), colour.in_command()));
        let written = written.as_ref().map(|(style, command)| (style.as_str(), command.as_str()));
        assert_eq!(written, expected, "{text:?}");
    }

    #[test]
    fn a_colour_is_turned_round() {
        check("#FFCC00", Some(("&H0000CCFF", "&H00CCFF&")));
        check("#0a0b0c", Some(("&H000C0B0A", "&H0C0B0A&")));
        for not in ["", "#FFF", "FFCC00", "#FFCC0", "#FFCC000", "#GGCC00", "#+FCC00", "#ÿÿÿ"] {
            check(not, None);
        }
        assert_eq!(Colour { red: 1, green: 2, blue: 3 }.in_style(140), "&H73030201");
    }
}
