# Fleetkeeper for an existing EC2-backed ECS cluster and its Auto Scaling group: the same as ../template.yaml, from the zips of
# `make package`. Every resource has the template's name for it, in Terraform's spelling; the template says why each is as it
# is. Not here: the dashboard, a key for the topic, and scaling by the book's figures.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  # Its name attribute is called otherwise from the provider's version 6 on; the id is the name in all of them.
  region      = data.aws_region.current.id
  account_id  = data.aws_caller_identity.current.account_id
  cluster_arn = "arn:${local.partition}:ecs:${local.region}:${local.account_id}:cluster/${var.cluster_name}"

  # In the order of preference.
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
