# A termination notice: Auto Scaling -> topic -> lifecycle-drainer.

resource "aws_sns_topic" "lifecycle_topic" {
  name = "${var.name}-lifecycle"
}

resource "aws_iam_role" "lifecycle_hook_role" {
  name_prefix          = "${var.name}-hook-"
  permissions_boundary = local.permissions_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "autoscaling.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "lifecycle_hook_role" {
  name = "PublishNotices"
  role = aws_iam_role.lifecycle_hook_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = aws_sns_topic.lifecycle_topic.arn
    }]
  })
}

resource "aws_iam_role" "lifecycle_drainer_role" {
  name_prefix          = "${var.name}-drainer-"
  permissions_boundary = local.permissions_boundary
  assume_role_policy   = local.lambda_may_assume
}

resource "aws_iam_role_policy" "lifecycle_drainer_role" {
  name = "LifecycleDrainer"
  role = aws_iam_role.lifecycle_drainer_role.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "FindTheInstance"
        Effect   = "Allow"
        Action   = "ecs:ListContainerInstances"
        Resource = local.cluster_arn
      },
      {
        Sid    = "DrainTheInstance"
        Effect = "Allow"
        Action = [
          "ecs:DescribeContainerInstances",
          "ecs:UpdateContainerInstancesState",
          "ecs:ListTasks",
          "ecs:DescribeTasks",
          "ecs:StopTask",
          "ecs:DescribeServices",
          "ecs:GetTaskProtection",
        ]
        Resource  = "*"
        Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
      },
      {
        Sid    = "ReadTheGroupAndItsHooks"
        Effect = "Allow"
        Action = [
          "autoscaling:DescribeLifecycleHooks",
          "autoscaling:DescribeAutoScalingGroups",
          "autoscaling:DescribeScalingActivities",
        ]
        Resource = "*"
      },
      {
        Sid    = "HoldAndCompleteTheHook"
        Effect = "Allow"
        Action = [
          "autoscaling:RecordLifecycleActionHeartbeat",
          "autoscaling:CompleteLifecycleAction",
        ]
        Resource = local.group_arn
      },
      {
        Sid      = "Republish"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = aws_sns_topic.lifecycle_topic.arn
      },
      {
        Sid      = "KeepFailedEvents"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.lifecycle_drainer_dead_letters.arn
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.lifecycle_drainer_logs.arn}:*"
      },
    ]
  })
}

resource "aws_lambda_function" "lifecycle_drainer" {
  function_name    = "${var.name}-lifecycle-drainer"
  description      = "Drains a container instance before its EC2 instance is terminated."
  role             = aws_iam_role.lifecycle_drainer_role.arn
  filename         = var.drainer_package
  source_code_hash = filebase64sha256(var.drainer_package)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 128
  timeout          = 900

  environment {
    variables = {
      ECS_CLUSTER           = var.cluster_name
      DRAIN_TIMEOUT_SECONDS = var.drain_timeout_seconds
      ON_DRAIN_TIMEOUT      = var.on_drain_timeout
      LIFECYCLE_TOPIC_ARN   = aws_sns_topic.lifecycle_topic.arn
      FLEETKEEPER_DRY_RUN   = var.draining == "On" ? "false" : "true"
      METRIC_NAMESPACE      = var.metric_namespace
    }
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = var.log_level
    log_group             = aws_cloudwatch_log_group.lifecycle_drainer_logs.name
  }
}

# The drainer republishes long drains to its own topic. Lambda would stop that chain.
resource "aws_lambda_function_recursion_config" "lifecycle_drainer" {
  function_name  = aws_lambda_function.lifecycle_drainer.function_name
  recursive_loop = "Allow"
}

resource "aws_lambda_function_event_invoke_config" "lifecycle_drainer_event_invoke_config" {
  function_name                = aws_lambda_function.lifecycle_drainer.function_name
  qualifier                    = "$LATEST"
  maximum_event_age_in_seconds = 21600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.lifecycle_drainer_dead_letters.arn
    }
  }

  # Lambda refuses a destination that the role cannot send to.
  depends_on = [aws_iam_role_policy.lifecycle_drainer_role]
}

resource "aws_sns_topic_subscription" "lifecycle_drainer_notice" {
  topic_arn      = aws_sns_topic.lifecycle_topic.arn
  protocol       = "lambda"
  endpoint       = aws_lambda_function.lifecycle_drainer.arn
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.lifecycle_drainer_dead_letters.arn })
}

resource "aws_lambda_permission" "lifecycle_drainer_notice_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.lifecycle_drainer.function_name
  principal     = "sns.amazonaws.com"
  source_arn    = aws_sns_topic.lifecycle_topic.arn
}

resource "aws_cloudwatch_event_rule" "lifecycle_drainer_spot_interruption" {
  name = "${var.name}-spot-interruption"
  event_pattern = jsonencode({
    source        = ["aws.ec2"]
    "detail-type" = ["EC2 Spot Instance Interruption Warning"]
  })
}

resource "aws_cloudwatch_event_target" "lifecycle_drainer_spot_interruption" {
  rule = aws_cloudwatch_event_rule.lifecycle_drainer_spot_interruption.name
  arn  = aws_lambda_function.lifecycle_drainer.arn

  dead_letter_config {
    arn = aws_sqs_queue.lifecycle_drainer_dead_letters.arn
  }
}

resource "aws_lambda_permission" "lifecycle_drainer_spot_interruption_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.lifecycle_drainer.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.lifecycle_drainer_spot_interruption.arn
}

resource "aws_cloudwatch_log_group" "lifecycle_drainer_logs" {
  name              = "/aws/lambda/${var.name}-lifecycle-drainer"
  retention_in_days = var.log_retention_days
}

resource "aws_sqs_queue" "lifecycle_drainer_dead_letters" {
  name                      = "${var.name}-drainer-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "lifecycle_drainer_dead_letters_policy" {
  queue_url = aws_sqs_queue.lifecycle_drainer_dead_letters.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.lifecycle_drainer_dead_letters.arn
        Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.lifecycle_topic.arn } }
      },
      {
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.lifecycle_drainer_dead_letters.arn
        Condition = {
          ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.lifecycle_drainer_spot_interruption.arn }
        }
      },
    ]
  })
}
