# Operators' alarms. Each says what to do, and notifies alarm_topic_arn.

resource "aws_cloudwatch_metric_alarm" "drain_errors" {
  alarm_name          = "${var.name}-drain-errors"
  alarm_description   = "A drain failed in an invocation. Its hook stays open, and Lambda retries twice. The drainer's log names the failed call at level ERROR. If AWS refused it, fix the permission. If the error is WrongCluster, fix ECS_CLUSTER or the hook's metadata. docs/troubleshooting.md lists every error."
  namespace           = var.metric_namespace
  metric_name         = "DrainErrors"
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "drain_deadline_exceeded" {
  alarm_name          = "${var.name}-drain-deadline-exceeded"
  alarm_description   = "A drain reached its drain timeout, and the drainer applied on_drain_timeout. The metric's log line gives the reason. docs/troubleshooting.md explains each cause."
  namespace           = var.metric_namespace
  metric_name         = "DrainDeadlineExceeded"
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "drain_cut_short" {
  alarm_name          = "${var.name}-drain-cut-short"
  alarm_description   = "The lifecycle action of a drain ended before the instance's tasks had stopped. Its hook timed out, or something else completed or skipped it. The metric's log line gives the instance, the number of unfinished tasks and what the drain waited for. docs/troubleshooting.md lists the causes."
  namespace           = var.metric_namespace
  metric_name         = "DrainCutShort"
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "drain_dead_letters" {
  alarm_name          = "${var.name}-drain-dead-letters"
  alarm_description   = "Lambda or SNS gave up events for the drainer. Each message in the dead-letter queue has the event and the error. Check whether its instance is still in Terminating:Wait, then delete the message."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.lifecycle_drainer_dead_letters.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "capacity_silent" {
  alarm_name          = "${var.name}-capacity-silent"
  alarm_description   = "The calculator has published nothing about the Auto Scaling group for ten minutes, so the group is not scaled. The calculator's log gives the cause at level ERROR, such as a refused call. If the log has no line, look at the function's errors and throttles, and at its schedule."
  namespace           = var.metric_namespace
  metric_name         = "ActiveHosts"
  dimensions          = local.group_dimensions
  statistic           = "SampleCount"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 10
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "group_stays_short" {
  alarm_name          = "${var.name}-group-stays-short"
  alarm_description   = "The Auto Scaling group has been short of hosts for 30 minutes. Either the group is at its maximum, or its launches fail, or launched instances do not join the cluster. The group's activities show which, and the calculator's log names the waiting tasks."
  namespace           = var.metric_namespace
  metric_name         = "MissingHosts"
  dimensions          = local.group_dimensions
  statistic           = "Minimum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 6
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "tasks_keep_waiting" {
  alarm_name          = "${var.name}-tasks-keep-waiting"
  alarm_description   = "Tasks of the cluster have been waiting for 30 minutes. Hosts that were asked for may not come: look at the groups' activities for launches that fail. The calculator's log has what it asked for, and a call that AWS refused, at level ERROR. A deployment whose tasks fail at their start waits, too."
  namespace           = var.metric_namespace
  metric_name         = "WaitingTasks"
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = "Minimum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 6
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "unplaceable_services" {
  alarm_name          = "${var.name}-unplaceable-services"
  alarm_description   = "A service has a task that fits on no host of any of the cluster's Auto Scaling groups, not even on an empty one. No host is added for it. The calculator's log names the service and the missing resource at level WARN. Make the task smaller, or give a group a larger instance type."
  namespace           = var.metric_namespace
  metric_name         = "UnplaceableServices"
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = "Minimum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}
