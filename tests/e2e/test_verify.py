"""Models held against the checkpoint that they are made of."""
import hashlib
import json
import struct

import numpy as np
import pytest
from conftest import converted, switchyard
from safetensors.numpy import load_file, save_file
from test_jobs import ask, finished, submit, upload, SAMPLE
from test_service import serving


@pytest.fixture
def model(sample, tmp_path):
    """The sample, converted."""
    converted(sample.checkpoint, "--out", tmp_path / "model")
    return tmp_path / "model"


def verify(sample, model, *options, status=0):
    result = switchyard("verify", sample.checkpoint, model, "--json", *options)
    assert result.returncode == status, result.stderr
    return json.loads(result.stdout)


def changed(model, change):
    """Rewrites the model by another writer, after change(tensors)."""
    file = model / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def test_equal(sample, model):
    report = verify(sample, model)
    assert report["equal"] and not report["extra"]
    assert {t["verdict"] for t in report["tensors"]} == {"equal"}
    assert report["counts"]["equal"] == len(report["tensors"]) == 61
    result = switchyard("verify", sample.checkpoint, model)
    assert (result.returncode, result.stdout) == (
        0, "61 equal, 0 different, 0 missing, 0 extra\n")


@pytest.mark.parametrize("made", ["--max-shard-size=20KB", "--dtype=bfloat16"])
def test_other_shards_and_dtypes(sample, tmp_path, made):
    """How it is cut does not matter; the dtype is to be stated."""
    converted(sample.checkpoint, "--out", tmp_path / "m", made)
    stated = [made] if "dtype" in made else []
    assert verify(sample, tmp_path / "m", *stated)["equal"]
    index = tmp_path / "m/model.safetensors.index.json"
    if index.exists():
        assert verify(sample, index)["equal"]


def test_made_by_another_writer(sample, model):
    changed(model, lambda tensors: None)
    assert verify(sample, model / "model.safetensors")["equal"]


def test_different_elements(sample, model):
    name = "encoder.block.0.layer.0.SelfAttention.q.weight"

    def change(tensors):
        tensors[name][0, :3] += [0.5, -2.25, 0]
        tensors["shared.weight"][1, 1] = np.nan
    changed(model, change)
    report = verify(sample, model, status=6)
    found = {t["name"]: t for t in report["tensors"]
             if t["verdict"] != "equal"}
    assert set(found) == {name, "shared.weight"}
    assert found[name]["different"] == 2
    assert found[name]["largest"] == pytest.approx(2.25, rel=1e-6)
    assert not found[name]["nan"]
    assert found["shared.weight"]["different"] == 1
    assert found["shared.weight"]["nan"]
    text = switchyard("verify", sample.checkpoint, model)
    assert f"different  {name}: float32 [16, 16], 2 elements differ, by at " \
        "most 2.25" in text.stdout
    assert "is not what the checkpoint gives" in text.stderr


@pytest.mark.parametrize("dtype, step", [("float16", 0.5), ("bfloat16", 0.25)])
def test_different_halves(sample, tmp_path, dtype, step):
    out = tmp_path / "m"
    converted(sample.checkpoint, "--out", out, "--dtype", dtype)
    file = out / "model.safetensors"
    data = bytearray(file.read_bytes())
    size, = struct.unpack("<Q", data[:8])
    tensor = json.loads(data[8:8 + size])["encoder.final_layer_norm.weight"]
    begin = 8 + size + tensor["data_offsets"][0]
    kind = np.float16 if dtype == "float16" else None
    bits = np.frombuffer(data, np.uint16, 1, begin)
    value = (bits.view(kind)[0].astype(np.float32) if kind else
             (bits.astype(np.uint32) << 16).view(np.float32)[0])
    other = np.float32(np.float32(value) + np.float32(step))
    data[begin:begin + 2] = (other.astype(np.float16).tobytes() if kind else
                             other.tobytes()[2:])
    file.write_bytes(data)
    report = verify(sample, out, "--dtype", dtype, status=6)
    found, = [t for t in report["tensors"] if t["verdict"] != "equal"]
    assert found["different"] == 1
    assert found["largest"] == pytest.approx(step, rel=0.02)


