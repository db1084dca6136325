//! The house: dependencies point down only, and a floor knows nothing of the floor above it.

#[cfg(test)]
mod floors;
