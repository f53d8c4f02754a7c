"""Environment before platform.yaml before default; whatever cannot be used is refused by name, all at once."""

from pathlib import Path

import pytest

from oulad_platform.settings import Settings, SettingsError, load


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


@pytest.mark.fault("I7", "property 19")
def test_environment_goes_before_file_goes_before_default(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().split_week == 7
    (own_home / "platform.yaml").write_text("split_week: 5\nhigh_risk_threshold: 0.4\n")
    assert (load().split_week, load().high_risk_threshold) == (5, 0.4)
    monkeypatch.setenv("SPLIT_WEEK", "9")
    assert (load().split_week, load().high_risk_threshold) == (9, 0.4)


@pytest.mark.fault("I6", "property 19")
def test_every_unusable_value_and_unknown_name_is_listed(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_home / "platform.yaml").write_text("splitweek: 5\nhigh_risk_threshold: 25\n")
    monkeypatch.setenv("MODEL_BACKEND", "abacus")
    monkeypatch.setenv("INSTITUTION_TIMEZONE", "Mars/Olympus")
    monkeypatch.setenv("OULAD_DATTA", "x")
    with pytest.raises(SettingsError) as refused:
        load()
    lines = str(refused.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [
        "OULAD_DATTA (environment)",
        "INSTITUTION_TIMEZONE (environment)",
        "MODEL_BACKEND (environment)",
        "HIGH_RISK_THRESHOLD (platform.yaml)",
        "SPLITWEEK (platform.yaml)",
    ]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ({"STORAGE_BACKEND": "s3"}, "STORAGE_BACKEND=s3 needs S3_BUCKET"),
        ({"REGISTRAR__KIND": "database"}, "REGISTRAR__KIND=database needs ENROLLMENT_DB_URL"),
        ({"ENROLLMENT_SQL_QUERY": "SELECT 1"}, "ENROLLMENT_SQL_QUERY asks a database; set ENROLLMENT_DB_URL"),
        (
            {"ENROLLMENT_DB_URL": "sqlite://", "REGISTRAR__KIND": "files", "REGISTRAR__LOCATION": "x"},
            "ENROLLMENT_DB_URL and REGISTRAR__KIND=files name two sources",
        ),
        ({"REGISTRAR__KIND": "fax"}, r"REGISTRAR__KIND \(environment\): Input should be 'replay'"),
        ({"REGISTRAR__KIMD": "files"}, r"REGISTRAR__KIMD \(environment\): there is no such setting"),
        ({"QUALITY__MIN_ROWS": "0"}, r"QUALITY__MIN_ROWS \(environment\)"),
        ({"SUPPRESS_BELOW": "0"}, r"SUPPRESS_BELOW \(environment\)"),
        ({"MAIN_COLOUR": "blue"}, "MAIN_COLOUR"),
        ({"SMTP_HOST": "mail.example.org"}, "SMTP_HOST needs MAIL_SENDER"),
        ({"SMTP_USER": "me"}, "SMTP_USER and SMTP_PASSWORD go together"),
        ({"MAIL_TRIGGERS": "daily_summary,weekly"}, "MAIL_TRIGGERS"),
        ({"OULAD_REPLAY_TODAY": "2014-05-20"}, "set OULAD_DATA"),
        ({"ENROLLMENT_EMAIL_RECIPIENTS": "a@b.edu\r\nBcc: c@d.edu"}, "are not e-mail addresses"),
        ({"HIGH_RISK_THRESHOLD": "nan"}, "HIGH_RISK_THRESHOLD"),
        ({"HIGH_RISK_TRESHOLD": "0.3"}, "HIGH_RISK_TRESHOLD .* did you mean HIGH_RISK_THRESHOLD"),
        ({"INTERVENTION_COSTS": "25,cheap"}, "INTERVENTION_COSTS"),
        ({"START_DATES": "soon"}, "start_dates"),
    ],
)
def test_settings_that_cannot_stand_together_are_refused(
    names: dict[str, str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=complaint):
        load()


@pytest.mark.fault("I8")
def test_a_secret_in_the_file_is_refused_without_showing_it(own_home: Path) -> None:
    (own_home / "platform.yaml").write_text("enrollment_db_url: postgresql://reader:hunter2@sis/db\n")
    with pytest.raises(SettingsError, match=r"ENROLLMENT_DB_URL \(platform.yaml\): a secret only ever comes") as refusal:
        load()
    assert "hunter2" not in str(refusal.value)


@pytest.mark.fault("I7")
def test_the_environment_goes_before_the_file_inside_a_section_too(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_home / "platform.yaml").write_text("quality: {min_rows: 10, max_change_pct: 20}\nvocabulary: {person: client}\n")
    monkeypatch.setenv("QUALITY__MIN_ROWS", "12")
    settings = load()
    assert (settings.quality.min_rows, settings.quality.max_change_pct) == (12, 20)
    assert (settings.house.words.person, settings.house.words.people) == ("client", "students")


def test_a_registrar_of_its_own_leaves_no_place_for_the_demo_campus(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_DEMO_MODE", "true")
    assert load().has_campus
    monkeypatch.setenv("ENROLLMENT_DB_URL", "sqlite:////sis.db")
    assert (load().has_campus, load().registrar_kind) == (False, "database")
    monkeypatch.setenv("OULAD_DATA", "real")
    assert load().has_campus


def test_the_bucket_receives_lake_and_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STORAGE_BACKEND": "s3", "S3_BUCKET": "campus", "S3_PREFIX": "prod"}.items():
        monkeypatch.setenv(name, value)
    assert (load().lake, load().artifacts) == ("s3://campus/prod/lake", "s3://campus/prod")


def test_relative_addresses_lie_in_the_home_folder(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OULAD_DATA", "real")
    assert load().data == str(own_home / "real")
    assert load().warehouse == f"sqlite:///{own_home / 'data' / 'oulad.db'}"


def test_a_settings_file_that_is_no_mapping_is_refused(own_home: Path) -> None:
    (own_home / "platform.yaml").write_text("- split_week\n")
    with pytest.raises(SettingsError, match=r"platform\.yaml"):
        load()


def test_costs_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERVENTION_COSTS", "10, 20.5")
    assert load().intervention_costs == (10.0, 20.5)


def test_a_relative_sqlite_file_lies_in_the_home_folder(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///warehouse.db")
    assert load().warehouse == f"sqlite:///{own_home / 'warehouse.db'}"
    monkeypatch.setenv("DATABASE_URL", "sqlite:////srv/warehouse.db")
    assert load().warehouse == "sqlite:////srv/warehouse.db"


@pytest.mark.fault("I8")
def test_a_secret_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:hunter2@db/oulad")
    assert "hunter2" not in repr(load())
    assert load().warehouse == "postgresql://someone:hunter2@db/oulad"


def test_recipients_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENROLLMENT_EMAIL_RECIPIENTS", "admin@university.edu, registrar@university.edu")
    assert load().enrollment_email_recipients == ("admin@university.edu", "registrar@university.edu")
