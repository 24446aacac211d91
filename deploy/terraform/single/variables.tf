variable "region" {
  description = "AWS region."
  type        = string
}

variable "zone" {
  description = "Availability zone, such as eu-central-1a."
  type        = string
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
  description = "Route 53 zone that holds the host name; empty: the record is made elsewhere, for the output `address`."
  type        = string
  default     = ""
}

variable "operator_networks" {
  description = "Networks of the operators, IPv4 and IPv6: only they reach SSH and the internal listener."
  type        = list(string)
  validation {
    condition     = !contains(var.operator_networks, "0.0.0.0/0") && !contains(var.operator_networks, "::/0")
    error_message = "Expected the operators' networks, not the whole internet."
  }
}

variable "ssh_key" {
  description = "Public SSH key of the operator."
  type        = string
}

variable "release_url" {
  description = "Archive (tar.gz) of the release, or of your copy with its topology: the folder deploy/ and what it builds."
  type        = string
}

variable "release_sha256" {
  description = "SHA-256 of the archive, in hexadecimal."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.release_sha256))
    error_message = "Expected 64 hexadecimal digits."
  }
}

variable "instance_type" {
  description = "For 50 users at once: 2 vCPU, 4 GB."
  type        = string
  default     = "t3.medium"
}

variable "data_gb" {
  description = "Size of the volume for the database, the server's files and its backups."
  type        = number
  default     = 50
}
