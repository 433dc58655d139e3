//! What the head of an answer means. Pure: every rule about status, range, type and size is here.

use jiff::Timestamp;
use reqwest::header::{self, HeaderMap, HeaderName};

use crate::error::FetchError;
use crate::policy;

/// What an attempt asked for, and what is known of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// As it may be shown.
    pub(super) url: &'a str,
    /// The file's name.
    pub(super) name: &'a str,
    /// Which attempt this is, from 1.
    pub(super) attempt: u32,
    /// Where the wanted range begins; 0: the whole file was asked for, without a range.
    pub(super) offset: u64,
    /// What an earlier answer of this download said of the file.
    pub(super) seen: Option<&'a Version>,
    /// The promised size.
    pub(super) bytes: Option<u64>,
    /// The largest allowed size.
    pub(super) max_bytes: Option<u64>,
    /// Whether an HTML page is fine.
    pub(super) wants_page: bool,
}

/// The marks by which a server tells one version of a file from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// `ETag`.
    pub(super) etag: Option<String>,
    /// Size of the whole file.
    pub(super) total: Option<u64>,
}

impl Version {
    /// Whether two files with this mark are the same byte by byte (RFC 9110, section 8.8.1). Without
    /// it, and without a digest, nothing may be appended to what an earlier attempt brought.
    pub(super) fn is_strong(&self) -> bool {
        self.etag.as_deref().is_some_and(|etag| etag.starts_with('"'))
    }
}

/// What the body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The file from its first byte.
    Whole(Version),
    /// The file from the offset that was asked for to its end.
    Rest(Version),
}

/// Judges status and headers of an answer.
///
/// `If-Range` is not sent: some delivery networks answer it with the whole file each time. The marks
/// are compared here instead.
pub(super) fn judge(
    asked: &Asked<'_>,
    status: u16,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Answer, FetchError> {
    let url = || asked.url.to_owned();
    let text = |name| text(headers, name);
    match status {
        200 | 206 => {}
        416 if asked.offset > 0 => {
            let expected = format!("more than {} bytes", asked.offset);
            let actual = text(header::CONTENT_RANGE).unwrap_or("no such range").to_owned();
            return Err(changed(asked, expected, actual));
        }
        _ => {
            let retry_after =
                text(header::RETRY_AFTER).and_then(|value| policy::retry_after(value, now));
            let attempts = asked.attempt;
            return Err(FetchError::Status { url: url(), attempts, status, retry_after });
        }
    }
    if let Some(content_type) = text(header::CONTENT_TYPE)
        && content_type.trim_start().to_ascii_lowercase().starts_with("text/html")
        && !asked.wants_page
    {
        let (name, content_type) = (asked.name.to_owned(), content_type.to_owned());
        return Err(FetchError::Page { url: url(), name, content_type });
    }
    if let Some(encoding) = text(header::CONTENT_ENCODING)
        && !encoding.eq_ignore_ascii_case("identity")
    {
        return Err(FetchError::Encoded { url: url(), encoding: encoding.to_owned() });
    }
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let etag = text(header::ETAG).map(str::to_owned);
    if status == 200 {
        check_size(asked, length)?;
        return Ok(Answer::Whole(Version { etag, total: length }));
    }

    let range = text(header::CONTENT_RANGE).unwrap_or("no content range");
    let total = range_to_end(range, asked.offset)
        .filter(|total| asked.offset > 0 && length.is_none_or(|n| n == total - asked.offset));
    let Some(total) = total else {
        let expected = match asked.offset {
            0 => "the whole file".to_owned(),
            offset => format!("bytes {offset}- to the end"),
        };
        let (attempts, actual) = (asked.attempt, range.to_owned());
        return Err(FetchError::WrongRange { url: url(), attempts, expected, actual });
    };
    check_size(asked, Some(total))?;
    let version = Version { etag, total: Some(total) };
    check_same(asked, &version)?;
    Ok(Answer::Rest(version))
}

/// Reads `bytes <offset>-<last>/<total>` with `last` the last byte of the file, and gives `total`.
fn range_to_end(range: &str, offset: u64) -> Option<u64> {
    let (span, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total: u64 = total.trim().parse().ok()?;
    (first == offset && first <= last && last.checked_add(1) == Some(total)).then_some(total)
}

fn check_size(asked: &Asked<'_>, total: Option<u64>) -> Result<(), FetchError> {
    let (url, attempts) = (asked.url.to_owned(), asked.attempt);
    match (total, asked.bytes, asked.max_bytes) {
        (Some(actual), Some(expected), _) if actual != expected => {
            Err(FetchError::SizeMismatch { url, attempts, expected, actual })
        }
        (Some(actual), _, Some(limit)) if actual > limit => {
            Err(FetchError::TooLarge { url, limit, actual })
        }
        _ => Ok(()),
    }
}

/// Whether the rest belongs to the same version as the beginning.
fn check_same(asked: &Asked<'_>, version: &Version) -> Result<(), FetchError> {
    let Some(seen) = asked.seen else { return Ok(()) };
    if let (Some(expected), Some(actual)) = (&seen.etag, &version.etag)
        && expected != actual
    {
        return Err(changed(asked, format!("ETag {expected}"), format!("ETag {actual}")));
    }
    if let (Some(expected), Some(actual)) = (seen.total, version.total)
        && expected != actual
    {
        return Err(changed(asked, format!("{expected} bytes"), format!("{actual} bytes")));
    }
    Ok(())
}

fn changed(asked: &Asked<'_>, expected: String, actual: String) -> FetchError {
    FetchError::Changed { url: asked.url.to_owned(), attempts: asked.attempt, expected, actual }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests;
