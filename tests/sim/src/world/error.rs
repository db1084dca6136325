//! The errors that AWS answers with.

/// An error as an AWS API puts it on the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The error code: `ClusterNotFoundException`, `ValidationError`, ...
    pub code: &'static str,
    /// AWS's message.
    pub message: String,
    /// The HTTP status: 500 and above are the server's fault, and SDKs retry them.
    pub status: u16,
}

impl ApiError {
    /// An error of the caller's, HTTP 400.
    #[must_use]
    pub fn client(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: 400 }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::client("InvalidParameterException", message)
    }

    pub(crate) fn cluster_not_found() -> Self {
        Self::client("ClusterNotFoundException", "Cluster not found.")
    }

    /// Auto Scaling's answer to bad parameters and to an action that is over. Only the message
    /// distinguishes the two.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::client("ValidationError", message)
    }
}
