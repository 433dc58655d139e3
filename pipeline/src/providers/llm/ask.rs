//! A question until its answer can be used.

use super::{Llm, Question, cache};
use crate::error::StageError;
use crate::providers::ProviderError;
use crate::providers::http::shown;

/// A model that answers in another form is told so, and asked once more.
const ROUNDS: usize = 2;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The endpoint gave none.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// It gave one that is of no use, more than once.
    #[error("{url}: {reason}, found {found}")]
    Useless {
        /// What was asked.
        url: String,
        /// What is wrong with the last answer.
        reason: String,
        /// The beginning of it.
        found: String,
    },
}

impl AskError {
    /// As [`ProviderError::into_stage_error`].
    pub fn into_stage_error(self, codes: [&'static str; 3]) -> StageError {
        match self {
            Self::Provider(error) => error.into_stage_error(codes),
            Self::Useless { .. } => StageError::transient(codes[2], self),
        }
    }
}

impl Llm {
    /// Asks until `read` can use the answer: a model that is told what was wrong often does it right.
    ///
    /// Where answers are kept, the one of an equal question is taken, also while that is still being
    /// asked. Only an answer that `read` takes is ever kept.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub async fn ask<T>(
        &self,
        question: &Question,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, AskError> {
        let Some(kept) = &self.kept else {
            return self.fresh(question, &read).await.map(|(_, value)| value);
        };
        let key = cache::key(&self.url, &self.model, self.temperature, question);
        let fresh = async {
            let (answer, _) = self.fresh(question, &read).await?;
            Ok::<_, AskError>(answer)
        };
        let is_good = |answer: &String| read(answer).is_ok();
        let answer = kept.get_or_ask(key, is_good, fresh).await?;
        read(&answer).map_err(|reason| self.useless(reason, &answer))
    }

    /// Asks the endpoint: the answer, and what was read in it.
    async fn fresh<T>(
        &self,
        question: &Question,
        read: &impl Fn(&str) -> Result<T, String>,
    ) -> Result<(String, T), AskError> {
        let mut question = question.clone();
        let mut round = 1;
        loop {
            let answer = self.answer(&question).await?;
            match read(&answer) {
                Ok(value) => return Ok((answer, value)),
                Err(reason) if round == ROUNDS => return Err(self.useless(reason, &answer)),
                Err(reason) => {
                    tracing::warn!(reason, "a useless answer, asking again");
                    question.user.push_str(&format!("\n\nYour last answer was wrong: {reason}"));
                }
            }
            round += 1;
        }
    }

    fn useless(&self, reason: String, answer: &str) -> AskError {
        let found = shown(answer, self.key.secret());
        AskError::Useless { url: self.url.clone(), reason, found }
    }
}
