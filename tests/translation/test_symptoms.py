"""Classifiers of groups that only guess are pointed at, once, with what helps."""

from translation.symptoms import GroupSymptoms


def test_classifiers_that_guess_are_pointed_at(tmp_path):
    watch = GroupSymptoms("train", tmp_path, 2, "--more 5")
    guessing = {"D_group_disGB": 0.70, "D_group_disLB": 0.71}
    assert watch.new({"iteration": 400} | guessing) == []
    (said,) = watch.new({"iteration": 500} | guessing)
    assert "loss is 0.70, that of a guess 0.69" in said and f"`train --outdir {tmp_path} --resume --more 5`" in said
    assert watch.new({"iteration": 510} | guessing) == []
    assert watch.new({"iteration": 520, "D_group_disGB": 0.3, "D_group_disLB": 0.7}) == []
    assert watch.new({"iteration": 530}) == []
