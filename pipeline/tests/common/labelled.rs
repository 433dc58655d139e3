//! The labelled set: what is said, and the clip that belongs to it. See
//! `reference/narration_and_clips.toml`.

use serde::Deserialize;

/// A described clip.
#[allow(dead_code, reason = "the benchmark asks for no terms")]
pub struct Clip {
    /// The search term that brings it.
    pub term: String,
    /// What the site says is seen in it.
    pub description: String,
}

/// Segments of narrations with the index of their clip, and all clips.
pub struct Labelled {
    pub said: Vec<String>,
    pub right: Vec<usize>,
    pub clips: Vec<Clip>,
}

#[derive(Deserialize)]
struct File {
    topic: Vec<Topic>,
}

#[derive(Deserialize)]
struct Topic {
    term: String,
    clips: Vec<String>,
    said: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    clip: usize,
    text: String,
}

/// Reads the set.
pub fn labelled() -> Labelled {
    let file: File = toml::from_str(include_str!("../reference/narration_and_clips.toml"))
        .expect("the labelled set");
    let mut set = Labelled { said: Vec::new(), right: Vec::new(), clips: Vec::new() };
    for topic in file.topic {
        for Said { clip, text } in topic.said {
            assert!(clip < topic.clips.len(), "{text}: no such clip");
            set.said.push(text);
            set.right.push(set.clips.len() + clip);
        }
        let clip = |description| Clip { term: topic.term.clone(), description };
        set.clips.extend(topic.clips.into_iter().map(clip));
    }
    set
}

impl Labelled {
    /// What the clips show.
    pub fn descriptions(&self) -> Vec<String> {
        self.clips.iter().map(|clip| clip.description.clone()).collect()
    }
}
