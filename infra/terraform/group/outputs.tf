output "lifecycle_hook_name" {
  description = "Name of the hook that holds an instance while it is drained."
  value       = aws_autoscaling_lifecycle_hook.terminating_hook.name
}
