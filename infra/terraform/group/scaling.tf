# The group's scaling: metrics -> alarms -> policies -> Auto Scaling.

resource "aws_cloudwatch_metric_alarm" "scale_out_alarm" {
  alarm_name          = "${var.name}-scale-out"
  alarm_description   = "The Auto Scaling group ${var.auto_scaling_group_name} is short of hosts for the waiting tasks of the cluster and the headroom. With Scaling set to Alarms, hosts are added."
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
  alarm_description   = "The Auto Scaling group ${var.auto_scaling_group_name} can remove hosts, whichever ones it picks: their tasks, the waiting tasks and the headroom fit elsewhere. With Scaling set to Alarms, hosts are removed. If this lasts, the group is at its minimum. In a group with weights, RemovableHosts counts capacity units."
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

  step_adjustment {
    metric_interval_lower_bound = 0
    metric_interval_upper_bound = 2
    scaling_adjustment          = 1
  }

  step_adjustment {
    metric_interval_lower_bound = 2
    metric_interval_upper_bound = 3
    scaling_adjustment          = 2
  }

  step_adjustment {
    metric_interval_lower_bound = 3
    metric_interval_upper_bound = 4
    scaling_adjustment          = 3
  }

  step_adjustment {
    metric_interval_lower_bound = 4
    metric_interval_upper_bound = 5
    scaling_adjustment          = 4
  }

  step_adjustment {
    metric_interval_lower_bound = 5
    metric_interval_upper_bound = 6
    scaling_adjustment          = 5
  }

  step_adjustment {
    metric_interval_lower_bound = 6
    metric_interval_upper_bound = 7
    scaling_adjustment          = 6
  }

  step_adjustment {
    metric_interval_lower_bound = 7
    metric_interval_upper_bound = 8
    scaling_adjustment          = 7
  }

  step_adjustment {
    metric_interval_lower_bound = 8
    metric_interval_upper_bound = 10
    scaling_adjustment          = 8
  }

  step_adjustment {
    metric_interval_lower_bound = 10
    metric_interval_upper_bound = 12
    scaling_adjustment          = 10
  }

  step_adjustment {
    metric_interval_lower_bound = 12
    metric_interval_upper_bound = 15
    scaling_adjustment          = 12
  }

  step_adjustment {
    metric_interval_lower_bound = 15
    metric_interval_upper_bound = 18
    scaling_adjustment          = 15
  }

  step_adjustment {
    metric_interval_lower_bound = 18
    metric_interval_upper_bound = 22
    scaling_adjustment          = 18
  }

  step_adjustment {
    metric_interval_lower_bound = 22
    metric_interval_upper_bound = 27
    scaling_adjustment          = 22
  }

  step_adjustment {
    metric_interval_lower_bound = 27
    metric_interval_upper_bound = 33
    scaling_adjustment          = 27
  }

  step_adjustment {
    metric_interval_lower_bound = 33
    metric_interval_upper_bound = 40
    scaling_adjustment          = 33
  }

  step_adjustment {
    metric_interval_lower_bound = 40
    metric_interval_upper_bound = 50
    scaling_adjustment          = 40
  }

  step_adjustment {
    metric_interval_lower_bound = 50
    metric_interval_upper_bound = 65
    scaling_adjustment          = 50
  }

  step_adjustment {
    metric_interval_lower_bound = 65
    metric_interval_upper_bound = 80
    scaling_adjustment          = 65
  }

  step_adjustment {
    metric_interval_lower_bound = 80
    metric_interval_upper_bound = 100
    scaling_adjustment          = 80
  }

  step_adjustment {
    metric_interval_lower_bound = 100
    scaling_adjustment          = 100
  }
}

resource "aws_autoscaling_policy" "scale_in_policy" {
  count = var.scaling == "Alarms" ? 1 : 0

  name                    = "${var.name}-scale-in"
  autoscaling_group_name  = var.auto_scaling_group_name
  policy_type             = "StepScaling"
  adjustment_type         = "ChangeInCapacity"
  metric_aggregation_type = "Minimum"

  step_adjustment {
    metric_interval_lower_bound = 0
    metric_interval_upper_bound = 2
    scaling_adjustment          = -1
  }

  step_adjustment {
    metric_interval_lower_bound = 2
    metric_interval_upper_bound = 3
    scaling_adjustment          = -2
  }

  step_adjustment {
    metric_interval_lower_bound = 3
    metric_interval_upper_bound = 4
    scaling_adjustment          = -3
  }

  step_adjustment {
    metric_interval_lower_bound = 4
    metric_interval_upper_bound = 5
    scaling_adjustment          = -4
  }

  step_adjustment {
    metric_interval_lower_bound = 5
    metric_interval_upper_bound = 6
    scaling_adjustment          = -5
  }

  step_adjustment {
    metric_interval_lower_bound = 6
    metric_interval_upper_bound = 7
    scaling_adjustment          = -6
  }

  step_adjustment {
    metric_interval_lower_bound = 7
    metric_interval_upper_bound = 8
    scaling_adjustment          = -7
  }

  step_adjustment {
    metric_interval_lower_bound = 8
    metric_interval_upper_bound = 10
    scaling_adjustment          = -8
  }

  step_adjustment {
    metric_interval_lower_bound = 10
    metric_interval_upper_bound = 12
    scaling_adjustment          = -10
  }

  step_adjustment {
    metric_interval_lower_bound = 12
    metric_interval_upper_bound = 15
    scaling_adjustment          = -12
  }

  step_adjustment {
    metric_interval_lower_bound = 15
    metric_interval_upper_bound = 18
    scaling_adjustment          = -15
  }

  step_adjustment {
    metric_interval_lower_bound = 18
    metric_interval_upper_bound = 22
    scaling_adjustment          = -18
  }

  step_adjustment {
    metric_interval_lower_bound = 22
    metric_interval_upper_bound = 27
    scaling_adjustment          = -22
  }

  step_adjustment {
    metric_interval_lower_bound = 27
    metric_interval_upper_bound = 33
    scaling_adjustment          = -27
  }

  step_adjustment {
    metric_interval_lower_bound = 33
    metric_interval_upper_bound = 40
    scaling_adjustment          = -33
  }

  step_adjustment {
    metric_interval_lower_bound = 40
    metric_interval_upper_bound = 50
    scaling_adjustment          = -40
  }

  step_adjustment {
    metric_interval_lower_bound = 50
    metric_interval_upper_bound = 65
    scaling_adjustment          = -50
  }

  step_adjustment {
    metric_interval_lower_bound = 65
    metric_interval_upper_bound = 80
    scaling_adjustment          = -65
  }

  step_adjustment {
    metric_interval_lower_bound = 80
    metric_interval_upper_bound = 100
    scaling_adjustment          = -80
  }

  step_adjustment {
    metric_interval_lower_bound = 100
    scaling_adjustment          = -100
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
