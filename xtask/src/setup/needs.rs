//! What the commands need from the machine, as one table.

use serde::Serialize;

/// What the user is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// `demo`, `run`: build the pipeline, make fixtures, render videos
    Demo,
    /// `test`: everything the tests use
    Test,
    /// `build-image`: build and assemble the image
    Image,
    /// `build-cuda`: build the pipeline for NVIDIA cards
    Cuda,
}

/// One thing that must be there.
#[derive(Debug)]
pub struct Need {
    /// What people call it.
    pub name: &'static str,
    /// How it is found.
    pub probe: Probe,
    /// The Debian and Ubuntu package that brings it.
    pub package: &'static str,
    /// What does not work without it.
    pub lost: &'static str,
    /// Who needs it.
    pub goals: &'static [Goal],
}

/// How a need is found.
#[derive(Debug)]
pub enum Probe {
    /// One of these programs is in `PATH`.
    Program(&'static [&'static str]),
    /// The same, of a package that Debian has and Ubuntu has not: elsewhere than on Debian nobody needs it.
    DebianProgram(&'static [&'static str]),
    /// The dynamic linker finds this library.
    Library(&'static str),
    /// `python3` can import this module.
    PythonModule(&'static str),
    /// A font covers this language.
    Font {
        /// Fontconfig's name of the language.
        language: &'static str,
        /// How files of such fonts begin, for machines without fontconfig.
        files: &'static [&'static str],
    },
}

const PIPELINE: &[Goal] = &[Goal::Demo, Goal::Test];
const BUILD: &[Goal] = &[Goal::Demo, Goal::Test, Goal::Image, Goal::Cuda];

/// Everything, in the order in which it is shown.
pub const NEEDS: &[Need] = &[
    Need {
        name: "ffmpeg",
        probe: Probe::Program(&["ffmpeg"]),
        package: "ffmpeg",
        lost: "no fixtures are made and no video is rendered",
        goals: BUILD,
    },
    Need {
        name: "ffprobe",
        probe: Probe::Program(&["ffprobe"]),
        package: "ffmpeg",
        lost: "no clip and no video can be checked",
        goals: BUILD,
    },
    Need {
        name: "espeak-ng",
        probe: Probe::Program(&["espeak-ng"]),
        package: "espeak-ng",
        lost: "the speech server of the fixtures cannot speak",
        goals: BUILD,
    },
    Need {
        name: "libespeak-ng",
        probe: Probe::Library("libespeak-ng.so.1"),
        package: "libespeak-ng1",
        lost: "no narration with word times is spoken offline",
        goals: PIPELINE,
    },
    Need {
        name: "cmake",
        probe: Probe::Program(&["cmake"]),
        package: "cmake",
        lost: "the pipeline (whisper.cpp) does not build",
        goals: BUILD,
    },
    Need {
        name: "C++ compiler",
        probe: Probe::Program(&["c++", "g++", "clang++"]),
        package: "g++",
        lost: "the pipeline (whisper.cpp) does not build",
        goals: BUILD,
    },
    Need {
        name: "make",
        probe: Probe::Program(&["make"]),
        package: "make",
        lost: "the pipeline (whisper.cpp) does not build",
        goals: BUILD,
    },
    Need {
        name: "python3",
        probe: Probe::Program(&["python3"]),
        package: "python3",
        lost: "fetch-models cannot ask pip for the MiniLM weights",
        goals: BUILD,
    },
    Need {
        name: "pip",
        probe: Probe::PythonModule("pip"),
        package: "python3-pip",
        lost: "fetch-models cannot ask pip for the MiniLM weights",
        goals: BUILD,
    },
    Need {
        name: "fontconfig",
        probe: Probe::Program(&["fc-list"]),
        package: "fontconfig",
        lost: "fonts are guessed from their file names",
        goals: PIPELINE,
    },
    Need {
        name: "Vietnamese font",
        probe: Probe::Font {
            language: "vi",
            files: &["DejaVuSans", "OpenSans", "NotoSans-", "Roboto", "BeVietnam"],
        },
        package: "fonts-open-sans",
        lost: "Vietnamese subtitles show boxes",
        goals: PIPELINE,
    },
    Need {
        name: "Arabic and Hebrew font",
        probe: Probe::Font { language: "ar", files: &["DejaVuSans", "NotoSansArabic"] },
        package: "fonts-dejavu-core",
        lost: "right-to-left subtitles show boxes",
        goals: PIPELINE,
    },
    Need {
        name: "CJK font",
        probe: Probe::Font {
            language: "zh-cn",
            files: &["NotoSansCJK", "NotoSerifCJK", "SourceHanSans", "wqy-", "DroidSansFallback"],
        },
        package: "fonts-noto-cjk",
        lost: "Chinese, Japanese and Korean subtitles show boxes",
        goals: PIPELINE,
    },
    Need {
        name: "PostgreSQL",
        // Its programs are not in PATH; this one comes with them.
        probe: Probe::Program(&["pg_ctlcluster", "initdb"]),
        package: "postgresql",
        lost: "the tests cannot try the queue of several machines",
        goals: &[Goal::Test],
    },
    Need {
        name: "pgrep",
        probe: Probe::Program(&["pgrep"]),
        package: "procps",
        lost: "the tests cannot see processes that were left behind",
        goals: &[Goal::Test],
    },
    Need {
        name: "git",
        probe: Probe::Program(&["git"]),
        package: "git",
        lost: "the tests cannot list the files of the checkout",
        goals: &[Goal::Test],
    },
    Need {
        name: "redis-server",
        probe: Probe::Program(&["redis-server"]),
        package: "redis-server",
        lost: "the cache that services share is not tested",
        goals: &[Goal::Test],
    },
    Need {
        name: "Chromium",
        probe: Probe::DebianProgram(&["chromium", "chromium-browser", "google-chrome"]),
        package: "chromium",
        lost: "the dashboard is not tested in a browser",
        goals: &[Goal::Test],
    },
    Need {
        name: "mmdebstrap",
        probe: Probe::Program(&["mmdebstrap"]),
        package: "mmdebstrap",
        lost: "build-image cannot make a base where no registry answers",
        goals: &[Goal::Image, Goal::Test],
    },
];

/// What `goal` needs; everything without one.
pub fn of(goal: Option<Goal>) -> impl Iterator<Item = &'static Need> {
    NEEDS.iter().filter(move |need| goal.is_none_or(|goal| need.goals.contains(&goal)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_every_goal_needs_something() {
        let names: HashSet<&str> = NEEDS.iter().map(|need| need.name).collect();
        assert_eq!(names.len(), NEEDS.len());
        for goal in [Goal::Demo, Goal::Test, Goal::Image, Goal::Cuda] {
            let n_needs = of(Some(goal)).count();
            assert!((1..=NEEDS.len()).contains(&n_needs), "{goal:?} needs {n_needs} things");
        }
        assert_eq!(of(None).count(), NEEDS.len());
    }
}
