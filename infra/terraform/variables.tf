# The parameters of ../template.yaml and AlarmTopicArn of ../observability.yaml, with the same
# defaults and bounds, and three variables that only Terraform needs.

variable "name" {
  description = "Prefix of all names. A second use in one account and Region needs another prefix."
  type        = string
  default     = "fleetkeeper"

  validation {
    condition     = length(regexall("^[A-Za-z0-9-]{1,24}$", var.name)) == 1
    error_message = "name must be 1 to 24 letters, digits and hyphens."
  }
}

variable "drainer_package" {
  description = "Path of the zip of lifecycle-drainer for the architecture, as make package creates it."
  type        = string
}

variable "calculator_package" {
  description = "Path of the zip of capacity-calculator, likewise."
  type        = string
}

variable "cluster_name" {
  description = "Name of the ECS cluster. An ARN is not accepted."
  type        = string

  validation {
    condition     = length(regexall("^[A-Za-z0-9_-]{1,255}$", var.cluster_name)) == 1
    error_message = "cluster_name must be 1 to 255 letters, digits, hyphens and underscores; not an ARN."
  }
}

variable "auto_scaling_group_name" {
  description = "Name of the cluster's Auto Scaling group that this stack drains and scales."
  type        = string

  validation {
    condition     = length(regexall("^[A-Za-z0-9_./:+=@ -]{1,255}$", var.auto_scaling_group_name)) == 1
    error_message = "auto_scaling_group_name must be 1 to 255 letters, digits, blanks and any of \"_./:+=@-\"."
  }
}

variable "further_auto_scaling_group_names" {
  description = "The cluster's other Auto Scaling groups, separated by commas. The calculator publishes their metrics, too. It prefers auto_scaling_group_name for tasks that several groups can take, then these in this order. To drain and scale one of them, deploy group.yaml."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^$|^[A-Za-z0-9_./:+=@ -]{1,255}(,[A-Za-z0-9_./:+=@ -]{1,255})*$", var.further_auto_scaling_group_names)) == 1
    error_message = "further_auto_scaling_group_names must be names of Auto Scaling groups, separated by commas without blanks."
  }
}

variable "draining" {
  description = "On creates the lifecycle hook, and the drainer drains each instance that Auto Scaling terminates. DryRun creates no hook, and the drainer only logs what it would do when you invoke it."
  type        = string
  default     = "On"

  validation {
    condition     = contains(["On", "DryRun"], var.draining)
    error_message = "draining must be one of On, DryRun."
  }
}

variable "drain_timeout_seconds" {
  description = "Drain timeout in seconds, counted from the termination notice. Auto Scaling ends every lifecycle action after 100 heartbeat timeouts, and after 48 hours at most."
  type        = number
  default     = 3600

  validation {
    condition     = var.drain_timeout_seconds >= 1 && var.drain_timeout_seconds <= 172800 && floor(var.drain_timeout_seconds) == var.drain_timeout_seconds
    error_message = "drain_timeout_seconds must be a whole number from 1 to 172800."
  }
}

variable "on_drain_timeout" {
  description = "The drainer's policy at the drain timeout. stop-tasks: it stops the remaining tasks and completes the hook once they have stopped. continue: it completes the hook with CONTINUE. abandon: it completes the hook with ABANDON, and the group terminates the instance unless its instance lifecycle policy retains it."
  type        = string
  default     = "stop-tasks"

  validation {
    condition     = contains(["stop-tasks", "continue", "abandon"], var.on_drain_timeout)
    error_message = "on_drain_timeout must be one of stop-tasks, continue, abandon."
  }
}

variable "heartbeat_timeout_seconds" {
  description = "Seconds after the last heartbeat at which Auto Scaling terminates the instance. This does not bound a drain, because the drainer records heartbeats while it waits."
  type        = number
  default     = 900

  validation {
    condition     = var.heartbeat_timeout_seconds >= 30 && var.heartbeat_timeout_seconds <= 7200 && floor(var.heartbeat_timeout_seconds) == var.heartbeat_timeout_seconds
    error_message = "heartbeat_timeout_seconds must be a whole number from 30 to 7200."
  }
}

