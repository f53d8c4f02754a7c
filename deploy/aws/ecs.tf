# Code server, webserver and daemon stay; each run is a task of its own, started by the daemon; migrate is started by a person.
locals {
  dagster = ["DAGSTER_DATABASE_URL"]
  parts   = setunion(["DATABASE_URL", "DAGSTER_DATABASE_URL", "PSEUDONYM_KEY"], var.secret_settings)

  tasks = {
    code = {
      cpu     = 512
      memory  = 2048
      secrets = local.parts
      command = ["dagster", "code-server", "start", "-h", "0.0.0.0", "-p", "4000", "-m", "oulad_platform.definitions", "--log-format", "json"]
      health  = ["CMD", "dagster", "api", "grpc-health-check", "-p", "4000"]
      port    = 4000
    }
    webserver = {
      cpu     = 512
      memory  = 1024
      secrets = local.dagster
      command = ["dagster-webserver", "-h", "0.0.0.0", "-p", "3000", "-w", "/srv/oulad/deploy/workspace.yaml", "--log-format", "json"]
      health  = null
      port    = 3000
    }
    daemon = {
      cpu     = 512
      memory  = 1024
      secrets = local.dagster
      command = ["dagster-daemon", "run", "-w", "/srv/oulad/deploy/workspace.yaml", "--log-format", "json"]
      health  = ["CMD", "dagster-daemon", "liveness-check"]
      port    = null
    }
    run = {
      cpu     = var.run_cpu
      memory  = var.run_memory
      secrets = local.parts
      command = ["dagster", "api", "execute_run"]
      health  = null
      port    = null
    }
    migrate = {
      cpu     = 512
      memory  = 1024
      secrets = toset(["DATABASE_URL", "DATABASE_OWNER_URL", "PSEUDONYM_KEY"])
      command = ["oulad", "migrate"]
      health  = null
      port    = null
    }
  }
  services = toset(["code", "webserver", "daemon"])

  # What Dagster and boto3 need in every task.
  instance = {
    AWS_REGION               = var.region
    COMPUTE_LOGS_BUCKET      = aws_s3_bucket.zone["logs"].bucket
    RUN_TASK_DEFINITION      = "${var.name}-run"
    CODE_SERVER_HOST         = "code"
    CODE_SERVER_PORT         = "4000"
    DAGSTER_EVENT_BATCH_SIZE = "1000"
    MPLCONFIGDIR             = "/tmp/matplotlib"
  }

  # What the platform is told; var.settings goes before.
  platform = merge({
    OULAD_ENV       = "production"
    LOG_FORMAT      = "json"
    AUTOMATION      = "true"
    STORAGE_BACKEND = "s3"
    S3_BUCKET       = aws_s3_bucket.zone["raw"].bucket
    LAKE_URI        = "s3://${aws_s3_bucket.zone["raw"].bucket}/lake"
    OUTBOX_URI      = "s3://${aws_s3_bucket.zone["raw"].bucket}/outbox"
    ARTIFACTS_URI   = "s3://${aws_s3_bucket.zone["artifacts"].bucket}"
  }, var.settings)
}

resource "aws_ecs_cluster" "platform" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_service_discovery_http_namespace" "platform" {
  name = var.name
}

resource "aws_ecs_task_definition" "task" {
  for_each = local.tasks

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  task_role_arn            = aws_iam_role.task[each.key].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([merge(
    {
      name                   = each.key
      image                  = var.image
      essential              = true
      command                = each.value.command
      user                   = "10001"
      readonlyRootFilesystem = true
      stopTimeout            = 110
      linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
      mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
      environment = [for name, value in merge(
        local.instance, contains(["webserver", "daemon"], each.key) ? {} : local.platform
      ) : { name = name, value = value }]
      secrets = [for name in each.value.secrets : { name = name, valueFrom = aws_secretsmanager_secret.setting[name].arn }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.task[each.key].name
          awslogs-region        = var.region
          awslogs-stream-prefix = each.key
        }
      }
    },
    each.value.port == null ? {} : {
      portMappings = [{ name = each.key, containerPort = each.value.port, protocol = "tcp" }]
    },
    each.value.health == null ? {} : {
      healthCheck = { command = each.value.health, interval = 30, timeout = 15, retries = 5, startPeriod = 120 }
    }
  )])
}

# launch_type, not a capacity provider: EcsRunLauncher copies it from the daemon's task.
resource "aws_ecs_service" "service" {
  for_each = local.services

  name            = each.key
  cluster         = aws_ecs_cluster.platform.id
  task_definition = aws_ecs_task_definition.task[each.key].arn
  desired_count   = 1
  launch_type     = "FARGATE"
  propagate_tags  = "SERVICE"

  # never two daemons or two code servers at once
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.private_subnet_ids
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = false
  }

  service_connect_configuration {
    enabled   = true
    namespace = aws_service_discovery_http_namespace.platform.arn

    dynamic "service" {
      for_each = each.key == "code" ? ["code"] : []

      content {
        port_name      = service.value
        discovery_name = service.value

        client_alias {
          dns_name = service.value
          port     = 4000
        }
      }
    }
  }

  dynamic "load_balancer" {
    for_each = each.key == "webserver" ? [aws_lb_target_group.webserver.arn] : []

    content {
      target_group_arn = load_balancer.value
      container_name   = each.key
      container_port   = 3000
    }
  }

  depends_on = [aws_lb_listener.https]
}
