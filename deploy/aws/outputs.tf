output "repository_url" {
  description = "Where the image is pushed."
  value       = aws_ecr_repository.platform.repository_url
}

output "buckets" {
  description = "Buckets of the zones raw, artifacts and logs."
  value       = { for zone in local.zones : zone => aws_s3_bucket.zone[zone].bucket }
}

output "database_address" {
  description = "Host name of PostgreSQL."
  value       = aws_db_instance.platform.address
}

output "database_admin_secret" {
  description = "Secret in which RDS keeps the administrator's password."
  value       = aws_db_instance.platform.master_user_secret[0].secret_arn
}

output "secrets" {
  description = "Secrets that need a value before tasks start."
  value       = sort([for secret in aws_secretsmanager_secret.setting : secret.name])
}

output "web_alias" {
  description = "What the DNS record of host_name points to."
  value       = aws_lb.web.dns_name
}

output "migrate" {
  description = "The command that migrates the warehouse."
  value = join(" ", [
    "aws ecs run-task --cluster ${aws_ecs_cluster.platform.name} --launch-type FARGATE",
    "--task-definition ${aws_ecs_task_definition.task["migrate"].family}",
    "--network-configuration 'awsvpcConfiguration={subnets=[${join(",", var.private_subnet_ids)}],securityGroups=[${aws_security_group.tasks.id}]}'",
  ])
}
