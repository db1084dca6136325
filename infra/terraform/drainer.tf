# A termination notice: Auto Scaling -> topic -> lifecycle-drainer.

resource "aws_sns_topic" "lifecycle_topic" {
  name = "${var.name}-lifecycle"
}

resource "aws_iam_role" "lifecycle_hook_role" {
  name_prefix          = "${var.name}-hook-"
  description          = "Lets Auto Scaling publish termination notices to one topic."
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

resource "aws_autoscaling_lifecycle_hook" "terminating_hook" {
  name                    = "${var.name}-drain"
  autoscaling_group_name  = var.auto_scaling_group_name
  lifecycle_transition    = "autoscaling:EC2_INSTANCE_TERMINATING"
  default_result          = var.on_drain_timeout == "abandon" ? "ABANDON" : "CONTINUE"
  heartbeat_timeout       = var.heartbeat_timeout_seconds
  notification_target_arn = aws_sns_topic.lifecycle_topic.arn
  role_arn                = aws_iam_role.lifecycle_hook_role.arn
  notification_metadata   = "{\"cluster\": \"${var.cluster_name}\"}"

  # Created last and deleted first: a notice that no function receives is lost. Its creation publishes a test message.
  depends_on = [
    aws_sns_topic_subscription.lifecycle_drainer_notice,
    aws_lambda_permission.lifecycle_drainer_notice_permission,
    aws_iam_role_policy.lifecycle_hook_role,
  ]
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
        Resource = "arn:${local.partition}:autoscaling:${local.region}:${local.account_id}:autoScalingGroup:*:autoScalingGroupName/${var.auto_scaling_group_name}"
      },
      {
        Sid      = "RepublishTheMessage"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = aws_sns_topic.lifecycle_topic.arn
      },
      {
        Sid      = "KeepWhatFailed"
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
  # Terraform's word for none.
  reserved_concurrent_executions = var.drainer_reserved_concurrency == 0 ? -1 : var.drainer_reserved_concurrency

  environment {
    variables = {
      ECS_CLUSTER             = var.cluster_name
      DRAIN_TIMEOUT_SECONDS   = var.drain_timeout_seconds
      ON_DRAIN_TIMEOUT        = var.on_drain_timeout
      POLL_INTERVAL_SECONDS   = var.poll_interval_seconds
      DEADLINE_MARGIN_SECONDS = var.deadline_margin_seconds
      LIFECYCLE_TOPIC_ARN     = aws_sns_topic.lifecycle_topic.arn
      FLEETKEEPER_DRY_RUN     = var.drainer_dry_run
      METRIC_NAMESPACE        = var.metric_namespace
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

  # Lambda refuses a destination that the role cannot yet send to.
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
  name  = "${var.name}-spot-interruption"
  state = var.spot_interruption_state
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

resource "aws_cloudwatch_event_rule" "lifecycle_drainer_rebalance_recommendation" {
  name  = "${var.name}-rebalance-recommendation"
  state = var.rebalance_recommendation_state
  event_pattern = jsonencode({
    source        = ["aws.ec2"]
    "detail-type" = ["EC2 Instance Rebalance Recommendation"]
  })
}

resource "aws_cloudwatch_event_target" "lifecycle_drainer_rebalance_recommendation" {
  rule = aws_cloudwatch_event_rule.lifecycle_drainer_rebalance_recommendation.name
  arn  = aws_lambda_function.lifecycle_drainer.arn

  dead_letter_config {
    arn = aws_sqs_queue.lifecycle_drainer_dead_letters.arn
  }
}

resource "aws_lambda_permission" "lifecycle_drainer_rebalance_recommendation_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.lifecycle_drainer.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.lifecycle_drainer_rebalance_recommendation.arn
}

resource "aws_cloudwatch_event_rule" "lifecycle_drainer_sweep" {
  name                = "${var.name}-sweep"
  state               = var.sweep_state
  schedule_expression = "rate(1 minute)"
}

resource "aws_cloudwatch_event_target" "lifecycle_drainer_sweep" {
  rule = aws_cloudwatch_event_rule.lifecycle_drainer_sweep.name
  arn  = aws_lambda_function.lifecycle_drainer.arn
  input = jsonencode({
    sweep = {
      cluster = var.cluster_name
      group   = var.auto_scaling_group_name
      hook    = aws_autoscaling_lifecycle_hook.terminating_hook.name
    }
  })
}

resource "aws_lambda_permission" "lifecycle_drainer_sweep_permission" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.lifecycle_drainer.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.lifecycle_drainer_sweep.arn
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
          ArnEquals = {
            "aws:SourceArn" = [
              aws_cloudwatch_event_rule.lifecycle_drainer_spot_interruption.arn,
              aws_cloudwatch_event_rule.lifecycle_drainer_rebalance_recommendation.arn,
            ]
          }
        }
      },
    ]
  })
}

resource "aws_cloudwatch_metric_alarm" "drain_errors" {
  alarm_name          = "${var.name}-drain-errors"
  alarm_description   = "A drain of the cluster ${var.cluster_name} failed in an invocation. Its hook stays open, and Lambda retries twice. The drainer's log names the failed call at level ERROR. If AWS refused it, fix the permission. If the error is WrongCluster, fix ECS_CLUSTER or the hook's metadata. docs/drains.md lists every error."
  namespace           = var.metric_namespace
  metric_name         = "DrainErrors"
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "drain_deadline_exceeded" {
  alarm_name          = "${var.name}-drain-deadline-exceeded"
  alarm_description   = "A drain of the cluster ${var.cluster_name} reached drain_timeout_seconds, and the drainer applied on_drain_timeout. The metric's log line gives the reason. docs/drains.md explains each cause."
  namespace           = var.metric_namespace
  metric_name         = "DrainDeadlineExceeded"
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "drain_cut_short" {
  alarm_name          = "${var.name}-drain-cut-short"
  alarm_description   = "The lifecycle action of a drain of the cluster ${var.cluster_name} ended before the instance's tasks had stopped. Its hook timed out, or something else completed or skipped it. The metric's log line gives the instance, the number of unfinished tasks and what the drain waited for. docs/drains.md lists the causes."
  namespace           = var.metric_namespace
  metric_name         = "DrainCutShort"
  dimensions          = { ClusterName = var.cluster_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "drain_dead_letters" {
  alarm_name          = "${var.name}-drain-dead-letters"
  alarm_description   = "Events for the drainer of the cluster ${var.cluster_name} were given up. Each message in the dead-letter queue has the event and the error. See whether its instance is still in Terminating:Wait, then delete the message."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.lifecycle_drainer_dead_letters.name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}
