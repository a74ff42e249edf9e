"""A client that is not ours, tritonclient of NVIDIA, on a free and on a paid server: none of it was written for mlm."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from mlm.core.channel import encode_header
from mlm.core.served import VOUCHER_HEADER
from mlm.resources import path as resource
from tests.command_line import MODEL, Market
from tests.serving.clients import request
from tests.serving.conftest import Running, start, stop
from tests.serving.payers import Chain, Payer, terms_of

SAMPLE = np.load(resource("templates") / "digits-mlp" / "samples" / "digit.npy")


@pytest.fixture(scope="module")
def client(free: Running) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(free.url.removeprefix("http://"), concurrency=4) as made:
        yield made


def given(array: np.ndarray = SAMPLE, *, binary: bool, datatype: str = "FP32") -> list[triton.InferInput]:
    made = triton.InferInput("image", list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return [made]


def wanted(*, binary: bool) -> list[triton.InferRequestedOutput]:
    return [triton.InferRequestedOutput("logits", binary_data=binary)]


def test_what_the_server_says_of_itself(client: triton.InferenceServerClient, free: Running) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(free.model) and not client.is_model_ready("another")
    server = client.get_server_metadata()
    assert server["name"] == "mlm" and "binary_tensor_data" in server["extensions"]
    model = client.get_model_metadata(free.model)
    assert model["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [1, 64]}]
    assert client.get_model_metadata(free.model, model_version=model["versions"][0]) == model
    assert client.is_model_ready(free.model, model_version=model["versions"][0])


def test_json_and_raw_bytes_both_ways_give_the_same(client: triton.InferenceServerClient, free: Running) -> None:
    found = []
    for sent in (True, False):
        for asked in (wanted(binary=True), wanted(binary=False), None):
            answer = client.infer(free.model, given(binary=sent), outputs=asked, request_id="7")
            assert answer.get_response()["id"] == "7" and answer.get_output("logits")["datatype"] == "FP32"
            found.append(answer.as_numpy("logits"))
    assert found[0].shape == (1, 10) and found[0].dtype == np.float32 and found[0].any()
    assert all(np.array_equal(found[0], each) for each in found)


def test_calls_at_once_are_each_answered_by_their_own(client: triton.InferenceServerClient, free: Running) -> None:
    images = [(SAMPLE * np.float32(number)).astype(np.float32) for number in range(16)]
    alone = [client.infer(free.model, given(image, binary=True)).as_numpy("logits") for image in images]
    running = [client.async_infer(free.model, given(image, binary=True)) for image in images]
    together = [each.get_result(timeout=60).as_numpy("logits") for each in running]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)  # a batch's sums may have another order


def test_refusals_are_its_errors(client: triton.InferenceServerClient, free: Running) -> None:
    """Status and words, as it reads them."""
    for arguments, options, status, words in (
        (("another", given(binary=True)), {}, "404", "expected the model digits"),
        ((free.model, given(binary=True)), {"model_version": "99"}, "404", "expected the model digits"),
        ((free.model, given(SAMPLE.astype(np.float64), binary=True, datatype="FP64")), {}, "400", "FP64"),
        ((free.model, given(SAMPLE[:, :9], binary=True)), {}, "400", "shape"),
        ((free.model, given(binary=True)), {"outputs": [triton.InferRequestedOutput("odd")]}, "400", "odd"),
        ((free.model, given(binary=True)), {"request_compression_algorithm": "gzip"}, "415", "expected"),
    ):
        with pytest.raises(InferenceServerException, match=words) as caught:
            client.infer(*arguments, **options)
        assert caught.value.status() == status, caught.value
    assert client.infer(free.model, given(binary=True)).as_numpy("logits").shape == (1, 10)


def test_a_call_that_is_paid_for_by_a_header(market: Market) -> None:
    """It knows nothing of vouchers: whoever signs them puts one into its headers."""
    env = {"MLM_ACCOUNT": "compute-2"}
    running = start(market.second.folder, market.home, MODEL, "--price", "0.2", "--name", "triton", env=env)
    try:
        payer = Payer.open(Chain.of(market, "consumer"), terms_of(running), 50)
        with triton.InferenceServerClient(running.url.removeprefix("http://")) as client:
            assert client.get_model_metadata("triton")["parameters"]["mlm"]["price"] == str(payer.terms.price)
            with pytest.raises(InferenceServerException, match="expected a voucher") as caught:
                client.infer("triton", given(binary=True))
            assert caught.value.status() == "402"
            found = []
            for number, binary in ((1, True), (2, False)):
                paid = {VOUCHER_HEADER: encode_header(payer.voucher(number, {"image": SAMPLE}))}
                found.append(client.infer("triton", given(binary=binary), outputs=wanted(binary=binary), headers=paid))
            assert np.array_equal(*(each.as_numpy("logits") for each in found))
            shown = request(running.url, "GET", f"/v2/channels/{payer.id}").json
            assert (shown["served"], shown["best"]["amount"]) == (2, str(2 * payer.terms.price))
    finally:
        assert stop(running) == 0
