# A further Auto Scaling group of a cluster that ../ serves: the resources of ../../group.yaml. The
# module ../ creates those of its first group with this one, too.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id
  account_id = data.aws_caller_identity.current.account_id
  group_arn  = "arn:${local.partition}:autoscaling:${local.region}:${local.account_id}:autoScalingGroup:*:autoScalingGroupName/${var.auto_scaling_group_name}"
  drains     = var.draining == "On"

  group_dimensions = {
    ClusterName          = var.fleetkeeper.cluster_name
    AutoScalingGroupName = var.auto_scaling_group_name
  }
}

# The roles of the functions allow the first group only.
resource "aws_iam_role_policy" "drain_this_group" {
  count = var.first_group ? 0 : 1

  name = "${var.name}-hook"
  role = var.fleetkeeper.lifecycle_drainer_role_name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "HoldAndCompleteTheHook"
      Effect = "Allow"
      Action = [
        "autoscaling:RecordLifecycleActionHeartbeat",
        "autoscaling:CompleteLifecycleAction",
      ]
      Resource = local.group_arn
    }]
  })
}

resource "aws_iam_role_policy" "scale_this_group" {
  count = var.scaling == "Direct" && !var.first_group ? 1 : 0

  name = "${var.name}-scaling"
  role = var.fleetkeeper.capacity_calculator_role_name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "ScaleTheGroup"
      Effect = "Allow"
      Action = [
        "autoscaling:SetDesiredCapacity",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
      ]
      Resource = local.group_arn
    }]
  })
}

resource "aws_autoscaling_lifecycle_hook" "terminating_hook" {
  count = local.drains ? 1 : 0

  name                    = "${var.name}-drain"
  autoscaling_group_name  = var.auto_scaling_group_name
  lifecycle_transition    = "autoscaling:EC2_INSTANCE_TERMINATING"
  default_result          = var.fleetkeeper.lifecycle_hook_default_result
  heartbeat_timeout       = var.heartbeat_timeout_seconds
  notification_target_arn = var.fleetkeeper.lifecycle_topic_arn
  role_arn                = var.fleetkeeper.lifecycle_hook_role_arn
  notification_metadata   = "{\"cluster\": \"${var.fleetkeeper.cluster_name}\"}"

  # Created last and deleted first: without the policy the drainer cannot complete this hook.
  depends_on = [aws_iam_role_policy.drain_this_group]
}

resource "aws_cloudwatch_event_rule" "sweep" {
  name                = "${var.name}-sweep"
  state               = local.drains ? "ENABLED" : "DISABLED"
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "sweep" {
  rule = aws_cloudwatch_event_rule.sweep.name
  arn  = var.fleetkeeper.lifecycle_drainer_arn
  input = local.drains ? jsonencode({
    sweep = {
      cluster = var.fleetkeeper.cluster_name
      group   = var.auto_scaling_group_name
      hook    = aws_autoscaling_lifecycle_hook.terminating_hook[0].name
    }
  }) : "{}"
}

resource "aws_lambda_permission" "sweep_permission" {
  action        = "lambda:InvokeFunction"
  function_name = var.fleetkeeper.lifecycle_drainer_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.sweep.arn
}
