"""Which run a group of processes goes on with after torchrun has restarted it."""

from training import snapshots
from training.report import GROUP_FILE


def test_a_restarted_group_finds_its_own_run_and_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, group in (("expr", "mine"), ("expr-2", "another"), ("expr-3", None)):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
        if group:
            (tmp_path / name / GROUP_FILE).write_text(group)
    assert snapshots._newest_run("mine").name == "expr"
    assert snapshots._newest_run("new") is None
    assert snapshots._newest_run(None) is not None
