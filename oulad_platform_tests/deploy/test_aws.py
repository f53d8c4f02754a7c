"""deploy/aws as far as it can be shown without AWS: its text, and its Dagster instance on a server that plays S3, ECS and EC2."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import dagster as dg
import hcl2
import pandas as pd
import pytest
import sqlalchemy as sa
import yaml
from dagster._core.launcher.base import LaunchRunContext
from dagster_aws.ecs import EcsRunLauncher
from pydantic import SecretStr

from oulad_platform.definitions import build_defs
from oulad_platform.defs.catalog import entry
from oulad_platform.defs.resources import Platform
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS, ENROLLMENT_SNAPSHOTS
from oulad_platform.settings import Settings, load
from oulad_platform_tests.deploy.told import troubled

AWS = Path(__file__).resolve().parents[2] / "deploy/aws"
ZONES = {"raw", "artifacts", "logs"}
DAY = "2026-01-05"
MADE = [
    dg.AssetKey(["enrollment", name])
    for name in ("data_quality_findings", "enrollment_snapshots", "enrollment_deltas", "enrollment_metrics", "change_lists")
]
# What other software reads; all else in a task's environment is a setting.
NOT_OURS = {
    "COMPUTE_LOGS_BUCKET",
    "RUN_TASK_DEFINITION",
    "CODE_SERVER_HOST",
    "CODE_SERVER_PORT",
    "DAGSTER_EVENT_BATCH_SIZE",
    "MPLCONFIGDIR",
    "DAGSTER_DATABASE_URL",
}
READS = re.compile(r"(Get|List|Describe|BatchGet|BatchCheck)\w*$")
PATTERN = re.compile(r'\{ \$\.event = "(\w+)" \}')


def plain(value: Any) -> Any:
    """Parsed HCL without the parser's own entries and the quotes around texts."""
    if isinstance(value, dict):
        return {plain(name): plain(one) for name, one in value.items() if not name.startswith("__")}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, str) and value[:1] == value[-1:] == '"':
        return json.loads(value) if "${" not in value else value[1:-1]
    return value


@cache
def terraform_blocks() -> list[dict[str, Any]]:
    """Each file's blocks by kind."""
    return [plain(hcl2.loads(file.read_text())) for file in sorted(AWS.glob("*.tf"))]


