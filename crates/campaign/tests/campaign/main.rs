//! Campaigns: scenarios drawn from seeds, played, checked, shrunk.

mod drawn;
