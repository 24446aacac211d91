# One server for everything, on AWS: an instance with the compose file, nginx and the firewall, a volume for its data,
# and a bucket for backups. docs/backup.md says how to make it again when it is gone.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
  # The state must outlive the machine: terraform init -backend-config=backend.hcl
  backend "s3" {}
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { Project = var.name }
  }
}
