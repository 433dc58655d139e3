//! One request and its body.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use reqwest::Response;
use reqwest::header::{ACCEPT_ENCODING, HeaderValue, RANGE};
use tokio::time::timeout;

use super::Fetcher;
use super::answer::{Answer, Asked, judge};
use super::download::Begun;
use super::sink::Sink;
use crate::digest::Digest;
use crate::error::{FetchError, reason};
use crate::progress::Progress;
use crate::request::Request;
use crate::stats::count;
use crate::store::StoreError;
use crate::ways::{AskError, Refusal, ask};

/// An attempt at one file.
pub(super) struct Attempt<'a> {
    pub(super) fetcher: &'a Fetcher,
    pub(super) request: &'a Request,
    /// As it may be shown.
    pub(super) url: &'a str,
    /// From 1.
    pub(super) number: u32,
    pub(super) progress: &'a dyn Progress,
}

impl Attempt<'_> {
    /// Asks for what is missing, writes what comes, and gives the digest of the whole file.
    pub(super) async fn run(&self, begun: &mut Begun) -> Result<Digest, FetchError> {
        let offset = begun.offset();
        let response = self.send(offset).await?;
        let (status, now) = (response.status().as_u16(), Timestamp::now());
        let asked = self.asked(offset, begun);
        let (version, whole) = match judge(&asked, status, response.headers(), now)? {
            Answer::Whole(version) => (version, true),
            Answer::Rest(version) => (version, false),
        };
        let total = version.total.or(self.request.bytes);
        begun.version = Some(version);
        let writer = begun.take_writer(whole)?;
        if let Some(total) = total {
            self.fetcher.store.ensure_space(total.saturating_sub(writer.len()))?;
        }
        if whole || !begun.announced {
            self.progress.started(&self.request.name, total);
            self.progress.advanced(&self.request.name, writer.len());
            begun.announced = true;
        }

        let at = writer.len();
        let sink = Sink::start(writer, Arc::clone(&self.fetcher.counters));
        let received = self.receive(response.bytes_stream(), at, total, &sink).await;
        let (writer, written) = sink.finish().await?;
        let digest = writer.digest();
        begun.writer = Some(writer);
        written.map_err(StoreError::from)?;
        received.map(|()| digest)
    }

    fn asked<'b>(&'b self, offset: u64, begun: &'b Begun) -> Asked<'b> {
        Asked {
            url: self.url,
            name: &self.request.name,
            attempt: self.number,
            offset,
            seen: begun.version.as_ref(),
            bytes: self.request.bytes,
            max_bytes: self.fetcher.policy.max_bytes,
            wants_page: self.request.wants_page(),
        }
    }

    async fn send(&self, offset: u64) -> Result<Response, FetchError> {
        let (policy, ways) = (&self.fetcher.policy, self.fetcher.ways.as_ref());
        let client = ways.client(&self.request.url).map_err(|error| self.unasked(error))?;
        let mut call = client.get(self.request.url.clone());
        call = call.headers(self.request.headers.clone());
        call = call.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if offset > 0 {
            call = call.header(RANGE, format!("bytes={offset}-"));
        }
        count(&self.fetcher.counters.requests, 1);
        let patience = policy.connect_timeout + policy.stall_timeout;
        let answer = match call.build() {
            Ok(request) => timeout(patience, Box::pin(ask(ways, request))).await,
            Err(error) => Ok(Err(error.into())),
        };
        match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.unasked(error)),
            Err(_) => {
                let (url, attempts, actual) = (self.url.to_owned(), self.number, offset);
                Err(FetchError::Stalled { url, attempts, limit: patience, actual })
            }
        }
    }

    /// No answer began.
    fn unasked(&self, error: AskError) -> FetchError {
        let url = self.url.to_owned();
        match error {
            AskError::Refused(Refusal(reason)) => FetchError::Refused { url, reason },
            AskError::Http(error) if error.is_builder() || error.is_redirect() => {
                FetchError::BadRequest { url, reason: reason(&error) }
            }
            AskError::Http(error) => {
                let (attempts, reason) = (self.number, reason(&error));
                FetchError::Unreachable { url, attempts, reason }
            }
        }
    }

    /// Moves the body into the sink. `at` bytes are there already, `total` there shall be.
    async fn receive(
        &self,
        mut body: impl Stream<Item = reqwest::Result<Bytes>> + Unpin,
        mut at: u64,
        total: Option<u64>,
        sink: &Sink,
    ) -> Result<(), FetchError> {
        let (attempts, limit) = (self.number, self.fetcher.policy.stall_timeout);
        let url = || self.url.to_owned();
        loop {
            let Ok(next) = timeout(limit, body.next()).await else {
                return Err(FetchError::Stalled { url: url(), attempts, limit, actual: at });
            };
            let interrupted = |reason| {
                let url = self.url.to_owned();
                FetchError::Interrupted { url, attempts, expected: total, actual: at, reason }
            };
            let chunk = match next {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => return Err(interrupted(reason(&error))),
                None if total.is_some_and(|total| at < total) => {
                    return Err(interrupted("the body is too short".to_owned()));
                }
                None => return Ok(()),
            };
            let n_bytes = chunk.len() as u64;
            at += n_bytes;
            if let Some(expected) = self.request.bytes.filter(|&bytes| at > bytes) {
                return Err(FetchError::SizeMismatch {
                    url: url(),
                    attempts,
                    expected,
                    actual: at,
                });
            }
            if let Some(limit) = self.fetcher.policy.max_bytes.filter(|&limit| at > limit) {
                return Err(FetchError::TooLarge { url: url(), limit, actual: at });
            }
            if !sink.write(chunk).await {
                return Ok(()); // the sink knows why
            }
            count(&self.fetcher.counters.bytes_fetched, n_bytes);
            self.progress.advanced(&self.request.name, n_bytes);
        }
    }
}
