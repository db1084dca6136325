//! EC2 Auto Scaling: groups, their instances and the lifecycle hooks that hold them back.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`group`] | groups and their instances |
//! | [`capacity`] | launching and choosing what to terminate, so that the group has what it wants |
//! | [`hook`] | hooks, and the actions that wait on them |
//! | [`termination`] | from the decision to the end of an instance |
//! | [`lifecycle_action`] | the API operations on actions |
//! | [`notice`] | the messages to a hook's topic |

pub mod capacity;
pub mod group;
pub mod hook;
pub mod lifecycle_action;
pub mod notice;
pub mod termination;
