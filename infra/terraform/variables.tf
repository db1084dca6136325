# The template's parameters, with the same defaults and bounds, and what Terraform needs besides.

variable "name" {
  description = "What the names of all that is made begin with: one to 24 letters, digits and hyphens."
  type        = string
  default     = "fleetkeeper"

  validation {
    condition     = length(regexall("^[A-Za-z0-9-]{1,24}$", var.name)) == 1
    error_message = "Wanted one to 24 letters, digits and hyphens."
  }
}

variable "drainer_package" {
  description = "Path of lifecycle-drainer's zip for the architecture, as make package leaves it."
  type        = string
}

variable "calculator_package" {
  description = "Path of capacity-calculator's zip, likewise."
  type        = string
}

variable "cluster_name" {
  description = "Name (not ARN) of the ECS cluster."
  type        = string

  validation {
    condition     = length(regexall("^[A-Za-z0-9_-]{1,255}$", var.cluster_name)) == 1
    error_message = "Wanted what matches ^[A-Za-z0-9_-]{1,255}$."
  }
}

variable "auto_scaling_group_name" {
  description = "Name of the cluster's Auto Scaling group that this stack drains and scales."
  type        = string

  validation {
    condition     = length(regexall("^[A-Za-z0-9_./:+=@ -]{1,255}$", var.auto_scaling_group_name)) == 1
    error_message = "Wanted what matches ^[A-Za-z0-9_./:+=@ -]{1,255}$."
  }
}

variable "further_auto_scaling_group_names" {
  description = "Names of the cluster's other Auto Scaling groups, with commas between them. The calculator prefers auto_scaling_group_name for tasks that several groups can take, then these in this order. It publishes figures of all of them. This stack scales only auto_scaling_group_name. Empty if the cluster has one group."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^$|^[A-Za-z0-9_./:+=@ -]{1,255}(,[A-Za-z0-9_./:+=@ -]{1,255})*$", var.further_auto_scaling_group_names)) == 1
    error_message = "Wanted what matches ^$|^[A-Za-z0-9_./:+=@ -]{1,255}(,[A-Za-z0-9_./:+=@ -]{1,255})*$."
  }
}

variable "container_max_cpu" {
  description = "CPU units (1024 a core) that the largest task of the cluster reserves. Empty: found in the task definitions of its services."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^[0-9]{0,10}$", var.container_max_cpu)) == 1
    error_message = "Wanted what matches ^[0-9]{0,10}$."
  }
}

variable "container_max_memory" {
  description = "MiB of memory that the largest task reserves. Empty, as above."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^[0-9]{0,10}$", var.container_max_memory)) == 1
    error_message = "Wanted what matches ^[0-9]{0,10}$."
  }
}

variable "tcp_port_resources" {
  description = "Static TCP host ports that tasks bind, such as 80,443, or none. Empty, as above."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^$|^none$|^[0-9]{1,5}(,[0-9]{1,5})*$", var.tcp_port_resources)) == 1
    error_message = "Wanted what matches ^$|^none$|^[0-9]{1,5}(,[0-9]{1,5})*$."
  }
}

variable "udp_port_resources" {
  description = "Static UDP host ports that tasks bind, such as 53, or none. Empty, as above."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^$|^none$|^[0-9]{1,5}(,[0-9]{1,5})*$", var.udp_port_resources)) == 1
    error_message = "Wanted what matches ^$|^none$|^[0-9]{1,5}(,[0-9]{1,5})*$."
  }
}

variable "container_max_gpu" {
  description = "GPUs that the largest task reserves. Empty, as above."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^[0-9]{0,10}$", var.container_max_gpu)) == 1
    error_message = "Wanted what matches ^[0-9]{0,10}$."
  }
}

variable "container_uses_eni" {
  description = "Whether tasks have network interfaces of their own (network mode awsvpc). Empty, as above."
  type        = string
  default     = ""

  validation {
    condition     = contains(["", "true", "false"], var.container_uses_eni)
    error_message = "Wanted one of nothing, true, false."
  }
}

variable "drain_timeout_seconds" {
  description = "Drain timeout in seconds, counted from the termination notice. Auto Scaling ends every lifecycle action after 100 heartbeat timeouts, and after 48 hours at most."
  type        = number
  default     = 3600

  validation {
    condition     = var.drain_timeout_seconds >= 1 && var.drain_timeout_seconds <= 172800 && floor(var.drain_timeout_seconds) == var.drain_timeout_seconds
    error_message = "Wanted a whole number, 1 to 172800."
  }
}

