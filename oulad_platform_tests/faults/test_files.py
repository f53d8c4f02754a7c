"""Files that lie, change, cannot be read or are far too large."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from oulad_platform.core.checks import ContractError
from oulad_platform.sources import files as files_module
from oulad_platform.sources.oulad import OuladFiles
from oulad_platform_tests.sources.test_oulad import CLICK_ROWS, PLAIN, campus, refusal

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.fault("A4")
@pytest.mark.parametrize("spelling", [" id_site", "id_site ", "ID_SITE", "id-site"])
def test_a_column_spelt_otherwise_is_refused_with_its_nearest_name(spelling: str, tmp_path: Path) -> None:
    message = refusal(campus(tmp_path, studentVle=PLAIN["studentVle"].replace("id_site", spelling)))
    assert f"studentVle.csv, row 1, id_site: column is missing; the nearest is '{spelling}'" in message


@pytest.mark.fault("A2")
@pytest.mark.parametrize("stem", PLAIN)
@pytest.mark.parametrize("rows", [0, 1])
def test_no_file_may_be_empty_or_a_header_alone(stem: str, rows: int, tmp_path: Path) -> None:
    text = "".join(PLAIN[stem].splitlines(keepends=True)[:rows])
    assert f"{stem}.csv: {'has no data rows' if rows else 'is empty'}" in refusal(campus(tmp_path, **{stem: text}))


@pytest.mark.fault("A9", "A10")
@pytest.mark.parametrize("stem", PLAIN)
def test_a_file_cut_anywhere_in_its_last_line_is_refused(stem: str, tmp_path: Path) -> None:
    text = PLAIN[stem]
    for end in range(text.rindex("\n", 0, -1) + 2, len(text), 3):
        assert refusal(campus(tmp_path, **{stem: text[:end]})).startswith(f"{stem}.csv, row ")


@pytest.mark.fault("A11")
def test_a_gzip_that_unpacks_to_far_more_than_it_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "FREE_BYTES", 1 << 20)
    files = campus(tmp_path)
    (tmp_path / "studentVle.csv").unlink()
    bomb = PLAIN["studentVle"] + (CLICK_ROWS[0] + "\n") * 500_000
    (tmp_path / "studentVle.csv.gz").write_bytes(gzip.compress(bomb.encode()))
    assert refusal(files).startswith("studentVle.csv.gz: unpacks to more than 200 times its size")


@pytest.mark.fault("A11")
def test_a_zip_that_unpacks_to_far_more_than_it_holds_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for stem, text in PLAIN.items():
            archive.writestr(f"{stem}.csv", text)
        archive.writestr("read_me.txt", bytes(files_module.FREE_BYTES + 1))
    assert "unpacks to more than 200 times its size" in refusal(OuladFiles(str(tmp_path / "all.zip")))
    assert [path.name for path in tmp_path.iterdir()] == ["all.zip"]


@pytest.mark.fault("A25")
def test_a_file_replaced_by_another_while_it_is_read_is_refused(tmp_path: Path) -> None:
    files = campus(tmp_path, studentVle=PLAIN["studentVle"] + (CLICK_ROWS[0] + "\n") * 100_000)
    chunks = files.clicks(files.tables())
    next(chunks)
    (tmp_path / "new.csv").write_text(PLAIN["studentVle"])
    (tmp_path / "new.csv").replace(tmp_path / "studentVle.csv")
    with pytest.raises(ContractError, match=r"studentVle\.csv: changed while it was being read"):
        list(chunks)


@pytest.mark.fault("A26")
def test_a_folder_in_place_of_a_file_is_refused_in_plain_words(tmp_path: Path) -> None:
    files = campus(tmp_path)
    (tmp_path / "vle.csv").unlink()
    (tmp_path / "vle.csv").mkdir()
    assert "vle.csv: cannot be read: Is a directory" in refusal(files)


@pytest.mark.fault("A26")
def test_a_file_that_may_not_be_read_is_refused_in_plain_words(tmp_path: Path) -> None:
    files = campus(tmp_path)
    (tmp_path / "vle.csv").chmod(0)
    user = os.geteuid()
    if user == 0:
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
        os.seteuid(65534)
    try:
        assert "cannot be read: Permission denied" in refusal(files)
    finally:
        os.seteuid(user)


READ = """
import resource, sys
from oulad_platform.sources.oulad import OuladFiles
files = OuladFiles(sys.argv[1])
tables = files.tables()
chunks = files.clicks(tables)
n = sum(len(next(chunks)[1]) for _ in range(3))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
n += sum(len(chunk) for _, chunk in chunks)
print(n, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.fault("A27")
def test_clicks_are_read_in_memory_that_does_not_grow_with_the_file(tmp_path: Path) -> None:
    campus(tmp_path, studentVle=PLAIN["studentVle"] + (CLICK_ROWS[0] + "\n") * 2_000_000)
    done = subprocess.run([sys.executable, "-c", READ, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True)
    n_rows, more_megabytes = map(int, done.stdout.split())
    assert n_rows == 2_000_005
    assert more_megabytes < 20, "the file has 58 MB"