def test_missing_extra_and_other_forms(sample, model):
    def change(tensors):
        tensors["lm_head.weight"] = tensors.pop("shared.weight")
        tensors["decoder.final_layer_norm.weight"] = np.zeros(3, np.float32)
        tensors["encoder.final_layer_norm.weight"] = np.zeros(16, np.float16)
    changed(model, change)
    report = verify(sample, model, status=6)
    assert report["counts"] == {"equal": 58, "different": 2, "missing": 1,
                                "extra": 1}
    assert [t["name"] for t in report["extra"]] == ["lm_head.weight"]
    found = {t["name"]: t for t in report["tensors"]
             if t["verdict"] != "equal"}
    assert found["shared.weight"]["verdict"] == "missing"
    norm = found["decoder.final_layer_norm.weight"]
    assert (norm["shape"], norm["found"]["shape"]) == ([16], [3])
    norm = found["encoder.final_layer_norm.weight"]
    assert (norm["dtype"], norm["found"]["dtype"]) == ("float32", "float16")


def break_head(model):
    data = bytearray((model / "model.safetensors").read_bytes())
    data[:8] = struct.pack("<Q", 1 << 40)
    (model / "model.safetensors").write_bytes(data)


def break_index(model):
    (model / "model.safetensors.index.json").write_text(json.dumps(
        {"weight_map": {"nobody": "model.safetensors"}}))


def leave(model):
    (model / "model.safetensors.index.json").write_text(json.dumps(
        {"weight_map": {"shared.weight": "../model.safetensors"}}))


def remove(model):
    (model / "model.safetensors").unlink()


@pytest.mark.parametrize("damage, status, word", [
    (break_head, 3, "no valid head"),
    (break_index, 3, "promises nobody"),
    (leave, 3, "../model.safetensors"),
    (remove, 4, "holds no model"),
])
def test_damaged_model(sample, model, damage, status, word):
    damage(model)
    result = switchyard("verify", sample.checkpoint, model)
    assert result.returncode == status, result.stderr
    assert word in result.stderr


def test_usage(sample, model):
    assert switchyard("verify", sample.checkpoint).returncode == 2
    result = switchyard("verify", sample.checkpoint, model, "third")
    assert result.returncode == 2 and "third" in result.stderr


def test_convert_verifies_what_it_wrote(sample, tmp_path):
    converted(sample.checkpoint, "--out", tmp_path / "m", "--verify")
    assert verify(sample, tmp_path / "m")["equal"]


def test_job_verifies_what_it_wrote(sample, tmp_path):
    with serving(tmp_path, "--client-rate", 0) as server:
        reference = upload(server, "verified-by-its-job",
                           {"c.tar.gz": SAMPLE.read_bytes()})
        reply = submit(server, checkpoint=reference, model="a/b", verify=True)
        assert reply.status == 202, reply.data
        job = finished(server, reply.json)
        assert job["state"] == "succeeded", job
        assert job["request"]["verify"] is True
        reply = ask(server, "POST", "/v1/convert?verify=true",
                    SAMPLE.read_bytes())
        assert reply.status == 200


def check_provenance(report, sample, files):
    """Its digests are those of the files, and of what inspect reads."""
    result = switchyard("inspect", sample.checkpoint, "--digest", "--json")
    arrays = {a["name"]: a["sha256"] for a in json.loads(result.stdout)["arrays"]}
    assert {a["name"]: a["sha256"] for a in report["arrays"]} == arrays
    lines = "".join(f"{arrays[n]}  {n}\n" for n in sorted(arrays))
    assert report["source"]["sha256"] == hashlib.sha256(
        lines.encode()).hexdigest()
    assert {f["name"]: f["bytes"] for f in report["files"]} == {
        n: len(d) for n, d in files.items()}
    for tensor in report["tensors"]:
        data = files[tensor["file"]]
        size, = struct.unpack("<Q", data[:8])
        begin, end = (8 + size + o for o in json.loads(
            data[8:8 + size])[tensor["name"]]["data_offsets"])
        assert tensor["sha256"] == hashlib.sha256(data[begin:end]).hexdigest()
        assert tensor["array"] in arrays
    assert len(report["tensors"]) == 61
    experts = [t for t in report["tensors"] if "expert_" in t["name"]]
    assert {t["expert"] for t in experts} == {0, 1, 2, 3}


