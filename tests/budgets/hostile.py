"""Small files that ask for much: memory, time or depth. Each function returns the bytes of one file."""

import io
import json
import struct
import tarfile
import zlib

MAX_SIDE = 13376  # 13376 x 13376 is just below the limit of pixels


# --- JPEG --------------------------------------------------------------------------------------------------------

def jpeg_segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def stuffed(bits):
    """Bits ('0' and '1') as entropy-coded bytes: filled up with ones, a zero after every 0xFF."""
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""
    return data.replace(b"\xff", b"\xff\x00")


def progressive_jpeg(side=MAX_SIDE, refinements=498):
    """One grey picture whose refinement scans hold nothing: a run of 32767 empty blocks takes 15 bits."""
    blocks = ((side + 7) // 8) ** 2
    one_code = bytes([1] + [0] * 15)  # a Huffman table of a single code of one bit
    out = b"\xff\xd8" + jpeg_segment(0xDB, b"\x00" + bytes([16] * 64))
    out += jpeg_segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\x01\x11\x00")
    out += jpeg_segment(0xC4, b"\x00" + one_code + b"\x00")  # DC: difference 0
    out += jpeg_segment(0xC4, b"\x10" + one_code + b"\xe0")  # AC: end of band, a run of 2^14 and 14 more bits
    out += jpeg_segment(0xDA, b"\x01\x01\x00" + bytes([0, 0, 0x00]))
    out += bytes(blocks // 8) + stuffed("0" * (blocks % 8))
    empty = stuffed(("0" + "1" * 14) * (-(-blocks // 32767)))
    scan = jpeg_segment(0xDA, b"\x01\x01\x00" + bytes([1, 63, 0x10])) + empty
    return out + scan * refinements + b"\xff\xd9"


# --- PNG ---------------------------------------------------------------------------------------------------------

def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(side=MAX_SIDE, depth=1, colour=0, data=None):
    """A black picture; `data` replaces its compressed pixels."""
    if data is None:
        channels = {0: 1, 2: 3, 6: 4}[colour]
        row = 1 + (side * depth * channels + 7) // 8
        compress = zlib.compressobj(9)
        data = b"".join(compress.compress(bytes(row)) for _ in range(side)) + compress.flush()
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0)) +
            png_chunk(b"IDAT", data) + png_chunk(b"IEND", b""))


# --- safetensors ---------------------------------------------------------------------------------------------------

def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def network(metadata):
    """The state dict of the smallest sMLPNet, all ones, with these metadata."""
    dim, image, patch, classes = 1, 4, 4, 2
    grid = image // patch
    shapes = {"to_patch_embedding.0.0.weight": (dim, 3, patch, patch)}
    for norm in ("token_mix.0.0.conv_merge.BN", "token_mix.0.1.BN", "batch_norm"):
        shapes |= {f"{norm}.{part}": (dim,) for part in ("weight", "bias", "running_mean", "running_var")}
    shapes |= {"token_mix.0.0.conv_merge.Conv.weight": (dim, 1, 3, 3)}
    for mix in ("proj_h", "proh_w"):
        shapes |= {f"token_mix.0.1.{mix}.weight": (grid, grid, 1, 1), f"token_mix.0.1.{mix}.bias": (grid,)}
    shapes |= {"token_mix.0.1.fuse.weight": (dim, 3 * dim, 1, 1),
               "channel_mix.0.1.weight": (dim,), "channel_mix.0.1.bias": (dim,),
               "channel_mix.0.2.net.0.weight": (dim, dim), "channel_mix.0.2.net.0.bias": (dim,),
               "channel_mix.0.2.net.3.weight": (dim, dim), "channel_mix.0.2.net.3.bias": (dim,),
               "mlp_head.0.weight": (classes, dim), "mlp_head.0.bias": (classes,)}
    header, data = {"__metadata__": metadata}, b""
    for name, shape in shapes.items():
        count = 1
        for extent in shape:
            count *= extent
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack("<f", 1.0) * count
    return safetensors(header, data)


def nested_metadata(depth=100_000):
    return network({"smlp.preprocess": "[" * depth + "]" * depth})


def nested_in_object(depth=100_000):
    return network({"smlp.preprocess": '{"resize": 4, "crop": 4, "mean": [0,0,0], "std": [1,1,1], "interpolation": ' +
                                       "[" * depth + "]" * depth + "}"})


def long_name(tensors=3000, length=1_000_000):
    """Names share the width of a table's column: one long one must not make all rows long."""
    header = {"n" * length: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}
    header |= {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(tensors)}
    return safetensors(header)


def many_tensors(count=100_000):
    body = ",".join(f'"{i:x}":{{"dtype":"F32","shape":[],"data_offsets":[{4 * i},{4 * i + 4}]}}' for i in range(count))
    return safetensors(("{" + body + "}").encode(), bytes(4 * count))


def many_metadata(count=100_000):
    return safetensors(('{"__metadata__":{' + ",".join(f'"{i:x}":""' for i in range(count)) + "}}").encode())


def nested_header(depth=1_000_000):
    return safetensors(b'{"a":' * depth + b"}" * depth)


# --- archives ------------------------------------------------------------------------------------------------------

def deflated_zeros(size, window=-15):
    compress = zlib.compressobj(9, zlib.DEFLATED, window)
    block = bytes(1 << 20)
    return b"".join(compress.compress(block) for _ in range(size >> 20)) + compress.flush()


def gzip_bomb(size=700 << 20):
    return deflated_zeros(size, 31)


def gzip_lying(size=700 << 20):
    """Says that it holds 1000 bytes."""
    return gzip_bomb(size)[:-4] + struct.pack("<I", 1000)


def zip_archive(entries):
    """entries: (name, method, crc, size, data). Entries of the same data object share its bytes: they overlap."""
    out, directory, places = bytearray(), bytearray(), {}
    for name, method, crc, size, data in entries:
        key = id(data)
        if key not in places:
            places[key] = len(out)
            out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, method, 0, 0, crc, len(data), size, len(name), 0)
            out += name + data
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, method, 0, 0, crc, len(data), size,
                                 len(name), 0, 0, 0, 0, 0, places[key]) + name
    start = len(out)
    return bytes(out + directory) + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(entries), len(entries), len(directory),
                                         start, 0)


