"""An engine without room says so, and what to do."""

from pathlib import Path

import pytest

from cair.store.engine import UnableToCompute, session


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnableToCompute, match="full disk"), session(tmp_path) as engine:
        engine.execute("COPY (FROM range(1_000_000)) TO '/dev/full' (FORMAT csv)")


def test_a_file_of_ours_that_is_gone_is_no_full_disk(tmp_path: Path) -> None:
    with pytest.raises(UnableToCompute, match="cannot be read or written"), session(tmp_path) as engine:
        engine.execute(f"FROM read_parquet('{tmp_path}/gone.parquet')")


def test_too_little_memory_and_room_to_spill_is_said(tmp_path: Path) -> None:
    many = "SET max_temp_directory_size = '1MB'; CREATE TABLE many AS SELECT uuid()::VARCHAR FROM range(2_000_000)"
    with pytest.raises(UnableToCompute, match="CAIR_MEMORY"), session(tmp_path, memory="30MB") as engine:
        engine.execute(many)
