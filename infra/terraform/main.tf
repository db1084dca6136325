# Fleetkeeper for an ECS cluster on EC2 and one of its Auto Scaling groups: the resources of
# ../template.yaml and the alarms of ../observability.yaml, from the zips of `make package`. Each
# resource or its key has the template's name in Terraform's spelling. The template's comments give
# the reasons.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  # The provider renamed the attribute with the name in version 6. The id is the name in all
  # versions.
  region      = data.aws_region.current.id
  account_id  = data.aws_caller_identity.current.account_id
  group_arn   = "arn:${local.partition}:autoscaling:${local.region}:${local.account_id}:autoScalingGroup:*:autoScalingGroupName/${var.auto_scaling_group_name}"
  cluster_arn = "arn:${local.partition}:ecs:${local.region}:${local.account_id}:cluster/${var.cluster_name}"

  # In order of preference.
  auto_scaling_groups = var.further_auto_scaling_group_names == "" ? var.auto_scaling_group_name : "${var.auto_scaling_group_name},${var.further_auto_scaling_group_names}"

  permissions_boundary = var.permissions_boundary_arn == "" ? null : var.permissions_boundary_arn

  lambda_may_assume = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# The hook, the sweep and the scaling of the group.
module "group" {
  source = "./group"

  name = var.name
  fleetkeeper = {
    cluster_name                  = var.cluster_name
    metric_namespace              = var.metric_namespace
    lifecycle_topic_arn           = aws_sns_topic.lifecycle_topic.arn
    lifecycle_hook_role_arn       = aws_iam_role.lifecycle_hook_role.arn
    lifecycle_hook_default_result = var.on_drain_timeout == "abandon" ? "ABANDON" : "CONTINUE"
    lifecycle_drainer_name        = aws_lambda_function.lifecycle_drainer.function_name
    lifecycle_drainer_arn         = aws_lambda_function.lifecycle_drainer.arn
    lifecycle_drainer_role_name   = aws_iam_role.lifecycle_drainer_role.name
    capacity_calculator_role_name = aws_iam_role.capacity_calculator_role.name
  }
  first_group               = true
  auto_scaling_group_name   = var.auto_scaling_group_name
  draining                  = var.draining
  heartbeat_timeout_seconds = var.heartbeat_timeout_seconds
  scaling                   = var.scaling
  spare_hosts               = var.spare_hosts
  scale_out_seconds         = var.scale_out_seconds
  scale_in_minutes          = var.scale_in_minutes
  alarm_topic_arn           = var.alarm_topic_arn

  # Created last and deleted first: a notice that no function receives is lost. Creating the hook
  # publishes a test message, which needs the role's policy.
  depends_on = [
    aws_sns_topic_subscription.lifecycle_drainer_notice,
    aws_lambda_permission.lifecycle_drainer_notice_permission,
    aws_iam_role_policy.lifecycle_hook_role,
  ]
}
