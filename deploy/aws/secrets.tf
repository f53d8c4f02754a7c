# Only the places: the values are put by a person (docs/aws.md) and never stand in Terraform's state.
locals {
  secrets = setunion(
    ["DATABASE_URL", "DATABASE_OWNER_URL", "DAGSTER_DATABASE_URL", "PSEUDONYM_KEY"],
    var.secret_settings
  )
}

resource "aws_secretsmanager_secret" "setting" {
  for_each = local.secrets

  name                    = "${var.name}/${each.key}"
  description             = "Setting ${each.key} of the platform"
  kms_key_id              = aws_kms_key.platform.arn
  recovery_window_in_days = 30
}