def parsed(kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Every block of a kind (resource, data): type, name, content."""
    blocks = [block for file in terraform_blocks() for block in file.get(kind, [])]
    return [(of, name, body) for block in blocks for of, named in block.items() for name, body in named.items()]


def resources(of: str) -> dict[str, dict[str, Any]]:
    return {name: body for one, name, body in parsed("resource") if one == of}


def local(name: str) -> Any:
    (value,) = [block[name] for file in terraform_blocks() for block in file.get("locals", []) if name in block]
    return value


def assigned(expression: str) -> dict[str, str]:
    """The texts that an expression gives to names in capitals."""
    return dict(re.findall(r'\b([A-Z][A-Z0-9_]+) = (".*?[^\\]"|[\w.\[\]"]+)(?=, [A-Z]|\})', expression))


def test_terraform_finds_its_files_formatted() -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed")
    formatted = subprocess.run([terraform, "fmt", "-check", "-recursive", str(AWS)], capture_output=True, text=True, check=False)
    assert formatted.stdout == ""
    assert formatted.returncode == 0


def test_every_variable_and_output_says_what_it_is() -> None:
    for file in terraform_blocks():
        for block in [*file.get("variable", []), *file.get("output", [])]:
            assert all(body["description"].endswith((".", "days", "hours", "GiB", "MiB", "vCPU")) for body in block.values())


@pytest.mark.parametrize(
    ("of", "path", "value"),
    [
        ("aws_s3_bucket_public_access_block", ["block_public_acls"], True),
        ("aws_s3_bucket_public_access_block", ["block_public_policy"], True),
        ("aws_s3_bucket_public_access_block", ["ignore_public_acls"], True),
        ("aws_s3_bucket_public_access_block", ["restrict_public_buckets"], True),
        ("aws_s3_bucket_ownership_controls", ["rule", 0, "object_ownership"], "BucketOwnerEnforced"),
        ("aws_s3_bucket_versioning", ["versioning_configuration", 0, "status"], "Enabled"),
        (
            "aws_s3_bucket_server_side_encryption_configuration",
            ["rule", 0, "apply_server_side_encryption_by_default", 0, "sse_algorithm"],
            "aws:kms",
        ),
        ("aws_s3_bucket_policy", ["policy"], "${data.aws_iam_policy_document.zone[each.key].json}"),
        (
            "aws_s3_bucket_lifecycle_configuration",
            ["rule", 0, "noncurrent_version_expiration", 0, "noncurrent_days"],
            "${var.old_version_days}",
        ),
    ],
)
def test_every_bucket_is_private_encrypted_versioned_and_has_a_policy(of: str, path: list[Any], value: object) -> None:
    assert resources("aws_s3_bucket").keys() == {"zone"}
    assert set(re.findall(r'"(\w+)"', local("zones"))) == ZONES
    (body,) = resources(of).values()
    assert (body["for_each"], body["bucket"]) == ("${local.zones}", "${aws_s3_bucket.zone[each.key].id}")
    for step in path:
        body = body[step]
    assert body == value


def test_buckets_refuse_plain_http_and_the_restricted_zone_everybody_else() -> None:
    (policy,) = [body for of, name, body in parsed("data") if (of, name) == ("aws_iam_policy_document", "zone")]
    tls, restricted = policy["statement"][0], policy["dynamic"][0]["statement"]["content"][0]
    assert (tls["effect"], tls["actions"]) == ("Deny", ["s3:*"])
    assert tls["condition"] == [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}]
    assert restricted["effect"] == "Deny"
    assert {"s3:GetObject", "s3:GetObjectVersion"} <= set(restricted["actions"])
    assert restricted["condition"] == [
        {"test": "ArnNotEquals", "variable": "aws:PrincipalArn", "values": "${local.restricted_readers}"}
    ]
    assert "/outputs/caseload/*" in local("restricted")["artifacts"][0]


def test_nothing_is_reached_from_the_internet() -> None:
    ingress = resources("aws_vpc_security_group_ingress_rule")
    by_address = {name for name, body in ingress.items() if "cidr_ipv4" in body or "cidr_ipv6" in body}
    assert by_address == {"vpn"}
    assert ingress["vpn"]["for_each"] == "${toset(var.vpn_cidrs)}"
    assert not any({"ingress", "egress"} & body.keys() for body in resources("aws_security_group").values())
    assert resources("aws_lb")["web"]["internal"] is True
    assert resources("aws_db_instance")["platform"]["publicly_accessible"] is False
    assert resources("aws_ecs_service")["service"]["network_configuration"][0]["assign_public_ip"] is False


@pytest.mark.parametrize("host", ["10.20.0.0/16", "0.0.0.0/0", "::/0", "10.20.0.0"])
def test_the_whole_internet_is_no_vpn(host: str) -> None:
    """The rule of the variable, by terraform itself."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed")
    variables = [block for file in terraform_blocks() for block in file.get("variable", [])]
    (condition,) = [block["vpn_cidrs"]["validation"][0]["condition"] for block in variables if "vpn_cidrs" in block]
    expression = condition.removeprefix("${").removesuffix("}").replace("var.vpn_cidrs", f'["{host}"]')
    said = subprocess.run([terraform, "console"], input=expression, capture_output=True, text=True, check=True, cwd="/")
    assert said.stdout.strip() == str(host == "10.20.0.0/16").lower()


