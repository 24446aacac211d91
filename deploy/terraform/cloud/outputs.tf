output "address" {
  description = "Name of the load balancer, to which the site's record points."
  value       = aws_lb.main.dns_name
}

output "backup_target" {
  description = "For chatserver restore."
  value       = module.backups.target
}

output "files" {
  description = "The bucket with the files of users, as plugin.s3.blobs names it."
  value       = local.files
}

output "backup_key_secret" {
  description = "Secret that takes the key of the backups."
  value       = aws_secretsmanager_secret.backup_key.name
}

output "database" {
  description = "Host of the database."
  value       = aws_db_instance.main.address
}

output "watching" {
  description = "Private address of the machine with Prometheus and Alertmanager."
  value       = aws_instance.watching.private_ip
}
