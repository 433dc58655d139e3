//! What stands for the models in a build without them: types without values.

use std::convert::Infallible;

use super::audio::Speech;
use super::owner::{Model, Request};
use super::picture::Look;
use super::{Batching, MlError, ModelDir};
use crate::artefacts::TimedWord;

pub(super) struct MiniLm(Infallible);

impl MiniLm {
    pub(super) fn load(_: &ModelDir, _: Batching) -> Result<Self, MlError> {
        Err(MlError::NotBuilt)
    }
}

impl Model for MiniLm {
    type Input = Vec<String>;
    type Output = Vec<Vec<f32>>;

    fn serve(&mut self, _: Vec<Request<Vec<String>, Vec<Vec<f32>>>>) {
        match self.0 {}
    }
}

pub(super) struct Clip(Infallible);

impl Clip {
    pub(super) fn load(_: &ModelDir, _: Batching) -> Result<Self, MlError> {
        Err(MlError::NotBuilt)
    }
}

impl Model for Clip {
    type Input = Look;
    type Output = Vec<Vec<f32>>;

    fn serve(&mut self, _: Vec<Request<Look, Vec<Vec<f32>>>>) {
        match self.0 {}
    }
}

pub(super) struct Whisper(Infallible);

impl Whisper {
    pub(super) fn load(_: &ModelDir, _: usize) -> Result<Self, MlError> {
        Err(MlError::NotBuilt)
    }
}

impl Model for Whisper {
    type Input = Speech;
    type Output = Vec<TimedWord>;

    fn serve(&mut self, _: Vec<Request<Speech, Vec<TimedWord>>>) {
        match self.0 {}
    }
}
