# Fleetkeeper for an ECS cluster on EC2 and one of its Auto Scaling groups: the resources of
# ../template.yaml and the alarms of ../observability.yaml, from the zips of `make package`. Each
# resource has the template's name in Terraform's spelling. The template's comments give the
# reasons.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  # The provider renamed the attribute with the name in version 6. The id is the name in all
  # versions.
  region      = data.aws_region.current.id
  account_id  = data.aws_caller_identity.current.account_id
  cluster_arn = "arn:${local.partition}:ecs:${local.region}:${local.account_id}:cluster/${var.cluster_name}"

  # In order of preference.
  auto_scaling_groups = var.further_auto_scaling_group_names == "" ? var.auto_scaling_group_name : "${var.auto_scaling_group_name},${var.further_auto_scaling_group_names}"

  group_dimensions = {
    ClusterName          = var.cluster_name
    AutoScalingGroupName = var.auto_scaling_group_name
  }

  alarm_actions        = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
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
