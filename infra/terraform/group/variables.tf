# The parameters of ../../group.yaml, with the same defaults and bounds. The module of the functions
# replaces FleetkeeperStack. The last two variables are for its own call of this module.

variable "name" {
  description = "Prefix of all names. It must differ from that of the module of the functions."
  type        = string

  validation {
    condition     = length(regexall("^[A-Za-z0-9-]{1,24}$", var.name)) == 1
    error_message = "name must be 1 to 24 letters, digits and hyphens."
  }
}

variable "fleetkeeper" {
  description = "The module of the functions, as in module.fleetkeeper."
  type = object({
    cluster_name                  = string
    metric_namespace              = string
    lifecycle_topic_arn           = string
    lifecycle_hook_role_arn       = string
    lifecycle_hook_default_result = string
    lifecycle_drainer_name        = string
    lifecycle_drainer_arn         = string
    lifecycle_drainer_role_name   = string
    capacity_calculator_role_name = string
  })
}

variable "auto_scaling_group_name" {
  description = "Name of the further Auto Scaling group, as further_auto_scaling_group_names has it."
  type        = string

  validation {
    condition     = length(regexall("^[A-Za-z0-9_./:+=@ -]{1,255}$", var.auto_scaling_group_name)) == 1
    error_message = "auto_scaling_group_name must be 1 to 255 letters, digits, blanks and any of \"_./:+=@-\"."
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
  description = "The main stack's Scaling. Alarms scales the group by its metrics MissingHosts and RemovableHosts. Direct lets the calculator scale the group. With Off the same alarms exist, and their states show when Alarms would scale the group, but nothing acts on them."
  type        = string
  default     = "Alarms"

  validation {
    condition     = contains(["Off", "Alarms", "Direct"], var.scaling)
    error_message = "scaling must be one of Off, Alarms, Direct."
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
  description = "Alarms only: consecutive minutes with RemovableHosts above spare_hosts before hosts are removed. With Direct the main stack's scale_in_minutes counts."
  type        = number
  default     = 5

  validation {
    condition     = var.scale_in_minutes >= 1 && var.scale_in_minutes <= 1440 && floor(var.scale_in_minutes) == var.scale_in_minutes
    error_message = "scale_in_minutes must be a whole number from 1 to 1440."
  }
}

variable "alarm_topic_arn" {
  description = "SNS topic that the alarm on a group that stays short notifies. Empty for none."
  type        = string
  default     = ""

  validation {
    condition     = length(regexall("^$|^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.alarm_topic_arn)) == 1
    error_message = "alarm_topic_arn must be the ARN of an SNS topic, or empty."
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

variable "first_group" {
  description = "True only in the call by the module of the functions, whose roles allow its own group."
  type        = bool
  default     = false
}
