//! The decisions of a drain.
