"""`detect` and `segment` with what people may name as weights or device: no fakes."""

import pickle

import pytest

torch = pytest.importorskip("torch")


class _Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, target) -> None:
        self.target = str(target)

    def __reduce__(self):
        import os

        return (os.mkdir, (self.target,))


@pytest.mark.parametrize("option", ["--detector", "--segmenter"])
@pytest.mark.parametrize("name", ["weights.pt", "weights.pth", "weights.safetensors"])
def test_a_hostile_checkpoint_is_refused_and_not_run(scarseg, heart_file, tmp_path, option, name):
    target, out = tmp_path / "owned", tmp_path / "out"
    hostile = {"model": _Hostile(target)}
    if name.endswith("safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(hostile))
    else:
        torch.save(hostile, tmp_path / name)
    boxes = tmp_path / "mine.csv"
    boxes.write_text("slice,row_min,col_min,row_max,col_max\n1,22,24,28,32\n")
    if option == "--detector":
        result = scarseg("detect", heart_file, "-o", out, option, tmp_path / name)
    else:
        result = scarseg("segment", heart_file, "-o", out, "--boxes", boxes, option, tmp_path / name)
    assert result.sentence
    assert not target.exists()
    assert not out.exists()


@pytest.mark.parametrize("option", ["--detector", "--segmenter"])
def test_weights_that_are_not_there(scarseg, heart_file, tmp_path, option):
    boxes = tmp_path / "mine.csv"
    boxes.write_text("slice,row_min,col_min,row_max,col_max\n1,22,24,28,32\n")
    given = ["--boxes", boxes] if option == "--segmenter" else []
    for name, words in (("no/such.safetensors", "no weights file such.safetensors"), ("nonsense", "nonsense")):
        sentence = scarseg("segment", heart_file, "-o", tmp_path / "out", *given, option, name).sentence
        assert words in sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.weights
@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
@pytest.mark.parametrize("command", ["detect", "segment"])
def test_cuda_asked_for_and_absent(scarseg, heart_file, tmp_path, command):
    sentence = scarseg(command, heart_file, "-o", tmp_path / "out", "--device", "cuda").sentence
    assert sentence.startswith("The device cuda was asked for, but torch")
    assert not (tmp_path / "out").exists()


@pytest.mark.weights
def test_the_bundled_networks_do_the_job(scarseg, heart_file, tmp_path):
    result = scarseg("segment", heart_file, "-o", tmp_path / "out", "--device", "cpu")
    assert (result.status, result.err) == (0, "")
    assert (tmp_path / "out" / "P001_scar.nii.gz").is_file()
