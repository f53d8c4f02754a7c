# raw: the restricted zone (lake, outbox, source files). artifacts: reports, models, exports. logs: what runs print.
locals {
  zones = toset(["raw", "artifacts", "logs"])

  # What identified students stand in, and who may read it.
  restricted = {
    raw       = ["${aws_s3_bucket.zone["raw"].arn}/*"]
    artifacts = ["${aws_s3_bucket.zone["artifacts"].arn}/outputs/caseload/*"]
  }
  restricted_readers = concat([aws_iam_role.task["run"].arn, aws_iam_role.task["code"].arn], var.restricted_zone_readers)
}

resource "aws_s3_bucket" "zone" {
  for_each = local.zones

  bucket        = "${var.name}-${each.key}-${local.account}-${var.region}"
  force_destroy = false
}

resource "aws_s3_bucket_public_access_block" "zone" {
  for_each = local.zones

  bucket                  = aws_s3_bucket.zone[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "zone" {
  for_each = local.zones

  bucket = aws_s3_bucket.zone[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "zone" {
  for_each = local.zones

  bucket = aws_s3_bucket.zone[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "zone" {
  for_each = local.zones

  bucket = aws_s3_bucket.zone[each.key].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.platform.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "zone" {
  for_each = local.zones

  bucket     = aws_s3_bucket.zone[each.key].id
  depends_on = [aws_s3_bucket_versioning.zone]

  rule {
    id     = "remains"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = var.old_version_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  dynamic "rule" {
    for_each = each.key == "logs" ? [var.log_days] : []

    content {
      id     = "age"
      status = "Enabled"

      filter {
        prefix = "compute_logs/"
      }

      expiration {
        days = rule.value
      }
    }
  }
}

resource "aws_s3_bucket_policy" "zone" {
  for_each = local.zones

  bucket     = aws_s3_bucket.zone[each.key].id
  policy     = data.aws_iam_policy_document.zone[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.zone]
}

data "aws_iam_policy_document" "zone" {
  for_each = local.zones

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.zone[each.key].arn, "${aws_s3_bucket.zone[each.key].arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # Whatever another policy of the account allows: nobody else reads or writes the restricted zone.
  dynamic "statement" {
    for_each = { for zone, objects in local.restricted : zone => objects if zone == each.key }

    content {
      sid       = "RestrictedZone"
      effect    = "Deny"
      actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]
      resources = statement.value

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = "ArnNotEquals"
        variable = "aws:PrincipalArn"
        values   = local.restricted_readers
      }
    }
  }
}
