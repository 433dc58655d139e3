//! From what is missing to what is to be done about it. Pure.

use std::collections::BTreeSet;

use super::needs::Need;

/// What this user may do on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Powers {
    /// There is `apt-get`.
    pub apt: bool,
    /// We are root.
    pub root: bool,
    /// `sudo` asks for no password.
    pub sudo: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// All is there.
    Nothing,
    /// Install packages, by `sudo` or as root.
    Install {
        /// Sorted, each once.
        packages: Vec<&'static str>,
        /// Whether through `sudo`.
        sudo: bool,
    },
    /// Installing needs a password: print the line and end.
    Ask {
        /// Sorted, each once.
        packages: Vec<&'static str>,
    },
    /// We do not know this system's packages: name what is missing and end.
    Name {
        /// What people call them.
        things: Vec<&'static str>,
    },
}

/// What is to be done about `missing`. Powers are asked for only where something is missing.
pub fn plan(missing: &[&'static Need], powers: impl FnOnce() -> Powers) -> Action {
    if missing.is_empty() {
        return Action::Nothing;
    }
    let powers = powers();
    if !powers.apt {
        return Action::Name { things: missing.iter().map(|need| need.name).collect() };
    }
    let packages: BTreeSet<&str> = missing.iter().map(|need| need.package).collect();
    let packages = packages.into_iter().collect();
    if powers.root {
        Action::Install { packages, sudo: false }
    } else if powers.sudo {
        Action::Install { packages, sudo: true }
    } else {
        Action::Ask { packages }
    }
}

/// The one line that installs `packages`, to be typed by a user who is not root.
pub fn line(packages: &[&str]) -> String {
    format!(
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::needs::NEEDS;
    use super::*;

    fn missing(names: &[&str]) -> Vec<&'static Need> {
        names
            .iter()
            .map(|name| NEEDS.iter().find(|need| need.name == *name).expect("a need of the table"))
            .collect()
    }

    #[track_caller]
    fn check(names: &[&str], powers: (bool, bool, bool), expected: &Action) {
        let (apt, root, sudo) = powers;
        assert_eq!(&plan(&missing(names), || Powers { apt, root, sudo }), expected, "{powers:?}");
    }

    #[test]
    fn without_apt_things_are_named() {
        let expected = Action::Name { things: vec!["ffmpeg", "ffprobe", "CJK font"] };
        for (root, sudo) in [(false, false), (false, true), (true, false), (true, true)] {
            check(&["ffmpeg", "ffprobe", "CJK font"], (false, root, sudo), &expected);
        }
    }

    #[test]
    fn without_root_and_sudo_the_line_is_asked_for() {
        let packages = vec!["cmake", "ffmpeg"];
        check(&["ffprobe", "ffmpeg", "cmake"], (true, false, false), &Action::Ask { packages });
    }

    #[test]
    fn root_installs_itself_and_sudo_is_the_second_choice() {
        let packages = vec!["ffmpeg", "libespeak-ng1"];
        let names = ["libespeak-ng", "ffmpeg", "ffprobe"];
        let install = |sudo| Action::Install { packages: packages.clone(), sudo };
        check(&names, (true, true, false), &install(false));
        check(&names, (true, true, true), &install(false));
        check(&names, (true, false, true), &install(true));
    }

    #[test]
    fn nothing_is_asked_of_a_machine_that_has_everything() {
        assert_eq!(plan(&[], || panic!("powers are not needed")), Action::Nothing);
    }

    #[test]
    fn the_line_can_be_pasted() {
        assert_eq!(
            line(&["cmake", "g++"]),
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends cmake g++"
        );
    }
}
