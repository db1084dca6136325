output "lifecycle_hook_name" {
  description = "Name of the hook that holds an instance while it is drained. Null without the hook."
  value       = local.drains ? aws_autoscaling_lifecycle_hook.terminating_hook[0].name : null
}
