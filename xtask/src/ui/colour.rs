//! Whether to colour, and how (<https://no-color.org>, <https://bixense.com/clicolors>).

/// The ANSI colours we use; each goes with a word or a sign that means the same.
#[derive(Clone, Copy, Debug)]
pub enum Colour {
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Colour {
    /// `text` in this colour.
    pub fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Cyan => 36,
        };
        format!("\x1b[1;{code}m{text}\x1b[0m")
    }
}

/// Whether output is to be coloured, from `NO_COLOR`, `CLICOLOR_FORCE`, whether `TERM` is `dumb` and
/// whether it goes to a terminal. `NO_COLOR` wins over everything; an empty value counts as unset.
pub fn wanted(no_color: Option<&str>, force: Option<&str>, dumb: bool, terminal: bool) -> bool {
    let set = |value: Option<&str>| value.is_some_and(|text| !text.is_empty());
    if set(no_color) {
        false
    } else if set(force) && force != Some("0") {
        true
    } else {
        terminal && !dumb
    }
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn no_color_wins_then_force_then_the_terminal() {
        let cases = [
            ((None, None, false, false), false),
            ((None, None, false, true), true),
            ((None, None, true, true), false),
            ((Some("1"), Some("1"), false, true), false),
            ((Some(""), None, false, true), true),
            ((None, Some("1"), true, false), true),
            ((None, Some("0"), false, false), false),
            ((None, Some("0"), false, true), true),
        ];
        for ((no_color, force, dumb, terminal), expected) in cases {
            assert_eq!(
                wanted(no_color, force, dumb, terminal),
                expected,
                "NO_COLOR {no_color:?}, CLICOLOR_FORCE {force:?}, dumb {dumb}, tty {terminal}"
            );
        }
    }
}