variable "on_drain_timeout" {
  description = "What the drainer does at the drain timeout. stop-tasks: it stops the remaining tasks and completes the hook once they have stopped. continue: it completes the hook with CONTINUE. abandon: it completes the hook with ABANDON, and the group terminates the instance unless its instance lifecycle policy retains it."
  type        = string
  default     = "stop-tasks"

  validation {
    condition     = contains(["stop-tasks", "continue", "abandon"], var.on_drain_timeout)
    error_message = "Wanted one of stop-tasks, continue, abandon."
  }
}

variable "heartbeat_timeout_seconds" {
  description = "Seconds after the last heartbeat at which Auto Scaling terminates the instance. This does not bound a drain: the drainer records heartbeats while it waits."
  type        = number
  default     = 900

  validation {
    condition     = var.heartbeat_timeout_seconds >= 30 && var.heartbeat_timeout_seconds <= 7200 && floor(var.heartbeat_timeout_seconds) == var.heartbeat_timeout_seconds
    error_message = "Wanted a whole number, 30 to 7200."
  }
}

variable "spot_interruption_state" {
  description = "Whether the drainer sets an instance of the cluster DRAINING when EC2 announces that it will reclaim it in two minutes. A termination hook may start too late for that, or never."
  type        = string
  default     = "ENABLED"

  validation {
    condition     = contains(["ENABLED", "DISABLED"], var.spot_interruption_state)
    error_message = "Wanted one of ENABLED, DISABLED."
  }
}

variable "rebalance_recommendation_state" {
  description = "Whether the drainer sets an instance DRAINING when EC2 recommends to rebalance. Such an instance may stay for hours, and without Capacity Rebalancing nothing replaces it. With Capacity Rebalancing its group terminates it, and the hook drains it anyway."
  type        = string
  default     = "DISABLED"

  validation {
    condition     = contains(["ENABLED", "DISABLED"], var.rebalance_recommendation_state)
    error_message = "Wanted one of ENABLED, DISABLED."
  }
}

variable "sweep_state" {
  description = "Whether the drainer checks the group each minute for instances that wait at the hook while no message drains them, for example because a notice was lost."
  type        = string
  default     = "ENABLED"

  validation {
    condition     = contains(["ENABLED", "DISABLED"], var.sweep_state)
    error_message = "Wanted one of ENABLED, DISABLED."
  }
}

variable "poll_interval_seconds" {
  description = "Seconds between two polls of an instance. A shorter interval uses more of the account's ECS reads."
  type        = number
  default     = 5

  validation {
    condition     = var.poll_interval_seconds >= 1 && var.poll_interval_seconds <= 300 && floor(var.poll_interval_seconds) == var.poll_interval_seconds
    error_message = "Wanted a whole number, 1 to 300."
  }
}

variable "deadline_margin_seconds" {
  description = "The drainer republishes the message when less than this is left of the invocation, in seconds. It must suffice to publish a message."
  type        = number
  default     = 10

  validation {
    condition     = var.deadline_margin_seconds >= 1 && var.deadline_margin_seconds <= 300 && floor(var.deadline_margin_seconds) == var.deadline_margin_seconds
    error_message = "Wanted a whole number, 1 to 300."
  }
}

variable "drainer_reserved_concurrency" {
  description = "How many drainers may run at once; 0 reserves none and sets no limit. One invocation can coordinate all drains of a group, so a limit delays drains and loses none. With 5, three drains, the sweep and a Spot warning run at once."
  type        = number
  default     = 0

  validation {
    condition     = var.drainer_reserved_concurrency >= 0 && floor(var.drainer_reserved_concurrency) == var.drainer_reserved_concurrency
    error_message = "Wanted a whole number, 0 or more."
  }
}

variable "drainer_dry_run" {
  description = "With true the drainer changes nothing and logs what it would do. Instances that Auto Scaling terminates meanwhile wait for the heartbeat timeout and are then terminated with their tasks."
  type        = bool
  default     = false
}

variable "spare_hosts" {
  description = "With Fleetkeeper's signals, the number of removable hosts that the group keeps beyond the headroom. In a group with weights, this counts capacity units."
  type        = number
  default     = 0

  validation {
    condition     = var.spare_hosts >= 0 && floor(var.spare_hosts) == var.spare_hosts
    error_message = "Wanted a whole number, 0 or more."
  }
}