def zip_bomb(size=700 << 20):
    return zip_archive([(b"model.bin", 8, 0, size, deflated_zeros(size))])


def torch_zip_bomb(size=200 << 20, storages=8):
    """Storages that each inflate to less than the limit, and together to far more."""
    data = deflated_zeros(size)
    entries = [(b"a/data.pkl", 0, 0, *sized(torch_pickle(storages, size // 4)))]
    entries += [(b"a/data/%d" % i, 8, 0, size, bytes(data)) for i in range(storages)]
    return zip_archive(entries)


def sized(data):
    return len(data), data


def overlapping_zip(storages=20_000, size=1 << 20):
    """Uncompressed storages that are all the same bytes: each would be read for its checksum."""
    data = bytes(size)
    entries = [(b"a/data.pkl", 0, 0, *sized(torch_pickle(storages, size // 4)))]
    entries += [(b"a/data/%d" % i, 0, zlib.crc32(data), size, data) for i in range(storages)]
    return zip_archive(entries)


# --- pickles -------------------------------------------------------------------------------------------------------

def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


def torch_pickle(storages, elements):
    out = b"\x80\x02}("
    for i in range(storages):
        out += text(b"t%d" % i) + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text(b"storage")
        out += b"ctorch\nFloatStorage\n" + text(b"%d" % i) + text(b"cpu") + b"J" + struct.pack("<i", elements)
        out += b"tQK\x00J" + struct.pack("<i", elements) + b"\x85K\x01\x85\x89}tR"
    return out + b"u."


def torch_zip(pickle):
    return zip_archive([(b"a/data.pkl", 0, 0, *sized(pickle)), (b"a/data/0", 0, 0, *sized(bytes(64)))])


def pickle_of_nothing(count=500_000):
    return torch_zip(b"\x80\x02(" + b"N" * count + b"l.")


def pickle_of_marks(count=500_000):
    return torch_zip(b"\x80\x02" + b"(" * count + b".")


def pickle_of_empty_tuples(count=500_000):
    return torch_zip(b"\x80\x02(" + b")" * count + b"l.")


def pickle_of_copies(items=100_000, copies=30_000):
    """A long list, and ever new dicts made of it."""
    out = b"\x80\x02(" + b"K\x01K\x02\x86q\x00" + b"h\x00" * items + b"lq\x01("
    return torch_zip(out + b"ccollections\nOrderedDict\nq\x02" + b"h\x02h\x01\x85R" * copies + b"l.")


def pickle_of_high_memo():
    return torch_zip(b"\x80\x02N" + b"r" + struct.pack("<I", (1 << 22) - 1) + b".")


def pickle_of_ranks(tensors=30_000):
    """Tensors of 64 dimensions, each of a few bytes: function, storage and extents are referred to."""
    out = b"\x80\x02(ctorch._utils\n_rebuild_tensor_v2\nq\x00(" + text(b"storage") + b"ctorch\nFloatStorage\n"
    out += text(b"0") + text(b"cpu") + b"K\x10tQq\x01(" + b"K\x01" * 64 + b"tq\x02"
    out += b"(h\x01K\x00h\x02h\x02\x89}tq\x03" + b"h\x00h\x03R" * tensors
    return torch_zip(out + b"l.")


def again_and_again(value, times):
    """A list of one value, which is written once and referred to: two bytes each time."""
    return torch_zip(b"\x80\x02](" + value + b"q\x01" + b"h\x01" * times + b"e.")


def pickle_of_sparse(parts=100_000, times=5_000):
    """A sparse tensor of many parts, of which none is its size but the last."""
    body = b"(N(" + b"N" * parts + b"K\x01\x85tt"
    return again_and_again(b"ctorch._utils\n_rebuild_sparse_tensor\n" + body + b"R", times)


def pickle_of_metadata(items=200_000, times=40_000):
    """A tensor with much metadata."""
    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu") + b"K\x10tQ"
    metadata = b"}(" + text(b"a") + b"q\x02N" + b"h\x02N" * items + b"u"
    call = b"(" + storage + b"K\x00K\x01\x85K\x01\x85\x89}" + metadata + b"tR"
    return again_and_again(b"ctorch._utils\n_rebuild_tensor_v2\n" + call, times)


def pickle_of_long_containers(name=1_000_000, lists=200_000):
    """A key of a million letters, and below it many small lists."""
    return torch_zip(b"\x80\x02}" + text(b"k" * name) + b"](" + b"N\x85" * lists + b"es.")


def pickle_of_networks(count=20_000):
    """Every tensor a network of its own."""
    out = b"\x80\x02(ctorch._utils\n_rebuild_tensor_v2\nq\x00(" + text(b"storage") + b"ctorch\nFloatStorage\n"
    out += text(b"0") + text(b"cpu") + b"K\x10tQq\x01(h\x01K\x00K\x01\x85K\x01\x85\x89}tq\x03h\x00h\x03Rq\x04}("
    for i in range(count):
        out += text(b"%d.token_mix.0.1.fuse.weight" % i) + b"h\x04"
    return torch_zip(out + b"ul.")


def pickle_of_shared_weights():
    """A network of 4096 blocks whose weights are all views of 64 bytes, as far as repeats are allowed."""
    dim, classes = 512, 2
    shapes = {"to_patch_embedding.0.0.weight": (dim, 3, 1, 1), "mlp_head.0.weight": (classes, dim),
              "mlp_head.0.bias": (classes,)}
    shapes |= {f"batch_norm.{part}": (dim,) for part in ("weight", "bias", "running_mean", "running_var")}
    for b in range(4096):
        for norm in (f"token_mix.{b}.0.conv_merge.BN", f"token_mix.{b}.1.BN"):
            shapes |= {f"{norm}.{part}": (dim,) for part in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"token_mix.{b}.0.conv_merge.Conv.weight"] = (dim, 1, 3, 3)
        for mix in ("proj_h", "proh_w"):
            shapes |= {f"token_mix.{b}.1.{mix}.weight": (1, 1, 1, 1), f"token_mix.{b}.1.{mix}.bias": (1,)}
        shapes[f"token_mix.{b}.1.fuse.weight"] = (dim, 3 * dim, 1, 1)
        shapes |= {f"channel_mix.{b}.1.{part}": (dim,) for part in ("weight", "bias")}
        shapes |= {f"channel_mix.{b}.2.net.0.weight": (dim, dim), f"channel_mix.{b}.2.net.0.bias": (dim,),
                   f"channel_mix.{b}.2.net.3.weight": (dim, dim), f"channel_mix.{b}.2.net.3.bias": (dim,)}
    out = bytearray(b"\x80\x02(ctorch._utils\n_rebuild_tensor_v2\nq\x00(") + text(b"storage") + b"ctorch\nFloatStorage\n"
    out += text(b"0") + text(b"cpu") + b"K\x10tQq\x01}("
    made = {}
    for name, shape in shapes.items():
        out += text(name.encode())
        if shape not in made:
            made[shape] = len(made) + 10
            extents = b"".join(b"J" + struct.pack("<i", extent) for extent in shape)
            out += b"h\x00(h\x01K\x00(" + extents + b"t(" + b"K\x00" * len(shape) + b"t\x89}tRq" + bytes([made[shape]])
        else:
            out += b"h" + bytes([made[shape]])
    return torch_zip(bytes(out) + b"ul.")


def legacy(pickle):
    magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
    return magic + b"\x80\x02M\xe9\x03." + b"\x80\x02}." + pickle


def legacy_of_nothing(count=500_000):
    return legacy(b"\x80\x02(" + b"N" * count + b"l." + b"\x80\x02].")


# --- ONNX ----------------------------------------------------------------------------------------------------------

def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def onnx(graph, functions=b""):
    return field(1, 8) + field(8, field(2, 17)) + field(7, graph) + functions


def onnx_node(op, inputs, outputs, attributes=b"", domain=""):
    body = b"".join(field(1, name) for name in inputs) + b"".join(field(2, name) for name in outputs)
    return body + field(4, op) + attributes + (field(7, domain) if domain else b"")


def onnx_ends():
    """A graph's input and output."""
    return field(11, field(1, "x")) + field(12, field(1, "y"))


def onnx_of_messages(number, count=1_900_000):
    """A graph of empty nodes (1), initializers (5) or value infos (13)."""
    return onnx((varint(number << 3 | 2) + b"\x00") * count)


def onnx_of_attributes(count=1_900_000):
    return onnx(field(1, b"\x2a\x00" * count))


def onnx_of_functions(count=1_900_000):
    return onnx(onnx_ends(), b"\xca\x01\x00" * (count * 2 // 3))


def onnx_of_packed_integers(count=3_800_000):
    """int64_data, one byte each."""
    tensor = field(1, count) + field(2, 7) + field(8, "w") + field(7, bytes(count))
    return onnx(field(5, tensor) + onnx_ends())


def onnx_of_edges(count=700_000):
    return onnx(field(1, onnx_node("Sum", [], ["y"]) + b"".join(field(1, f"{i:x}") for i in range(count))) + onnx_ends())


def onnx_of_identities(count=60_000, name=900):
    """A constant with a long name, handed on and on."""
    tensor = field(1, 1) + field(2, 1) + field(8, "w" * name) + field(9, bytes(4))
    nodes = field(1, onnx_node("Identity", ["w" * name], ["0"]))
    nodes += b"".join(field(1, onnx_node("Identity", [str(i)], [str(i + 1)])) for i in range(count))
    nodes += field(1, onnx_node("Add", ["x", str(count)], ["y"]))
    return onnx(nodes + field(5, tensor) + onnx_ends())


def onnx_of_unsqueezes(axes=100_000, times=6):
    values = struct.pack(f"<{axes}q", *range(axes))
    tensors = field(5, field(1, 1) + field(2, 1) + field(8, "0") + field(9, bytes(4)))
    nodes = b""
    for i in range(times):
        tensors += field(5, field(1, axes) + field(2, 7) + field(8, f"a{i}") + field(9, values))
        nodes += field(1, onnx_node("Unsqueeze", [str(i), f"a{i}"], [str(i + 1)]))
    return onnx(nodes + field(1, onnx_node("Add", ["x", str(times)], ["y"])) + tensors + onnx_ends())


def onnx_of_calls(depth=20):
    """Functions that each call the next twice."""
    functions = b""
    for i in range(depth):
        body = field(1, f"f{i}") + field(4, "a") + field(5, "c")
        op = f"f{i + 1}" if i + 1 < depth else "Relu"
        domain = "d" if i + 1 < depth else ""
        body += field(7, onnx_node(op, ["a"], ["b"], domain=domain)) + field(7, onnx_node(op, ["b"], ["c"], domain=domain))
        functions += field(25, body + field(10, "d"))
    return onnx(field(1, onnx_node("f0", ["x"], ["y"], domain="d")) + onnx_ends(), functions)


def tar_member(name, content=b"", size=None):
    """A ustar header, with a size that may lie, and the content in whole blocks."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = b"%011o\0" % (len(content) if size is None else size)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content.ljust(-(-len(content) // 512) * 512, b"\0")


def tar_of_members(count=60_000):
    return b"".join([tar_member("first.png", png(side=8)), *(tar_member(f"m/{i}.png") for i in range(count)), bytes(1024)])


def tar_of_long_names(count=4_000):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for i in range(count):
            info = tarfile.TarInfo(f"{i}/{'n' * 3900}.png")
            info.size = len(png(side=8)) if i == 0 else 0
            archive.addfile(info, io.BytesIO(png(side=8)))
    return out.getvalue()


def tar_of_one_name(count=60_000):
    return b"".join([*(tar_member("a.png") for _ in range(count)), bytes(1024)])


def tar_lying():
    return tar_member("a.png", size=8 ** 11 - 1)


def list_of_lines(count=500_000):
    return b"?\n" * count


def list_of_one_line(size=20_000_000):
    return b"a" * size
