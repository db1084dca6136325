//! The Query protocol's XML answers.

use fleetkeeper_core::ports::Page;

use crate::world::ApiError;

const NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";

/// The operation whose answer has no result (botocore: `SetDesiredCapacity` has no output).
const WITHOUT_RESULT: &str = "SetDesiredCapacity";

/// An element with text in it.
pub(super) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

/// A page of a list, and the token of the next.
pub(super) fn page<T>(list: &str, page: &Page<T>, item: impl FnMut(&T) -> String) -> String {
    let items: String = page.items.iter().map(item).collect();
    let next = page.next.as_ref().map_or_else(String::new, |next| element("NextToken", &next.0));
    format!("<{list}>{items}</{list}>{next}")
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
