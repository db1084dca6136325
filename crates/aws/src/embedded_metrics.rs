//! The port of embedded metrics over standard output, which Lambda hands to CloudWatch Logs line by
//! line.

use std::io::{self, Write};

use fleetkeeper_core::ports::EmbeddedMetrics;
use fleetkeeper_core::setting::Settings;
use serde_json::{Value, json};

use crate::lambda::{LOG_LEVEL, LOG_LEVELS};

/// The function's log, past `tracing`: its JSON would wrap the document, and CloudWatch takes
/// metrics from lines that are nothing but a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandardOutput {
    level: String,
}

impl StandardOutput {
    /// Lambda holds back what is below the function's log level, and takes a line without a level
    /// for INFO (Lambda developer guide, "Log-level filtering"): the metrics would be gone, and
    /// with them their alarms. So each document has the level that is set, whichever it is.
    #[must_use]
    pub fn new(settings: &Settings<'_>) -> Self {
        // One that is malformed has kept the function from starting.
        let level = settings.optional(LOG_LEVEL, LOG_LEVELS, |level| Some(level.to_ascii_uppercase()));
        Self { level: level.ok().flatten().unwrap_or_else(|| "INFO".to_owned()) }
    }
}

impl EmbeddedMetrics for StandardOutput {
    /// A line that can't be written is a metric lost, and nothing more: no drain depends on it.
    fn put(&self, document: &Value) {
        if let Err(error) = write_line(&mut io::stdout().lock(), document, &self.level) {
            tracing::warn!(event = "metrics_not_written", %error, "metrics not written to the log");
        }
    }
}

/// Whole, in one write: what else the function logs comes before it or after it.
fn write_line(out: &mut impl Write, document: &Value, level: &str) -> io::Result<()> {
    let mut document = document.clone();
    if let Value::Object(members) = &mut document {
        members.insert("level".to_owned(), json!(level));
    }
    let mut line = document.to_string();
    line.push('\n');
    out.write_all(line.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use fleetkeeper_core::drain::DrainMetrics;

    use super::*;

    /// The output, write by write.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_document_is_one_line_in_one_write_and_reads_back() {
        let at = "2026-11-22T10:00:00Z".parse().unwrap();
        let cluster = "demo".parse().unwrap();
        let metrics = DrainMetrics { namespace: "N", cluster: &cluster, group: "demo-asg", hook: "drain" };
        let document = metrics.failed("i-0a1b2c3d4e5f60718", &"a call\nfailed", at);

        let mut writes = Writes::default();
        write_line(&mut writes, &document, "INFO").unwrap();
        write_line(&mut writes, &document, "ERROR").unwrap();
        assert_eq!(writes.0.len(), 2);
        for (write, level) in writes.0.into_iter().zip(["INFO", "ERROR"]) {
            let line = String::from_utf8(write).unwrap();
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
            let mut read: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(read.as_object_mut().unwrap().remove("level"), Some(json!(level)));
            assert_eq!(read, document);
        }
    }

    #[test]
    fn a_document_has_the_level_that_is_set() {
        let with = |set: Option<&str>| {
            let lookup = |variable: &str| set.filter(|_| variable == LOG_LEVEL).map(str::to_owned);
            StandardOutput::new(&Settings::new(&lookup)).level
        };
        assert_eq!((with(None), with(Some("warn"))), ("INFO".to_owned(), "WARN".to_owned()));
    }
}
