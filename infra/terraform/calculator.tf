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
    Statement = [
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
        Sid      = "ReadWhatTasksNeed"
        Effect   = "Allow"
        Action   = "ecs:DescribeTaskDefinition"
        Resource = "*"
      },
      {
        Sid      = "ReadTheCapacityProviders"
        Effect   = "Allow"
        Action   = "ecs:DescribeCapacityProviders"
        Resource = "arn:${local.partition}:ecs:${local.region}:${local.account_id}:capacity-provider/*"
      },
      {
        Sid      = "ReadTheGroups"
        Effect   = "Allow"
        Action   = "autoscaling:DescribeAutoScalingGroups"
        Resource = "*"
      },
      {
        Sid       = "PublishTheMetrics"
        Effect    = "Allow"
        Action    = "cloudwatch:PutMetricData"
        Resource  = "*"
        Condition = { StringEquals = { "cloudwatch:namespace" = var.metric_namespace } }
      },
      {
        Sid      = "KeepWhatFailed"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.capacity_calculator_dead_letters.arn
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.capacity_calculator_logs.arn}:*"
      },
    ]
  })
}

resource "aws_lambda_function" "capacity_calculator" {
  function_name    = "${var.name}-capacity-calculator"
  description      = "Publishes a cluster's capacity, and the missing and removable hosts of each Auto Scaling group."
  role             = aws_iam_role.capacity_calculator_role.arn
  filename         = var.calculator_package
  source_code_hash = filebase64sha256(var.calculator_package)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 60
  # Terraform's word for none.
  reserved_concurrent_executions = var.calculator_reserved_concurrency == 0 ? -1 : var.calculator_reserved_concurrency

  environment {
    # What is empty is not set at all: the calculator finds it.
    variables = { for name, value in {
      ECS_CLUSTER               = var.cluster_name
      AUTO_SCALING_GROUPS       = local.auto_scaling_groups
      SCALING                   = "metrics"
      HEADROOM                  = var.headroom
      CONTAINER_MAX_CPU         = var.container_max_cpu
      CONTAINER_MAX_MEMORY      = var.container_max_memory
      TCP_PORT_RESOURCES        = var.tcp_port_resources
      UDP_PORT_RESOURCES        = var.udp_port_resources
      CONTAINER_MAX_GPU         = var.container_max_gpu
      CONTAINER_USES_ENI        = var.container_uses_eni
      METRIC_NAMESPACE          = var.metric_namespace
      METRIC_RESOLUTION_SECONDS = var.metric_resolution_seconds
    } : name => value if value != "" }
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = var.log_level
    log_group             = aws_cloudwatch_log_group.capacity_calculator_logs.name
  }
}

resource "aws_lambda_function_event_invoke_config" "capacity_calculator_event_invoke_config" {
  function_name = aws_lambda_function.capacity_calculator.function_name
  qualifier     = "$LATEST"

  destination_config {
    on_failure {
      destination = aws_sqs_queue.capacity_calculator_dead_letters.arn
    }
  }

  depends_on = [aws_iam_role_policy.capacity_calculator_role]
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

  dead_letter_config {
    arn = aws_sqs_queue.capacity_calculator_dead_letters.arn
  }
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

  dead_letter_config {
    arn = aws_sqs_queue.capacity_calculator_dead_letters.arn
  }
}

resource "aws_lambda_permission" "capacity_calculator_placement_failure_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.capacity_calculator.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.capacity_calculator_placement_failure.arn
}

resource "aws_cloudwatch_event_rule" "capacity_calculator_every_minute" {
  name                = "${var.name}-every-minute"
  state               = var.schedule_state
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

resource "aws_sqs_queue" "capacity_calculator_dead_letters" {
  name                      = "${var.name}-calculator-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "capacity_calculator_dead_letters_policy" {
  queue_url = aws_sqs_queue.capacity_calculator_dead_letters.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.capacity_calculator_dead_letters.arn
      Condition = {
        ArnEquals = {
          "aws:SourceArn" = [
            aws_cloudwatch_event_rule.capacity_calculator_change.arn,
            aws_cloudwatch_event_rule.capacity_calculator_placement_failure.arn,
          ]
        }
      }
    }]
  })
}

resource "aws_cloudwatch_metric_alarm" "capacity_silent" {
  alarm_name          = "${var.name}-capacity-silent"
  alarm_description   = "The calculator has published nothing about the Auto Scaling group ${var.auto_scaling_group_name} of the cluster ${var.cluster_name} for ten minutes, so the group is not scaled. Its log gives the cause at level ERROR, such as a refused call. If the log has no line, look at the function's errors and throttles, and at schedule_state."
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

resource "aws_cloudwatch_metric_alarm" "unplaceable_services" {
  alarm_name          = "${var.name}-unplaceable-services"
  alarm_description   = "A service of the cluster ${var.cluster_name} has a task that fits on no host of any of its Auto Scaling groups, not even on an empty one. No host is added for it. The calculator's log names the service and what is lacking, at level WARN. Make the task smaller, or give a group a larger instance type."
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

resource "aws_cloudwatch_metric_alarm" "group_stays_short" {
  alarm_name          = "${var.name}-group-stays-short"
  alarm_description   = "The Auto Scaling group ${var.auto_scaling_group_name} of the cluster ${var.cluster_name} has been short of hosts for 30 minutes. Either the group is at its maximum, or its launches fail, or launched instances do not join the cluster. The group's activities show which, and the calculator's log names the waiting tasks."
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

resource "aws_cloudwatch_metric_alarm" "capacity_dead_letters" {
  alarm_name          = "${var.name}-capacity-dead-letters"
  alarm_description   = "Events for the calculator of the cluster ${var.cluster_name} were given up. Each message in the dead-letter queue has the event and the error. What the cluster comes to is published every minute regardless: mend the cause, then delete the messages."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.capacity_calculator_dead_letters.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}
