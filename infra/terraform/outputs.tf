output "lifecycle_topic_arn" {
  description = "Topic for termination notices; hooks of other groups can use it too."
  value       = aws_sns_topic.lifecycle_topic.arn
}

output "lifecycle_hook_name" {
  description = "Name of the hook that holds an instance while it is drained."
  value       = aws_autoscaling_lifecycle_hook.terminating_hook.name
}

output "lifecycle_drainer_name" {
  description = "Name of the drainer function."
  value       = aws_lambda_function.lifecycle_drainer.function_name
}

output "lifecycle_drainer_dead_letters_url" {
  description = "Queue of the notices that could not be handled. It should stay empty."
  value       = aws_sqs_queue.lifecycle_drainer_dead_letters.url
}

output "capacity_calculator_name" {
  description = "Name of the calculator function."
  value       = aws_lambda_function.capacity_calculator.function_name
}

output "capacity_calculator_dead_letters_url" {
  description = "Queue of the events that could not be handled. It should stay empty."
  value       = aws_sqs_queue.capacity_calculator_dead_letters.url
}
