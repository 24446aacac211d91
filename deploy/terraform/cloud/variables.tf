variable "region" {
  description = "AWS region."
  type        = string
}

variable "zones" {
  description = "Two availability zones, such as eu-central-1a and eu-central-1b."
  type        = list(string)
  validation {
    condition     = length(var.zones) >= 2
    error_message = "Expected at least two zones, so that one can fail."
  }
}

variable "name" {
  description = "Prefix of all names."
  type        = string
  default     = "chatserver"
}

variable "hostname" {
  description = "Name of the site, such as chat.example.org."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9.-]+$", var.hostname))
    error_message = "Expected a host name in lower case."
  }
}

variable "zone_id" {
  description = "Route 53 zone that holds the host name."
  type        = string
}

variable "operator_networks" {
  description = "Networks of the operators, IPv4 and IPv6: only they reach SSH, Prometheus, Alertmanager and Grafana."
  type        = list(string)
  validation {
    condition     = !contains(var.operator_networks, "0.0.0.0/0") && !contains(var.operator_networks, "::/0")
    error_message = "Expected the operators' networks, not the whole internet."
  }
}

variable "ssh_key" {
  description = "Public SSH key of the operators. Their networks need a way into the VPC: a VPN or a peering."
  type        = string
}

variable "image" {
  description = "Image of the server, by its digest: registry.example.org/chatserver@sha256:…"
  type        = string
  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Expected an image with its digest, so that all servers run the same one."
  }
}

variable "servers" {
  description = "Number of servers: at least two, so that one can fail or be replaced."
  type        = number
  default     = 2
  validation {
    condition     = var.servers >= 2
    error_message = "Expected at least 2."
  }
}

variable "most_servers" {
  description = "Servers to which the group may grow."
  type        = number
  default     = 6
}

variable "instance_type" {
  description = "For 250 users at once: 2 vCPU, 4 GB."
  type        = string
  default     = "t3.medium"
}

variable "server_gb" {
  description = "Disk of each server. Whichever makes the backups has them there, with a copy of all files of users."
  type        = number
  default     = 100
}

variable "database_class" {
  description = "Class of the database instances."
  type        = string
  default     = "db.t4g.medium"
}

variable "database_gb" {
  description = "Disk of the database; it grows to ten times as much."
  type        = number
  default     = 50
}

variable "restore_snapshot" {
  description = "Snapshot of the database to begin with; empty: a new one."
  type        = string
  default     = ""
}
