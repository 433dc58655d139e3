//! Subtitles: words with times become cues of one or two lines, as SRT for players and as ASS for
//! burning in with a font that has every glyph.
//!
//! Knows nothing of jobs, speech engines or models. All of it is pure except [`fonts`], which looks at
//! the fonts that are installed.

pub mod ass;
pub mod cues;
pub mod fonts;
pub mod layout;
pub mod srt;
pub mod timing;

/// U+2060 WORD JOINER: draws nothing, and what stands on both sides of it is not read as one command.
const JOINER: char = '\u{2060}';
