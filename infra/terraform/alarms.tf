# Operators' alarms. Each says what to do, and notifies alarm_topic_arn. The alarm on a group that
# stays short is the group's.

resource "aws_cloudwatch_metric_alarm" "operators" {
  # Each with what differs from the values below.
  for_each = {
    drain_errors = {
      alarm_description = "A drain failed in an invocation. Its hook stays open, and Lambda retries twice. The drainer's log names the failed call at level ERROR. If AWS refused it, fix the permission. If the error is WrongCluster, fix ECS_CLUSTER or the hook's metadata. docs/troubleshooting.md lists every error."
      metric_name       = "DrainErrors"
    }
    drain_deadline_exceeded = {
      alarm_description = "A drain reached its drain timeout, and the drainer applied on_drain_timeout. The metric's log line gives the reason. docs/troubleshooting.md explains each cause."
      metric_name       = "DrainDeadlineExceeded"
    }
    drain_cut_short = {
      alarm_description = "The lifecycle action of a drain ended before the instance's tasks had stopped. Its hook timed out, or something else completed or skipped it. The metric's log line gives the instance, the number of unfinished tasks and what the drain waited for. docs/troubleshooting.md lists the causes."
      metric_name       = "DrainCutShort"
    }
    drain_dead_letters = {
      alarm_description = "Lambda or SNS gave up events for the drainer. Each message in the dead-letter queue has the event and the error. Check whether its instance is still in Terminating:Wait, then delete the message."
      metric_name       = "ApproximateNumberOfMessagesVisible"
      namespace         = "AWS/SQS"
      dimensions        = { QueueName = aws_sqs_queue.lifecycle_drainer_dead_letters.name }
      statistic         = "Maximum"
    }
    capacity_silent = {
      alarm_description   = "The calculator has published nothing about the Auto Scaling group for ten minutes, so the group is not scaled. The calculator's log gives the cause at level ERROR, such as a refused call. If the log has no line, look at the function's errors and throttles, and at its schedule."
      metric_name         = "ActiveHosts"
      dimensions          = { ClusterName = var.cluster_name, AutoScalingGroupName = var.auto_scaling_group_name }
      statistic           = "SampleCount"
      comparison_operator = "LessThanThreshold"
      evaluation_periods  = 10
      treat_missing_data  = "breaching"
    }
    tasks_keep_waiting = {
      alarm_description   = "Tasks of the cluster have been waiting for 30 minutes. Hosts that were asked for may not come: look at the groups' activities for launches that fail. The calculator's log has what it asked for, and a call that AWS refused, at level ERROR. A deployment whose tasks fail at their start waits, too."
      metric_name         = "WaitingTasks"
      statistic           = "Minimum"
      comparison_operator = "GreaterThanThreshold"
      threshold           = 0
      period              = 300
      evaluation_periods  = 6
    }
    unplaceable_services = {
      alarm_description  = "A service has a task that fits on no host of any of the cluster's Auto Scaling groups, not even on an empty one. No host is added for it. The calculator's log names the service and the missing resource at level WARN. Make the task smaller, or give a group a larger instance type."
      metric_name        = "UnplaceableServices"
      statistic          = "Minimum"
      evaluation_periods = 5
    }
  }

  alarm_name          = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description   = each.value.alarm_description
  namespace           = lookup(each.value, "namespace", var.metric_namespace)
  metric_name         = each.value.metric_name
  dimensions          = lookup(each.value, "dimensions", { ClusterName = var.cluster_name })
  statistic           = lookup(each.value, "statistic", "Sum")
  comparison_operator = lookup(each.value, "comparison_operator", "GreaterThanOrEqualToThreshold")
  threshold           = lookup(each.value, "threshold", 1)
  period              = lookup(each.value, "period", 60)
  evaluation_periods  = lookup(each.value, "evaluation_periods", 1)
  treat_missing_data  = lookup(each.value, "treat_missing_data", "notBreaching")
  alarm_actions       = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
}
