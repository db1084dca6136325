//! EC2 Auto Scaling: groups, their instances and the lifecycle hooks that hold them back.
//!
//! | room | purpose |
//! | --- | --- |
//! | [`group`], `instance` | groups, and where their instances are in their lives |
//! | [`capacity`], [`termination_policy`] | launching and choosing what to terminate, so that the group has what it wants |
//! | [`mixed_instances`] | groups of several instance types |
//! | [`scale_in_protection`], [`processes`] | what holds scaling off |
//! | [`launch`], [`launch_times`] | from the launch of an instance to its service |
//! | [`termination`] | from the decision to the end of an instance |
//! | [`termination_by_id`] | `TerminateInstanceInAutoScalingGroup`, as its callers know it |
//! | [`connection_draining`] | what a load balancer does before the hooks run |
//! | [`root_volume`] | replacing an instance's root volume |
//! | [`standby`] | instances out of the capacity |
//! | [`rebalancing`] | balancing the zones |
//! | [`deletion`] | the end of a group |
//! | [`warm_pool`] | where instances wait, stopped, for the next launch |
//! | [`instance_refresh`] | replacing all instances, some at a time |
//! | [`scaling_policy`], `policy_execution` | step scaling policies, and what they make of a breach |
//! | [`simple_scaling`] | simple scaling policies and their cooldown |
//! | [`hook`], `wait` | hooks, and the actions that hold instances back at them |
//! | [`lifecycle_action`] | the API operations on actions |
//! | [`describe`], [`activity`] | what a group tells of its instances, and of what it did and is doing |
//! | [`lagging_groups`] | reads of groups that lag behind the truth |
//! | [`notice`], [`notification`], [`event`] | the messages to topics, and to EventBridge |

pub mod activity;
pub mod capacity;
pub mod connection_draining;
pub mod deletion;
pub mod describe;
pub mod event;
pub mod group;
pub mod hook;
pub(crate) mod instance;
pub mod instance_refresh;
pub mod lagging_groups;
pub mod launch;
pub mod launch_times;
pub mod lifecycle_action;
pub mod mixed_instances;
pub mod notice;
pub mod notification;
pub(crate) mod policy_execution;
pub mod processes;
pub mod rebalancing;
pub mod root_volume;
pub mod scale_in_protection;
pub mod scaling_policy;
pub mod simple_scaling;
pub mod standby;
pub mod termination;
pub mod termination_by_id;
pub mod termination_policy;
pub(crate) mod wait;
pub mod warm_pool;
