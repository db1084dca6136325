output "cluster_name" {
  description = "Name of the ECS cluster."
  value       = var.cluster_name
}

output "metric_namespace" {
  description = "CloudWatch namespace of the metrics."
  value       = var.metric_namespace
}

output "lifecycle_topic_arn" {
  description = "Topic for termination notices. Hooks of further groups can use it, too."
  value       = aws_sns_topic.lifecycle_topic.arn
}

output "lifecycle_hook_name" {
  description = "Name of the hook that holds an instance while it is drained. Null without the hook."
  value       = module.group.lifecycle_hook_name
}

output "lifecycle_drainer_name" {
  description = "Name of the drainer function."
  value       = aws_lambda_function.lifecycle_drainer.function_name
}

output "lifecycle_hook_role_arn" {
  description = "Role with which Auto Scaling publishes termination notices."
  value       = aws_iam_role.lifecycle_hook_role.arn
}

output "lifecycle_hook_default_result" {
  description = "Result of a hook that times out."
  value       = var.on_drain_timeout == "abandon" ? "ABANDON" : "CONTINUE"
}

output "lifecycle_drainer_arn" {
  description = "ARN of the drainer function."
  value       = aws_lambda_function.lifecycle_drainer.arn
}

output "lifecycle_drainer_role_name" {
  description = "Name of the drainer's role."
  value       = aws_iam_role.lifecycle_drainer_role.name
}

output "lifecycle_drainer_log_group" {
  description = "Log group of the drainer."
  value       = aws_cloudwatch_log_group.lifecycle_drainer_logs.name
}

output "lifecycle_drainer_dead_letters_url" {
  description = "Queue of the events that the drainer failed on. It should stay empty."
  value       = aws_sqs_queue.lifecycle_drainer_dead_letters.url
}

output "capacity_calculator_name" {
  description = "Name of the calculator function."
  value       = aws_lambda_function.capacity_calculator.function_name
}

output "capacity_calculator_log_group" {
  description = "Log group of the calculator."
  value       = aws_cloudwatch_log_group.capacity_calculator_logs.name
}

output "capacity_calculator_role_name" {
  description = "Name of the calculator's role."
  value       = aws_iam_role.capacity_calculator_role.name
}
