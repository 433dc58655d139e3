//! The stages: each takes the request and what the stages before it made, does its work with the parts,
//! and gives its result (`crate::artefacts`) or a [`StageError`]. No stage knows another one, the queue
//! or the database.
//!
//! [`StageError`]: crate::error::StageError

mod heard;
pub mod materials;
pub mod narration;
pub mod preflight;
pub mod publish;
pub mod render;
pub mod script;
pub mod selection;
pub mod social;
pub mod subtitles;
pub mod terms;

/// Codes of a language model that is away, that refuses, and whose answer is of no use.
const LLM_CODES: [&str; 3] = ["llm_unavailable", "llm_refused", "llm_bad_answer"];
