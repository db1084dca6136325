# A change in the cluster: ECS -> EventBridge -> capacity-calculator -> metrics.

resource "aws_iam_role" "capacity_calculator_role" {
  name_prefix          = "${var.name}-calculator-"
  permissions_boundary = local.permissions_boundary
  assume_role_policy   = local.lambda_may_assume
}

resource "aws_iam_role_policy" "capacity_calculator_role" {
  name = "CapacityCalculator"
  role = aws_iam_role.capacity_calculator_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "ListTheInstances"
        Effect   = "Allow"
        Action   = "ecs:ListContainerInstances"
        Resource = local.cluster_arn
      },
      {
        Sid    = "ReadTheCluster"
        Effect = "Allow"
        Action = [
          "ecs:DescribeContainerInstances",
          "ecs:ListServices",
          "ecs:DescribeServices",
          "ecs:ListTasks",
          "ecs:DescribeTasks",
          "ecs:GetTaskProtection",
        ]
        Resource  = "*"
        Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
      },
      {
        Sid    = "ReadTaskDefinitionsAndGroups"
        Effect = "Allow"
        Action = [
          "ecs:DescribeTaskDefinition",
          "autoscaling:DescribeAutoScalingGroups",
          "autoscaling:DescribeInstanceRefreshes",
        ]
        Resource = "*"
      },
      {
        Sid      = "ReadTheCapacityProviders"
        Effect   = "Allow"
        Action   = "ecs:DescribeCapacityProviders"
        Resource = "arn:${local.partition}:ecs:${local.region}:${local.account_id}:capacity-provider/*"
      },
      {
        Sid       = "PublishTheMetrics"
        Effect    = "Allow"
        Action    = "cloudwatch:PutMetricData"
        Resource  = "*"
        Condition = { StringEquals = { "cloudwatch:namespace" = var.metric_namespace } }
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.capacity_calculator_logs.arn}:*"
      },
      ], var.scaling != "Direct" ? [] : [
      {
        Sid    = "ScaleTheGroup"
        Effect = "Allow"
        Action = [
          "autoscaling:SetDesiredCapacity",
          "autoscaling:TerminateInstanceInAutoScalingGroup",
        ]
        Resource = local.group_arn
      },
    ])
  })
}

resource "aws_lambda_function" "capacity_calculator" {
  function_name    = "${var.name}-capacity-calculator"
  description      = "Publishes a cluster's capacity, and each group's missing and removable hosts."
  role             = aws_iam_role.capacity_calculator_role.arn
  filename         = var.calculator_package
  source_code_hash = filebase64sha256(var.calculator_package)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 60
  # The provider's value for none is -1.
  reserved_concurrent_executions = var.calculator_reserved_concurrency == 0 ? -1 : var.calculator_reserved_concurrency

  environment {
    variables = {
      ECS_CLUSTER               = var.cluster_name
      AUTO_SCALING_GROUPS       = local.auto_scaling_groups
      SCALING                   = var.scaling == "Alarms" ? "metrics" : "direct"
      FLEETKEEPER_DRY_RUN       = var.scaling == "Off" ? "true" : "false"
      SCALE_IN_MINUTES          = var.scale_in_minutes
      MAX_DRAINING_HOSTS        = var.max_draining_hosts
      HEADROOM                  = var.headroom
      METRIC_NAMESPACE          = var.metric_namespace
      METRIC_RESOLUTION_SECONDS = "1"
    }
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = var.log_level
    log_group             = aws_cloudwatch_log_group.capacity_calculator_logs.name
  }
}

# No retry and no queue: the next schedule, a minute later, reads the cluster again.
resource "aws_lambda_function_event_invoke_config" "capacity_calculator_event_invoke_config" {
  function_name                = aws_lambda_function.capacity_calculator.function_name
  qualifier                    = "$LATEST"
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}

resource "aws_cloudwatch_event_rule" "capacity_calculator_change" {
  name = "${var.name}-change"
  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Container Instance State Change"]
    detail        = { clusterArn = [local.cluster_arn] }
  })
}

resource "aws_cloudwatch_event_target" "capacity_calculator_change" {
  rule = aws_cloudwatch_event_rule.capacity_calculator_change.name
  arn  = aws_lambda_function.capacity_calculator.arn
}

resource "aws_lambda_permission" "capacity_calculator_change_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.capacity_calculator.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.capacity_calculator_change.arn
}

resource "aws_cloudwatch_event_rule" "capacity_calculator_placement_failure" {
  name = "${var.name}-placement-failure"
  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Service Action"]
    detail = {
      eventName  = ["SERVICE_TASK_PLACEMENT_FAILURE"]
      clusterArn = [local.cluster_arn]
    }
  })
}

resource "aws_cloudwatch_event_target" "capacity_calculator_placement_failure" {
  rule = aws_cloudwatch_event_rule.capacity_calculator_placement_failure.name
  arn  = aws_lambda_function.capacity_calculator.arn
}

resource "aws_lambda_permission" "capacity_calculator_placement_failure_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.capacity_calculator.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.capacity_calculator_placement_failure.arn
}

resource "aws_cloudwatch_event_rule" "capacity_calculator_deployment" {
  name = "${var.name}-deployment"
  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Deployment State Change"]
    resources     = [{ prefix = "arn:${local.partition}:ecs:${local.region}:${local.account_id}:service/${var.cluster_name}/" }]
  })
}

resource "aws_cloudwatch_event_target" "capacity_calculator_deployment" {
  rule = aws_cloudwatch_event_rule.capacity_calculator_deployment.name
  arn  = aws_lambda_function.capacity_calculator.arn
}

resource "aws_lambda_permission" "capacity_calculator_deployment_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.capacity_calculator.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.capacity_calculator_deployment.arn
}

resource "aws_cloudwatch_event_rule" "capacity_calculator_every_minute" {
  name                = "${var.name}-every-minute"
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "capacity_calculator_every_minute" {
  rule = aws_cloudwatch_event_rule.capacity_calculator_every_minute.name
  arn  = aws_lambda_function.capacity_calculator.arn
}

resource "aws_lambda_permission" "capacity_calculator_every_minute_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.capacity_calculator.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.capacity_calculator_every_minute.arn
}

resource "aws_cloudwatch_log_group" "capacity_calculator_logs" {
  name              = "/aws/lambda/${var.name}-capacity-calculator"
  retention_in_days = var.log_retention_days
}