variable "scaling" {
  description = "Alarms scales the group by its metrics MissingHosts and RemovableHosts. With Direct, the calculator itself raises the group's desired capacity and terminates the hosts that are cheapest to drain. With Off nothing scales the group. The alarms' states show when Alarms would, and the calculator's log shows what Direct would do."
  type        = string
  default     = "Alarms"

  validation {
    condition     = contains(["Off", "Alarms", "Direct"], var.scaling)
    error_message = "scaling must be one of Off, Alarms, Direct."
  }
}

variable "headroom" {
  description = "Room kept free beyond the waiting tasks. none: no room. one: room for one more task of any one kind. A share such as 10%: this share of what the services' tasks reserve."
  type        = string
  default     = "one"

  validation {
    condition     = length(regexall("^none$|^one$|^([1-9][0-9]?|100)%$", var.headroom)) == 1
    error_message = "headroom must be none, one, or a share from 1% to 100%."
  }
}

variable "spare_hosts" {
  description = "Alarms only: removable hosts (or capacity units) that the group keeps."
  type        = number
  default     = 0

  validation {
    condition     = var.spare_hosts >= 0 && floor(var.spare_hosts) == var.spare_hosts
    error_message = "spare_hosts must be a whole number of at least 0."
  }
}

variable "scale_out_seconds" {
  description = "Alarms only: period in seconds of the alarm that adds hosts. Below 60, it is a high-resolution alarm."
  type        = number
  default     = 10

  validation {
    condition     = contains([10, 20, 30, 60, 120, 180, 300, 600], var.scale_out_seconds)
    error_message = "scale_out_seconds must be one of 10, 20, 30, 60, 120, 180, 300, 600."
  }
}

variable "scale_in_minutes" {
  description = "Alarms: consecutive minutes with RemovableHosts above spare_hosts before hosts are removed. Direct: minutes for which a host must have been removable."
  type        = number
  default     = 5

  validation {
    condition     = var.scale_in_minutes >= 1 && var.scale_in_minutes <= 1440 && floor(var.scale_in_minutes) == var.scale_in_minutes
    error_message = "scale_in_minutes must be a whole number from 1 to 1440."
  }
}

variable "max_draining_hosts" {
  description = "Direct only: hosts of the group that may drain at once: a number, or a share such as 10%."
  type        = string
  default     = "10%"

  validation {
    condition     = length(regexall("^[1-9][0-9]{0,2}$|^[1-4][0-9]{3}$|^5000$|^([1-9][0-9]?|100)%$", var.max_draining_hosts)) == 1
    error_message = "max_draining_hosts must be a number from 1 to 5000, or a share from 1% to 100%."
  }
}

variable "architecture" {
  description = "CPU architecture that the functions were built for."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be one of arm64, x86_64."
  }
}

variable "calculator_reserved_concurrency" {
  description = "Concurrent executions reserved for the calculator, and its maximum. With 1, a burst of events shares one snapshot of the cluster. 0 reserves none, as a new account must."
  type        = number
  default     = 1

  validation {
    condition     = var.calculator_reserved_concurrency >= 0 && floor(var.calculator_reserved_concurrency) == var.calculator_reserved_concurrency
    error_message = "calculator_reserved_concurrency must be a whole number of at least 0."
  }
}

variable "metric_namespace" {
  description = "CloudWatch namespace of the metrics. CloudWatch reserves AWS/ for itself."
  type        = string
  default     = "ECS/Fleetkeeper"

  validation {
    condition     = length(regexall("^[A-Za-z0-9_./#:-]{1,255}$", var.metric_namespace)) == 1 && !startswith(var.metric_namespace, "AWS/") && !startswith(var.metric_namespace, ":")
    error_message = "metric_namespace must be a CloudWatch namespace that begins with neither AWS/ nor a colon."
  }
}

variable "log_level" {
  description = "Lowest level of the functions' log lines. It does not affect metrics."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"], var.log_level)
    error_message = "log_level must be one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL."
  }
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps the functions' logs."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of a policy that bounds the permissions of the stack's roles. Empty for none."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^$|^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.{1,512}$", var.permissions_boundary_arn)) == 1
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy, or empty."
  }
}

variable "alarm_topic_arn" {
  description = "SNS topic that all alarms of this stack notify: failed, late and cut-short drains, dead letters, a group that stays short, tasks that keep waiting, missing metrics, services that fit on no host. Empty for none. The main stack's scaling alarms notify nobody."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^$|^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.alarm_topic_arn)) == 1
    error_message = "alarm_topic_arn must be the ARN of an SNS topic, or empty."
  }
}
