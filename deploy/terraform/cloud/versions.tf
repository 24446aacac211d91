# An installation on AWS: a load balancer that ends TLS, several servers that replace each other, PostgreSQL with a
# standby, a machine that watches, a bucket for files of users, and one for backups. docs/backup.md says how to make it again when it is gone.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
  # The state must outlive the machines: terraform init -backend-config=backend.hcl
  backend "s3" {}
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { Project = var.name }
  }
}