def test_no_role_may_write_to_everything() -> None:
    documents = [(name, body) for of, name, body in parsed("data") if of == "aws_iam_policy_document" and name != "key"]
    assert len(documents) == 10
    for name, body in documents:
        for statement in [*body.get("statement", []), *(one["statement"]["content"][0] for one in body.get("dynamic", []))]:
            writes = [action for action in statement["actions"] if not READS.search(action)]
            if statement.get("resources") == ["*"]:
                assert not writes, (name, writes)
            if statement.get("effect") != "Deny":
                assert not any(action.endswith("*") for action in statement["actions"]), name


def test_the_daemon_starts_and_passes_roles_to_runs_only_and_the_webserver_reads_no_data() -> None:
    documents = {name: body for of, name, body in parsed("data") if of == "aws_iam_policy_document"}
    allowed = {action: one["resources"] for one in documents["daemon"]["statement"] for action in one["actions"]}
    assert allowed["ecs:RunTask"][0].endswith("task-definition/${var.name}-run:*")
    assert allowed["iam:PassRole"] == ['${aws_iam_role.task["run"].arn}', '${aws_iam_role.execution["run"].arn}']
    assert not any(action.startswith("s3:") for action in allowed)
    for statement in documents["webserver"]["statement"]:
        assert all(resource.startswith('${aws_s3_bucket.zone["logs"].arn}') for resource in statement["resources"])


def test_the_database_is_encrypted_backed_up_protected_and_speaks_tls_only() -> None:
    database = resources("aws_db_instance")["platform"]
    for name in ("storage_encrypted", "deletion_protection", "multi_az", "manage_master_user_password"):
        assert database[name] is True, name
    assert database["skip_final_snapshot"] is False
    assert "password" not in database
    parameters = {one["name"]: one["value"] for one in resources("aws_db_parameter_group")["platform"]["parameter"]}
    assert parameters["rds.force_ssl"] == "1"


def test_no_secret_has_a_value_and_every_task_gets_its_secrets_from_there() -> None:
    assert not resources("aws_secretsmanager_secret_version")
    secret_settings = {name.upper() for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None}
    offered = set(re.findall(r'"([A-Z_]+)"', (AWS / "secrets.tf").read_text() + (AWS / "variables.tf").read_text()))
    assert offered - {"DAGSTER_DATABASE_URL"} <= secret_settings
    assert secret_settings <= offered, "a secret setting that cannot be given on AWS"
    (task,) = resources("aws_ecs_task_definition").values()
    assert "valueFrom = aws_secretsmanager_secret.setting[name].arn" in task["container_definitions"]
    assert not (assigned(local("platform")).keys() | local("instance").keys()) & (secret_settings | {"DAGSTER_DATABASE_URL"})


def test_the_environment_of_a_task_is_one_that_the_platform_accepts_in_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, instance = assigned(local("platform")), local("instance")
    assert platform.keys() >= {"OULAD_ENV", "LOG_FORMAT", "STORAGE_BACKEND", "LAKE_URI", "OUTBOX_URI", "ARTIFACTS_URI"}
    assert (platform.keys() | instance.keys()) - NOT_OURS <= {name.upper() for name in Settings.model_fields}
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    for name, value in {**instance, **platform}.items():
        bare = value.strip('"')
        monkeypatch.setenv(name, re.sub(r'\$\{aws_s3_bucket.zone\["(\w+)"\].bucket\}', r"uni-\1", bare))
    monkeypatch.setenv("S3_BUCKET", "uni-raw")
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    monkeypatch.setenv("PSEUDONYM_KEY", "k" * 32)
    settings = load()
    assert (settings.oulad_env, settings.log_format, settings.automation) == ("production", "json", True)
    assert (settings.lake, settings.outbox, settings.artifacts) == (
        "s3://uni-raw/lake",
        "s3://uni-raw/outbox",
        "s3://uni-artifacts",
    )


