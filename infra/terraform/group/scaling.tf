# The group's scaling: metrics -> alarms -> policies -> Auto Scaling.

locals {
  # Hosts that each step adds or removes. No step exceeds the metric: a step begins as many hosts
  # above the alarm's threshold, and ends where the next begins. The first begins at the threshold.
  hosts = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 65, 80, 100]

  steps = [for index, hosts in local.hosts : {
    hosts       = hosts
    lower_bound = index == 0 ? 0 : hosts
    upper_bound = index + 1 < length(local.hosts) ? local.hosts[index + 1] : null
  }]
}

resource "aws_cloudwatch_metric_alarm" "scale_out_alarm" {
  alarm_name          = "${var.name}-scale-out"
  alarm_description   = "The Auto Scaling group ${var.auto_scaling_group_name} is short of hosts for the waiting tasks of the cluster ${var.fleetkeeper.cluster_name} and the headroom. With Scaling set to Alarms, hosts are added."
  namespace           = var.fleetkeeper.metric_namespace
  metric_name         = "MissingHosts"
  dimensions          = local.group_dimensions
  statistic           = "Minimum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = var.scale_out_seconds
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.scaling == "Alarms" ? [aws_autoscaling_policy.scale_out_policy[0].arn] : []
}

resource "aws_cloudwatch_metric_alarm" "scale_in_alarm" {
  alarm_name          = "${var.name}-scale-in"
  alarm_description   = "The Auto Scaling group ${var.auto_scaling_group_name} of the cluster ${var.fleetkeeper.cluster_name} can remove hosts, whichever ones it picks: their tasks, the waiting tasks and the headroom fit elsewhere. With Scaling set to Alarms, hosts are removed. If this lasts, the group is at its minimum. In a group with weights, RemovableHosts counts capacity units."
  namespace           = var.fleetkeeper.metric_namespace
  metric_name         = "RemovableHosts"
  dimensions          = local.group_dimensions
  statistic           = "Minimum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.spare_hosts
  period              = 60
  evaluation_periods  = var.scale_in_minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.scaling == "Alarms" ? [aws_autoscaling_policy.scale_in_policy[0].arn] : []
}

resource "aws_autoscaling_policy" "scale_out_policy" {
  count = var.scaling == "Alarms" ? 1 : 0

  name                      = "${var.name}-scale-out"
  autoscaling_group_name    = var.auto_scaling_group_name
  policy_type               = "StepScaling"
  adjustment_type           = "ChangeInCapacity"
  metric_aggregation_type   = "Minimum"
  estimated_instance_warmup = 30

  dynamic "step_adjustment" {
    for_each = local.steps

    content {
      metric_interval_lower_bound = step_adjustment.value.lower_bound
      metric_interval_upper_bound = step_adjustment.value.upper_bound
      scaling_adjustment          = step_adjustment.value.hosts
    }
  }
}

resource "aws_autoscaling_policy" "scale_in_policy" {
  count = var.scaling == "Alarms" ? 1 : 0

  name                    = "${var.name}-scale-in"
  autoscaling_group_name  = var.auto_scaling_group_name
  policy_type             = "StepScaling"
  adjustment_type         = "ChangeInCapacity"
  metric_aggregation_type = "Minimum"

  dynamic "step_adjustment" {
    for_each = local.steps

    content {
      metric_interval_lower_bound = step_adjustment.value.lower_bound
      metric_interval_upper_bound = step_adjustment.value.upper_bound
      scaling_adjustment          = -step_adjustment.value.hosts
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "group_stays_short" {
  alarm_name          = "${var.name}-group-stays-short"
  alarm_description   = "The Auto Scaling group ${var.auto_scaling_group_name} has been short of hosts for 30 minutes. Either the group is at its maximum, or its launches fail, or launched instances do not join the cluster. The group's activities show which, and the calculator's log names the waiting tasks."
  namespace           = var.fleetkeeper.metric_namespace
  metric_name         = "MissingHosts"
  dimensions          = local.group_dimensions
  statistic           = "Minimum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 6
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
}
