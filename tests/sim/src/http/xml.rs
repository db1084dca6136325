//! The Query protocol's XML answers.

use crate::world::ApiError;

const NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";

/// The operation whose answer has no result (botocore: `SetDesiredCapacity` has no output).
const WITHOUT_RESULT: &str = "SetDesiredCapacity";

/// An element with text in it.
pub(super) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

/// An operation's answer: its result is XML already.
pub(super) fn answer(operation: &str, result: &str, request_id: &str) -> String {
    let result = match operation {
        WITHOUT_RESULT => String::new(),
        _ => format!("<{operation}Result>{result}</{operation}Result>"),
    };
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\">{result}<ResponseMetadata>{}</ResponseMetadata></{operation}Response>",
        element("RequestId", request_id)
    )
}

/// An error.
pub(super) fn error(error: &ApiError, request_id: &str) -> String {
    let fault = if error.status >= 500 { "Receiver" } else { "Sender" };
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error>{}{}{}</Error>{}</ErrorResponse>",
        element("Type", fault),
        element("Code", error.code),
        element("Message", &error.message),
        element("RequestId", request_id)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn metadata_may_be_json_and_more() {
        assert_eq!(super::element("M", r#"{"a":"<&>"}"#), "<M>{&quot;a&quot;:&quot;&lt;&amp;&gt;&quot;}</M>");
    }
}