def test_the_commands_of_the_tasks_exist() -> None:
    tasks = local("tasks")
    assert tasks.keys() == {"code", "webserver", "daemon", "run", "migrate"}
    for task in tasks.values():
        assert (Path(sys.executable).parent / task["command"][0]).exists()
        assert task["command"][:1] == ["oulad"] or "--log-format" in task["command"] or task["command"][1] == "api"


def test_every_alarm_follows_a_line_that_the_platform_writes(tmp_path: Path) -> None:
    lines = {line["event"]: line for line in troubled(tmp_path)}
    limits = {"unsent_messages": 4}
    for name, rule in local("lines").items():
        (event,) = PATTERN.fullmatch(rule["pattern"]).groups()  # type: ignore[union-attr]
        value = rule["value"]
        measured = lines[event][value.removeprefix("$.")] if value.startswith("$.") else float(value)
        is_alarming = measured > limits.get(name, rule["above"])
        assert is_alarming == (name != "undeliverable_messages"), name
    alarm = resources("aws_cloudwatch_metric_alarm")["line"]
    assert (alarm["for_each"], alarm["comparison_operator"], alarm["statistic"]) == (
        "${local.lines}",
        "GreaterThanThreshold",
        "Maximum",
    )
    assert all(
        one["alarm_actions"] == ["${aws_sns_topic.alarms.arn}"] for one in resources("aws_cloudwatch_metric_alarm").values()
    )


@pytest.fixture
def instance(s3: str, postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of deploy/aws on PostgreSQL and a bucket, with the task definition that Terraform would have made."""
    boto3.client("ecs").register_task_definition(
        family="oulad-run", containerDefinitions=[{"name": "run", "image": "oulad", "memory": 512}], networkMode="awsvpc"
    )
    config = yaml.safe_load((AWS / "dagster.yaml").read_text())
    config["compute_logs"]["config"]["local_dir"] = str(tmp_path / "compute_logs")
    config["local_artifact_storage"]["config"]["base_dir"] = str(tmp_path / "artifacts")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("DAGSTER_DATABASE_URL", postgres_database)
    monkeypatch.setenv("COMPUTE_LOGS_BUCKET", s3)
    monkeypatch.setenv("RUN_TASK_DEFINITION", "oulad-run")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@dg.asset
def talkative() -> None:
    print("7 rows written")


def test_what_a_run_prints_is_kept_in_the_bucket_and_read_back(instance: dg.DagsterInstance, s3: str, tmp_path: Path) -> None:
    result = dg.materialize([talkative], instance=instance)
    (captured,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.LOGS_CAPTURED]
    key = [result.run_id, "compute_logs", captured.event_specific_data.file_key]
    shutil.rmtree(tmp_path / "compute_logs")
    assert instance.compute_log_manager.get_log_data(key).stdout == b"7 rows written\n"
    stored = [one["Key"] for one in boto3.client("s3").list_objects_v2(Bucket=s3)["Contents"]]
    assert all(name.startswith("compute_logs/") for name in stored)
    assert instance.get_run_by_id(result.run_id).status == dg.DagsterRunStatus.SUCCESS  # type: ignore[union-attr]


@pytest.fixture
def daemon_task(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A task in which the daemon would run, and the address at which ECS tells it about itself; the task's ARN."""
    ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
    ecs.create_cluster(clusterName="oulad")
    subnet = ec2.describe_subnets()["Subnets"][0]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])["SecurityGroups"]
    network = {"subnets": [subnet["SubnetId"]], "securityGroups": [groups[0]["GroupId"]]}
    ecs.register_task_definition(
        family="oulad-daemon", containerDefinitions=[{"name": "daemon", "image": "oulad", "memory": 512}], networkMode="awsvpc"
    )
    ran = ecs.run_task(
        cluster="oulad",
        taskDefinition="oulad-daemon",
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
    )
    arn = ran["tasks"][0]["taskArn"]

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"Cluster": "oulad", "TaskARN": arn, "Name": "daemon"}).encode())

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Metadata) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"http://127.0.0.1:{server.server_port}")
        yield arn
        server.shutdown()


