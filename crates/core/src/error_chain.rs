//! An error with all its sources, in one line.

use std::error::Error;
use std::fmt;

/// Displays an error and every source below it, with `: ` between them.
#[derive(Debug, Clone, Copy)]
pub struct ErrorChain<'a>(pub &'a dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{CallError, CallErrorKind};

    #[test]
    fn the_whole_chain_is_one_line() {
        let inner = CallError {
            operation: "ecs:ListTasks",
            resource: "cluster demo".to_owned(),
            kind: CallErrorKind::OutOfTime,
            source: None,
        };
        let outer = CallError {
            operation: "ecs:ListContainerInstances",
            resource: "cluster demo".to_owned(),
            kind: CallErrorKind::Unavailable,
            source: Some(Box::new(inner)),
        };
        assert_eq!(
            ErrorChain(&outer).to_string(),
            "ecs:ListContainerInstances on cluster demo failed: ecs:ListTasks on cluster demo did not answer in the \
             time left"
        );
    }
}