def test_provenance(sample, tmp_path):
    out, report = tmp_path / "m", tmp_path / "provenance.json"
    converted(sample.checkpoint, "--out", out, "--provenance", report, "--gin",
              sample.gin, "--max-shard-size=30KB")
    report = json.loads(report.read_text())
    check_provenance(report, sample, {p.name: p.read_bytes()
                                      for p in out.iterdir()})
    assert report["options"]["dtype"] == "float32"
    assert report["options"]["max_shard_size"] == 30000
    assert report["options"]["gin"] == {
        "name": sample.gin.name,
        "sha256": hashlib.sha256(sample.gin.read_bytes()).hexdigest()}
    assert report["source"]["step"] == 500100


def test_provenance_cannot_be_written(sample, tmp_path):
    result = switchyard("convert", sample.checkpoint, "--out", tmp_path / "m",
                        "--provenance", tmp_path / "no/such/folder")
    assert result.returncode == 5 and "no/such/folder" in result.stderr


def test_provenance_of_a_stored_model(sample, tmp_path):
    with serving(tmp_path, "--client-rate", 0) as server:
        reference = upload(server, "where-it-comes-from",
                           {"c.tar.gz": SAMPLE.read_bytes()})
        for verified in (True, False):
            name = f"a/m{int(verified)}"
            job = finished(server, submit(
                server, checkpoint=reference, model=name, verify=verified,
                max_shard_size=f"{20 + verified}KB").json)
            assert job["state"] == "succeeded", job
            path = f"/v1/models/{name}"
            reply = ask(server, "GET", path + "/provenance")
            assert reply.status == 200
            report = reply.json
            assert report["job"] == job["id"]
            assert report["source"]["path"].startswith(reference)
            assert str(tmp_path) not in reply.data.decode()
            files = {f["name"]: ask(server, "GET",
                                    f"{path}/files/{f['name']}").data
                     for f in ask(server, "GET", path).json["files"]}
            if verified:
                check_provenance(report, sample, files)
            else:
                assert "sha256" not in report["tensors"][0]
        assert ask(server, "GET", "/v1/models/a/no/provenance").status == 404


def test_over_http(sample, tmp_path):
    """A stored model by name and revision, and what is refused."""
    with serving(tmp_path, "--client-rate", 0) as server:
        reference = upload(server, "verified-over-http",
                           {"c.tar.gz": SAMPLE.read_bytes()})
        job = finished(server, submit(server, checkpoint=reference,
                                      model="a/b").json)

        def check(**request):
            return ask(server, "POST", "/v1/verify",
                       {"checkpoint": reference, **request})
        for model in ("a/b", f"a/b@{job['revision']}"):
            reply = check(model=model)
            assert reply.status == 200, reply.data
            assert reply.json["equal"] and reply.json["tensors"] == []
        reply = check(model="a/b", dtype="float16")
        assert reply.status == 200 and not reply.json["equal"]
        assert reply.json["counts"]["different"] == 61
        reply = ask(server, "POST", "/v1/verify?all=true",
                    {"checkpoint": reference, "model": "a/b"})
        assert len(reply.json["tensors"]) == 61
        for request, status in (({}, 400), ({"model": "a/none"}, 404),
                                ({"model": "a"}, 400), ({"model": 5}, 400),
                                ({"model": "a/b@main"}, 400),
                                ({"model": "a/b", "colour": 1}, 400),
                                ({"model": "http://127.0.0.1:1/m"}, 403)):
            reply = check(**request)
            assert reply.status == status, (request, reply.data)
        assert ask(server, "POST", "/v1/verify", b"{}").status == 415
        assert ask(server, "GET", "/v1/verify").status == 405
