//! The port of embedded metrics over standard output, which Lambda hands to CloudWatch Logs line by line.

use std::io::{self, Write};

use fleetkeeper_core::ports::EmbeddedMetrics;
use serde_json::Value;

/// The function's log, past `tracing`: its JSON would wrap the document, and CloudWatch takes metrics from lines that
/// are nothing but a document.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardOutput;

impl EmbeddedMetrics for StandardOutput {
    /// A line that can't be written is a metric lost, and nothing more: no drain depends on it.
    fn put(&self, document: &Value) {
        if let Err(error) = write_line(&mut io::stdout().lock(), document) {
            tracing::warn!(%error, "metrics could not be written to the log");
        }
    }
}

/// Whole, in one write: what else the function logs comes before it or after it.
fn write_line(out: &mut impl Write, document: &Value) -> io::Result<()> {
    let mut line = document.to_string();
    line.push('\n');
    out.write_all(line.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use fleetkeeper_core::drain::{DrainMetrics, DrainSubject};

    use super::*;

    /// What was written, write by write.
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
        let subject = DrainSubject { ec2_instance_id: "i-0a1b2c3d4e5f60718", group: None, hook: None };
        let document =
            DrainMetrics::failed("N", &"demo".parse().unwrap(), at, &subject, &"a call\nfailed").document();

        let mut writes = Writes::default();
        write_line(&mut writes, &document).unwrap();
        write_line(&mut writes, &document).unwrap();
        assert_eq!(writes.0.len(), 2);
        for write in writes.0 {
            let line = String::from_utf8(write).unwrap();
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), document);
        }
    }
}
