#!/usr/bin/env python3
"""`smlp serve` by gRPC: NVIDIA's client of the protocol, messages made by hand with its classes, gRPC's own services.

    grpc_test.py --smlp BIN [unittest arguments]
"""

import concurrent.futures
import struct
import sys
import threading
import time
import unittest

try:
    import grpc
    import numpy as np
    import tritonclient.grpc as triton
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
    from tritonclient.grpc import service_pb2, service_pb2_grpc
    from tritonclient.utils import InferenceServerException
except ImportError as error:
    print(f"SKIPPED: server_grpc, the server by gRPC: {error} (tools/requirements-test.txt)")
    sys.exit(77)

from serving import Server, as_elements, classify_logits, png

SMLP = ""
SIDE = 128  # of the bundled model
INPUT = service_pb2.ModelInferRequest.InferInputTensor
OUTPUT = service_pb2.ModelInferRequest.InferRequestedOutputTensor
CONTENTS = service_pb2.InferTensorContents


def parameter(value):
    kinds = {bool: "bool_param", int: "int64_param", str: "string_param", float: "double_param"}
    return service_pb2.InferParameter(**{kinds[type(value)]: value})


def request(datatype="FP32", shape=(1, 3, SIDE, SIDE), raw=None, contents=None, name="input", **more):
    tensor = INPUT(name=name, datatype=datatype, shape=shape)
    if contents is not None:
        tensor.contents.CopyFrom(contents)
    message = service_pb2.ModelInferRequest(model_name="smlp", inputs=[tensor], **more)
    if raw is not None:
        message.raw_input_contents.append(raw)
    return message


class Connection:
    """A server, NVIDIA's client of it, and a bare stub."""

    def __init__(self, *options):
        self.server = Server(SMLP, *options)
        address = f"127.0.0.1:{self.server.grpc_port}"
        self.client = triton.InferenceServerClient(address)
        limit = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self.channel = grpc.insecure_channel(address, limit)
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.channel.close()
        self.server.__exit__()


class Protocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.connection = Connection()
        cls.server, cls.client, cls.stub = cls.connection.server, cls.connection.client, cls.connection.stub

    @classmethod
    def tearDownClass(cls):
        cls.connection.__exit__()

    def refused(self, code, words, message, **how):
        with self.assertRaises(grpc.RpcError) as raised:
            self.stub.ModelInfer(message, timeout=60, **how)
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        self.assertIn(words, raised.exception.details())
        self.assertNotIn("/home", raised.exception.details())

    def test_what_the_server_says_is_what_http_says(self):
        self.assertTrue(self.client.is_server_live() and self.client.is_server_ready() and self.client.is_model_ready("smlp"))
        self.assertFalse(self.client.is_model_ready("other"))
        self.assertFalse(self.client.is_model_ready("smlp", "7"))
        metadata = self.client.get_server_metadata(as_json=True)
        self.assertEqual(metadata, self.server.get("/v2")[1])
        model = self.client.get_model_metadata("smlp", as_json=True)
        self.assertEqual(model["inputs"], [{"name": "input", "datatype": "FP32", "shape": ["-1", "3", str(SIDE), str(SIDE)]}])
        self.assertEqual(model["outputs"][0]["shape"], ["-1", "10"])
        config = self.client.get_model_config("smlp").config
        self.assertEqual((config.max_batch_size, config.backend, config.input[0].data_type), (8, "smlp", 11))
        self.assertEqual(config.dynamic_batching.max_queue_delay_microseconds, 2000)
        index = self.client.get_model_repository_index().models
        self.assertEqual([(m.name, m.version, m.state) for m in index], [("smlp", "1", "READY")])
        for call in (self.client.get_model_metadata, self.client.get_model_config, self.client.get_inference_statistics):
            with self.assertRaisesRegex(InferenceServerException, "there is no model 'other'"):
                call("other")

    def test_pictures_and_tensors_have_the_logits_of_the_command(self):
        files = [png(90, 1), png(150, 2), png(128, 3)]
        wanted = np.frombuffer(b"".join(classify_logits(SMLP, files)), np.float32).reshape(3, 10)
        value = triton.InferInput("input", [3], "BYTES")
        value.set_data_from_numpy(np.array(files, dtype=object))
        result = self.client.infer("smlp", [value], request_id="x7")
        np.testing.assert_array_equal(result.as_numpy("output"), wanted)
        answer = result.get_response()
        self.assertEqual((answer.id, answer.model_name, answer.model_version), ("x7", "smlp", "1"))
        best = triton.InferRequestedOutput("output", class_count=2)
        classes = self.client.infer("smlp", [value], outputs=[best]).as_numpy("output")
        self.assertEqual(classes.shape, (3, 2))
        self.assertEqual([int(line.split(b":")[1]) for line in classes[:, 0]], wanted.argmax(axis=1).tolist())

        typed = request("BYTES", [3], contents=CONTENTS(bytes_contents=files))
        raw = request("BYTES", [3], raw=as_elements(files))
        for message in (typed, raw):
            answer = self.stub.ModelInfer(message)
            self.assertEqual(answer.raw_output_contents[0], wanted.tobytes())

    def test_tensors_give_what_they_give_over_http(self):
        tensor = np.random.default_rng(1).normal(size=(5, 3, SIDE, SIDE)).astype(np.float32)
        status, headers, body = self.server.infer(tensor.tobytes(), {"Inference-Header-Content-Length": "0"})
        self.assertEqual(status, 200)
        wanted = np.frombuffer(body[int(headers["Inference-Header-Content-Length"]) :], np.float32).reshape(5, 10)
        value = triton.InferInput("input", list(tensor.shape), "FP32")
        value.set_data_from_numpy(tensor)
        np.testing.assert_array_equal(self.client.infer("smlp", [value], model_version="1").as_numpy("output"), wanted)
        typed = request(shape=tensor.shape, contents=CONTENTS(fp32_contents=tensor.ravel()))
        self.assertEqual(self.stub.ModelInfer(typed).raw_output_contents[0], wanted.tobytes())
        alone = b""
        for one in tensor:
            alone += self.stub.ModelInfer(request(raw=one.tobytes())).raw_output_contents[0]
        self.assertEqual(alone, wanted.tobytes())

    def test_asynchronous_calls(self):
        value = triton.InferInput("input", [1], "BYTES")
        value.set_data_from_numpy(np.array([png(60, 5)], dtype=object))
        done, answers = threading.Semaphore(0), []

        def take(result, error):
            answers.append(error or result.as_numpy("output").tobytes())
            done.release()

        for _ in range(50):
            self.client.async_infer("smlp", [value], callback=take)
        for _ in range(50):
            self.assertTrue(done.acquire(timeout=60))
        self.assertEqual(len(set(answers)), 1, answers[:3])

    def test_refusals(self):
        bad, tensor = grpc.StatusCode.INVALID_ARGUMENT, bytes(3 * SIDE * SIDE * 4)
        floats = CONTENTS(fp32_contents=[0.0] * (3 * SIDE * SIDE))
        picture = png(20, 1)
        cases = [
            ("'inputs' is empty", service_pb2.ModelInferRequest(model_name="smlp")),
            ("there twice", service_pb2.ModelInferRequest(model_name="smlp", inputs=[INPUT(name="input")] * 2)),
            ("unexpected input 'other'", request(name="other", raw=tensor)),
            ("takes [N,3,128,128]", request(shape=[1, 3, 8, 8], raw=tensor)),
            ("takes [N,3,128,128]", request(shape=[], raw=tensor)),
            ("is negative", request(shape=[-1, 3, SIDE, SIDE], raw=tensor)),
            ("more than 8 dimensions", request(shape=[1] * 9, raw=tensor)),
            ("at most 4096", request(shape=[2**62, 3, SIDE, SIDE], raw=tensor)),
            ("holds no picture", request(shape=[0, 3, SIDE, SIDE], raw=b"")),
            ("datatype 'INT8'", request("INT8", raw=tensor)),
            ("bytes; its shape", request(raw=tensor[:-1])),
            ("bytes; its shape", request(raw=tensor + b"x")),
            ("bytes; its shape", request()),
            ("bytes; its shape", request(shape=[2, 3, SIDE, SIDE], contents=floats)),
            ("give one", request(raw=tensor, contents=floats)),
            ("another type's contents", request(contents=CONTENTS(fp64_contents=[1.0]))),
            ("another type's contents", request(contents=CONTENTS(bytes_contents=[picture]))),
            ("another type's contents", request("BYTES", [1], contents=floats)),
            ("holds 1 elements", request("BYTES", [2], contents=CONTENTS(bytes_contents=[picture]))),
            ("claims", request("BYTES", [1], raw=struct.pack("<I", 2**32 - 1))),
            ("input 'input'", request("BYTES", [1], contents=CONTENTS(bytes_contents=[b"no picture"]))),
            ("picture 1 of input", request("BYTES", [2], contents=CONTENTS(bytes_contents=[picture, picture[:60]]))),
            ("unexpected output", request(raw=tensor, outputs=[OUTPUT(name="logits")])),
            ("asked for twice", request(raw=tensor, outputs=[OUTPUT(name="output")] * 2)),
            ("no state", request(raw=tensor, parameters={"sequence_id": parameter(3)})),
            ("whole number", request(raw=tensor, parameters={"timeout": parameter(-3)})),
            ("whole number", request(raw=tensor, parameters={"timeout": parameter("soon")})),
            ("whole number", request(raw=tensor, outputs=[OUTPUT(name="output", parameters={"classification": parameter(1.5)})])),
            ("shared memory", request(outputs=[OUTPUT(name="output", parameters={"shared_memory_region": parameter("r")})])),
        ]
        for words, message in cases:
            with self.subTest(words=words):
                self.refused(bad, words, message)
        second = request(raw=tensor)
        second.raw_input_contents.append(tensor)
        self.refused(bad, "more elements than inputs", second)
        self.refused(grpc.StatusCode.NOT_FOUND, "there is no model", service_pb2.ModelInferRequest(model_name="other"))
        self.refused(
            grpc.StatusCode.NOT_FOUND, "no version", service_pb2.ModelInferRequest(model_name="smlp", model_version="2")
        )

    def test_bytes_that_are_no_message(self):
        raw = self.connection.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for data in (b"\xff" * 100, b"\x0a\x04smlp\x2a\xff\xff\xff\xff\x0f", b"\x3a" + b"\xff" * 9):
            with self.assertRaises(grpc.RpcError) as raised:
                raw(data, timeout=30)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        unknown = self.connection.channel.unary_unary("/inference.GRPCInferenceService/TraceSetting")
        with self.assertRaises(grpc.RpcError) as raised:
            unknown(b"", timeout=30)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertTrue(self.client.is_server_live())

    def test_statistics_move_and_are_those_of_http(self):
        before = self.client.get_inference_statistics("smlp").model_stats[0]
        self.stub.ModelInfer(request("BYTES", [2], contents=CONTENTS(bytes_contents=[png(30, 1), png(31, 2)])))
        after = self.client.get_inference_statistics("smlp").model_stats[0]
        self.assertEqual(after.inference_count - before.inference_count, 2)
        self.assertEqual(after.inference_stats.success.count - before.inference_stats.success.count, 1)
        self.assertGreater(after.inference_stats.compute_infer.ns, before.inference_stats.compute_infer.ns)
        http = self.server.counts()
        self.assertEqual(after.execution_count, http["execution_count"])
        self.assertEqual(len(self.client.get_inference_statistics("").model_stats), 1)

    def test_health_and_reflection(self):
        health = health_pb2_grpc.HealthStub(self.connection.channel)
        self.assertEqual(health.Check(health_pb2.HealthCheckRequest()).status, health_pb2.HealthCheckResponse.SERVING)
        services = ProtoReflectionDescriptorDatabase(self.connection.channel)
        self.assertIn("inference.GRPCInferenceService", services.get_services())
        file = services.FindFileContainingSymbol("inference.ModelInferRequest")
        ours = {m.name: m for m in file.message_type}
        # Every message that we have is NVIDIA's, or a part of it: same names, numbers and types.
        for name, message in ours.items():
            theirs = service_pb2.DESCRIPTOR.message_types_by_name.get(name)
            if theirs is None:
                continue
            for field in message.field:
                self.assertEqual(theirs.fields_by_name[field.name].number, field.number, f"{name}.{field.name}")
                self.assertEqual(theirs.fields_by_name[field.name].type, field.type, f"{name}.{field.name}")


