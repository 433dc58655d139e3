//! Subtitles: words with times become cues of one or two lines, as SRT and WebVTT for players and as
//! ASS for burning in with a font that has every glyph.
//!
//! Knows nothing of jobs, speech engines or models. All of it is pure except [`fonts`], which looks at
//! the fonts that are installed.

pub mod ass;
pub mod backdrop;
mod blocks;
pub mod colour;
pub mod cues;
pub mod fonts;
pub mod layout;
pub mod placement;
pub mod spoken;
pub mod srt;
pub mod timing;
pub mod vtt;