def test_a_run_is_a_task_of_its_own_and_the_daemons_role_allows_what_that_takes(
    daemon_task: str, instance: dg.DagsterInstance
) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, EcsRunLauncher)
    called: set[str] = set()
    for service, client in (
        ("ecs", launcher.ecs),
        ("ec2", launcher.ec2.meta.client),
        ("secretsmanager", launcher.secrets_manager),
    ):
        client.meta.events.register("before-call", lambda model, of=service, **_: called.add(f"{of}:{model.name}"))
    job = dg.Definitions([talkative], jobs=[dg.define_asset_job("nightly", [talkative])]).resolve_job_def("nightly")
    run = instance.create_run_for_job(job)
    origin = dg.reconstructable(job_of_the_test).get_python_origin()
    launcher.launch_run(LaunchRunContext(dagster_run=run._replace(job_code_origin=origin), workspace=None))
    tags = instance.get_run_by_id(run.run_id).tags  # type: ignore[union-attr]
    (task,) = boto3.client("ecs").describe_tasks(cluster="oulad", tasks=[tags["ecs/task_arn"]])["tasks"]
    assert "task-definition/oulad-run:" in task["taskDefinitionArn"]
    (override,) = task["overrides"]["containerOverrides"]
    assert (override["name"], override["command"][:3]) == ("run", ["dagster", "api", "execute_run"])
    assert task["taskArn"] != daemon_task
    documents = {name: body for of, name, body in parsed("data") if of == "aws_iam_policy_document"}
    statements = [*documents["daemon"]["statement"], *documents["stop_runs"]["statement"]]
    assert called >= {"ecs:RunTask", "ecs:DescribeTasks"}
    assert called <= {action for one in statements for action in one["actions"]}


@dg.job
def job_of_the_test() -> None: ...


@pytest.mark.fault("F9")
def test_a_day_is_made_with_lake_and_artifacts_in_buckets_of_their_own(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = boto3.resource("s3").Bucket(f"{s3}-artifacts")
    reports.create(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    registrar = f"sqlite:///{tmp_path / 'sis.db'}"
    engine = sa.create_engine(registrar)
    people = pd.DataFrame({"student_id": [f"S{n}" for n in range(40)], "division": "Science", "program": "Physics"})
    people.assign(level="Bachelor", snapshot_date=DAY).to_sql("enrolled", engine, index=False)
    engine.dispose()
    platform = Platform(
        Settings(
            storage_backend="s3",
            s3_bucket=s3,
            lake_uri=f"s3://{s3}/lake",
            outbox_uri=f"s3://{s3}/outbox",
            artifacts_uri=f"s3://{s3}-artifacts",
            enrollment_db_url=registrar,
            enrollment_sql_query="SELECT * FROM enrolled WHERE snapshot_date = :snapshot_date",
            first_day=date(2026, 1, 1),
        )
    )
    job = build_defs(platform.settings, platform=platform).resolve_job_def("enrollment_daily")
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(partition_key=DAY, instance=instance, asset_selection=MADE).success
    snapshots = entry("enrollment", "enrollment_snapshots")
    assert platform.lake.days(snapshots.line, ENROLLMENT_SNAPSHOTS) == [date(2026, 1, 5)]
    metrics = platform.database.read(ENROLLMENT_METRICS)
    assert metrics.loc[metrics["scope"] == "total", "total_enrollment"].tolist() == [40]
    kept = {one.key.split("/")[0] for one in boto3.resource("s3").Bucket(s3).objects.all()}
    assert kept == {"lake"}
    published = {one.key.split("/")[0] for one in reports.objects.all()}
    assert published <= {"outputs", "reports"}
    assert published
    assert {path.name for path in tmp_path.iterdir()} <= {"sis.db", "data"}
    reports.objects.all().delete()
    reports.delete()
