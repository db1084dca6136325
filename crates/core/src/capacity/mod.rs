//! The figures of capacity.
