//! Subtitles: words with times become cues of one or two lines, as SRT for players and as ASS for
//! burning in with a font that has every glyph.
//!
//! Knows nothing of jobs, speech engines or models. All of it is pure.

pub mod cues;
pub mod layout;
