# Two roles a task: execution (ECS starts it: image, log stream, its own secrets) and task (what its processes may do).
data "aws_iam_policy_document" "tasks_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "execution" {
  for_each = local.tasks

  name               = "${var.name}-${each.key}-execution"
  assume_role_policy = data.aws_iam_policy_document.tasks_assume.json
}

resource "aws_iam_role" "task" {
  for_each = local.tasks

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.tasks_assume.json
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.tasks

  name   = "start"
  role   = aws_iam_role.execution[each.key].id
  policy = data.aws_iam_policy_document.execution[each.key].json
}

data "aws_iam_policy_document" "execution" {
  for_each = local.tasks

  # knows no resource
  statement {
    sid       = "RegistryLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Image"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [aws_ecr_repository.platform.arn]
  }

  statement {
    sid       = "LogLines"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.task[each.key].arn}:*"]
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for name in each.value.secrets : aws_secretsmanager_secret.setting[name].arn]
  }

  statement {
    sid       = "SecretsKey"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.platform.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

# A run makes everything.
data "aws_iam_policy_document" "run" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [for zone in local.zones : aws_s3_bucket.zone[zone].arn]
  }

  statement {
    sid       = "Data"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.zone["raw"].arn}/*", "${aws_s3_bucket.zone["artifacts"].arn}/*"]
  }

  statement {
    sid       = "ComputeLogs"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.zone["logs"].arn}/compute_logs/*"]
  }

  source_policy_documents = [data.aws_iam_policy_document.data_key.json]
}

# The code server decides what is due: it reads the lake, writes messages and remembers when an installation began.
data "aws_iam_policy_document" "code" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [for zone in local.zones : aws_s3_bucket.zone[zone].arn]
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.zone["raw"].arn}/*"]
  }

  statement {
    sid       = "MessagesAndFacts"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.zone["raw"].arn}/outbox*", "${aws_s3_bucket.zone["raw"].arn}/lake/facts/*"]
  }

  statement {
    sid       = "SensorLogs"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.zone["logs"].arn}/compute_logs/*"]
  }

  source_policy_documents = [data.aws_iam_policy_document.data_key.json]
}

# The webserver shows what runs printed and stops runs; it reads no student's data.
data "aws_iam_policy_document" "webserver" {
  statement {
    sid       = "ListComputeLogs"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.zone["logs"].arn]
  }

  statement {
    sid       = "ComputeLogs"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.zone["logs"].arn}/compute_logs/*"]
  }

  source_policy_documents = [data.aws_iam_policy_document.data_key.json, data.aws_iam_policy_document.stop_runs.json]
}

# The daemon starts, watches and stops runs, and nothing else.
data "aws_iam_policy_document" "daemon" {
  statement {
    sid       = "StartRuns"
    actions   = ["ecs:RunTask"]
    resources = ["arn:${local.partition}:ecs:${var.region}:${local.account}:task-definition/${var.name}-run:*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.platform.arn]
    }
  }

  statement {
    sid       = "NameRuns"
    actions   = ["ecs:TagResource"]
    resources = ["arn:${local.partition}:ecs:${var.region}:${local.account}:task/${var.name}/*"]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }

  statement {
    sid       = "RolesOfRuns"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.task["run"].arn, aws_iam_role.execution["run"].arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  # what a run said last, when its task died
  statement {
    sid       = "LastWords"
    actions   = ["logs:GetLogEvents"]
    resources = ["${aws_cloudwatch_log_group.task["run"].arn}:*"]
  }

  # knows no resource
  statement {
    sid       = "OwnNetwork"
    actions   = ["ec2:DescribeNetworkInterfaces"]
    resources = ["*"]
  }

  source_policy_documents = [data.aws_iam_policy_document.stop_runs.json]
}

data "aws_iam_policy_document" "stop_runs" {
  statement {
    sid       = "StopTasks"
    actions   = ["ecs:StopTask", "ecs:DescribeTasks"]
    resources = ["arn:${local.partition}:ecs:${var.region}:${local.account}:task/${var.name}/*"]
  }

  # knows no resource
  statement {
    sid       = "TaskDefinitions"
    actions   = ["ecs:DescribeTaskDefinition"]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "data_key" {
  statement {
    sid       = "DataKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.platform.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "task" {
  for_each = {
    run       = data.aws_iam_policy_document.run.json
    code      = data.aws_iam_policy_document.code.json
    webserver = data.aws_iam_policy_document.webserver.json
    daemon    = data.aws_iam_policy_document.daemon.json
  }

  name   = "work"
  role   = aws_iam_role.task[each.key].id
  policy = each.value
}
