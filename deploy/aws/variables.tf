variable "name" {
  description = "Name of this installation; the beginning of every resource's name."
  type        = string
  default     = "oulad"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,19}$", var.name))
    error_message = "Use 3 to 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "region" {
  description = "Region of everything; the students' data stay there."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "Give a region such as eu-west-2."
  }
}

variable "vpc_id" {
  description = "The network everything runs in."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "Give the id of a VPC, vpc-..."
  }
}

variable "private_subnet_ids" {
  description = "Private subnets in two or more availability zones, with a way out through a NAT gateway."
  type        = list(string)

  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "RDS and the load balancer need subnets in two availability zones or more."
  }
}

variable "private_route_table_ids" {
  description = "Route tables of these subnets; S3 is reached through an endpoint in them, not through the NAT gateway."
  type        = list(string)
}

variable "vpn_cidrs" {
  description = "Address ranges from which people reach the web pages, such as that of the university's VPN."
  type        = list(string)

  validation {
    condition     = length(var.vpn_cidrs) > 0 && alltrue([for one in var.vpn_cidrs : can(cidrhost(one, 0)) && !endswith(one, "/0")])
    error_message = "Give one or more ranges such as 10.20.0.0/16; the whole internet is refused."
  }
}

variable "host_name" {
  description = "Name under which people open Dagster's pages; its DNS record points to the output web_alias."
  type        = string
}

variable "certificate_arn" {
  description = "Certificate of that name in ACM."
  type        = string
}

variable "cognito" {
  description = "User pool that knows the staff (federated with the university's SAML or OIDC), its client and domain."
  type = object({
    user_pool_arn       = string
    user_pool_client_id = string
    user_pool_domain    = string
  })
}

variable "image" {
  description = "Image of all tasks with its digest, as pushed to the repository of the output repository_url."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Give the image with its digest, repository@sha256:..., so that every task runs the same bytes."
  }
}

variable "settings" {
  description = "Settings of the platform by environment name (docs/configuration.md); no secret, none of those that ecs.tf gives."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for one in keys(var.settings) : !can(regex("(_URL|_URLS|PASSWORD|TOKEN|_KEY|_KEYS)$", one))])
    error_message = "A secret belongs to Secrets Manager: name it in secret_settings and put its value there."
  }
}

variable "secret_settings" {
  description = "Secret settings this installation uses besides the four it always has. Each needs a value before tasks start."
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([for one in var.secret_settings : contains(
      ["SMTP_PASSWORD", "ALERT_URLS", "ENROLLMENT_DB_URL", "ENROLLMENT_API_TOKEN", "PSEUDONYM_OLD_KEYS"], one
    )])
    error_message = "Known are SMTP_PASSWORD, ALERT_URLS, ENROLLMENT_DB_URL, ENROLLMENT_API_TOKEN and PSEUDONYM_OLD_KEYS."
  }
}

variable "outgoing_ports" {
  description = "TCP ports that the platform reaches besides 443: the mail server's, the registrar's database."
  type        = set(number)
  default     = [587]
}

variable "run_cpu" {
  description = "Processor of a run. 1024 = 1 vCPU"
  type        = number
  default     = 2048
}

variable "run_memory" {
  description = "Memory of a run. MiB"
  type        = number
  default     = 8192
}

variable "postgres_version" {
  description = "Major version of PostgreSQL."
  type        = string
  default     = "17"

  validation {
    condition     = contains(["16", "17"], var.postgres_version)
    error_message = "Tested with 16 and 17."
  }
}

variable "postgres_class" {
  description = "Instance class of RDS."
  type        = string
  default     = "db.t4g.medium"
}

variable "postgres_storage" {
  description = "Disk of the database; grows to five times this by itself. GiB"
  type        = number
  default     = 50

  validation {
    condition     = var.postgres_storage >= 20
    error_message = "RDS takes 20 GiB or more."
  }
}

variable "postgres_backup_days" {
  description = "Days that the database can be restored to any moment of. days"
  type        = number
  default     = 14

  validation {
    condition     = var.postgres_backup_days >= 7 && var.postgres_backup_days <= 35
    error_message = "RDS keeps up to 35 days; fewer than 7 are refused here."
  }
}

variable "old_version_days" {
  description = "Days after which overwritten and deleted objects are gone for good; an erased student's files live on so long. days"
  type        = number
  default     = 30

  validation {
    condition     = var.old_version_days >= 7 && var.old_version_days <= 90
    error_message = "Between 7 and 90 days."
  }
}

variable "log_days" {
  description = "Days that log lines and compute logs are kept. days"
  type        = number
  default     = 90

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365], var.log_days)
    error_message = "CloudWatch takes 30, 60, 90, 120, 150, 180 or 365."
  }
}

variable "restricted_zone_readers" {
  description = "ARNs of the roles, besides the platform's own, that may read the restricted zone: who may see identified students."
  type        = list(string)
  default     = []
}

variable "alarm_emails" {
  description = "Who is mailed when an alarm goes off. Each confirms a mail from AWS once."
  type        = set(string)
  default     = []
}

variable "unsent_hours" {
  description = "Age of the oldest unsent message from which there is an alarm. hours"
  type        = number
  default     = 4
}
