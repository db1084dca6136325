# What the metrics do: alarms -> scaling policies -> Auto Scaling group.

resource "aws_cloudwatch_metric_alarm" "scale_out_alarm" {
  alarm_name          = "${var.name}-scale-out"
  alarm_description   = "The cluster ${var.cluster_name} has no room for all tasks that its services want and one worst-case container more. Where this lasts, the group is at its maximum, or new instances do not join the cluster."
  namespace           = var.metric_namespace
  metric_name         = "MissingHosts"
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = "Minimum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = var.scale_out_minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.scale_out_policy.arn]
}

resource "aws_cloudwatch_metric_alarm" "scale_in_alarm" {
  alarm_name          = "${var.name}-scale-in"
  alarm_description   = "Instances of the cluster ${var.cluster_name} can go, whichever: what runs on them fits elsewhere, and another worst-case container besides. Where this lasts, the group is at its minimum."
  namespace           = var.metric_namespace
  metric_name         = "RemovableHosts"
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = "Minimum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.spare_hosts
  period              = 60
  evaluation_periods  = var.scale_in_minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.scale_in_policy.arn]
}

resource "aws_autoscaling_policy" "scale_out_policy" {
  name                      = "${var.name}-scale-out"
  autoscaling_group_name    = var.auto_scaling_group_name
  policy_type               = "StepScaling"
  adjustment_type           = "ChangeInCapacity"
  estimated_instance_warmup = var.instance_warmup_seconds

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
    metric_interval_upper_bound = 5
    scaling_adjustment          = 3
  }

  step_adjustment {
    metric_interval_lower_bound = 5
    metric_interval_upper_bound = 10
    scaling_adjustment          = 5
  }

  step_adjustment {
    metric_interval_lower_bound = 10
    metric_interval_upper_bound = 25
    scaling_adjustment          = 10
  }

  step_adjustment {
    metric_interval_lower_bound = 25
    scaling_adjustment          = 25
  }
}

resource "aws_autoscaling_policy" "scale_in_policy" {
  name                   = "${var.name}-scale-in"
  autoscaling_group_name = var.auto_scaling_group_name
  policy_type            = "StepScaling"
  adjustment_type        = "ChangeInCapacity"

  step_adjustment {
    metric_interval_lower_bound = 0
    metric_interval_upper_bound = 2
    scaling_adjustment          = -1
  }

  step_adjustment {
    metric_interval_lower_bound = 2
    metric_interval_upper_bound = 5
    scaling_adjustment          = -2
  }

  step_adjustment {
    metric_interval_lower_bound = 5
    metric_interval_upper_bound = 10
    scaling_adjustment          = -5
  }

  step_adjustment {
    metric_interval_lower_bound = 10
    scaling_adjustment          = -10
  }
}