variable "headroom" {
  description = "Room that the calculator keeps free beyond the waiting tasks. none: no room. one: room for one more task of any one kind. A share such as 10%: this share of what the services' tasks reserve."
  type        = string
  default     = "one"

  validation {
    condition     = length(regexall("^none$|^one$|^([1-9][0-9]?|100)%$", var.headroom)) == 1
    error_message = "Wanted what matches ^none$|^one$|^([1-9][0-9]?|100)%$."
  }
}

variable "scale_out_minutes" {
  description = "Consecutive minutes for which the signal must hold before hosts are added."
  type        = number
  default     = 1

  validation {
    condition     = var.scale_out_minutes >= 1 && var.scale_out_minutes <= 60 && floor(var.scale_out_minutes) == var.scale_out_minutes
    error_message = "Wanted a whole number, 1 to 60."
  }
}

variable "scale_in_minutes" {
  description = "Consecutive minutes for which the signal must hold before hosts are removed. Longer than for adding, because too few hosts cost more than too many."
  type        = number
  default     = 5

  validation {
    condition     = var.scale_in_minutes >= 1 && var.scale_in_minutes <= 60 && floor(var.scale_in_minutes) == var.scale_in_minutes
    error_message = "Wanted a whole number, 1 to 60."
  }
}

variable "instance_warmup_seconds" {
  description = "Seconds for which the group counts a launched instance as one that was asked for. MissingHosts already counts instances that have not joined the cluster, so this bridges only the metric's delay. With the book's signals, set it to the seconds that a new instance takes to join."
  type        = number
  default     = 60

  validation {
    condition     = var.instance_warmup_seconds >= 0 && var.instance_warmup_seconds <= 3600 && floor(var.instance_warmup_seconds) == var.instance_warmup_seconds
    error_message = "Wanted a whole number, 0 to 3600."
  }
}

variable "metric_namespace" {
  description = "CloudWatch namespace of the metrics. CloudWatch keeps AWS/ for itself."
  type        = string
  default     = "ECS/Fleetkeeper"

  validation {
    condition     = length(regexall("^[A-Za-z0-9_./#:-]{1,255}$", var.metric_namespace)) == 1 && !startswith(var.metric_namespace, "AWS/") && !startswith(var.metric_namespace, ":")
    error_message = "Wanted what matches ^(?!AWS/)(?!:)[A-Za-z0-9_./#:-]{1,255}$."
  }
}

variable "metric_resolution_seconds" {
  description = "How finely CloudWatch keeps the metrics of capacity. With 1 an event's metrics are kept by the second; the alarms look at whole minutes in any case."
  type        = number
  default     = 60

  validation {
    condition     = contains([60, 1], var.metric_resolution_seconds)
    error_message = "Wanted one of 60, 1."
  }
}

variable "schedule_state" {
  description = "Whether the metrics are also published every minute, not only on events. The alarms count on it."
  type        = string
  default     = "ENABLED"

  validation {
    condition     = contains(["ENABLED", "DISABLED"], var.schedule_state)
    error_message = "Wanted one of ENABLED, DISABLED."
  }
}

variable "calculator_reserved_concurrency" {
  description = "How many calculators may run at once. With one, the events of a burst wait for each other, and are answered by what the first ones read. 0 reserves none, for accounts that have too few to reserve any: a burst costs more reads then."
  type        = number
  default     = 1

  validation {
    condition     = var.calculator_reserved_concurrency >= 0 && floor(var.calculator_reserved_concurrency) == var.calculator_reserved_concurrency
    error_message = "Wanted a whole number, 0 or more."
  }
}

variable "architecture" {
  description = "architecture that the functions were built for."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Wanted one of arm64, x86_64."
  }
}

variable "log_level" {
  description = "Lowest level of the functions' log lines. The metrics of drains are written at every level."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"], var.log_level)
    error_message = "Wanted one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL."
  }
}

variable "log_retention_days" {
  description = "Days that the functions' logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Wanted one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "alarm_topic_arn" {
  description = "SNS topic that the operators' alarms notify. Empty for none."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^$|^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.alarm_topic_arn)) == 1
    error_message = "Wanted what matches ^$|^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$."
  }
}

variable "permissions_boundary_arn" {
  description = "Policy that bounds what the stack's roles may do. Empty where there is none."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^$|^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.{1,512}$", var.permissions_boundary_arn)) == 1
    error_message = "Wanted what matches ^$|^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.{1,512}$."
  }
}