class Limits(unittest.TestCase):
    def test_large_messages_are_refused(self):
        with Connection("--max-request-bytes", 300_000) as connection:
            self.assertEqual(len(connection.stub.ModelInfer(request(raw=bytes(3 * SIDE * SIDE * 4))).raw_output_contents), 1)
            with self.assertRaises(grpc.RpcError) as raised:
                connection.stub.ModelInfer(request(raw=bytes(400_000)))
            self.assertEqual(raised.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_compressed_messages_are_refused_before_they_are_inflated(self):
        with Connection() as connection:
            server = connection.server
            connection.stub.ModelInfer(request(raw=bytes(3 * SIDE * SIDE * 4)))
            before = server.peak_memory()
            for packing in (grpc.Compression.Gzip, grpc.Compression.Deflate):
                with self.assertRaises(grpc.RpcError) as raised:
                    connection.stub.ModelInfer(request(raw=bytes(400 << 20)), compression=packing)
                self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
                self.assertIn("ompression", raised.exception.details())
            self.assertLess(server.peak_memory() - before, 20 << 20)

    def test_a_full_queue_is_unavailable(self):
        with Connection("--max-queue", 4, "--max-batch", 2, "--threads", 1) as connection:
            message = request(raw=bytes(3 * SIDE * SIDE * 4))

            def call(_):
                try:
                    return connection.stub.ModelInfer(message, timeout=60).raw_output_contents[0]
                except grpc.RpcError as error:
                    return error.code()

            with concurrent.futures.ThreadPoolExecutor(24) as pool:
                answers = list(pool.map(call, range(96)))
            self.assertIn(grpc.StatusCode.UNAVAILABLE, answers)
            self.assertEqual(len(set(answers)), 2, set(answers))

    def test_a_full_queue_refuses_what_it_has_not_read(self):
        with Connection("--max-queue", 1, "--max-delay-us", 3_000_000) as connection:
            raw = connection.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            tensor = b"\x3a\x80\x80\x40" + bytes(1 << 20)
            unreadable = b"\x0a\x04smlp\x12\x011" + tensor + b"\xff"

            def code(message):
                with self.assertRaises(grpc.RpcError) as raised:
                    raw(message, timeout=30)
                return raised.exception.code()

            self.assertEqual(code(unreadable), grpc.StatusCode.INVALID_ARGUMENT)
            waiting = connection.stub.ModelInfer.future(request(raw=bytes(3 * SIDE * SIDE * 4)))
            time.sleep(0.5)
            self.assertEqual(code(unreadable), grpc.StatusCode.UNAVAILABLE)
            # Of another model, or of one that is not said first, no queue is known.
            for message in (b"\x0a\x05other", b"\x0a\x04smlp\x12\x012", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x7fsmlp", b""):
                self.assertIn(code(message), (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT), message)
            self.assertEqual(len(waiting.result().raw_output_contents[0]), 40)
            self.assertEqual(connection.server.counts()["inference_stats"]["fail"]["count"], 1)

    def test_deadlines_and_cancelled_calls_leave_the_queue(self):
        with Connection("--max-delay-us", 3_000_000) as connection:
            message = request(raw=bytes(3 * SIDE * SIDE * 4))
            future = connection.stub.ModelInfer.future(message)
            time.sleep(0.5)
            future.cancel()
            with self.assertRaises(grpc.RpcError) as raised:
                connection.stub.ModelInfer(message, timeout=0.5)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
            end = time.monotonic() + 20
            while time.monotonic() < end and connection.server.counts()["inference_stats"]["fail"]["count"] < 2:
                time.sleep(0.1)
            counts = connection.server.counts()
            self.assertEqual((counts["inference_stats"]["fail"]["count"], counts["execution_count"]), (2, 0))
            message.parameters["timeout"].int64_param = 1
            with self.assertRaises(grpc.RpcError) as raised:
                connection.stub.ModelInfer(message, timeout=60)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertIn("timed out", raised.exception.details())


class Lifetime(unittest.TestCase):
    def test_models_are_unloaded_and_loaded(self):
        with Connection() as connection:
            client = connection.client
            client.unload_model("smlp")
            self.assertFalse(client.is_model_ready("smlp"))
            index = client.get_model_repository_index().models
            self.assertEqual([(m.state, m.reason) for m in index], [("UNAVAILABLE", "unloaded")])
            client.load_model("smlp")
            self.assertTrue(client.is_model_ready("smlp"))
            with self.assertRaisesRegex(InferenceServerException, "there is no model"):
                client.load_model("other")
            with self.assertRaisesRegex(InferenceServerException, "parameter 'config'"):
                client.load_model("smlp", config="{}")

    def test_sigterm_answers_what_was_taken(self):
        with Connection("--max-delay-us", 500_000) as connection:
            health = health_pb2_grpc.HealthStub(connection.channel)
            self.assertEqual(health.Check(health_pb2.HealthCheckRequest()).status, health_pb2.HealthCheckResponse.SERVING)
            message = request(raw=bytes(3 * SIDE * SIDE * 4))
            futures = [connection.stub.ModelInfer.future(message) for _ in range(5)]
            time.sleep(0.25)
            self.assertEqual(connection.server.stop(), 0)
            for future in futures:
                self.assertEqual(len(future.result().raw_output_contents[0]), 40)

    def test_a_taken_port_is_an_error_of_one_line(self):
        import subprocess

        with Connection() as connection:
            options = ["--http-port", "0", "--grpc-port", str(connection.server.grpc_port)]
            second = subprocess.run([SMLP, "serve", *options], capture_output=True, text=True, timeout=60)
            self.assertEqual((second.returncode, second.stdout), (1, ""))
            self.assertIn("--grpc-port", second.stderr)
            self.assertEqual(second.stderr.count("\n"), 1, second.stderr)

    def test_without_grpc(self):
        with Server(SMLP, "--no-grpc") as server:
            self.assertEqual(server.get("/v2/health/live")[0], 200)


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    unittest.main()
