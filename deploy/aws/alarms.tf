# The code server's sensors write a line for each thing to be alarmed about (docs/aws.md); a filter counts it, an alarm tells it.
locals {
  lines = {
    failed_runs = {
      pattern     = "{ $.event = \"run_failed\" }"
      value       = "1"
      above       = 0
      missing     = "notBreaching"
      description = "A run failed. Open it in Dagster: the line has its id, its log the reason."
    }
    stale_tables = {
      pattern     = "{ $.event = \"daily_tables_checked\" }"
      value       = "$.n_stale"
      above       = 0
      missing     = "ignore"
      description = "A daily table has nothing of today. Look whether its schedule runs and its source answers."
    }
    # Written every minute, so its absence says that sensors, code server, daemon or warehouse do not work.
    unsent_messages = {
      pattern     = "{ $.event = \"outboxes_checked\" }"
      value       = "$.oldest_hours"
      above       = var.unsent_hours
      missing     = "breaching"
      description = "A message has waited too long, or the sensors are silent. Look at the mail server, then at the daemon."
    }
    undeliverable_messages = {
      pattern     = "{ $.event = \"outboxes_checked\" }"
      value       = "$.n_undeliverable"
      above       = 0
      missing     = "ignore"
      description = "A message was put aside. `oulad outbox` says why, `oulad outbox --retry ID` tries again."
    }
  }
}

resource "aws_cloudwatch_log_group" "task" {
  for_each = local.tasks

  name              = "/oulad/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.platform.arn
}

resource "aws_cloudwatch_log_metric_filter" "line" {
  for_each = local.lines

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.task["code"].name
  pattern        = each.value.pattern

  metric_transformation {
    namespace = "Oulad/${var.name}"
    name      = each.key
    value     = each.value.value
  }
}

resource "aws_cloudwatch_metric_alarm" "line" {
  for_each = local.lines

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "Oulad/${var.name}"
  metric_name         = aws_cloudwatch_log_metric_filter.line[each.key].metric_transformation[0].name
  statistic           = "Maximum"
  period              = 900
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "web" {
  alarm_name          = "${var.name}-web"
  alarm_description   = "The webserver does not answer."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  dimensions = {
    LoadBalancer = aws_lb.web.arn_suffix
    TargetGroup  = aws_lb_target_group.webserver.arn_suffix
  }
}

resource "aws_cloudwatch_metric_alarm" "disk" {
  alarm_name          = "${var.name}-database-disk"
  alarm_description   = "Less than 5 GiB are left for the database, and it no longer grows by itself."
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 5 * pow(2, 30)
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  dimensions = {
    DBInstanceIdentifier = aws_db_instance.platform.identifier
  }
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.platform.id
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

data "aws_iam_policy_document" "alarms" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic_subscription" "mail" {
  for_each = var.alarm_emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}
